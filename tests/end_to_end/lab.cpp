#include "tests/end_to_end/lab.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>

#include "reconciler/arm/client_memory.hpp"
#include "reconciler/arm/cloud.hpp"
#include "reconciler/arm/credential.hpp"
#include "reconciler/arm/traffic.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/proof_signer.hpp"
#include "reconciler/http/admission.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/pipeline.hpp"
#include "reconciler/manifest/secret_source.hpp"
#include "reconciler/plan/render_text.hpp"

namespace dps::lab {

/// Waits move the simulator's clock instead of the person's.
class Lab::SimulatedClock final : public Clock {
 public:
  SimulatedClock(sim::World& world, const Lab& lab) : world_(world), lab_(lab) {}
  TimePoint now() const override { return std::chrono::steady_clock::now() + slept_.load(); }
  WallTime wall() const override { return std::chrono::system_clock::now() + slept_.load(); }
  bool sleep(Duration pause, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    std::unique_lock lock(mutex_);
    if (lab_.patience > std::chrono::microseconds{0}) return sleep_in_turn(pause, stop, lock);
    advance(pause);
    return true;
  }
  void departed() { move(1); }
  void answered() { move(-1); }

 private:
  // An answer that takes longer is one that hangs.
  static constexpr std::chrono::milliseconds kLongestAnswer{50};

  // The earliest wake-up is where the time goes, and only when nobody moves any more: else a wait
  // of one would be time that has passed for all.
  bool sleep_in_turn(Duration pause,
                     const std::stop_token& stop,
                     std::unique_lock<std::mutex>& lock) {
    const auto wake = now() + pause;
    const auto place = wakes_.insert(wake);
    ++moves_;
    changed_.notify_all();
    while (!stop.stop_requested() && now() < wake) {
      const auto is_first = [&] { return wakes_.begin() == place; };
      if (!is_first()) {
        changed_.wait(lock, stop, [&] { return is_first() || now() >= wake; });
        continue;
      }
      const auto before = moves_;
      const auto patience =
          in_flight_ > 0 ? std::chrono::microseconds(kLongestAnswer) : lab_.patience;
      if (changed_.wait_for(lock, stop, patience, [&] { return moves_ != before; })) continue;
      if (stop.stop_requested() || !is_first()) continue;
      const auto left = wake - now();
      if (left > left.zero()) advance(std::chrono::ceil<Duration>(left));
    }
    wakes_.erase(place);
    ++moves_;
    changed_.notify_all();
    return !stop.stop_requested();
  }

  void advance(Duration pause) {
    slept_ = slept_.load() + pause;
    world_.advance(pause);
  }

  void move(int departures) {
    if (lab_.patience == std::chrono::microseconds{0}) return;
    const std::lock_guard lock(mutex_);
    in_flight_ += departures;
    ++moves_;
    changed_.notify_all();
  }

  sim::World& world_;
  const Lab& lab_;
  std::mutex mutex_;  // of those who sleep: no step may be lost
  std::condition_variable_any changed_;
  std::multiset<TimePoint> wakes_;
  std::uint64_t moves_ = 0;
  int in_flight_ = 0;
  std::atomic<Duration> slept_{Duration{0}};
};

/// Sends what the lab refuses to a port at which nobody listens.
class Lab::Refusing final : public http::Exchange {
 public:
  Refusing(const Lab& lab, http::Exchange& wire) : lab_(lab), wire_(wire) {}
  http::Answer send(const http::Request& request, std::stop_token stop) override {
    lab_.clock_->departed();
    auto answer = pass_on(request, std::move(stop));
    lab_.clock_->answered();
    return answer;
  }

 private:
  http::Answer pass_on(const http::Request& request, std::stop_token stop) {
    if (!lab_.refuse || !lab_.refuse(request)) return wire_.send(request, std::move(stop));
    auto lost = request;
    lost.url = "http://127.0.0.1:1/";
    return wire_.send(lost, std::move(stop));
  }

  const Lab& lab_;
  http::Exchange& wire_;
};

/// What a process would build for itself.
class Lab::Wired {
 public:
  Wired(Lab& lab)
      : curl(lab.curl), wire(lab, curl), admission(*lab.clock_, lab.admission_settings()) {
    auto cloud = arm::with_endpoints(
        *arm::cloud_named("public"), lab.simulator_->arm(), lab.simulator_->arm());
    EXPECT_TRUE(cloud.has_value());
    arm::CredentialSettings credential;
    const auto& identity = lab.simulator_->world().options();
    credential.variable = [identity](std::string_view name) -> std::optional<std::string> {
      if (name == "AZURE_TENANT_ID") return identity.tenant;
      if (name == "AZURE_CLIENT_ID") return identity.client_id;
      if (name == "AZURE_CLIENT_SECRET") return identity.client_secret;
      return std::nullopt;
    };
    credential.cloud = *cloud;
    credential.jitter = [] { return 0.5; };
    auto made = arm::make_credential(credential, wire, *lab.clock_);
    EXPECT_TRUE(made.has_value());
    tokens = std::move(*made);
    http::PipelineSettings settings;
    settings.endpoint = cloud->arm;
    settings.traits = arm::traits_of;
    settings.quotas = arm::quotas_of;
    settings.jitter = [] { return 0.5; };
    settings.explain = [](const http::Response&) { return std::string(); };
    pipeline = std::make_unique<http::Pipeline>(wire,
                                                *tokens,
                                                admission,
                                                *lab.clock_,
                                                lab.observer != nullptr ? *lab.observer : observer,
                                                settings);
    client_settings.cloud = *cloud;
    client_settings.correlation_id = "lab";
    client = std::make_unique<arm::Client>(*pipeline, *lab.clock_, memory, client_settings);
    manifest::SecretSourceOptions source;
    source.environment = [&lab](const std::string& name) -> std::optional<std::string> {
      const auto found = lab.variables_.find(name);
      return found == lab.variables_.end() ? std::nullopt : std::optional(found->second);
    };
    secrets = std::make_unique<manifest::SystemSecretSource>(source);
  }

  http::CurlExchange curl;
  Refusing wire;
  http::Admission admission;
  http::ExchangeObserver observer;
  std::unique_ptr<http::TokenSource> tokens;
  std::unique_ptr<http::Pipeline> pipeline;
  arm::ClientMemory memory;
  arm::ClientSettings client_settings;
  std::unique_ptr<arm::Client> client;
  std::unique_ptr<manifest::SystemSecretSource> secrets;
};

class Lab::LabRuntime final : public controller::Runtime {
 public:
  explicit LabRuntime(Lab& lab) : lab_(lab), wired_(lab) {}
  std::unique_ptr<arm::Client> client(const std::string& pass) override {
    auto settings = wired_.client_settings;
    settings.correlation_id = pass;
    return std::make_unique<arm::Client>(*wired_.pipeline, *lab_.clock_, wired_.memory, settings);
  }
  manifest::SecretSource& secrets() override { return *wired_.secrets; }

 private:
  Lab& lab_;
  Wired wired_;
};

std::shared_ptr<controller::Runtime> Lab::runtime(const controller::EngineSettings& engine) {
  auto out = std::make_shared<LabRuntime>(*this);
  out->engine = engine;
  out->plan = settings;
  out->read = read;
  out->allow_exec = true;
  return out;
}

Clock& Lab::clock() {
  return *clock_;
}

void Lab::advance(Duration step) {
  clock_->sleep(step, {});
}

http::AdmissionSettings Lab::admission_settings() const {
  http::AdmissionSettings out;
  out.most_in_flight = read.concurrency;
  out.documented_pace = arm::documented_pace;
  return out;
}

std::string service_path(const std::string& name, const std::string& group) {
  return ServiceId{kSubscription, group, name}.path();
}

std::string hub_path(const std::string& name, const std::string& group) {
  return HubKeyReference{kSubscription, group, name, "", KeyKind::Primary}.hub_path();
}

Lab::Lab() : simulator_(std::make_unique<sim::Simulator>()) {
  clock_ = std::make_unique<SimulatedClock>(simulator_->world(), *this);
  set_switch("operation-time", "2s");
  SimJson seed = {{"subscriptions", {kSubscription}},
                  {"resource_groups",
                   {{{"id", fmt::format("/subscriptions/{}/resourceGroups/rg", kSubscription)},
                     {"location", "westeurope"}}}},
                  {"iot_hubs", SimJson::array()}};
  for (const char* name : {"hub-1", "hub-2", "hub-3"}) {
    seed["iot_hubs"].push_back({{"id", hub_path(name)}, {"location", "westeurope"}});
  }
  plant(seed);
}

Lab::~Lab() = default;

void Lab::set_switch(const std::string& name, const std::string& value) {
  const auto problem = simulator_->world().set_switch(name, value);
  ASSERT_FALSE(problem.has_value()) << *problem;
}

void Lab::plant(const SimJson& seed) {
  const auto problem = simulator_->world().plant(seed);
  ASSERT_FALSE(problem.has_value()) << *problem;
}

void Lab::edit(const std::string& id, const SimJson& patch) {
  const auto problem = simulator_->world().edit(id, patch);
  ASSERT_FALSE(problem.has_value()) << *problem;
}

SimJson Lab::state() {
  return simulator_->world().state();
}

namespace {

SimJson by_id(const SimJson& list, const std::string& id) {
  for (const auto& entry : list) {
    if (equal_ignoring_case(entry.at("id").get<std::string>(), id)) return entry;
  }
  return nullptr;
}

}  // namespace

SimJson Lab::service(const std::string& name, const std::string& group) {
  return by_id(state().at("provisioning_services"), service_path(name, group));
}

SimJson Lab::hub(const std::string& name) {
  return by_id(state().at("iot_hubs"), hub_path(name));
}

std::string Lab::hub_key(const std::string& name, const std::string& policy) {
  const auto found = hub(name);
  for (const auto& key : found.at("properties").at("authorizationPolicies")) {
    if (key.at("keyName") == policy) return key.at("primaryKey");
  }
  return {};
}

std::vector<Asked> Lab::requests() {
  std::vector<Asked> out;
  const auto text = [](const SimJson& record, const char* name) {
    return record.contains(name) && record.at(name).is_string() ? record.at(name).get<std::string>()
                                                                : std::string();
  };
  for (const auto& record : simulator_->world().requests(first_request_)) {
    out.push_back({text(record, "method"),
                   text(record, "path"),
                   text(record, "query"),
                   record.at("status").get<int>(),
                   text(record, "if_match"),
                   text(record, "body_etag")});
  }
  return out;
}

void Lab::forget_requests() {
  const auto all = simulator_->world().requests(first_request_);
  if (!all.empty()) first_request_ = all.back().at("seq").get<std::uint64_t>();
}

std::vector<Asked> Lab::writes() {
  std::vector<Asked> out;
  for (auto& one : requests()) {
    if (one.method == "PUT" || one.method == "PATCH" || one.method == "DELETE")
      out.push_back(std::move(one));
  }
  return out;
}

void Lab::manifest(const std::string& path, const std::string& text) {
  contents_["/manifests/" + path] = text;
}
void Lab::remove_manifest(const std::string& path) {
  contents_.erase("/manifests/" + path);
}
void Lab::variable(const std::string& name, const std::string& value) {
  variables_[name] = value;
}

manifest::Loaded Lab::load() {
  manifest::MemoryFiles files(contents_);
  manifest::LoadOptions options;
  options.roots = {"/manifests"};
  options.now = clock_->wall();
  options.allow_empty = allow_empty;
  options.environment = [this](const std::string& name) -> std::optional<std::string> {
    const auto found = variables_.find(name);
    return found == variables_.end() ? std::nullopt : std::optional(found->second);
  };
  auto loaded = manifest::load(files, options);
  for (const auto& fault : loaded.faults) {
    EXPECT_NE(fault.fault_class, manifest::FaultClass::Text) << manifest::render(fault, false);
  }
  return loaded;
}

controller::Look Lab::look() {
  const auto loaded = load();
  Wired wired(*this);
  controller::World world{*wired.client, *wired.secrets, *clock_, digester_};
  controller::Scope scope;
  scope.settings = settings;
  scope.read = read;
  scope.select = select;
  scope.settle = std::chrono::minutes{5};
  auto looked = controller::look(loaded.desired, scope, world, {});
  EXPECT_TRUE(looked.has_value()) << looked.error().what;
  return looked ? *std::move(looked) : controller::Look{};
}

Report Lab::apply() {
  return apply(look());
}

Report Lab::apply(const controller::Look& look, apply::Origin origin) {
  const auto loaded = load();
  Wired wired(*this);
  controller::SecretsForArm secrets(*wired.secrets);
  controller::ManifestSigner proofs(
      *wired.secrets, {true, [&] { return wired.client->memory().server_time(clock_->wall()); }});
  apply::Settings apply_settings;
  apply_settings.plan = settings;
  apply_settings.origin = origin;
  apply_settings.concurrency = read.concurrency;
  apply::Tools tools{*wired.client, secrets, digester_, [] { return 0.5; }, on_step, {}, &proofs};
  return apply::execute(look.plan, loaded.desired, look.keys, apply_settings, tools, {});
}

void Lab::expect_nothing_to_do() {
  const auto now = plan();
  EXPECT_FALSE(now.has_changes()) << plan::render_text(now, {});
  EXPECT_FALSE(now.has_problems()) << plan::render_text(now, {});
}

std::vector<std::string> lines(const plan::Plan& plan) {
  std::vector<std::string> out;
  for (const auto& service : plan.services) {
    for (const auto& change : service.changes) {
      out.push_back(fmt::format("{}{} {} {}{}{} ({})",
                                change.held ? "! " : "",
                                word(change.action),
                                word(change.kind),
                                change.name,
                                change.field.empty() ? "" : " ",
                                change.field,
                                word(change.cause)));
    }
  }
  return out;
}

}  // namespace dps::lab

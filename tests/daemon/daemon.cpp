#include "tests/daemon/daemon.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "reconciler/http/curl_exchange.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/share.hpp"

namespace dps::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kToken = "a-token-of-the-daemon-tests";

std::string content(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

Reply send(http::Method method, const std::string& url) {
  if (url.empty()) return {};
  http::CurlSettings settings;
  settings.total_timeout = std::chrono::seconds{20};
  http::CurlExchange wire{settings};
  http::Request request;
  request.method = method;
  request.url = url;
  if (method == http::Method::Post)
    request.headers["authorization"] = std::string("Bearer ") + kToken;
  const auto answer = wire.send(request, {});
  return answer ? Reply{answer->status, answer->body} : Reply{};
}

}  // namespace

bool eventually(const std::string& what,
                const std::function<bool()>& is_so,
                std::chrono::seconds limit) {
  const auto end =
      std::chrono::steady_clock::now() + limit * static_cast<int>(test::kSlower > 1 ? 6 : 1);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() >= end) {
      ADD_FAILURE() << "never came: " << what;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  return true;
}

Daemon::Daemon(const Arguments& argv, const Variables& variables, fs::path log)
    : log_(std::move(log)) {
  // A file takes what a pipe that nobody reads would hold up.
  Arguments whole = {"/bin/sh", "-c", "log=$0; exec \"$@\" >\"$log\" 2>&1", log_.string()};
  whole.insert(whole.end(), argv.begin(), argv.end());
  process_ = std::make_unique<testing_support::Process>(whole, variables);
}

Daemon::~Daemon() {
  // What a sanitizer of the daemon's own process saw.
  EXPECT_EQ(log().find("Sanitizer"), std::string::npos) << log();
  if (testing::Test::HasFailure()) {
    std::fprintf(stderr, "---- %s\n%s----\n", log_.c_str(), log().c_str());
  }
}

bool Daemon::has_ended() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid()), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

int Daemon::wait(std::chrono::seconds limit) {
  // Its outputs are no pipes: there is nothing to read to an end.
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!has_ended() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  if (!has_ended()) signal(SIGKILL);
  return process_->wait().exit_code;
}

std::string Daemon::log() const {
  return content(log_);
}

bool Daemon::wait_for_log(const std::string& text) {
  return eventually("\"" + text + "\" in the log",
                    [&] { return log().find(text) != std::string::npos; });
}

std::string Daemon::url(const std::string& path) const {
  if (address_.empty()) {
    const auto text = log();
    const std::string beginning = "listen=";
    const auto at = text.find(beginning);
    const auto end = text.find_first_of(" \n", at);
    if (at == std::string::npos || end == std::string::npos) return {};  // or half of a line
    address_ = "http://" + text.substr(at + beginning.size(), end - at - beginning.size());
  }
  return address_ + path;
}

Reply Daemon::get(const std::string& path) const {
  return send(http::Method::Get, url(path));
}

Reply Daemon::post(const std::string& path) const {
  return send(http::Method::Post, url(path));
}

SimJson Daemon::status() const {
  const auto reply = get("/status");
  return reply.status == 200 ? SimJson::parse(reply.body) : SimJson();
}

SimJson Daemon::service(const std::string& name) const {
  const auto reply = get("/status?service=" + name);
  if (reply.status != 200) return nullptr;
  return SimJson::parse(reply.body).at("services").at(0);
}

std::string Daemon::state(const std::string& name) const {
  const auto one = service(name);
  return one.is_null() ? std::string() : one.at("state").get<std::string>();
}

bool Daemon::wait_until_ready() const {
  return eventually("readiness", [&] { return get("/readyz").status == 200; });
}

bool Daemon::wait_until_all(const std::string& state) const {
  std::string others;
  const bool all_so = eventually("all services " + state, [&] {
    others.clear();
    const auto all = status();
    if (!all.is_object() || all.at("services").empty()) return false;
    for (const auto& one : all.at("services")) {
      if (one.at("state") != state) others += one.dump(2) + "\n";
    }
    return others.empty();
  });
  if (!all_so) ADD_FAILURE() << others;
  return all_so;
}

Stage::Stage() : folder_(test::new_folder("daemon")) {
  for (const char* name : {"manifests", "logs", "state"}) fs::create_directory(folder_ / name);
  lab.set_switch("operation-time", "0s");
  write("token", kToken);
}

Stage::~Stage() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void Stage::write(const std::string& name, const std::string& text) const {
  const auto fresh = folder_ / (".new-" + fs::path(name).filename().string());
  std::ofstream(fresh) << text;
  fs::rename(fresh, folder_ / name);
}

void Stage::manifest(const std::string& name, const std::string& text) const {
  write("manifests/" + name, text);
}

void Stage::remove_manifest(const std::string& name) const {
  fs::remove(folder_ / "manifests" / name);
}

Arguments Stage::argv(const Arguments& more) const {
  Arguments all = {DPS_RECONCILER,
                   "run",
                   "--manifests",
                   path("manifests"),
                   "--interval",
                   "1s",
                   "--key-check-interval",
                   "1s",
                   "--listen",
                   "127.0.0.1:0",
                   "--control-token-file",
                   path("token")};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Variables Stage::variables() {
  auto& simulator = lab.simulator();
  const auto& identity = simulator.world().options();
  return {{"AZURE_TENANT_ID", identity.tenant},
          {"AZURE_CLIENT_ID", identity.client_id},
          {"AZURE_CLIENT_SECRET", identity.client_secret},
          {"DPS_RECONCILER_ARM_ENDPOINT", simulator.arm()},
          {"DPS_RECONCILER_AUTHORITY", simulator.arm()},
          {"DPS_RECONCILER_SECRETS_DIR", path("secrets")}};
}

std::unique_ptr<Daemon> Stage::start(const Arguments& more, const Variables& others) {
  auto all = variables();
  for (const auto& [name, value] : others) all[name] = value;
  return std::make_unique<Daemon>(
      argv(more), all, folder_ / "logs" / fmt::format("{}.log", daemons_++));
}

void Stage::apply(const Arguments& more) {
  Arguments all = {DPS_RECONCILER, "apply", "--yes", "--manifests", path("manifests")};
  all.insert(all.end(), more.begin(), more.end());
  const auto ended = testing_support::run(all, variables());
  ASSERT_EQ(ended.exit_code, 0) << ended.out << ended.err;
}

std::vector<std::string> Stage::writes() {
  std::vector<std::string> out;
  for (const auto& one : lab.writes()) {
    const auto at = one.path.find("Microsoft.Devices/");
    out.push_back(one.method + " " +
                  (at == std::string::npos ? one.path : one.path.substr(at + 18)));
  }
  return out;
}

std::string fleet(const std::string& name, const std::string& spec, const std::string& lifecycle) {
  return fmt::format(R"(apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: rg, subscription: {}}}
spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
{}{}{}
)",
                     name,
                     kSubscription,
                     spec,
                     lifecycle.empty() ? "" : "lifecycle: ",
                     lifecycle);
}

std::set<std::string> names(Lab& lab) {
  std::set<std::string> out;
  const auto state = lab.state();
  for (const auto& one : state.at("provisioning_services")) {
    const auto id = one.at("id").get<std::string>();
    out.insert(id.substr(id.rfind('/') + 1));
  }
  return out;
}

}  // namespace dps::lab

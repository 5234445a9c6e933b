#include "tests/arm_simulator/simulator.hpp"

#include <nlohmann/json.hpp>

#include "tests/arm_simulator/admin.hpp"
#include "tests/arm_simulator/framing.hpp"
#include "tests/arm_simulator/http_message.hpp"
#include "tests/arm_simulator/x509.hpp"

namespace dps::sim {

namespace {
using Json = nlohmann::ordered_json;

struct ServerIdentity {
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;
};

ServerIdentity make_server_identity() {
  const KeyPair ca_key;
  const KeyPair server_key;
  const auto now = std::chrono::system_clock::now();
  const auto from = now - std::chrono::hours(24);
  const auto until = now + std::chrono::hours(24 * 365);
  const std::string ca_name = "ARM simulator CA";
  // A serial of its own each time: browsers and Node refuse two certificates with one.
  const auto serial = static_cast<std::uint64_t>(now.time_since_epoch().count());
  ServerIdentity identity;
  identity.ca_pem = issue({ca_name, Purpose::Authority, serial, from, until, {}}, ca_key, ca_key);
  identity.certificate_pem =
      issue({"localhost", Purpose::Server, serial + 1, from, until, ca_name}, server_key, ca_key);
  identity.key_pem = server_key.pem();
  return identity;
}

/// The edit of a fault; its failing is said in the request log, not to the client.
std::string run_edit(World& world, const FaultAction& action) {
  const auto patch = Json::parse(action.edit_patch, nullptr, false);
  const auto fault = world.edit(action.edit_id, patch);
  return fault ? action.label + " failed: " + *fault : action.label;
}

void add_label(std::string& all, const std::string& label) {
  if (!all.empty()) all += ",";
  all += label;
}
}  // namespace

Simulator::Simulator(const SimulatorOptions& options) : world_(options.world) {
  const Handler arm = [this](const Request& request, const Sleeper& sleeper) {
    return serve_arm(request, sleeper);
  };
  if (options.tls_listen) {
    auto certificate = options.tls_certificate_pem;
    auto key = options.tls_key_pem;
    if (certificate.empty()) {
      auto made = make_server_identity();
      tls_ca_pem_ = made.ca_pem;
      certificate = made.certificate_pem;
      key = made.key_pem;
    }
    tls_ = std::make_unique<TlsContext>(certificate, key);
    arm_tls_ =
        std::make_unique<HttpServer>(*options.tls_listen, tls_.get(), connections_, kBodyMost, arm);
  }
  arm_ = std::make_unique<HttpServer>(options.listen, nullptr, connections_, kBodyMost, arm);
  admin_ = std::make_unique<HttpServer>(
      options.admin_listen,
      nullptr,
      connections_,
      kAdminBodyMost,
      [this](const Request& request, const Sleeper&) {
        return Delivery{serve_admin(world_, faults_, request), std::nullopt, Milliseconds(0)};
      });
}

Simulator::~Simulator() = default;

std::string Simulator::greeting() const {
  const auto& identity = world_.options();
  Json line = {{"arm", arm_->url()},
               {"arm_tls", arm_tls_ ? Json(arm_tls_->url()) : Json(nullptr)},
               {"admin", admin_->url()},
               {"tenant", identity.tenant},
               {"client_id", identity.client_id},
               {"client_secret", identity.client_secret},
               {"imds", arm_->url()},
               {"identity_endpoint", arm_->url() + "/msi/token"},
               {"identity_header", world_.identity_header()},
               {"subscriptions", world_.subscriptions()}};
  return line.dump();
}

Delivery Simulator::serve_arm(const Request& request, const Sleeper& sleeper) {
  const auto arrived = world_.now();
  Delivery delivery;
  std::string labels;
  bool handled = false;
  std::optional<FaultAction> decision;
  const auto actions = faults_.matching(request);
  for (const auto& action : actions) {
    const bool decides = !goes_on(action.kind);
    if (decides) decision = action;
    if (action.when == FaultMoment::After || decides) continue;
    if (action.kind == FaultKind::Delay) static_cast<void>(sleeper(action.delay));
    if (action.kind == FaultKind::ExpireTokens) world_.expire_tokens();
    add_label(labels, action.kind == FaultKind::Edit ? run_edit(world_, action) : action.label);
  }
  if (!decision || decision->when == FaultMoment::After) {
    delivery.response = world_.handle(request);
    handled = true;
  }
  Milliseconds late{0};
  for (const auto& action : actions) {
    if (action.when != FaultMoment::After) continue;
    if (!goes_on(action.kind)) continue;
    if (action.kind == FaultKind::Delay) late += action.delay;
    if (action.kind == FaultKind::ExpireTokens) world_.expire_tokens();
    add_label(labels, action.kind == FaultKind::Edit ? run_edit(world_, action) : action.label);
  }
  int status = delivery.response.status;
  if (decision) {
    add_label(labels, decision->label);
    late += decision->kind == FaultKind::Drip ? Milliseconds(0) : decision->delay;
    if (decision->kind == FaultKind::Status || !handled) delivery.response = Response{};
    if (decision->kind == FaultKind::Status) delivery.response.status = decision->status;
    if (decision->body) delivery.response.body = *decision->body;
    if (decision->kind == FaultKind::Status && decision->body)
      delivery.response.set("Content-Type", "application/json; charset=utf-8");
    for (const auto& [name, value] : decision->headers) delivery.response.set(name, value);
    if (decision->kind == FaultKind::Status && delivery.response.header("Date").empty())
      delivery.response.set("Date", rfc1123(arrived));
    if (decision->kind == FaultKind::Gzip) {
      delivery.response.body = gzipped(delivery.response.body);
      delivery.response.set("Content-Encoding", "gzip");
    }
    delivery.travel = decision->kind;
    delivery.drip = decision->delay.count() > 0 ? decision->delay : Milliseconds(20);
    const bool silent = decision->kind == FaultKind::Reset || decision->kind == FaultKind::Close ||
                        decision->kind == FaultKind::Hang;
    status = silent ? 0 : delivery.response.status;
  }
  // Logged before the answer leaves, so that a client that has it finds its request in the log.
  world_.log(request, arrived, status, labels);
  static_cast<void>(sleeper(world_.latency() + late));
  return delivery;
}

}  // namespace dps::sim

// The whole simulator in one object: the world, its faults, the ARM listeners and the admin
// listener. What the program arm-simulator runs, and what tests start in their own process.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/arm_simulator/faults.hpp"
#include "tests/arm_simulator/http_server.hpp"
#include "tests/arm_simulator/world.hpp"

namespace dps::sim {

struct SimulatorOptions {
  WorldOptions world;
  std::string listen = "127.0.0.1:0";
  std::optional<std::string> tls_listen;  // nothing: no TLS listener
  std::string tls_certificate_pem;        // empty: a CA and a server certificate are made
  std::string tls_key_pem;
  std::string admin_listen = "127.0.0.1:0";
};

class Simulator {
 public:
  /// Listens when it returns. Throws std::runtime_error when an address cannot be had or the TLS
  /// certificate cannot be read.
  explicit Simulator(const SimulatorOptions& options = {});
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] Faults& faults() { return faults_; }

  // Without a final slash. arm_tls() is empty without a TLS listener.
  [[nodiscard]] const std::string& arm() const { return arm_->url(); }
  [[nodiscard]] std::string arm_tls() const { return arm_tls_ ? arm_tls_->url() : std::string(); }
  [[nodiscard]] const std::string& admin() const { return admin_->url(); }
  /// PEM of the CA that signed the TLS listener's certificate; empty when that was given.
  [[nodiscard]] const std::string& tls_ca_pem() const { return tls_ca_pem_; }

  /// The first line of the program: endpoints, credentials, subscriptions, as one line of JSON.
  [[nodiscard]] std::string greeting() const;

 private:
  [[nodiscard]] Delivery serve_arm(const Request& request, const Sleeper& sleeper);

  World world_;
  Faults faults_;
  std::atomic<std::uint64_t> connections_{0};
  std::string tls_ca_pem_;
  std::unique_ptr<TlsContext> tls_;
  std::unique_ptr<HttpServer> arm_;
  std::unique_ptr<HttpServer> arm_tls_;
  std::unique_ptr<HttpServer> admin_;
};

}  // namespace dps::sim

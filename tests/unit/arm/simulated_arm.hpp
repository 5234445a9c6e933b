// simulated_arm: the whole stack, sockets and all, over the ARM simulator in this process.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/credential.hpp"
#include "reconciler/arm/fault.hpp"
#include "reconciler/arm/traffic.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/pipeline.hpp"
#include "tests/arm_simulator/fleet.hpp"
#include "tests/arm_simulator/simulator.hpp"
#include "tests/support/manual_clock.hpp"

namespace dps::test {

/// Sleeping moves the simulator's time too.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(sim::World& world) : world_(world) {}
  TimePoint now() const override { return clock_.now(); }
  WallTime wall() const override { return clock_.wall(); }
  bool sleep(Duration pause, std::stop_token stop) override {
    if (!clock_.sleep(pause, std::move(stop))) return false;
    world_.advance(pause);
    return true;
  }

 private:
  sim::World& world_;
  ManualClock clock_;
};

struct SimulatedArm {
  sim::Simulator simulator;
  SimulatedClock clock{simulator.world()};
  http::CurlExchange wire{{}};
  arm::Cloud cloud =
      *arm::with_endpoints(*arm::cloud_named("public"), simulator.arm(), simulator.arm());
  std::unique_ptr<http::TokenSource> credential = [this] {
    arm::CredentialSettings settings;
    settings.kind = "client-secret";
    settings.cloud = cloud;
    settings.jitter = [] { return 0.5; };
    settings.variable = [identity = simulator.world().options()](
                            std::string_view name) -> std::optional<std::string> {
      if (name == "AZURE_TENANT_ID") return identity.tenant;
      if (name == "AZURE_CLIENT_ID") return identity.client_id;
      return identity.client_secret;
    };
    return *arm::make_credential(settings, wire, clock);
  }();
  http::TokenSource& tokens = *credential;
  http::Admission admission{clock, 64};
  http::ExchangeObserver observer;
  http::Pipeline pipeline{wire,
                          tokens,
                          admission,
                          clock,
                          observer,
                          {cloud.arm, {}, arm::traits_of, [] { return 0.5; }, nullptr}};
  arm::ClientMemory memory;
  std::vector<arm::Notice> notices;
  arm::Client client{pipeline,
                     clock,
                     memory,
                     {cloud, "pass-1", std::chrono::minutes{20}, [this](const arm::Notice& notice) {
                        notices.push_back(notice);
                      }}};

  void set(const std::string& name, const std::string& value) {
    const auto fault = simulator.world().set_switch(name, value);
    ASSERT_FALSE(fault) << *fault;
  }
  void plant_fleet(const std::string& spec) {
    const auto fleet = sim::parse_fleet(spec);
    const auto fault = simulator.world().plant(sim::make_fleet(std::get<sim::FleetSpec>(fleet)));
    ASSERT_FALSE(fault) << *fault;
    simulator.world().forget_requests();
  }
  /// How many requests since the last look had that method and a path that ends so.
  std::size_t count(const std::string& method, const std::string& end) {
    std::size_t found = 0;
    const auto records = simulator.world().requests();
    for (const auto& record : records) {
      const auto path = dps::lower(record["path"].get<std::string>());
      if (record["method"] == method && path.ends_with(dps::lower(end))) ++found;
    }
    return found;
  }
  std::size_t requests() { return simulator.world().requests().size(); }
};

}  // namespace dps::test

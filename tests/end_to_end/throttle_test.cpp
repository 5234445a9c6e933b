// A fleet that is larger than Azure's request limits: 10 subscriptions of 20 services against
// buckets that are far too small. Time is the simulator's.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "reconciler/arm/traffic.hpp"
#include "tests/end_to_end/lab.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

constexpr int kSubscriptions = 10;
constexpr int kServices = 20;
constexpr int kMost429s = 10;  // of one bucket in one pass; 1 to 5 are seen
using Moment = std::chrono::system_clock::time_point;

std::string subscription(int number) {
  return fmt::format("{:08d}-1111-4111-8111-111111111111", 20'000'000 + number);
}

// What is on its way when the 429 comes may still go; and the moment in which a gate opens is seen
// by the one who waits before it is by us.
constexpr std::chrono::milliseconds kOnItsWay{200};

/// What goes out through which gate, when, by the simulator's clock; and what the limits did to it.
class Watch final : public http::ExchangeObserver {
 public:
  explicit Watch(Lab& lab) : lab_(lab), began_(lab.simulator().world().now()) {
    lab.observer = this;
    lab.refuse = [this](const http::Request& request) {
      const auto now = lab_.simulator().world().now();
      const auto gate = arm::traits_of(request).gate;
      const std::lock_guard lock(mutex_);
      auto& seen = gates_[gate];
      ++seen.departures;
      for (const auto& [from, to] : seen.closed) {
        if (now > from + kOnItsWay && now < to - kOnItsWay) ++seen.early;
      }
      return false;
    };
  }
  ~Watch() override {
    lab_.observer = nullptr;
    lab_.refuse = nullptr;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void closed(const std::string& gate, Duration pause) override {
    const auto now = lab_.simulator().world().now();
    EXPECT_GE(pause, std::chrono::seconds{1});
    const std::lock_guard lock(mutex_);
    gates_[gate].closed.emplace_back(now, now + pause);
  }
  void throttled(const std::string& /*gate*/, Duration waited) override {
    const std::lock_guard lock(mutex_);
    waited_ += waited;
  }
  void remaining(const std::string& gate, std::int64_t requests) override {
    const std::lock_guard lock(mutex_);
    remaining_[gate] = requests;
  }

  struct Seen {
    int departures = 0;
    int early = 0;                                  // while a 429 asked to wait
    std::vector<std::pair<Moment, Moment>> closed;  // one for each 429
  };
  /// Only of gates that were closed or used.
  const std::map<std::string, Seen>& gates() const { return gates_; }
  double elapsed() const {
    return std::chrono::duration<double>(lab_.simulator().world().now() - began_).count();
  }
  std::size_t quotas() const { return remaining_.size(); }
  Duration waited() const { return waited_; }

 private:
  Lab& lab_;
  const Moment began_;
  std::mutex mutex_;
  std::map<std::string, Seen> gates_;
  std::map<std::string, std::int64_t> remaining_;
  Duration waited_{};
};

class Throttle : public testing::Test {
 protected:
  Throttle() {
    SimJson seed = {{"subscriptions", SimJson::array()},
                    {"resource_groups", SimJson::array()},
                    {"provisioning_services", SimJson::array()}};
    for (int s = 0; s < kSubscriptions; ++s) {
      seed["subscriptions"].push_back(subscription(s));
      seed["resource_groups"].push_back(
          {{"id", fmt::format("/subscriptions/{}/resourceGroups/rg", subscription(s))},
           {"location", "westeurope"}});
      for (int n = 0; n < kServices; ++n) {
        const auto name = fmt::format("fleet-{}-{}", s, n);
        seed["provisioning_services"].push_back(
            {{"id", ServiceId{subscription(s), "rg", name}.path()},
             {"location", "westeurope"},
             {"tags", {{"env", "old"}}}});
        lab.manifest(name + ".yaml",
                     fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: rg, subscription: {}}}
spec:
  location: westeurope
  tags: {{env: new}}
  allocationPolicy: GeoLatency
lifecycle: {{adopt: always}}
)",
                                 name,
                                 subscription(s)));
      }
    }
    lab.plant(seed);
    lab.set_switch("quota-reads", "12/2");
    lab.set_switch("quota-writes", "6/1");
    lab.set_switch("quota-resource-requests", "6/1");
    lab.forget_requests();
  }

  // One process alone: a bucket refuses it once, while it is not known how small the bucket is,
  // and at most once for what it gains; and while it asks to wait, nothing is sent through its
  // gate.
  void expect_polite(const Watch& watch, const std::string& what) {
    std::map<std::string, int> refused;  // by quota, over all subscriptions
    int most = 0;
    int requests = 0;
    for (const auto& [gate, seen] : watch.gates()) {
      const auto quota = gate.substr(gate.find('/') + 1);
      const double pace = quota == "reads" ? 2 : quota == "deletes" ? 10 : 1;
      const auto count = static_cast<int>(seen.closed.size());
      EXPECT_LE(count, 1 + static_cast<int>(watch.elapsed() * pace)) << gate;
      EXPECT_EQ(seen.early, 0) << gate;
      refused[quota] += count;
      most = std::max(most, count);
      requests += seen.departures;
    }
    fmt::print("{}: {} requests in {:.0f} s, {} s waited together, at most {} 429s of a bucket;",
               what,
               requests,
               watch.elapsed(),
               std::chrono::duration_cast<std::chrono::seconds>(watch.waited()).count(),
               most);
    int all = 0;
    for (const auto& [quota, count] : refused) {
      fmt::print(" {} {}", quota, count);
      all += count;
    }
    fmt::print("\n");
    EXPECT_LE(most, kMost429s);
    EXPECT_LE(all * 8, requests);
  }

  Lab lab;
};

TEST_F(Throttle, AFleetLargerThanTheLimitsIsBroughtHomeSlowlyAndPolitely) {
  lab.patience = std::chrono::milliseconds{2};
  controller::Look look;
  {
    Watch watch(lab);
    look = lab.look();
    expect_polite(watch, "planning");
  }
  ASSERT_EQ(look.plan.services.size(), static_cast<std::size_t>(kSubscriptions * kServices));
  EXPECT_TRUE(look.plan.has_changes());
  EXPECT_FALSE(look.plan.has_problems()) << plan::render_text(look.plan, {});
  {
    Watch watch(lab);
    const auto report = lab.apply(look);
    expect_polite(watch, "applying");
    for (const auto& service : report.services) {
      EXPECT_TRUE(service.errors.empty()) << told(report).substr(0, 2000);
    }
    EXPECT_GE(watch.quotas(), static_cast<std::size_t>(kSubscriptions * 2));
  }
  lab.patience = std::chrono::microseconds{0};

  lab.set_switch("quota-reads", "default");
  lab.set_switch("quota-writes", "default");
  lab.expect_nothing_to_do();
}

TEST_F(Throttle, OfOneSubscriptionDoesNotSlowTheOthers) {
  lab.set_switch("quota-reads", "default");
  lab.set_switch("quota-writes", "default");
  lab.set_switch("quota-resource-requests", "default");
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"path", "/subscriptions/" + subscription(3) + "/**"}, {"times", 3U}}},
        {"do",
         {{"kind", "status"},
          {"status", 429},
          {"headers", {{"Retry-After", "60"}}},
          {"body", R"({"error":{"code":"SubscriptionRequestsThrottled","message":"wait"}})"}}}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
  Watch watch(lab);
  EXPECT_FALSE(lab.plan().has_problems());
  for (const auto& [gate, seen] : watch.gates()) {
    EXPECT_EQ(seen.closed.empty(), gate != subscription(3) + "/reads") << gate;
    EXPECT_EQ(seen.early, 0) << gate;
  }
}

}  // namespace
}  // namespace dps::lab

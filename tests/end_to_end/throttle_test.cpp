// A fleet that is larger than Azure's request limits: 10 subscriptions of 20 services against
// buckets that are far too small. Time is the simulator's.
#include <fmt/format.h>
#include <gtest/gtest.h>

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
using Moment = std::chrono::system_clock::time_point;

std::string subscription(int number) {
  return fmt::format("{:08d}-1111-4111-8111-111111111111", 20'000'000 + number);
}

/// What goes out, when, by the simulator's clock; and what the limits did to it.
class Watch final : public http::ExchangeObserver {
 public:
  explicit Watch(Lab& lab) : lab_(lab) {
    lab.observer = this;
    lab.refuse = [this](const http::Request& request) {
      const std::lock_guard lock(mutex_);
      const auto id = request.headers.find("x-ms-client-request-id");
      if (id != request.headers.end())
        departures_[id->second].push_back(lab_.simulator().world().now());
      return false;
    };
  }
  void closed(const std::string& gate, Duration pause) override {
    const std::lock_guard lock(mutex_);
    ++closures_[gate];
    EXPECT_GE(pause, std::chrono::seconds{1});
  }
  void throttled(const std::string& /*gate*/, Duration waited) override {
    const std::lock_guard lock(mutex_);
    waited_ += waited;
  }
  void remaining(const std::string& gate, std::int64_t requests) override {
    const std::lock_guard lock(mutex_);
    remaining_[gate] = requests;
  }

  std::map<std::string, std::vector<Moment>> departures() const { return departures_; }
  std::map<std::string, int> closures() const { return closures_; }
  std::size_t quotas() const { return remaining_.size(); }
  Duration waited() const { return waited_; }

 private:
  Lab& lab_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Moment>> departures_;
  std::map<std::string, int> closures_;
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

  // By the request log: who was answered 429 is not sent again before its Retry-After (1 s at
  // least, with these buckets). Gives the number of 429s.
  int expect_that_no_retry_was_early(const Watch& watch) {
    int refused = 0;
    int early = 0;
    std::map<std::string, std::size_t> seen;
    const auto departures = watch.departures();
    for (const auto& record : lab.simulator().world().requests()) {
      if (!record.at("client_request_id").is_string()) continue;
      const auto id = record.at("client_request_id").get<std::string>();
      const auto found = departures.find(id);
      if (found == departures.end()) continue;
      const auto number = seen[id]++;
      if (record.at("status") != 429) continue;
      ++refused;
      if (number + 1 >= found->second.size()) continue;
      if (found->second[number + 1] - found->second[number] < std::chrono::seconds{1}) ++early;
    }
    EXPECT_EQ(early, 0);
    return refused;
  }

  Lab lab;
};

TEST_F(Throttle, AFleetLargerThanTheLimitsIsBroughtHomeSlowlyAndPolitely) {
  Watch watch(lab);
  const auto plan = lab.plan();
  ASSERT_EQ(plan.services.size(), static_cast<std::size_t>(kSubscriptions * kServices));
  EXPECT_TRUE(plan.has_changes());
  EXPECT_FALSE(plan.has_problems()) << plan::render_text(plan, {});
  const int while_planning = expect_that_no_retry_was_early(watch);

  const auto report = lab.apply();
  for (const auto& service : report.services) {
    EXPECT_TRUE(service.errors.empty()) << told(report).substr(0, 2000);
  }
  const int in_all = expect_that_no_retry_was_early(watch);
  const auto requests = lab.simulator().world().requests().size();
  fmt::print("{} requests, {} answered 429 ({} while planning), {} s waited together\n",
             requests,
             in_all,
             while_planning,
             std::chrono::duration_cast<std::chrono::seconds>(watch.waited()).count());
  // Three processes looked and wrote; each learns each of its buckets anew. Without gates every
  // request beyond the buckets would be refused, most of them several times.
  EXPECT_LE(static_cast<std::size_t>(in_all) * 8, requests);
  EXPECT_GE(watch.quotas(), static_cast<std::size_t>(kSubscriptions * 2));

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
  ASSERT_EQ(watch.closures().size(), 1U);
  EXPECT_EQ(watch.closures().begin()->first, subscription(3) + "/reads");
}

}  // namespace
}  // namespace dps::lab

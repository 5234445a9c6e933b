// A simulated month: a fleet that people, other tools and the network keep changing, watched by one
// engine. Nothing may grow, and no change may be missed. DPS_WALK=full runs all of it (some
// minutes); otherwise a share of the passes.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <random>

#include "tests/end_to_end/safety.hpp"
#include "tests/end_to_end/watch.hpp"
#include "tests/support/share.hpp"

namespace dps::lab {
namespace {

using controller::Standing;
using std::chrono::minutes;

constexpr int kServices = 200;

std::string name_of(int number) {
  return fmt::format("fleet-{:03}", number);
}

std::string manifest_of(int number, int weight) {
  return fmt::format(R"(apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}}
spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  allocationPolicy: Hashed
  tags: {{env: prod}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
      credential: {{hub: {{resourceGroup: rg, policy: iothubowner, key: primary}}}}
)",
                     name_of(number),
                     weight);
}

/// What is allocated, without what malloc keeps for later.
long allocated_kib() {
  return static_cast<long>(::mallinfo2().uordblks / 1024);
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

TEST(Month, LosesNoChangeAndGrowsByNothing) {
  const std::size_t passes = std::max<std::size_t>(10000 / test::every(100), 20);
  std::mt19937 chance(20261123);  // the same month each time
  const auto any = [&](int below) {
    return static_cast<int>(chance() % static_cast<unsigned>(below));
  };
  Lab lab;
  lab.set_switch("operation-time", "1s");
  std::vector<int> weights(kServices, 10);
  for (int number = 0; number < kServices; ++number) {
    lab.manifest(name_of(number) + ".yaml", manifest_of(number, 10));
  }
  Watch watch(lab);
  watch.take("start");
  watch.pass(minutes{3});
  for (const auto& service : watch.engine->status().services) {
    ASSERT_EQ(service->standing, Standing::InSync) << service->id.name;
  }

  std::size_t drifts = 0, revisions = 0, faults = 0;
  long settled_memory = 0;
  std::size_t settled_descriptors = 0;
  const std::vector<SimJson> kinds = {{{"kind", "status"}, {"status", 500}},
                                      {{"kind", "status"}, {"status", 503}},
                                      {{"kind", "status"}, {"status", 429}},
                                      {{"kind", "status"}, {"status", 412}},
                                      {{"kind", "reset"}}};
  const auto sweeps_at_start = watch.listener.runs(controller::Work::Sweep);
  const auto sweeps = [&] {
    return watch.listener.runs(controller::Work::Sweep) - sweeps_at_start;
  };
  while (sweeps() < passes) {
    const auto number = any(kServices);
    switch (any(4)) {
      case 0:
        lab.edit(service_path(name_of(number)),
                 {{"properties", {{"allocationPolicy", any(2) == 0 ? "Static" : "GeoLatency"}}}});
        ++drifts;
        break;
      case 1:
        weights[static_cast<std::size_t>(number)] = 1 + any(900);
        lab.manifest(name_of(number) + ".yaml",
                     manifest_of(number, weights[static_cast<std::size_t>(number)]));
        watch.take("rev-" + std::to_string(++revisions));
        break;
      case 2: {
        const auto problem = lab.simulator().faults().set(
            {{{"match",
               {{"path", "/subscriptions/**"},
                {"nth", static_cast<unsigned>(1 + any(6))},
                {"times", static_cast<unsigned>(1 + any(3))}}},
              {"do", kinds[static_cast<std::size_t>(any(static_cast<int>(kinds.size())))]}}});
        ASSERT_FALSE(problem.has_value()) << *problem;
        ++faults;
        break;
      }
      default:
        break;  // a quiet quarter
    }
    watch.pass(minutes{3});
    lab.simulator().world().forget_requests();
    lab.simulator().world().forget_history();
    watch.listener.forget_events();
    if (settled_memory == 0 && sweeps() > passes / 2) {
      settled_memory = allocated_kib();
      settled_descriptors = open_descriptors();
    }
  }
  no_faults(lab);
  watch.pass(minutes{60});

  for (int number = 0; number < kServices; ++number) {
    const auto live = lab.service(name_of(number));
    ASSERT_FALSE(live.is_null()) << name_of(number);
    EXPECT_EQ(live.at("properties").at("allocationPolicy"), "Hashed") << name_of(number);
    EXPECT_EQ(hub_link(live, "hub-1").at("allocationWeight"),
              weights[static_cast<std::size_t>(number)])
        << name_of(number);
  }
  for (const auto& service : watch.engine->status().services) {
    EXPECT_EQ(service->standing, Standing::InSync) << service->id.name;
  }
  lab.simulator().world().forget_requests();
  lab.simulator().world().forget_history();
  const auto grown = allocated_kib() - settled_memory;
  fmt::print(
      "{} sweeps, {} service runs, {} whole looks; {} drifts, {} revisions, {} faults; memory {} "
      "KiB, {:+} KiB since the middle; descriptors {}, were {}\n",
      sweeps(),
      watch.listener.runs(controller::Work::Service),
      watch.listener.runs(controller::Work::Whole),
      drifts,
      revisions,
      faults,
      allocated_kib(),
      grown,
      open_descriptors(),
      settled_descriptors);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(grown, 4 * 1024);
#endif
  // The lab's server is in this process too: a connection is two.
  EXPECT_LE(open_descriptors(), settled_descriptors + 2 * lab.read.concurrency);
}

}  // namespace
}  // namespace dps::lab

// What a pass costs, in requests: no more than reading demands, and no write without a change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

std::string subscription(std::size_t number) {
  return fmt::format("2222222{}-2222-4222-8222-222222222222", number);
}

struct Wanted {
  bool policies = false;
  bool hubs = false;
};

/// 200 services in 5 subscriptions; every other one links hub-1, the rest hub-2.
void big_fleet(Lab& lab, const Wanted& wanted, std::size_t services = 200) {
  for (std::size_t sub = 0; sub < 5; ++sub) {
    lab.plant({{"resource_groups",
                {{{"id", fmt::format("/subscriptions/{}/resourceGroups/rg", subscription(sub))},
                  {"location", "westeurope"}}}}});
  }
  for (std::size_t number = 0; number < services; ++number) {
    auto text = fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: fleet-{0}, resourceGroup: rg, subscription: {1}}}
spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  allocationPolicy: GeoLatency
  tags: {{env: prod}}
)",
                            number,
                            subscription(number % 5));
    if (wanted.hubs) {
      text += fmt::format(
          R"(  linkedHubs:
    - hostName: hub-{0}.azure-devices.net
      location: westeurope
      credential: {{hub: {{subscription: {1}, resourceGroup: rg, policy: iothubowner, key: primary}}}}
)",
          number % 2 + 1,
          kSubscription);
    }
    if (wanted.policies) {
      text += "  sharedAccessPolicies:\n    - {name: writer, rights: [EnrollmentWrite]}\n";
    }
    lab.manifest(fmt::format("fleet-{}.yaml", number), text);
  }
  const auto report = lab.apply();
  ASSERT_EQ(report.count(Outcome::Created), services) << told(report).substr(0, 2000);
  lab.forget_requests();
}

/// Requests by kind: "token", "list", "listkeys", "hub keys", and the rest as it is.
std::map<std::string, int> by_kind(Lab& lab) {
  std::map<std::string, int> out;
  for (const auto& one : lab.requests()) {
    const auto path = lower(one.path);
    const auto ends = [&](std::string_view end) { return path.ends_with(end); };
    std::string kind = one.method + " " + one.path;
    if (path.find("/oauth2/") != std::string::npos) kind = "token";
    if (one.method == "GET" && ends("/providers/microsoft.devices/provisioningservices"))
      kind = "list";
    if (one.method == "POST" && ends("/listkeys"))
      kind = path.find("/iothubs/") != std::string::npos ? "hub keys" : "listkeys";
    if (one.method == "GET" && ends("/certificates")) kind = "certificates";
    ++out[kind];
  }
  return out;
}

TEST(Counts, APlanWithoutChangesIsOneListPerSubscriptionAndAToken) {
  Lab lab;
  big_fleet(lab, {.policies = false, .hubs = true});
  lab.read.key_reads = arm::KeyReads::Skip;
  lab.expect_nothing_to_do();
  EXPECT_THAT(by_kind(lab), UnorderedElementsAre(Pair("list", 5), Pair("token", 1)));
}

TEST(Counts, PagesAreTheOnlyOtherRequests) {
  Lab lab;
  big_fleet(lab, {}, 50);  // 10 in each subscription
  lab.read.key_reads = arm::KeyReads::Skip;
  lab.set_switch("page-size", "4");
  lab.expect_nothing_to_do();
  EXPECT_THAT(by_kind(lab), UnorderedElementsAre(Pair("list", 15), Pair("token", 1)));
}

TEST(Counts, PoliciesCostOneReadEachAndHubsOneReadInAll) {
  Lab lab;
  big_fleet(lab, {.policies = true, .hubs = true});
  lab.expect_nothing_to_do();
  EXPECT_THAT(by_kind(lab),
              UnorderedElementsAre(
                  Pair("list", 5), Pair("token", 1), Pair("listkeys", 200), Pair("hub keys", 2)));
}

TEST(Counts, ApplyingTwiceWritesNothingTheSecondTimeAndReadsWhatAPlanReads) {
  Lab lab;
  big_fleet(lab, {.policies = true, .hubs = true}, 50);
  EXPECT_EQ(lab.apply().count(Outcome::Unchanged), 50U);
  EXPECT_THAT(lab.writes(), IsEmpty());
  EXPECT_THAT(by_kind(lab),
              UnorderedElementsAre(
                  Pair("list", 5), Pair("token", 1), Pair("listkeys", 50), Pair("hub keys", 2)));
}

TEST(Counts, FiveChangesOfOneServiceAreOnePut) {
  Lab lab;
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  add_the_others(lab);
  lab.manifest("fleet.yaml", std::string(kHead) + R"(spec:
  location: westeurope
  sku: {name: S1, capacity: 3}
  allocationPolicy: Static
  tags: {env: test, team: red}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: 77
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
  sharedAccessPolicies:
    - {name: writer, rights: [EnrollmentRead]}
lifecycle:
  unlisted: {linkedHubs: keep, sharedAccessPolicies: keep}
)");
  const auto look = lab.look();
  EXPECT_GE(look.plan.summary.changes, 5U);
  lab.forget_requests();
  EXPECT_EQ(lab.apply(look).count(Outcome::Updated), 1U);
  ASSERT_THAT(lab.writes(), SizeIs(1));
  EXPECT_EQ(lab.writes().at(0).method, "PUT");
  lab.expect_nothing_to_do();
}

TEST(Counts, TagsAloneAreOnePatchAndNoKeysAreRead) {
  Lab lab;
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  lab.manifest("fleet.yaml", shared_fleet(10, "test"));
  const auto look = lab.look();
  lab.forget_requests();
  EXPECT_EQ(lab.apply(look).count(Outcome::Updated), 1U);
  EXPECT_THAT(arm_requests(lab),
              ElementsAre("GET provisioningServices/fleet",
                          "PATCH provisioningServices/fleet",
                          "GET provisioningServices/fleet"));
  lab.expect_nothing_to_do();
}

TEST(Counts, TagsGoByPatchWhereKeysMayNotBeReadAndAPutIsBlocked) {
  Lab lab;
  const auto fleet = [](int weight, const char* env) {
    return std::string(kHead) + fmt::format(R"(spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  tags: {{env: {}}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
)",
                                            env,
                                            weight);
  };
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  lab.set_switch("deny", "listkeys");
  lab.manifest("fleet.yaml", fleet(10, "test"));
  lab.forget_requests();
  EXPECT_EQ(lab.apply().count(Outcome::Updated), 1U);
  ASSERT_THAT(lab.writes(), SizeIs(1));
  EXPECT_EQ(lab.writes().at(0).method, "PATCH");
  lab.manifest("fleet.yaml", fleet(11, "test"));
  lab.forget_requests();
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Blocked), 1U) << told(report);
  EXPECT_THAT(error_ids(report), testing::Contains("KeysUnreadable"));
  EXPECT_THAT(lab.writes(), IsEmpty());
}

}  // namespace
}  // namespace dps::lab

// The main path: nothing, created, equal, drifted, equal again, gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/lab.hpp"

namespace dps::lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kFleet = R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {name: fleet, resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}
spec:
  location: westeurope
  sku: {name: S1, capacity: 1}
  allocationPolicy: GeoLatency
  tags: {env: prod}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: 10
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
  sharedAccessPolicies:
    - {name: writer, rights: [EnrollmentWrite]}
)";

TEST(Lifecycle, AServiceIsCreatedAndTheSecondPlanIsEmpty) {
  Lab lab;
  lab.manifest("fleet.yaml", kFleet);
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Created), 1U);
  EXPECT_THAT(lab.writes(), SizeIs(1));
  lab.expect_nothing_to_do();
  lab.forget_requests();
  EXPECT_EQ(lab.apply().count(Outcome::Unchanged), 1U);
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST(Lifecycle, DriftOfEveryKindIsHealedByOneWrite) {
  Lab lab;
  lab.manifest("fleet.yaml", kFleet);
  lab.apply();
  auto hubs = lab.service("fleet").at("properties").at("iotHubs");
  hubs[0]["allocationWeight"] = 3;
  lab.edit(service_path("fleet"),
           {{"tags", {{"env", "test"}}},
            {"properties", {{"allocationPolicy", "Hashed"}, {"iotHubs", hubs}}}});
  EXPECT_THAT(lines(lab.plan()),
              testing::UnorderedElementsAre(
                  "update ProvisioningService fleet allocationPolicy (drift)",
                  "update LinkedHub hub-1.azure-devices.net allocationWeight (drift)",
                  "update Tag env (drift)"));
  lab.forget_requests();
  EXPECT_EQ(lab.apply().count(Outcome::Updated), 1U);
  EXPECT_THAT(lab.writes(), SizeIs(1));
  lab.expect_nothing_to_do();
}

TEST(Lifecycle, ResendingKeysSendsEachOnce) {
  Lab lab;
  lab.manifest("fleet.yaml", kFleet);
  lab.apply();
  lab.settings.resend_keys = true;
  lab.forget_requests();
  EXPECT_EQ(lab.apply().count(Outcome::Updated), 1U);
  EXPECT_THAT(lab.writes(), SizeIs(1));
}

TEST(Lifecycle, ARuleWhoseTargetIsNotManagedKeepsIt) {
  Lab lab;
  const auto with_mask = [](const std::string& mask) {
    return std::string(kFleet) + "  ipFilterRules: [{name: office, action: Accept, mask: " + mask +
           "}]\n";
  };
  lab.manifest("fleet.yaml", with_mask("10.0.0.0/8"));
  lab.apply();
  auto rules = lab.service("fleet").at("properties").at("ipFilterRules");
  rules[0]["target"] = "deviceApi";
  lab.edit(service_path("fleet"), {{"properties", {{"ipFilterRules", rules}}}});
  lab.expect_nothing_to_do();
  lab.manifest("fleet.yaml", with_mask("10.0.0.0/9"));
  EXPECT_EQ(lab.apply().count(Outcome::Updated), 1U);
  const auto after = lab.service("fleet").at("properties").at("ipFilterRules").at(0);
  EXPECT_EQ(after.at("target"), "deviceApi");
  EXPECT_EQ(after.at("ipMask"), "10.0.0.0/9");
}

TEST(Lifecycle, AnotherServiceOfTheSameNameIsNotWrittenByAnOldPlan) {
  Lab lab;
  lab.manifest("fleet.yaml", kFleet);
  lab.apply();
  lab.edit(service_path("fleet"), {{"properties", {{"allocationPolicy", "Hashed"}}}});
  const auto look = lab.look();
  auto another = lab.service("fleet");
  another["properties"]["idScope"] = "0ne00FFFFFF";
  lab.edit(service_path("fleet"), nullptr);
  lab.edit(service_path("fleet"), another);
  lab.forget_requests();
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Conflict), 1U);
  EXPECT_THAT(lab.writes(), IsEmpty());
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "Hashed");
}

TEST(Lifecycle, ARemovalThatAppearedAfterThePlanIsLeftAndLeavesNoTrace) {
  Lab lab;
  lab.manifest("fleet.yaml", kFleet);
  lab.apply();
  const auto revision = lab.service("fleet").at("tags").at("dps-reconciler-rev");
  std::string heavier = kFleet;
  heavier.replace(heavier.find("allocationWeight: 10"), 20, "allocationWeight: 20");
  lab.manifest("fleet.yaml", heavier);
  const auto look = lab.look();
  auto hubs = lab.service("fleet").at("properties").at("iotHubs");
  hubs.push_back(
      {{"connectionString",
        "HostName=hub-3.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" +
            lab.hub_key("hub-3")},
       {"location", "westeurope"}});
  lab.edit(service_path("fleet"), {{"properties", {{"iotHubs", hubs}}}});
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Updated), 1U);
  EXPECT_THAT(report.services.at(0).left, SizeIs(1));
  const auto after = lab.service("fleet");
  EXPECT_EQ(after.at("properties").at("iotHubs").size(), 2U);
  EXPECT_EQ(after.at("properties").at("iotHubs").at(0).at("allocationWeight"), 20);
  EXPECT_EQ(after.at("tags").at("dps-reconciler-rev"), revision);
}

}  // namespace
}  // namespace dps::lab

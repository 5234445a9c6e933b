// Whose service is it? Adoption in its four modes, taking over, letting go, and tags that others
// wipe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string wanted(const std::string& lifecycle, int weight = 10, const std::string& more = "") {
  return std::string(kHead) + fmt::format(R"(spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
{}lifecycle: {{{}}}
)",
                                          weight,
                                          more,
                                          lifecycle);
}

/// A service of somebody: hub-1 with weight 10, and hub-2 when asked for.
void existing(Lab& lab, const std::string& owner = "", bool second_hub = false) {
  SimJson hubs = {{{"connectionString", connection(lab, "hub-1")},
                   {"location", "westeurope"},
                   {"allocationWeight", 10}}};
  if (second_hub) {
    hubs.push_back({{"connectionString", connection(lab, "hub-2")},
                    {"location", "westeurope"},
                    {"allocationWeight", 5}});
  }
  SimJson tags = {{"team", "blue"}};
  if (!owner.empty()) tags["dps-reconciler"] = owner;
  lab.plant({{"provisioning_services",
              {{{"id", service_path("fleet")},
                {"location", "westeurope"},
                {"tags", tags},
                {"properties", {{"state", "Active"}, {"iotHubs", hubs}}}}}}});
}

std::string owner_of(Lab& lab) {
  return lab.service("fleet").at("tags").value("dps-reconciler", std::string());
}

TEST(Adoption, OfAnEqualServiceIsOnePatchAndKeepsEverything) {
  for (const char* mode : {"additive", "whenEqual", "always"}) {
    SCOPED_TRACE(mode);
    Lab lab;
    existing(lab);
    lab.manifest("fleet.yaml", wanted(fmt::format("adopt: {}", mode)));
    const auto before = lab.service("fleet");
    const auto look = lab.look();
    EXPECT_EQ(look.plan.summary.adopt, 1U);
    lab.forget_requests();
    const auto report = lab.apply(look);
    EXPECT_EQ(report.count(Outcome::Adopted), 1U) << told(report);
    ASSERT_THAT(lab.writes(), SizeIs(1));
    EXPECT_EQ(lab.writes().at(0).method, "PATCH");
    const auto after = lab.service("fleet");
    EXPECT_EQ(owner_of(lab), "default");
    EXPECT_EQ(after.at("tags").at("team"), "blue");
    EXPECT_EQ(after.at("properties").at("iotHubs"), before.at("properties").at("iotHubs"));
    EXPECT_EQ(after.at("properties").at("authorizationPolicies"),
              before.at("properties").at("authorizationPolicies"));
    lab.expect_nothing_to_do();
  }
}

TEST(Adoption, AdditiveTakesChangesAndRefusesRemovals) {
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: additive", 20));
  EXPECT_EQ(lab.apply().count(Outcome::Updated), 1U);
  EXPECT_EQ(owner_of(lab), "default");

  Lab other;
  existing(other, "", true);
  other.manifest("fleet.yaml", wanted("adopt: additive", 20));
  const auto report = other.apply();
  EXPECT_EQ(report.count(Outcome::Blocked), 1U) << told(report);
  EXPECT_THAT(error_ids(report), ElementsAre("NotAdopted"));
  EXPECT_THAT(other.writes(), IsEmpty());
  EXPECT_FALSE(hub_link(other.service("fleet"), "hub-2").is_null());
}

TEST(Adoption, AlwaysRemovesWhatIsNotListed) {
  Lab lab;
  existing(lab, "", true);
  lab.manifest("fleet.yaml", wanted("adopt: always"));
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Updated), 1U) << told(report);
  EXPECT_TRUE(hub_link(lab.service("fleet"), "hub-2").is_null());
}

TEST(Adoption, WhenEqualAndNeverWriteNothingOnAServiceThatDiffers) {
  for (const char* mode : {"whenEqual", "never"}) {
    SCOPED_TRACE(mode);
    Lab lab;
    existing(lab);
    lab.manifest("fleet.yaml", wanted(fmt::format("adopt: {}", mode), 20));
    const auto report = lab.apply();
    EXPECT_EQ(report.count(Outcome::Blocked), 1U) << told(report);
    EXPECT_THAT(lab.writes(), IsEmpty());
    EXPECT_EQ(owner_of(lab), "");
  }
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: never"));
  EXPECT_EQ(lab.apply().count(Outcome::Blocked), 1U);
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST(Adoption, OfAServiceThatMovedBetweenPlanAndWriteIsJudgedAnew) {
  Lab lab;
  existing(lab);
  const std::string policies = "  sharedAccessPolicies: []\n";
  lab.manifest("fleet.yaml", wanted("adopt: additive", 10, policies));
  const auto look = lab.look();
  EXPECT_EQ(look.plan.summary.adopt, 1U);
  // Somebody adds a policy that the manifest does not list: adopting would remove it.
  auto entries = lab.service("fleet").at("properties").at("authorizationPolicies");
  entries.push_back({{"keyName", "theirs"},
                     {"primaryKey", random_key('T')},
                     {"secondaryKey", random_key('U')},
                     {"rights", "ServiceConfig"}});
  lab.edit(service_path("fleet"), {{"properties", {{"authorizationPolicies", entries}}}});
  lab.forget_requests();
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Blocked), 1U) << told(report);
  EXPECT_THAT(error_ids(report), ElementsAre("NotAdopted"));
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST(Ownership, AnothersServiceIsNeverWritten) {
  Lab lab;
  existing(lab, "other-team");
  for (const char* lifecycle : {"adopt: always", "state: released", "protect: true"}) {
    SCOPED_TRACE(lifecycle);
    lab.manifest("fleet.yaml", wanted(lifecycle, 20));
    const auto report = lab.apply();
    EXPECT_THAT(lab.writes(), IsEmpty()) << told(report);
    EXPECT_EQ(owner_of(lab), "other-team");
  }
  lab.manifest("fleet.yaml", wanted("adopt: always", 20));
  EXPECT_THAT(error_ids(lab.apply()), ElementsAre("OwnedByOther"));
}

TEST(Ownership, AdoptFromTakesOverFromThatOwnerOnly) {
  Lab lab;
  existing(lab, "old-team");
  lab.manifest("fleet.yaml", wanted("adoptFrom: someone-else"));
  EXPECT_EQ(lab.apply().count(Outcome::Blocked), 1U);
  EXPECT_EQ(owner_of(lab), "old-team");
  lab.manifest("fleet.yaml", wanted("adoptFrom: old-team"));
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Adopted), 1U) << told(report);
  EXPECT_EQ(owner_of(lab), "default");
  lab.expect_nothing_to_do();
}

TEST(Ownership, ReleasedTakesOurTagsOffAndNothingElse) {
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: additive", 20));
  lab.apply();
  lab.manifest("fleet.yaml", wanted("state: released"));
  lab.forget_requests();
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Released), 1U) << told(report);
  ASSERT_THAT(lab.writes(), SizeIs(1));
  EXPECT_EQ(lab.writes().at(0).method, "PATCH");
  EXPECT_EQ(lab.service("fleet").at("tags"), (SimJson{{"team", "blue"}}));
  EXPECT_EQ(hub_link(lab.service("fleet"), "hub-1").at("allocationWeight"), 20);
  lab.expect_nothing_to_do();
}

TEST(Ownership, ATagThatAnotherToolWipedIsMadeAnew) {
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: additive", 20, "  tags: {env: prod}\n"));
  lab.apply();
  // A tool that puts its own tags in place of all others.
  SimJson none = {{"theirs", "1"}};
  const auto tags = lab.service("fleet").at("tags");
  for (const auto& [name, value] : tags.items()) none[name] = nullptr;
  lab.edit(service_path("fleet"), {{"tags", none}});
  const auto report = lab.apply();
  EXPECT_FALSE(report.failed()) << told(report);
  EXPECT_EQ(owner_of(lab), "default");
  EXPECT_EQ(lab.service("fleet").at("tags").at("env"), "prod");
  EXPECT_EQ(lab.service("fleet").at("tags").at("theirs"), "1");
  lab.expect_nothing_to_do();
}

TEST(Ownership, TakenByAnotherBetweenPlanAndWriteIsNotWritten) {
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: additive"));
  lab.apply();
  lab.manifest("fleet.yaml", wanted("adopt: additive", 20));
  const auto look = lab.look();
  lab.edit(service_path("fleet"), {{"tags", {{"dps-reconciler", "other-team"}}}});
  lab.forget_requests();
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Blocked), 1U) << told(report);
  EXPECT_THAT(error_ids(report), ElementsAre("OwnedByOther"));
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST(Ownership, AServiceMadeAnewUnderTheNameIsNotWrittenByAnOldPlan) {
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: additive"));
  lab.apply();
  lab.manifest("fleet.yaml", wanted("adopt: additive", 20));
  const auto look = lab.look();
  lab.edit(service_path("fleet"), {{"properties", {{"idScope", "0ne00ABCDEF"}}}});
  lab.forget_requests();
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Conflict), 1U) << told(report);
  EXPECT_THAT(report.services.at(0).errors.at(0).what, HasSubstr("0ne00ABCDEF"));
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST(Ownership, ADeletedServiceIsNotMadeAnewByAnUpdate) {
  Lab lab;
  existing(lab);
  lab.manifest("fleet.yaml", wanted("adopt: additive"));
  lab.apply();
  lab.manifest("fleet.yaml", wanted("adopt: additive", 20));
  const auto look = lab.look();
  lab.edit(service_path("fleet"), nullptr);
  lab.forget_requests();
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Failed), 1U) << told(report);
  EXPECT_THAT(error_ids(report), ElementsAre("ServiceNotFound"));
  EXPECT_THAT(lab.writes(), IsEmpty());
}

}  // namespace
}  // namespace dps::lab

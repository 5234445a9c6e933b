// What a write must not lose. The walk compares whole documents for every field; here is what it
// does not come by: rules' own members, keys that may not be read, and versions that are too old.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/walk_run.hpp"

namespace dps::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

SimJson& rules_of(SimJson& document) {
  return document["properties"]["ipFilterRules"];
}

std::vector<std::string> errors(const plan::Plan& plan) {
  std::vector<std::string> out;
  for (const auto& service : plan.services) {
    for (const auto& problem : service.errors) out.push_back(problem.id + ": " + problem.message);
  }
  return out;
}

TEST(KeepOfAPut, ARuleKeepsItsTargetAndItsUnknownMembersWhenAnotherRuleChanges) {
  Scene scene(kNewest, {});
  scene.meddle([](SimJson& d) {
    entry(rules_of(d), "filterName", "plant")["target"] = "serviceApi";  // not in the manifest
    entry(rules_of(d), "filterName", "plant")["newerRuleMember"] = {{"a", {1, 2}}};
    entry(rules_of(d), "filterName", "office")["newerRuleMember"] = "x";
  });
  scene.lab.expect_nothing_to_do();
  scene.rewrite([](SimJson& m) {
    entry(m["spec"]["ipFilterRules"], "name", "office")["mask"] = "10.9.0.0/16";
  });
  auto expected = scene.document();
  entry(rules_of(expected), "filterName", "office")["ipMask"] = "10.9.0.0/16";

  EXPECT_EQ(scene.lab.apply().count(Outcome::Updated), 1U);

  EXPECT_EQ(difference(expected, scene.document()), "");
  scene.lab.expect_nothing_to_do();
}

TEST(KeepOfAPut, MembersOfTheSkuThatWeDoNotKnowGoBack) {
  for (const char* version : {kOldest, kNewest}) {
    Scene scene(version, {});
    scene.meddle([](SimJson& d) { d["sku"]["family"] = "newer"; });
    scene.rewrite([](SimJson& m) { m["spec"]["sku"]["capacity"] = 2; });
    auto expected = scene.document();
    expected["sku"]["capacity"] = 2;
    EXPECT_EQ(scene.lab.apply().count(Outcome::Updated), 1U);
    EXPECT_EQ(difference(expected, scene.document()), "");
  }
}

TEST(KeepOfAPut, WithoutAskingForKeysNoHubKeyDiffersAndNoneIsSent) {
  Scene scene(kNewest, {});
  scene.lab.read.key_reads = arm::KeyReads::Skip;
  scene.lab.expect_nothing_to_do();
  scene.rotate_hub_keys("hub-1");
  scene.rewrite([](SimJson& m) { m["spec"]["allocationPolicy"] = "Static"; });
  EXPECT_THAT(lines(scene.lab.plan()),
              ElementsAre("update ProvisioningService fleet allocationPolicy (manifest)"));
  auto expected = scene.document();
  expected["properties"]["allocationPolicy"] = "Static";
  EXPECT_EQ(scene.lab.apply().count(Outcome::Updated), 1U);
  EXPECT_EQ(difference(expected, scene.document()), "");
  // Seen again, the key is what it was: changed at its source.
  scene.lab.read.key_reads = arm::KeyReads::Ask;
  EXPECT_THAT(lines(scene.lab.plan()),
              Contains("update LinkedHub hub-1.azure-devices.net credential (manifest)"));
}

struct TooOld {
  const char* what;
  const char* version;
  SimJson properties;
  const char* words;
};

TEST(KeepOfAPut, WhatTheWriteVersionCannotCarryIsNotWrittenOver) {
  const SimJson rules =
      SimJson::array({{{"filterName", "x"}, {"action", "Reject"}, {"ipMask", "0.0.0.0/0"}}});
  const SimJson endpoints = SimJson::array({{{"id", "/x/pe-1"}, {"name", "pe-1"}}});
  const TooOld all[] = {
      {"rules", "2017-11-15", {{"ipFilterRules", rules}}, "IP filter rules"},
      {"rules", "2018-01-22", {{"ipFilterRules", rules}}, "IP filter rules"},
      {"access", "2020-01-01", {{"publicNetworkAccess", "Disabled"}}, "public network access"},
      {"endpoints",
       "2020-01-01",
       {{"privateEndpointConnections", endpoints}},
       "private endpoint connections"},
      {"residency", "2020-03-01", {{"enableDataResidency", true}}, "dataResidency"},
  };
  for (const auto& one : all) {
    for (const char* dropped : {"kept", "dropped"}) {
      SCOPED_TRACE(fmt::format("{} in {}, omitted ones {}", one.what, one.version, dropped));
      Scene scene(
          one.version,
          {{"network-omitted", dropped}, {"private-endpoints-omitted", dropped}},
          [](SimJson& m) {
            for (const char* field : {"ipFilterRules", "publicNetworkAccess", "dataResidency"}) {
              m["spec"].erase(field);
            }
          });
      scene.lab.edit(service_path("fleet"), {{"properties", one.properties}});
      scene.lab.expect_nothing_to_do();  // nothing is to be written, so nothing can be lost
      scene.rewrite([](SimJson& m) { m["spec"]["allocationPolicy"] = "Static"; });
      const auto before = scene.document();
      scene.lab.forget_requests();

      const auto plan = scene.lab.plan();
      const auto report = scene.lab.apply();

      EXPECT_THAT(errors(plan), ElementsAre(HasSubstr(one.words)));
      EXPECT_THAT(errors(plan), ElementsAre(HasSubstr("CannotExpress")));
      EXPECT_EQ(report.count(Outcome::Blocked), 1U);
      EXPECT_THAT(scene.lab.writes(), IsEmpty());
      EXPECT_EQ(difference(before, scene.document()), "");
    }
  }
}

struct Newer {
  const char* what;
  SimJson patch;
};

TEST(KeepOfAPut, WhatNoVersionOfOursCanWriteIsNotWrittenOver) {
  const Newer all[] = {
      {"an identity", {{"identity", {{"type", "SystemAssigned"}, {"principalId", "p"}}}}},
      {"no local authentication", {{"properties", {{"disableLocalAuth", true}}}}},
      {"a hub that is linked by identity",
       {{"properties",
         {{"iotHubs",
           SimJson::array({{{"hostName", "hub-9.azure-devices.net"},
                            {"authenticationType", "SystemAssigned"},
                            {"location", "westeurope"}}})}}}}},
  };
  for (const auto& one : all) {
    SCOPED_TRACE(one.what);
    Scene scene(kNewest, {});
    scene.lab.edit(service_path("fleet"), one.patch);
    scene.rewrite([](SimJson& m) {
      m["spec"].erase("linkedHubs");
      m["spec"]["allocationPolicy"] = "Static";
    });
    const auto before = scene.document();
    scene.lab.forget_requests();
    EXPECT_THAT(errors(scene.lab.plan()), ElementsAre(HasSubstr("CannotExpress")));
    EXPECT_EQ(scene.lab.apply().count(Outcome::Blocked), 1U);
    EXPECT_THAT(scene.lab.writes(), IsEmpty());
    EXPECT_EQ(difference(before, scene.document()), "");
  }
}

TEST(KeepOfAPut, WithoutTheRightToListKeysNoPutIsMadeAndTagsGoOn) {
  Scene scene(kNewest, {});
  scene.rewrite([](SimJson& m) {
    m["spec"]["allocationPolicy"] = "Static";
    m["spec"]["tags"]["env"] = "test";
  });
  scene.lab.set_switch("deny", "listkeys");
  scene.lab.set_switch("policies-omitted", "dropped");
  const auto before = scene.document();
  EXPECT_EQ(scene.lab.apply().count(Outcome::Blocked), 1U);
  EXPECT_EQ(difference(before, scene.document()), "");
  EXPECT_THAT(scene.lab.writes(), IsEmpty());

  scene.rewrite([](SimJson& m) { m["spec"]["allocationPolicy"] = "GeoLatency"; });
  scene.lab.forget_requests();
  EXPECT_EQ(scene.lab.apply().count(Outcome::Updated), 1U);
  ASSERT_THAT(scene.lab.writes(), SizeIs(1));
  EXPECT_EQ(scene.lab.writes()[0].method, "PATCH");
}

TEST(KeepOfAPut, AllOfItAtOnceIsOneWriteThatLosesNothing) {
  for (const char* version : {kOldest, kNewest}) {
    SCOPED_TRACE(version);
    Scene scene(version, {});
    scene.rotate_hub_keys("hub-1");
    scene.set_variable("READER_1", "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=");
    scene.rewrite([](SimJson& m) {
      auto& spec = m["spec"];
      spec["sku"]["capacity"] = 4;
      spec["allocationPolicy"] = "Hashed";
      spec["tags"]["env"] = "test";
      entry(spec["linkedHubs"], "hostName", kHub2)["allocationWeight"] = 0;
      remove_entry(spec["sharedAccessPolicies"], "name", "writer");
      spec["sharedAccessPolicies"].push_back({{"name", "legacy"}});
      m["lifecycle"]["unlisted"]["sharedAccessPolicies"] = "remove";
      m["lifecycle"]["protect"] = true;
    });
    auto expected = scene.document();
    expected["sku"]["capacity"] = 4;
    expected["properties"]["allocationPolicy"] = "Hashed";
    expected["tags"]["env"] = "test";
    hub_in(expected, kHub1)["connectionString"] = scene.connection("hub-1");
    hub_in(expected, kHub2)["allocationWeight"] = 0;
    remove_policy(expected, "writer");
    policy_in(expected, "reader")["primaryKey"] = scene.variable("READER_1");

    EXPECT_EQ(scene.lab.apply().count(Outcome::Updated), 1U);

    EXPECT_THAT(scene.lab.writes(), SizeIs(1));
    EXPECT_EQ(difference(expected, scene.document()), "");
    scene.lab.expect_nothing_to_do();
  }
}

}  // namespace
}  // namespace dps::lab

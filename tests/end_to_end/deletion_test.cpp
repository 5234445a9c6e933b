// A service is deleted in the few ways that are meant, and in no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string named(const std::string& name,
                  const std::string& group = "rg",
                  const std::string& more = "",
                  const std::string& lifecycle = "") {
  return fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: {}, subscription: {}}}
spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
{}{})",
                     name,
                     group,
                     kSubscription,
                     more,
                     lifecycle.empty() ? "" : "lifecycle: {" + lifecycle + "}\n");
}

std::string tombstone(const std::string& name,
                      const std::string& scope,
                      const std::string& more = "") {
  return fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: rg, subscription: {}}}
lifecycle: {{state: absent, idScope: {}{}}}
)",
                     name,
                     kSubscription,
                     scope,
                     more);
}

std::string scope_of(Lab& lab, const std::string& name) {
  return lab.service(name).at("properties").at("idScope").get<std::string>();
}

std::size_t deletes(Lab& lab) {
  const auto writes = lab.writes();
  return static_cast<std::size_t>(std::count_if(
      writes.begin(), writes.end(), [](const Asked& one) { return one.method == "DELETE"; }));
}

void tag(Lab& lab, const std::string& name, const std::string& key, const SimJson& value) {
  lab.edit(service_path(name), {{"tags", {{key, value}}}});
}

/// `anchor` and `old` stand and are ours; the manifest of `old` is gone.
void orphan(Lab& lab) {
  lab.manifest("anchor.yaml", named("anchor"));
  lab.manifest("old.yaml", named("old"));
  ASSERT_EQ(lab.apply().count(Outcome::Created), 2U);
  lab.remove_manifest("old.yaml");
  lab.settings.prune = true;
}

// ---- that must not delete ----

struct Way {
  std::string name;
  std::function<void(Lab&)> prepare;  // after which `old` must survive every pass
};

class MustNotDelete : public testing::TestWithParam<Way> {};

std::vector<Way> ways() {
  const auto stands = [](Lab& lab) {
    lab.manifest("old.yaml", named("old"));
    lab.apply();
  };
  const auto buried = [=](Lab& lab, const std::string& more = "") {
    lab.manifest("old.yaml", tombstone("old", scope_of(lab, "old"), more));
  };
  return {
      {"TombstoneOfAnotherIdScope",
       [=](Lab& lab) {
         stands(lab);
         lab.manifest("old.yaml", tombstone("old", "0ne00FFFFFF"));
       }},
      {"TombstoneOfAProtectedService",
       [=](Lab& lab) {
         lab.manifest("old.yaml", named("old", "rg", "", "protect: true"));
         lab.apply();
         buried(lab);
       }},
      {"TombstoneOfAnothersService",
       [=](Lab& lab) {
         stands(lab);
         tag(lab, "old", "dps-reconciler", "somebody-else");
         buried(lab);
       }},
      {"SuspendedTombstone",
       [=](Lab& lab) {
         stands(lab);
         buried(lab, ", suspend: true");
       }},
      {"TombstoneOfAServiceMadeAnewUnderItsName",
       [=](Lab& lab) {
         stands(lab);
         buried(lab);
         lab.edit(service_path("old"), {{"properties", {{"idScope", "0ne00ABCDEF"}}}});
       }},
      {"ManifestRemovedWithoutPrune",
       [=](Lab& lab) {
         orphan(lab);
         lab.settings.prune = false;
       }},
      {"AllManifestsRemovedWithPrune",
       [=](Lab& lab) {
         orphan(lab);
         lab.remove_manifest("anchor.yaml");
         lab.manifest("README.md", "");  // the folder stays
         lab.allow_empty = true;
       }},
      {"PruneOfAnothersService",
       [=](Lab& lab) {
         orphan(lab);
         tag(lab, "old", "dps-reconciler", "somebody-else");
       }},
      {"PruneOfAnUntaggedService",
       [=](Lab& lab) {
         orphan(lab);
         tag(lab, "old", "dps-reconciler", nullptr);
       }},
      {"PruneByAnotherOwner",
       [=](Lab& lab) {
         orphan(lab);
         lab.remove_manifest("anchor.yaml");
         lab.manifest("theirs.yaml", named("theirs"));
         lab.settings.owner = "other-team";
       }},
      {"PruneOfAProtectedService",
       [=](Lab& lab) {
         orphan(lab);
         tag(lab, "old", "dps-reconciler-protect", "true");
       }},
      {"PruneInASubscriptionThatNobodyNames",
       [=](Lab& lab) {
         orphan(lab);
         lab.remove_manifest("anchor.yaml");
         const std::string other = "33333333-3333-4333-8333-333333333333";
         lab.plant({{"resource_groups",
                     {{{"id", "/subscriptions/" + other + "/resourceGroups/rg"},
                       {"location", "westeurope"}}}}});
         auto text = named("elsewhere");
         text.replace(text.find(kSubscription), std::string(kSubscription).size(), other);
         lab.manifest("elsewhere.yaml", text);
       }},
      {"NameNamedInAnotherGroup",
       [=](Lab& lab) {
         orphan(lab);
         lab.plant({{"resource_groups",
                     {{{"id", fmt::format("/subscriptions/{}/resourceGroups/rg2", kSubscription)},
                       {"location", "westeurope"}}}}});
         lab.manifest("old.yaml", named("old", "rg2"));
       }},
      {"NameNamedAndSuspended",
       [=](Lab& lab) {
         orphan(lab);
         lab.manifest("old.yaml", named("old", "rg", "", "suspend: true"));
       }},
      {"NameNamedByATombstoneOfAnotherScope",
       [=](Lab& lab) {
         orphan(lab);
         lab.manifest("old.yaml", tombstone("old", "0ne00FFFFFF"));
       }},
      {"NameNamedByAnEntryDocument",
       [=](Lab& lab) {
         orphan(lab);
         lab.manifest("policy.yaml",
                      fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: SharedAccessPolicy
metadata: {{name: reader}}
spec:
  service: {{name: old, resourceGroup: rg, subscription: {}}}
  rights: [EnrollmentRead]
)",
                                  kSubscription));
       }},
      {"ReleasedByItsManifest",
       [=](Lab& lab) {
         orphan(lab);
         lab.manifest("old.yaml", named("old", "rg", "", "state: released"));
       }},
      {"SubscriptionThatCannotBeListed",
       [=](Lab& lab) {
         orphan(lab);
         lab.set_switch("deny", "list");
       }},
      {"AnotherServiceThatCannotBeRead",
       [=](Lab& lab) {
         orphan(lab);
         lab.manifest("nowhere.yaml", named("nowhere", "rg-that-is-not"));
       }},
      {"MaxDeletesOfZero",
       [=](Lab& lab) {
         orphan(lab);
         lab.settings.max_deletes = 0;
       }},
      {"WrongApproval",
       [=](Lab& lab) {
         orphan(lab);
         lab.settings.max_deletes = 0;
         lab.settings.approve = "0123456789abcdef";
       }},
      {"MovedToAnotherGroupInOneRevision",
       [=](Lab& lab) {
         stands(lab);
         lab.settings.prune = true;
         lab.plant({{"resource_groups",
                     {{{"id", fmt::format("/subscriptions/{}/resourceGroups/rg2", kSubscription)},
                       {"location", "westeurope"}}}}});
         lab.manifest("old.yaml", named("old", "rg2"));
       }},
      {"RenamedWithTheSameHub",
       [=](Lab& lab) {
         const std::string hub = R"(  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
)";
         lab.manifest("old.yaml", named("old", "rg", hub));
         lab.apply();
         lab.settings.prune = true;
         lab.manifest("old.yaml", named("new", "rg", hub));
       }},
      {"ProtectionTakenOffAndPrunedInOneRevision",
       [=](Lab& lab) {
         lab.manifest("anchor.yaml", named("anchor"));
         lab.manifest("old.yaml", named("old", "rg", "", "protect: true"));
         lab.apply();
         lab.settings.prune = true;
         lab.remove_manifest("old.yaml");  // protect: false was never applied
       }},
      {"ReplacedByALocation",
       [=](Lab& lab) {
         stands(lab);
         auto text = named("old");
         text.replace(text.find("westeurope"), 10, "northeurope");
         lab.manifest("old.yaml", text);
       }},
      {"ActivationFailed",
       [=](Lab& lab) {
         orphan(lab);
         lab.edit(service_path("old"), {{"properties", {{"state", "ActivationFailed"}}}});
       }},
  };
}

TEST_P(MustNotDelete, TheServiceStandsAfterTwoPasses) {
  Lab lab;
  GetParam().prepare(lab);
  lab.forget_requests();
  const auto before = lab.service("old");
  ASSERT_FALSE(before.is_null());
  lab.apply();
  lab.apply();
  const auto after = lab.service("old");
  ASSERT_FALSE(after.is_null());
  EXPECT_EQ(after.at("properties").at("idScope"), before.at("properties").at("idScope"));
  EXPECT_EQ(deletes(lab), 0U);
}

INSTANTIATE_TEST_SUITE_P(Ways, MustNotDelete, testing::ValuesIn(ways()), [](const auto& one) {
  return one.param.name;
});

TEST(Guards, ThirtyPercentOfTenOwnedServicesHoldsAllDeletionsAndAppliesTheRest) {
  Lab lab;
  for (int number = 0; number < 10; ++number)
    lab.manifest(fmt::format("{}.yaml", number), named(fmt::format("fleet-{}", number)));
  ASSERT_EQ(lab.apply().count(Outcome::Created), 10U);
  for (int number = 0; number < 4; ++number) lab.remove_manifest(fmt::format("{}.yaml", number));
  lab.manifest("9.yaml", named("fleet-9", "rg", "  tags: {a: b}\n"));
  lab.settings.prune = true;
  lab.settings.max_deletes = 100;
  lab.forget_requests();
  const auto look = lab.look();
  ASSERT_THAT(look.plan.guards, SizeIs(1));
  EXPECT_EQ(look.plan.guards.at(0).guard, "max-deletes-share");
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Updated), 1U);
  EXPECT_EQ(deletes(lab), 0U);

  lab.settings.approve = look.plan.approve_digest;
  EXPECT_EQ(lab.apply().count(Outcome::Deleted), 4U);
}

TEST(Guards, AnApprovalIsForOneSetAndOneLifeOfIt) {
  Lab lab;
  lab.settings.max_deletes = 0;
  orphan(lab);
  const auto digest = lab.plan().approve_digest;
  ASSERT_FALSE(digest.empty());
  // Another service goes as well: another set.
  lab.manifest("more.yaml", named("more"));
  lab.apply();
  lab.remove_manifest("more.yaml");
  lab.settings.approve = digest;
  lab.apply();
  EXPECT_FALSE(lab.service("old").is_null());
  EXPECT_FALSE(lab.service("more").is_null());
  // The set that was approved, once.
  lab.edit(service_path("more"), nullptr);
  EXPECT_EQ(lab.apply().count(Outcome::Deleted), 1U);
  EXPECT_TRUE(lab.service("old").is_null());
  // Made anew under its name: the approval was for the other one.
  lab.manifest("old.yaml", named("old"));
  lab.apply();
  lab.remove_manifest("old.yaml");
  lab.apply();
  EXPECT_FALSE(lab.service("old").is_null());
}

TEST(Guards, MoreRemovalsThanAllowedAreHeldTogetherAndTheRestIsApplied) {
  Lab lab;
  std::string policies;
  for (int number = 0; number < 4; ++number)
    policies += fmt::format("    - {{name: policy-{}, rights: [EnrollmentRead]}}\n", number);
  lab.manifest("old.yaml", named("old", "rg", "  sharedAccessPolicies:\n" + policies));
  lab.apply();
  lab.manifest("old.yaml", named("old", "rg", "  sharedAccessPolicies: []\n  tags: {a: b}\n"));
  lab.settings.max_removals = 3;
  const auto look = lab.look();
  EXPECT_TRUE(look.plan.has_guard_holds());
  const auto report = lab.apply(look);
  EXPECT_FALSE(policy(lab.service("old"), "policy-3").is_null());
  EXPECT_EQ(lab.service("old").at("tags").at("a"), "b");
  EXPECT_THAT(report.services.at(0).left, SizeIs(4)) << told(report);
  lab.settings.approve = look.plan.approve_digest;
  lab.apply();
  EXPECT_TRUE(policy(lab.service("old"), "policy-0").is_null());
  // The default policy is never removed by omission.
  EXPECT_FALSE(policy(lab.service("old"), "provisioningserviceowner").is_null());
}

// ---- that must delete ----

TEST(MustDelete, ATombstoneOfThisIdScopeDeletesOnceAndIsQuietAfterwards) {
  Lab lab;
  lab.manifest("old.yaml", named("old"));
  lab.apply();
  lab.manifest("old.yaml", tombstone("old", scope_of(lab, "old")));
  lab.forget_requests();
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Deleted), 1U) << told(report);
  EXPECT_EQ(deletes(lab), 1U);
  EXPECT_TRUE(lab.service("old").is_null());
  lab.expect_nothing_to_do();
  lab.apply();
  EXPECT_EQ(deletes(lab), 1U);
}

TEST(MustDelete, ATombstoneDeletesAServiceThatNobodyOwns) {
  Lab lab;
  lab.manifest("old.yaml", named("old"));
  lab.apply();
  tag(lab, "old", "dps-reconciler", nullptr);
  lab.manifest("old.yaml", tombstone("old", scope_of(lab, "old")));
  EXPECT_EQ(lab.apply().count(Outcome::Deleted), 1U);
}

TEST(MustDelete, PruneDeletesWhatIsOursAndNotNamed) {
  Lab lab;
  orphan(lab);
  lab.forget_requests();
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Deleted), 1U) << told(report);
  EXPECT_FALSE(lab.service("anchor").is_null());
  EXPECT_TRUE(lab.service("old").is_null());
}

TEST(MustDelete, ProtectionThatWasTakenOffInAnEarlierRevisionNoLongerHolds) {
  Lab lab;
  lab.manifest("anchor.yaml", named("anchor"));
  lab.manifest("old.yaml", named("old", "rg", "", "protect: true"));
  lab.apply();
  lab.manifest("old.yaml", named("old", "rg", "", "protect: false"));
  lab.apply();
  lab.remove_manifest("old.yaml");
  lab.settings.prune = true;
  EXPECT_EQ(lab.apply().count(Outcome::Deleted), 1U);
}

// ---- entries ----

constexpr const char* kPolicyDocument = R"(
apiVersion: dps-reconciler/v1
kind: SharedAccessPolicy
metadata: {{name: reader}}
spec:
  service: {{name: old, resourceGroup: rg, subscription: {}}}
  rights: [EnrollmentRead]
{})";

TEST(EntryDocuments, TakingOneAwayLeavesTheEntryAndAbsentRemovesIt) {
  Lab lab;
  lab.manifest("old.yaml", named("old"));
  lab.manifest("policy.yaml", fmt::format(fmt::runtime(kPolicyDocument), kSubscription, ""));
  lab.apply();
  ASSERT_FALSE(policy(lab.service("old"), "reader").is_null());
  lab.remove_manifest("policy.yaml");
  lab.apply();
  EXPECT_FALSE(policy(lab.service("old"), "reader").is_null());
  lab.manifest(
      "policy.yaml",
      fmt::format(fmt::runtime(kPolicyDocument), kSubscription, "lifecycle: {state: absent}\n"));
  const auto report = lab.apply();
  EXPECT_TRUE(policy(lab.service("old"), "reader").is_null()) << told(report);
  lab.expect_nothing_to_do();
}

}  // namespace
}  // namespace dps::lab

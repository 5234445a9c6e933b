#include <gmock/gmock.h>

#include <functional>

#include "fixtures.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Case {
  std::string name;
  std::function<void(DesiredService&, LiveService&)> edit;
  std::vector<std::string> changes;
};

void expect(const std::vector<Case>& cases) {
  for (const auto& one : cases) {
    auto desired = wanted();
    auto live = standing();
    one.edit(desired, live);
    EXPECT_EQ(lines(plan_of(desired, live)), one.changes) << one.name;
  }
}

TEST(ServiceDiff, AnEqualServiceHasNoChange) {
  const auto plan = plan_of(wanted(), standing());
  EXPECT_EQ(plan.service_class, ServiceClass::Unchanged);
  EXPECT_THAT(plan.changes, IsEmpty());
  EXPECT_FALSE(plan.bookkeeping.has_value());
}

TEST(ServiceDiff, ComparesEachFieldByItsRule) {
  expect({
      {"location is spelled in other ways",
       [](auto& d, auto& l) {
         d.location = "West Europe";
         l.location = "WestEurope";
       },
       {}},
      {"sku capacity", [](auto& d, auto&) { d.sku->capacity = 2; }, {"update sku.capacity 1 -> 2"}},
      {"capacity that ARM does not show",
       [](auto&, auto& l) { l.sku_capacity.reset(); },
       {"update sku.capacity null -> 1"}},
      {"capacity left out is not managed", [](auto& d, auto&) { d.sku->capacity.reset(); }, {}},
      {"sku left out",
       [](auto& d, auto& l) {
         d.sku.reset();
         l.sku_capacity = 9;
       },
       {}},
      {"allocation policy",
       [](auto& d, auto&) { d.allocation_policy = "Static"; },
       {"update allocationPolicy \"Hashed\" -> \"Static\""}},
      {"a missing allocation policy is Hashed",
       [](auto&, auto& l) { l.allocation_policy = ""; },
       {}},
      {"public access absent is Enabled",
       [](auto& d, auto&) { d.public_network_access = "Enabled"; },
       {}},
      {"public access",
       [](auto& d, auto&) { d.public_network_access = "Disabled"; },
       {"update publicNetworkAccess \"Enabled\" -> \"Disabled\""}},
      {"rules in another order",
       [](auto& d, auto& l) {
         const IpFilterRule a{"a", "Accept", "10.0.0.0/8", "all"};
         const IpFilterRule b{"b", "Reject", "0.0.0.0/0", "all"};
         d.ip_filter_rules = {a, b};
         l.ip_filter_rules = {b, a};
       },
       {"update ipFilterRules "
        "[{\"action\":\"Reject\",\"mask\":\"0.0.0.0/0\",\"name\":\"b\",\"target\":\"all\"},"
        "{\"action\":\"Accept\",\"mask\":\"10.0.0.0/8\",\"name\":\"a\",\"target\":\"all\"}] -> "
        "[{\"action\":\"Accept\",\"mask\":\"10.0.0.0/8\",\"name\":\"a\",\"target\":\"all\"},"
        "{\"action\":\"Reject\",\"mask\":\"0.0.0.0/0\",\"name\":\"b\",\"target\":\"all\"}]"}},
      {"a rule without a target is not compared by it",
       [](auto& d, auto& l) {
         d.ip_filter_rules = {{"a", "Accept", "10.0.0.0/8", std::nullopt}};
         l.ip_filter_rules = {{"a", "accept", "10.0.0.0/8", "deviceApi"}};
       },
       {}},
      {"rules left out are not managed",
       [](auto&, auto& l) {
         l.ip_filter_rules = {{"a", "Accept", "10.0.0.0/8", "all"}};
       },
       {}},
      {"protection",
       [](auto& d, auto&) { d.lifecycle.protect = true; },
       {"update lifecycle.protect false -> true"}},
      {"ignored fields",
       [](auto& d, auto& l) {
         d.lifecycle.ignore = {
             "sku", "tags[\"ENV\"]", "linkedHubs[hub-eu-1.azure-devices.net].allocationWeight"};
         l.sku_capacity = 7;
         l.tags.erase("env");
         l.linked_hubs[0].allocation_weight = 3;
       },
       {}},
  });
}

TEST(ServiceDiff, ComparesTagsByNameWithoutCase) {
  expect({
      {"another case of the name",
       [](auto& d, auto&) {
         d.tags = Tags{{"ENV", "prod"}};
       },
       {}},
      {"another case of the value",
       [](auto& d, auto&) {
         d.tags = Tags{{"ENV", "Prod"}};
       },
       {"update tags[\"env\"] \"prod\" -> \"Prod\""}},
      {"a new one", [](auto& d, auto&) { (*d.tags)["team"] = "iot"; }, {"create tags[\"team\"]"}},
      {"foreign ones stay", [](auto&, auto& l) { l.tags["created-by"] = "policy"; }, {}},
      {"foreign ones go when asked",
       [](auto& d, auto& l) {
         d.lifecycle.tags = Unlisted::Remove;
         l.tags["created-by"] = "policy";
         l.tags["hidden-link"] = "x";
       },
       {"delete tags[\"created-by\"]"}},
      {"what we set and no longer name goes",
       [](auto& d, auto& l) {
         d.tags = Tags{};
         l.tags["other"] = "x";
       },
       {"delete tags[\"env\"]"}},
      {"tags left out are not managed", [](auto& d, auto&) { d.tags.reset(); }, {}},
  });
}

TEST(ServiceDiff, ComparesHubsByHost) {
  expect({
      {"host in another case",
       [](auto& d, auto&) { (*d.linked_hubs)[0].host_name = "HUB-EU-1.azure-devices.net"; },
       {}},
      {"weight",
       [](auto& d, auto&) { (*d.linked_hubs)[0].allocation_weight = 0; },
       {"update linkedHubs[hub-eu-1.azure-devices.net].allocationWeight 10 -> 0"}},
      {"weight that ARM does not show",
       [](auto&, auto& l) { l.linked_hubs[0].allocation_weight.reset(); },
       {"update linkedHubs[hub-eu-1.azure-devices.net].allocationWeight null -> 10"}},
      {"missing applyAllocationPolicy is true",
       [](auto& d, auto&) { (*d.linked_hubs)[0].apply_allocation_policy = true; },
       {}},
      {"applyAllocationPolicy",
       [](auto& d, auto&) { (*d.linked_hubs)[0].apply_allocation_policy = false; },
       {"update linkedHubs[hub-eu-1.azure-devices.net].applyAllocationPolicy true -> false"}},
      {"location by its meaning",
       [](auto&, auto& l) { l.linked_hubs[0].location = "West Europe"; },
       {}},
      {"unlisted goes",
       [](auto&, auto& l) { l.linked_hubs.push_back(live_hub(kHub2)); },
       {"delete linkedHubs[hub-eu-2.azure-devices.net]"}},
      {"unlisted is kept",
       [](auto& d, auto& l) {
         d.lifecycle.hubs = Unlisted::Keep;
         l.linked_hubs.push_back(live_hub(kHub2));
       },
       {}},
      {"an entry that wants to be gone",
       [](auto& d, auto&) {
         d.lifecycle.hubs = Unlisted::Keep;
         (*d.linked_hubs)[0].presence = Presence::Absent;
       },
       {"delete linkedHubs[hub-eu-1.azure-devices.net]"}},
      {"an empty list unlinks all",
       [](auto& d, auto&) { d.linked_hubs->clear(); },
       {"delete linkedHubs[hub-eu-1.azure-devices.net]"}},
      {"no list: not managed", [](auto& d, auto&) { d.linked_hubs.reset(); }, {}},
      {"without any credential the stored key stays", [](auto&, auto&) {}, {}},
  });
}

TEST(ServiceDiff, ANewHubNeedsItsCredentialAndLocation) {
  auto desired = wanted();
  auto bare = hub(kHub2);
  bare.location.reset();
  desired.linked_hubs->push_back(bare);
  const auto plan = plan_of(desired, standing());
  EXPECT_EQ(plan.service_class, ServiceClass::Blocked);
  EXPECT_THAT(error_ids(plan), ElementsAre("HubNeedsCredential", "HubNeedsLocation"));
  EXPECT_FALSE(plan.has_work());
}

TEST(ServiceDiff, AHubKeyIsComparedByItsFingerprint) {
  auto desired = wanted();
  (*desired.linked_hubs)[0].credential = SecretReference(EnvironmentReference{"HUB_EU_1"});
  auto live = standing();
  edit_bookkeeping(live, [](Bookkeeping& b) { b.fingerprints[host_digest(kHub1)] = "AAAAAAAA"; });
  const auto plan = [&](const KeyFacts& keys, const Settings& settings = {}) {
    return make_service(desired, live, keys, settings, noon());
  };

  EXPECT_THAT(plan({}).changes, IsEmpty()) << "nothing known of the key: not compared";
  EXPECT_THAT(plan(hub_key(desired, kHub1, "AAAAAAAA")).changes, IsEmpty());

  const auto changed = plan(hub_key(desired, kHub1, "BBBBBBBB"));
  ASSERT_EQ(changed.changes.size(), 1U);
  EXPECT_EQ(changed.changes[0].path, "linkedHubs[hub-eu-1.azure-devices.net].credential");
  EXPECT_TRUE(changed.changes[0].secret);
  EXPECT_EQ(changed.changes[0].cause, Cause::Manifest);
  EXPECT_EQ(changed.bookkeeping->fingerprints.at(host_digest(kHub1)), "AAAAAAAA")
      << "the write puts the new one in";

  Settings resend;
  resend.resend_keys = true;
  EXPECT_EQ(plan(hub_key(desired, kHub1, "AAAAAAAA"), resend).changes.size(), 1U);
  Settings distrust;
  distrust.distrusted_keys = {desired.id.key()};
  EXPECT_EQ(plan(hub_key(desired, kHub1, "AAAAAAAA"), distrust).changes.size(), 1U);
}

TEST(ServiceDiff, AKeyThatMayNotBeReadIsUnseenForALinkedHubAndBlocksANewOne) {
  auto desired = wanted();
  (*desired.linked_hubs)[0].credential = SecretReference(EnvironmentReference{"HUB_EU_1"});
  KeyFacts keys;
  keys.hubs[{desired.id, kHub1}] = {
      "", Error{NextMove::WaitForOthers, "AuthorizationFailed", "denied", "a role", 403, ""}};
  const auto linked = make_service(desired, standing(), keys, {}, noon());
  EXPECT_EQ(linked.service_class, ServiceClass::Unchanged);
  EXPECT_THAT(linked.unseen, ElementsAre("linkedHubs[hub-eu-1.azure-devices.net].credential"));
  EXPECT_EQ(linked.warnings.size(), 1U);

  auto live = standing();
  live.linked_hubs.clear();
  const auto fresh = make_service(desired, live, keys, {}, noon());
  EXPECT_EQ(fresh.service_class, ServiceClass::Blocked);
  EXPECT_THAT(error_ids(fresh), ElementsAre("AuthorizationFailed"));

  keys.hubs[{desired.id, kHub1}].problem->http_status = 500;
  keys.hubs[{desired.id, kHub1}].problem->next = NextMove::RetryLater;
  EXPECT_EQ(make_service(desired, standing(), keys, {}, noon()).service_class,
            ServiceClass::Failed);
}

TEST(ServiceDiff, ComparesPoliciesByNameAndRightsByMeaning) {
  expect({
      {"implied rights written out",
       [](auto&, auto& l) {
         (*l.policies.entries)[1].rights =
             rights({Right::EnrollmentWrite, Right::EnrollmentRead, Right::RegistrationStatusRead});
       },
       {}},
      {"rights",
       [](auto& d, auto&) { (*d.policies)[0].rights = rights({Right::EnrollmentRead}); },
       {"update sharedAccessPolicies[writer].rights [\"EnrollmentWrite\"] -> "
        "[\"EnrollmentRead\"]"}},
      {"unlisted goes, the built-in stays",
       [](auto& d, auto&) { d.policies->clear(); },
       {"delete sharedAccessPolicies[writer]"}},
      {"a new one",
       [](auto& d, auto&) { d.policies->push_back(policy("reader", {Right::EnrollmentRead})); },
       {"create sharedAccessPolicies[reader]"}},
      {"unlisted is kept",
       [](auto& d, auto&) {
         d.policies->clear();
         d.lifecycle.policies = Unlisted::Keep;
       },
       {}},
      {"not read",
       [](auto& d, auto& l) {
         d.policies->clear();
         l.policies = {};
       },
       {}},
  });
}

TEST(ServiceDiff, PolicyKeysAreComparedByDigest) {
  auto desired = wanted();
  (*desired.policies)[0].primary_key = SecretReference(EnvironmentReference{"KEY"});
  KeyFacts keys;
  keys.primary_keys[{desired.id, "writer"}] = {"writer-primary", std::nullopt};
  EXPECT_THAT(make_service(desired, standing(), keys, {}, noon()).changes, IsEmpty());
  keys.primary_keys[{desired.id, "writer"}].digest = "another";
  const auto plan = make_service(desired, standing(), keys, {}, noon());
  EXPECT_THAT(lines(plan),
              ElementsAre("update sharedAccessPolicies[writer].keys.primary \"(secret)\" -> "
                          "\"(secret, changed)\""));
}

TEST(ServiceDiff, PoliciesThatMayNotBeReadAreUnseenAndTheRestGoesOn) {
  auto desired = wanted();
  desired.allocation_policy = "Static";
  auto live = standing();
  live.policies.entries.reset();
  live.policies.refused =
      Error{NextMove::WaitForOthers, "AuthorizationFailed", "denied", "", 403, ""};
  const auto plan = plan_of(desired, live);
  EXPECT_EQ(plan.service_class, ServiceClass::Update);
  EXPECT_THAT(plan.unseen, ElementsAre("sharedAccessPolicies"));
  EXPECT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.bookkeeping->revision, read_bookkeeping(live.tags).revision)
      << "what was not seen may not be written: later it must not look like drift";
}

TEST(ServiceDiff, TheBuiltInPolicyIsNeverRemoved) {
  auto desired = wanted();
  auto gone = policy("provisioningserviceowner", {});
  gone.presence = Presence::Absent;
  desired.policies->push_back(gone);
  EXPECT_THAT(error_ids(plan_of(desired, standing())), ElementsAre("BuiltInPolicy"));
}

TEST(ServiceDiff, ANewPolicyNeedsRights) {
  auto desired = wanted();
  desired.policies->push_back(policy("new", {}));
  desired.policies->back().rights.reset();
  EXPECT_THAT(error_ids(plan_of(desired, standing())), ElementsAre("PolicyNeedsRights"));
}

TEST(ServiceDiff, ACauseIsDriftWhenTheManifestIsTheOneThatWasWritten) {
  auto live = standing();
  live.allocation_policy = "Static";
  EXPECT_EQ(plan_of(wanted(), live).changes.at(0).cause, Cause::Drift);
  auto desired = wanted();
  desired.allocation_policy = "GeoLatency";
  EXPECT_EQ(plan_of(desired, live).changes.at(0).cause, Cause::Manifest);
}

TEST(ServiceDiff, TheCallsAreThoseThatTheWriteNeeds) {
  auto desired = wanted();
  (*desired.tags)["team"] = "iot";
  EXPECT_THAT(plan_of(desired, standing()).changes.at(0).calls,
              ElementsAre("PATCH provisioningServices/fleet-eu"));
  desired.allocation_policy = "Static";
  EXPECT_THAT(plan_of(desired, standing()).changes.at(1).calls,
              ElementsAre("POST provisioningServices/fleet-eu/listkeys",
                          "PUT provisioningServices/fleet-eu"));
}

}  // namespace
}  // namespace dps::plan

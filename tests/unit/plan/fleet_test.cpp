// Whole passes: creates, prune, replacements in disguise, guards, selection.
#include <gmock/gmock.h>

#include "fixtures.hpp"
#include "reconciler/plan/guard.hpp"
#include "reconciler/plan/select.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Settings pruning() {
  Settings settings;
  settings.prune = true;
  settings.owner = "default";
  return settings;
}

LiveService with_hub(LiveService live, const std::string& host) {
  live.linked_hubs = {live_hub(host)};
  return live;
}

DesiredService new_service(const std::string& name, const std::string& host) {
  auto out = wanted(name);
  out.linked_hubs = {hub(host)};
  (*out.linked_hubs)[0].credential = HubKeyReference{
      kSubscription, "iot-eu", host.substr(0, host.find('.')), "iothubowner", KeyKind::Primary};
  return out;
}

std::vector<std::string> classes(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& service : plan.services) {
    out.push_back(service.id.name + " " + std::string(word(service.service_class)));
  }
  return out;
}

std::vector<std::string> notice_ids(const Plan& plan) {
  std::vector<std::string> out;
  for (const auto& notice : plan.notices) out.push_back(notice.id);
  return out;
}

Plan plan_for(const DesiredState& desired, const LiveState& live, const Settings& settings = {}) {
  return make(desired, live, {}, settings, noon());
}

TEST(Fleet, AMissingServiceIsCreatedWithAllItsEntries) {
  const auto desired = desired_of({new_service("fleet-eu", kHub1)});
  LiveState live;
  live.missing[service_id("fleet-eu")] = {};
  const auto plan = plan_for(desired, live);
  ASSERT_THAT(classes(plan), ElementsAre("fleet-eu create"));
  const auto& service = plan.services[0];
  EXPECT_THAT(lines(service),
              ElementsAre("create ProvisioningService",
                          "create linkedHubs[hub-eu-1.azure-devices.net]",
                          "create sharedAccessPolicies[writer]"));
  EXPECT_EQ(service.changes[0].after["sku"]["name"], "S1");
  EXPECT_EQ(service.changes[0].after["tags"]["env"], "prod");
  EXPECT_EQ(service.changes[1].after["credential"],
            "(secret) from hub iot-eu/hub-eu-1 iothubowner primary");
  EXPECT_THAT(service.changes[1].calls,
              ElementsAre("POST IotHubs/hub-eu-1/IotHubKeys/iothubowner/listkeys",
                          "PUT provisioningServices/fleet-eu"));
  EXPECT_EQ(service.bookkeeping->owner, "default");
  EXPECT_TRUE(plan.has_changes());
}

TEST(Fleet, WhatHindersACreateIsSaidInThePlan) {
  auto bare = new_service("fleet-eu", kHub1);
  bare.location.reset();
  bare.sku.reset();
  LiveState live;
  live.missing[bare.id].problems = {
      {NextMove::WaitForOthers, "ResourceGroupNotFound", "no group iot-eu", "create it", 404, ""}};
  const auto plan = plan_for(desired_of({bare}), live);
  EXPECT_THAT(error_ids(plan.services.at(0)),
              ElementsAre("ResourceGroupNotFound", "NeedsLocation", "NeedsSku"));
  EXPECT_TRUE(plan.has_problems());
}

TEST(Fleet, AServiceThatCouldNotBeReadIsNeverCreated) {
  LiveState live;
  const Error denied{NextMove::WaitForOthers, "AuthorizationFailed", "denied", "", 403, ""};
  live.unreadable[service_id("a")] = denied;
  live.unlisted[kSubscription] = denied;
  const auto plan = plan_for(desired_of({wanted("a"), wanted("b")}), live);
  EXPECT_THAT(classes(plan), ElementsAre("a failed", "b failed"));
  EXPECT_THAT(plan.services[0].changes, IsEmpty());
}

TEST(Fleet, ATombstoneOfAMissingServiceIsDone) {
  auto desired = wanted();
  desired.lifecycle.state = LifecycleState::Absent;
  LiveState live;
  live.missing[desired.id] = {};
  EXPECT_THAT(classes(plan_for(desired_of({desired}), live)), ElementsAre("fleet-eu unchanged"));
}

TEST(Fleet, PruneDeletesWhatIsOursAndNamedNowhere) {
  const auto desired = desired_of({wanted("kept")});
  auto foreign = standing("foreign");
  edit_bookkeeping(foreign, [](Bookkeeping& b) { b.owner = "team-b"; });
  auto nobodys = standing("nobodys");
  edit_bookkeeping(nobodys, [](Bookkeeping& b) { b = {}; });
  auto guarded = standing("guarded");
  edit_bookkeeping(guarded, [](Bookkeeping& b) { b.protect = true; });
  auto elsewhere = standing("elsewhere");
  elsewhere.id.subscription = "00000000-0000-0000-0000-000000000000";
  const auto live =
      live_of({standing("kept"), standing("gone"), foreign, nobodys, guarded, elsewhere});
  const auto plan = plan_for(desired, live, pruning());
  EXPECT_THAT(classes(plan), ElementsAre("gone delete", "kept unchanged"));
  EXPECT_THAT(notice_ids(plan), ElementsAre("Protected"));
  EXPECT_TRUE(plan.services[0].manifest.file.empty());

  const auto without = plan_for(desired, live);
  EXPECT_THAT(classes(without), ElementsAre("kept unchanged"));
  EXPECT_THAT(notice_ids(without), ElementsAre("Unnamed"));
}

TEST(Fleet, NothingIsPrunedInAPassThatDoesNotKnowEverything) {
  const Error denied{NextMove::WaitForOthers, "AuthorizationFailed", "denied", "", 403, ""};
  const auto live = live_of({standing("kept"), standing("gone")});
  const auto desired = desired_of({wanted("kept")});
  const auto expect_prevented = [&](const DesiredState& d, const LiveState& l, const char* name) {
    const auto plan = plan_for(d, l, pruning());
    EXPECT_EQ(plan.summary.remove, 0U) << name;
    EXPECT_THAT(notice_ids(plan), ElementsAre("PrunePrevented")) << name;
  };
  auto incomplete = desired;
  incomplete.complete = false;
  expect_prevented(incomplete, live, "a manifest failed to load");
  expect_prevented(DesiredState{}, live, "no manifest at all");
  auto unlisted = live;
  unlisted.unlisted["another"] = denied;
  expect_prevented(desired, unlisted, "a subscription could not be listed");
  auto unreadable = live;
  unreadable.unreadable[service_id("other")] = denied;
  expect_prevented(desired, unreadable, "a service could not be read");
}

TEST(Fleet, ANameThatAnyManifestMentionsIsNotPruned) {
  auto suspended = wanted("gone");
  suspended.id.resource_group = "elsewhere";
  suspended.lifecycle.suspend = Suspension{"x", std::nullopt};
  auto tombstone = wanted("gone-too");
  tombstone.id.subscription = "00000000-0000-0000-0000-000000000000";
  tombstone.lifecycle.state = LifecycleState::Absent;
  auto live = live_of({standing("gone"), standing("gone-too")});
  live.missing[tombstone.id] = {};
  live.missing[suspended.id] = {};
  const auto plan = plan_for(desired_of({suspended, tombstone}), live, pruning());
  EXPECT_EQ(plan.summary.remove, 0U);
}

TEST(Fleet, AMoveToAnotherGroupIsRefusedOnBothSides) {
  auto moved = new_service("fleet-eu", kHub1);
  moved.id.resource_group = "iot-new";
  auto live = live_of({standing("fleet-eu")});
  live.missing[moved.id] = {};
  const auto plan = plan_for(desired_of({moved}), live, pruning());
  EXPECT_THAT(classes(plan), ElementsAre("fleet-eu blocked", "fleet-eu blocked"));
  EXPECT_THAT(error_ids(plan.services[0]), ElementsAre("Replacement"));
  EXPECT_THAT(error_ids(plan.services[1]), ElementsAre("Replacement"));
  EXPECT_FALSE(plan.services[0].has_work() || plan.services[1].has_work());
  EXPECT_EQ(plan_for(desired_of({moved}), live).services.at(0).errors.at(0).id, "Replacement")
      << "without --prune too: the name is taken";
}

TEST(Fleet, ANewServiceWithAHubOfADeletedOneIsRefusedOnBothSides) {
  const auto created = new_service("fleet-new", "HUB-EU-2.azure-devices.net");
  auto live = live_of({standing("kept"), with_hub(standing("old"), kHub2)});
  live.missing[created.id] = {};
  const auto pruned = plan_for(desired_of({wanted("kept"), created}), live, pruning());
  EXPECT_THAT(classes(pruned), ElementsAre("fleet-new blocked", "kept unchanged", "old blocked"));

  auto tombstone = wanted("old");
  tombstone.lifecycle.state = LifecycleState::Absent;
  tombstone.lifecycle.id_scope = standing("old").id_scope;
  const auto buried = plan_for(desired_of({tombstone, created}), live);
  EXPECT_THAT(classes(buried), ElementsAre("fleet-new blocked", "old blocked"));
  EXPECT_THAT(error_ids(buried.services[1]), ElementsAre("Replacement"));

  auto other_hub = live;
  other_hub.services.at(service_id("old")).linked_hubs = {live_hub("hub-us-1.azure-devices.net")};
  EXPECT_THAT(classes(plan_for(desired_of({tombstone, created}), other_hub)),
              ElementsAre("fleet-new create", "old delete"));
}

TEST(Fleet, ATombstoneAndTheSameNameElsewhereAreRefusedOnBothSides) {
  auto tombstone = wanted("fleet-eu");
  tombstone.lifecycle.state = LifecycleState::Absent;
  tombstone.lifecycle.id_scope = standing().id_scope;
  auto moved = new_service("fleet-eu", kHub2);
  moved.id.resource_group = "zz-new";
  auto live = live_of({standing()});
  live.missing[moved.id] = {};
  const auto plan = plan_for(desired_of({tombstone, moved}), live);
  EXPECT_THAT(classes(plan), ElementsAre("fleet-eu blocked", "fleet-eu blocked"));
}

DesiredService tombstone_of(const LiveService& live) {
  DesiredService out;
  out.id = live.id;
  out.lifecycle.state = LifecycleState::Absent;
  out.lifecycle.id_scope = live.id_scope;
  out.mark = {"tombstones.yaml", 1, 1};
  return out;
}

TEST(Fleet, TooManyDeletionsAreAllWithheldAndTheRestGoesOn) {
  auto changed = wanted("c");
  changed.allocation_policy = "Static";
  const auto desired =
      desired_of({tombstone_of(standing("a")), tombstone_of(standing("b")), changed});
  const auto live = live_of({standing("a"), standing("b"), standing("c")});
  const auto plan = plan_for(desired, live);
  ASSERT_EQ(plan.guards.size(), 1U);
  EXPECT_EQ(plan.guards[0].guard, "max-deletes");
  EXPECT_EQ(plan.guards[0].count, 2U);
  EXPECT_FALSE(plan.services[0].has_work());
  EXPECT_FALSE(plan.services[1].has_work());
  EXPECT_TRUE(plan.services[2].has_work());
  EXPECT_EQ(plan.services[0].service_class, ServiceClass::Delete);
  EXPECT_THAT(plan.services[0].changes[0].calls, IsEmpty());

  Settings approved;
  approved.approve = plan.approve_digest;
  const auto through = plan_for(desired, live, approved);
  EXPECT_THAT(through.guards, IsEmpty());
  EXPECT_TRUE(through.services[0].has_work());

  Settings stale;
  stale.approve = "0123456789abcdef";
  const auto refused = plan_for(desired, live, stale);
  EXPECT_TRUE(refused.has_guard_holds());
  EXPECT_THAT(notice_ids(refused), ElementsAre("ApprovalDiffers"));

  Settings more;
  more.max_deletes = 2;
  EXPECT_FALSE(plan_for(desired, live, more).has_guard_holds());
}

TEST(Fleet, AnApprovalIsForExactlyTheseRemovals) {
  const auto digest_of = [](std::vector<LiveService> all) {
    std::vector<DesiredService> tombstones;
    for (const auto& one : all) tombstones.push_back(tombstone_of(one));
    return plan_for(desired_of(tombstones), live_of(std::move(all))).approve_digest;
  };
  const auto two = digest_of({standing("a"), standing("b")});
  EXPECT_EQ(two, digest_of({standing("b"), standing("a")}));
  EXPECT_NE(two, digest_of({standing("a"), standing("b"), standing("c")}));
  auto reborn = standing("b");
  reborn.id_scope = "0neREBORN";
  EXPECT_NE(two, digest_of({standing("a"), reborn}));
}

TEST(Fleet, ALargeShareOfTheOwnedServicesIsWithheld) {
  std::vector<LiveService> standing_ones;
  std::vector<DesiredService> all;
  for (int i = 0; i < 10; ++i) {
    const auto name = "s" + std::to_string(i);
    standing_ones.push_back(standing(name));
    all.push_back(i < 4 ? tombstone_of(standing_ones.back()) : wanted(name));
  }
  Settings settings;
  settings.max_deletes = 100;
  const auto plan = plan_for(desired_of(all), live_of(standing_ones), settings);
  ASSERT_EQ(plan.guards.size(), 1U);
  EXPECT_EQ(plan.guards[0].guard, "max-deletes-share");
  all[3] = wanted("s3");
  EXPECT_THAT(plan_for(desired_of(all), live_of(standing_ones), settings).guards, IsEmpty())
      << "three of ten are 30 %, not more";
}

TEST(Fleet, TooManyRemovalsOfEntriesAreAllWithheld) {
  auto live = standing();
  for (int i = 0; i < 10; ++i) {
    live.linked_hubs.push_back(live_hub("old-" + std::to_string(i) + ".azure-devices.net"));
  }
  edit_bookkeeping(live, [&](Bookkeeping& b) {
    b.revision = "old-revision";
    b.fingerprints[host_digest(live.linked_hubs[5].host_name)] = "AAAAAAAA";
  });
  auto desired = wanted();
  desired.allocation_policy = "Static";
  Settings settings;
  EXPECT_FALSE(plan_for(desired_of({desired}), live_of({live}), settings).has_guard_holds());
  desired.policies->clear();
  const auto plan = plan_for(desired_of({desired}), live_of({live}), settings);
  ASSERT_EQ(plan.guards.size(), 1U);
  EXPECT_EQ(plan.guards[0].guard, "max-removals");
  EXPECT_EQ(plan.guards[0].count, 11U);
  const auto& service = plan.services[0];
  EXPECT_TRUE(service.has_work());
  EXPECT_EQ(plan.summary.held, 11U);
  EXPECT_EQ(service.bookkeeping->revision, "old-revision") << "not all of it is written";
  EXPECT_EQ(service.bookkeeping->fingerprints.size(), 1U) << "the hub stays linked";

  desired.lifecycle.suspend = Suspension{"x", std::nullopt};
  EXPECT_FALSE(plan_for(desired_of({desired}), live_of({live}), settings).has_guard_holds())
      << "nothing of a suspended service is removed";
}

TEST(Fleet, ARemovalThatComesUpAfterTheGuardsWaitsForTheNextPass) {
  auto live = standing();
  live.linked_hubs.push_back(live_hub(kHub2));
  const auto judged = plan_of(wanted(), live);
  live.linked_hubs.push_back(live_hub("hub-late.azure-devices.net"));
  auto fresh = plan_of(wanted(), live);
  ASSERT_EQ(fresh.changes.size(), 2U);
  keep_within(fresh, judged);
  for (const auto& change : fresh.changes) {
    EXPECT_EQ(change.held.has_value(), change.name != kHub2) << change.name;
  }
  EXPECT_EQ(fresh.bookkeeping->revision, read_bookkeeping(live.tags).revision);
}

TEST(Fleet, ASelectionKeepsWhatItNames) {
  auto changed = wanted("a");
  changed.allocation_policy = "Static";
  (*changed.tags)["team"] = "iot";
  (*changed.linked_hubs)[0].allocation_weight = 3;
  auto other = wanted("b");
  other.allocation_policy = "Static";
  const auto desired = desired_of({changed, other, wanted("c")});
  const auto live = live_of({standing("a"), standing("b"), standing("c")});

  auto whole = plan_for(desired, live);
  const auto digest_before = whole.digest;
  select(whole, desired, [](Kind kind, const ServiceId&, std::string_view name) {
    return kind == Kind::ProvisioningService && name == "b";
  });
  EXPECT_THAT(classes(whole), ElementsAre("b update"));
  EXPECT_NE(whole.digest, digest_before);
  EXPECT_EQ(whole.summary.update, 1U);

  auto entry = plan_for(desired, live);
  select(entry, desired, [](Kind kind, const ServiceId&, std::string_view name) {
    return kind == Kind::LinkedHub && name == kHub1;
  });
  EXPECT_THAT(classes(entry), ElementsAre("a update", "b unchanged", "c unchanged"));
  EXPECT_THAT(
      lines(entry.services[0]),
      ElementsAre("update linkedHubs[hub-eu-1.azure-devices.net].allocationWeight 10 -> 3"));
  const auto before = read_bookkeeping(standing("a").tags);
  EXPECT_EQ(entry.services[0].bookkeeping->revision, before.revision);
  EXPECT_EQ(entry.services[0].bookkeeping->tag_digests, before.tag_digests);
}

TEST(Fleet, AnEntryOfAServiceToCreateIsNotEnough) {
  const auto desired = desired_of({new_service("fleet-eu", kHub1)});
  LiveState live;
  live.missing[service_id("fleet-eu")] = {};
  auto plan = plan_for(desired, live);
  select(plan, desired, [](Kind kind, const ServiceId&, std::string_view) {
    return kind == Kind::LinkedHub;
  });
  EXPECT_THAT(error_ids(plan.services.at(0)), ElementsAre("ServiceNotSelected"));
}

TEST(Fleet, TheDigestIsOfTheContentAndNotOfTheTime) {
  auto changed = wanted();
  changed.allocation_policy = "Static";
  const auto desired = desired_of({changed});
  const auto live = live_of({standing()});
  const auto first = make(desired, live, {}, {}, noon());
  const auto later = make(desired, live, {}, {}, noon() + std::chrono::hours(5));
  EXPECT_EQ(first.digest, later.digest);
  EXPECT_THAT(first.digest, HasSubstr("sha256:"));
  auto moved = live;
  moved.services.begin()->second.etag = {"AAAAAAAAAAI="};
  EXPECT_NE(make(desired, moved, {}, {}, noon()).digest, first.digest);
}

}  // namespace
}  // namespace dps::plan

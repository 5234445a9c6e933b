#include <gmock/gmock.h>

#include <functional>

#include "fixtures.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LiveService owned_by(std::optional<std::string> owner) {
  auto live = standing();
  edit_bookkeeping(live, [&](Bookkeeping& b) {
    b = {};
    b.owner = std::move(owner);
  });
  return live;
}

struct Case {
  std::string name;
  std::function<void(DesiredService&, LiveService&)> edit;
  ServiceClass service_class;
  std::vector<std::string> errors;
};

void expect(const std::vector<Case>& cases, const std::optional<std::string>& owner) {
  for (const auto& one : cases) {
    auto desired = wanted();
    auto live = owned_by(owner);
    one.edit(desired, live);
    const auto plan = plan_of(desired, live);
    EXPECT_EQ(word(plan.service_class), word(one.service_class)) << one.name;
    EXPECT_EQ(error_ids(plan), one.errors) << one.name;
    EXPECT_EQ(plan.has_work(),
              one.service_class == ServiceClass::Update ||
                  one.service_class == ServiceClass::Adopt ||
                  one.service_class == ServiceClass::Delete)
        << one.name;
  }
}

TEST(Ownership, AServiceThatNobodyOwnsIsAdoptedAsTheManifestAllows) {
  const auto weight = [](auto& d) { (*d.linked_hubs)[0].allocation_weight = 3; };
  const auto extra_hub = [](auto& l) { l.linked_hubs.push_back(live_hub(kHub2)); };
  expect(
      {
          {"equal: bookkeeping alone", [](auto&, auto&) {}, ServiceClass::Adopt, {}},
          {"additive with a change", [&](auto& d, auto&) { weight(d); }, ServiceClass::Update, {}},
          {"additive with a hub to unlink",
           [&](auto&, auto& l) { extra_hub(l); },
           ServiceClass::Blocked,
           {"NotAdopted"}},
          {"additive with a policy to remove",
           [](auto&, auto& l) {
             l.policies.entries->push_back(live_policy("x", {Right::DeviceConnect}));
           },
           ServiceClass::Blocked,
           {"NotAdopted"}},
          {"additive with a tag to remove",
           [](auto& d, auto& l) {
             d.lifecycle.tags = Unlisted::Remove;
             l.tags["foreign"] = "x";
           },
           ServiceClass::Blocked,
           {"NotAdopted"}},
          {"additive, unlisted kept",
           [&](auto& d, auto& l) {
             extra_hub(l);
             d.lifecycle.hubs = Unlisted::Keep;
           },
           ServiceClass::Adopt,
           {}},
          {"additive, policies not read",
           [&](auto&, auto& l) { l.policies = {}; },
           ServiceClass::Blocked,
           {"NotAdopted"}},
          {"additive, policies not read but kept",
           [&](auto& d, auto& l) {
             l.policies = {};
             d.lifecycle.policies = Unlisted::Keep;
           },
           ServiceClass::Adopt,
           {}},
          {"always",
           [&](auto& d, auto& l) {
             extra_hub(l);
             d.lifecycle.adopt = Adopt::Always;
           },
           ServiceClass::Update,
           {}},
          {"whenEqual and equal",
           [](auto& d, auto&) { d.lifecycle.adopt = Adopt::WhenEqual; },
           ServiceClass::Adopt,
           {}},
          {"whenEqual and not",
           [&](auto& d, auto&) {
             weight(d);
             d.lifecycle.adopt = Adopt::WhenEqual;
           },
           ServiceClass::Blocked,
           {"NotAdopted"}},
          {"never",
           [](auto& d, auto&) { d.lifecycle.adopt = Adopt::Never; },
           ServiceClass::Blocked,
           {"NotAdopted"}},
      },
      std::nullopt);
}

TEST(Ownership, AnothersServiceIsNotWritten) {
  expect(
      {
          {"another's", [](auto&, auto&) {}, ServiceClass::Blocked, {"OwnedByOther"}},
          {"adoptFrom names it",
           [](auto& d, auto&) { d.lifecycle.adopt_from = "team-b"; },
           ServiceClass::Adopt,
           {}},
          {"adoptFrom in another case",
           [](auto& d, auto&) { d.lifecycle.adopt_from = "Team-B"; },
           ServiceClass::Blocked,
           {"OwnedByOther"}},
          {"a tombstone",
           [](auto& d, auto& l) {
             d.lifecycle.state = LifecycleState::Absent;
             d.lifecycle.id_scope = l.id_scope;
           },
           ServiceClass::Blocked,
           {"OwnedByOther"}},
          {"a tombstone with adoptFrom",
           [](auto& d, auto& l) {
             d.lifecycle.state = LifecycleState::Absent;
             d.lifecycle.id_scope = l.id_scope;
             d.lifecycle.adopt_from = "team-b";
           },
           ServiceClass::Blocked,
           {"OwnedByOther"}},
          {"released",
           [](auto& d, auto&) { d.lifecycle.state = LifecycleState::Released; },
           ServiceClass::Unchanged,
           {}},
          {"entry documents",
           [](auto& d, auto&) { d.declared = false; },
           ServiceClass::Blocked,
           {"OwnedByOther"}},
          {"entry documents that name another owner",
           [](auto& d, auto&) {
             d.declared = false;
             d.named_owner = "team-c";
           },
           ServiceClass::Blocked,
           {"OwnedByOther"}},
      },
      "team-b");
}

DesiredService entries_only() {
  DesiredService out;
  out.id = service_id("fleet-eu");
  out.declared = false;
  out.linked_hubs = {hub(kHub1, 5)};
  auto& lifecycle = out.lifecycle;
  lifecycle.hubs = lifecycle.policies = lifecycle.certificates = Unlisted::Keep;
  out.mark = {"hubs/eu-1.yaml", 1, 1};
  return out;
}

TEST(Ownership, EntryDocumentsLeaveTheOthersBookkeepingAsItIs) {
  auto live = standing();
  edit_bookkeeping(live, [](Bookkeeping& b) { b.owner = "team-b"; });
  auto desired = entries_only();
  desired.named_owner = "team-b";
  const auto plan = plan_of(desired, live);
  EXPECT_EQ(plan.service_class, ServiceClass::Update);
  EXPECT_EQ(plan.bookkeeping, read_bookkeeping(live.tags));
}

TEST(Ownership, EntryDocumentsNeverAdopt) {
  auto live = owned_by(std::nullopt);
  auto desired = entries_only();
  (*desired.linked_hubs)[0].allocation_weight = 10;
  EXPECT_EQ(plan_of(desired, live).service_class, ServiceClass::Unchanged);
}

TEST(Ownership, EntriesOfAServiceThatIsNotThereWaitForIt) {
  auto desired = entries_only();
  LiveState live;
  live.missing[desired.id] = {};
  auto plan = make(desired_of({desired}), live, {}, {}, noon());
  EXPECT_THAT(error_ids(plan.services.at(0)), ElementsAre("ServiceMissing"));
  (*desired.linked_hubs)[0].presence = Presence::Absent;
  plan = make(desired_of({desired}), live, {}, {}, noon());
  EXPECT_EQ(plan.services.at(0).service_class, ServiceClass::Unchanged);
}

TEST(Ownership, AnAdoptionWritesTheWholeBookkeeping) {
  const auto plan = plan_of(wanted(), owned_by(std::nullopt));
  ASSERT_TRUE(plan.bookkeeping.has_value());
  EXPECT_EQ(plan.bookkeeping->owner, "default");
  EXPECT_EQ(plan.bookkeeping->tag_digests, std::set<std::string>{tag_digest("env")});
  EXPECT_EQ(plan.bookkeeping->revision, read_bookkeeping(standing().tags).revision);
  EXPECT_THAT(plan.changes.at(0).calls, ElementsAre("PATCH provisioningServices/fleet-eu"));
}

TEST(Ownership, AKeyThatIsOnlyRecordedDoesNotHinderAnAdoptionWhenEqual) {
  auto desired = wanted();
  desired.lifecycle.adopt = Adopt::WhenEqual;
  (*desired.linked_hubs)[0].credential = SecretReference(EnvironmentReference{"HUB"});
  const auto plan = make_service(
      desired, owned_by(std::nullopt), hub_key(desired, kHub1, "AAAAAAAA"), {}, noon());
  EXPECT_EQ(plan.service_class, ServiceClass::Update);
  EXPECT_THAT(plan.errors, IsEmpty());
}

TEST(Ownership, ATombstoneDeletesOnlyTheServiceWithItsIdScope) {
  const auto tombstone = [](auto& d, auto& l) {
    d.lifecycle.state = LifecycleState::Absent;
    d.lifecycle.id_scope = l.id_scope;
  };
  for (const auto& owner : {std::optional<std::string>("default"), std::optional<std::string>()}) {
    expect(
        {
            {"the one", tombstone, ServiceClass::Delete, {}},
            {"another scope",
             [&](auto& d, auto& l) {
               tombstone(d, l);
               d.lifecycle.id_scope = "0neOTHER";
             },
             ServiceClass::Blocked,
             {"IdScopeDiffers"}},
            {"no scope at all",
             [&](auto& d, auto& l) {
               tombstone(d, l);
               l.id_scope.clear();
               d.lifecycle.id_scope = "";
             },
             ServiceClass::Blocked,
             {"IdScopeDiffers"}},
            {"protected",
             [&](auto& d, auto& l) {
               tombstone(d, l);
               d.lifecycle.protect = false;
               edit_bookkeeping(l, [](Bookkeeping& b) { b.protect = true; });
             },
             ServiceClass::Blocked,
             {"Protected"}},
            {"suspended",
             [&](auto& d, auto& l) {
               tombstone(d, l);
               d.lifecycle.suspend = Suspension{"audit", std::nullopt};
             },
             ServiceClass::Suspended,
             {}},
            {"a failed service",
             [&](auto& d, auto& l) {
               tombstone(d, l);
               l.state = "ActivationFailed";
             },
             ServiceClass::Delete,
             {}},
            {"a service on its way out",
             [&](auto& d, auto& l) {
               tombstone(d, l);
               l.state = "Deleting";
             },
             ServiceClass::InTransition,
             {}},
        },
        owner);
  }
}

TEST(Ownership, ADeletionSaysWhatIsLost) {
  auto desired = wanted();
  desired.lifecycle.state = LifecycleState::Absent;
  desired.lifecycle.id_scope = standing().id_scope;
  const auto plan = plan_of(desired, standing());
  ASSERT_EQ(plan.changes.size(), 1U);
  EXPECT_THAT(plan.changes[0].impact,
              HasSubstr("all enrollments and registrations of this service are lost"));
  EXPECT_FALSE(plan.changes[0].reversible);
  EXPECT_TRUE(plan.changes[0].destructive);
  EXPECT_THAT(plan.changes[0].calls, ElementsAre("DELETE provisioningServices/fleet-eu"));
}

TEST(Ownership, AReleaseTakesOurTagsOff) {
  auto desired = wanted();
  desired.lifecycle.state = LifecycleState::Released;
  const auto plan = plan_of(desired, standing());
  EXPECT_THAT(lines(plan), ElementsAre("release ProvisioningService"));
  EXPECT_EQ(plan.bookkeeping, Bookkeeping());
  EXPECT_EQ(plan_of(desired, owned_by(std::nullopt)).service_class, ServiceClass::Unchanged);
}

TEST(Ownership, ASuspendedServiceShowsItsChangesAndHasNoWork) {
  auto desired = wanted();
  desired.allocation_policy = "Static";
  desired.lifecycle.suspend = Suspension{"freeze", std::nullopt};
  auto plan = plan_of(desired, standing());
  EXPECT_EQ(plan.service_class, ServiceClass::Suspended);
  EXPECT_EQ(plan.changes.size(), 1U);
  EXPECT_FALSE(plan.has_work());
  desired.lifecycle.suspend->until = noon() + std::chrono::hours(1);
  EXPECT_EQ(plan_of(desired, standing()).service_class, ServiceClass::Suspended);
  desired.lifecycle.suspend->until = noon();
  EXPECT_EQ(plan_of(desired, standing()).service_class, ServiceClass::Update) << "it is over";
}

TEST(Ownership, ABlockOfTheManifestBlocksTheService) {
  auto desired = wanted();
  desired.allocation_policy = "Static";
  desired.blocks = {{"SecretMissing", "HUB_EU_1 is not set", "set it", {}}};
  const auto plan = plan_of(desired, standing());
  EXPECT_EQ(plan.service_class, ServiceClass::Blocked);
  EXPECT_THAT(error_ids(plan), ElementsAre("SecretMissing"));
  EXPECT_EQ(plan.changes.size(), 1U);
}

TEST(Ownership, TheStateOfTheServiceDecidesWhatIsShown) {
  const std::vector<std::pair<std::string, ServiceClass>> cases = {
      {"Active", ServiceClass::Update},
      {"Suspended", ServiceClass::Update},
      {"Activating", ServiceClass::InTransition},
      {"Transitioning", ServiceClass::InTransition},
      {"Resuming", ServiceClass::InTransition},
      {"Suspending", ServiceClass::InTransition},
      {"FailingOver", ServiceClass::InTransition},
      {"Deleting", ServiceClass::InTransition},
      {"ActivationFailed", ServiceClass::Blocked},
      {"FailoverFailed", ServiceClass::Blocked},
      {"DeletionFailed", ServiceClass::Blocked},
      {"Deleted", ServiceClass::Blocked},
      {"Sleeping", ServiceClass::Blocked},
      {"", ServiceClass::Blocked},
  };
  for (const auto& [state, expected] : cases) {
    auto desired = wanted();
    desired.allocation_policy = "Static";
    auto live = standing();
    live.state = state;
    const auto plan = plan_of(desired, live);
    EXPECT_EQ(word(plan.service_class), word(expected)) << state;
    EXPECT_EQ(plan.changes.empty(), expected != ServiceClass::Update) << state;
  }
}

TEST(Ownership, WhatWouldNeedAnotherServiceIsRefused) {
  auto desired = wanted();
  desired.location = "northeurope";
  desired.data_residency = true;
  EXPECT_THAT(error_ids(plan_of(desired, standing())), ElementsAre("Replacement", "Replacement"));
}

TEST(Ownership, AFieldThatTheVersionCannotCarryNamesTheLowestThatCan) {
  Settings settings;
  settings.capabilities = *capabilities_of("2017-11-15");
  auto desired = wanted();
  desired.ip_filter_rules.emplace();
  desired.public_network_access = "Enabled";
  desired.data_residency = false;
  const auto plan = make_service(desired, standing(), {}, settings, noon());
  EXPECT_THAT(error_ids(plan),
              ElementsAre("NeedsApiVersion", "NeedsApiVersion", "NeedsApiVersion"));
  EXPECT_THAT(plan.errors[0].remedy, HasSubstr("2020-01-01"));
  EXPECT_THAT(plan.errors[1].remedy, HasSubstr("2020-03-01"));
  EXPECT_THAT(plan.errors[2].remedy, HasSubstr("2021-10-15"));
}

TEST(Ownership, AServiceThatTheVersionCannotExpressIsNotWritten) {
  const std::vector<std::pair<std::string, std::function<void(LiveService&)>>> cases = {
      {"identity", [](auto& l) { l.identity_type = "SystemAssigned"; }},
      {"hub link", [](auto& l) { l.linked_hubs[0].authentication_type = "UserAssigned"; }},
      {"local auth", [](auto& l) { l.local_auth_disabled = true; }},
      {"ip rules",
       [](auto& l) {
         l.ip_filter_rules = {{"a", "Accept", "1.2.3.4/32", "all"}};
       }},
      {"public access", [](auto& l) { l.public_network_access = "Disabled"; }},
      {"data residency", [](auto& l) { l.data_residency = true; }},
  };
  Settings settings;
  settings.capabilities = *capabilities_of("2017-11-15");
  for (const auto& [name, edit] : cases) {
    auto live = standing();
    edit(live);
    EXPECT_EQ(make_service(wanted(), live, {}, settings, noon()).service_class,
              ServiceClass::Unchanged)
        << name;
    auto desired = wanted();
    desired.allocation_policy = "Static";
    EXPECT_THAT(error_ids(make_service(desired, live, {}, settings, noon())),
                ElementsAre("CannotExpress"))
        << name;
  }
  auto harmless = standing();
  harmless.identity_type = "None";
  harmless.linked_hubs[0].authentication_type = "KeyBased";
  harmless.public_network_access = "Enabled";
  harmless.data_residency = false;
  auto desired = wanted();
  desired.allocation_policy = "Static";
  EXPECT_EQ(make_service(desired, harmless, {}, settings, noon()).service_class,
            ServiceClass::Update);
}

TEST(Ownership, MoreTagsThanArmTakesAreRefused) {
  auto desired = wanted();
  for (int i = 0; i < 47; ++i) (*desired.tags)["t" + std::to_string(i)] = "x";
  EXPECT_THAT(error_ids(plan_of(desired, standing())), ElementsAre("LimitExceeded"))
      << "48 of the manifest, 3 of the bookkeeping";
  desired.tags->erase("t0");
  EXPECT_THAT(plan_of(desired, standing()).errors, IsEmpty());
}

}  // namespace
}  // namespace dps::plan

#include "reconciler/apply/translate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/apply/describe.hpp"
#include "reconciler/model/key_facts.hpp"

namespace dps::apply {
namespace {

using plan::Action;
using plan::Change;
using plan::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const ServiceId kId{"11111111-2222-3333-4444-555555555555", "rg", "fleet"};

Change change(Action action, Kind kind, std::string name, std::string field = "") {
  Change out;
  out.action = action;
  out.kind = kind;
  out.name = std::move(name);
  out.field = std::move(field);
  out.path = out.name + (out.field.empty() ? "" : "." + out.field);
  out.destructive = action == Action::Delete && kind != Kind::Tag;
  return out;
}

DesiredService desired() {
  DesiredService out;
  out.id = kId;
  out.location = "westeurope";
  out.sku = Sku{"S1", 2};
  out.allocation_policy = "Static";
  DesiredHub hub;
  hub.host_name = "Hub-1.azure-devices.net";
  hub.location = "westeurope";
  hub.allocation_weight = 7;
  hub.apply_allocation_policy = false;
  hub.credential = SecretReference{EnvironmentReference{"HUB_1"}};
  out.linked_hubs = {hub};
  DesiredPolicy policy;
  policy.name = "writer";
  policy.primary_key = EnvironmentReference{"PRIMARY"};
  policy.secondary_key = EnvironmentReference{"SECONDARY"};
  out.policies = {policy};
  return out;
}

struct Source {
  int hubs = 0, keys = 0;
  Secrets secrets() {
    return {
        [this](const ServiceId&, const DesiredHub& hub) -> Result<ConnectionString> {
          ++hubs;
          return parse_connection_string("HostName=" + hub.host_name +
                                         ";SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5");
        },
        [this](const SecretReference&) -> Result<Secret> {
          ++keys;
          return Secret("cG9saWN5");
        }};
  }
};

plan::ServicePlan plan_of(std::vector<Change> changes) {
  plan::ServicePlan out;
  out.id = kId;
  out.changes = std::move(changes);
  return out;
}

TEST(ToUpdate, LaysOnlyTheFieldsThatChange) {
  Source source;
  const auto write = to_update(
      plan_of(
          {change(Action::Update, Kind::LinkedHub, "hub-1.azure-devices.net", "allocationWeight"),
           change(Action::Update, Kind::ProvisioningService, "fleet", "sku.capacity")}),
      desired(),
      {},
      {},
      source.secrets());
  ASSERT_TRUE(write.has_value());
  EXPECT_EQ(write->sku_capacity, 2);
  EXPECT_FALSE(write->sku_name);
  EXPECT_FALSE(write->allocation_policy);
  ASSERT_THAT(write->hubs, SizeIs(1));
  EXPECT_EQ(write->hubs[0].weight, 7);
  EXPECT_FALSE(write->hubs[0].apply);
  EXPECT_FALSE(write->hubs[0].connection_string);
  EXPECT_THAT(write->policies, IsEmpty());
  EXPECT_EQ(source.hubs, 0);  // no secret is read that is not sent
  EXPECT_EQ(source.keys, 0);
}

TEST(ToUpdate, SeveralFieldsOfOneHubAreOneEntry) {
  Source source;
  const auto write = to_update(
      plan_of(
          {change(Action::Update, Kind::LinkedHub, "hub-1.azure-devices.net", "allocationWeight"),
           change(Action::Update, Kind::LinkedHub, "HUB-1.azure-devices.net", "credential")}),
      desired(),
      {},
      {},
      source.secrets());
  ASSERT_TRUE(write.has_value());
  ASSERT_THAT(write->hubs, SizeIs(1));
  EXPECT_TRUE(write->hubs[0].connection_string);
  EXPECT_EQ(source.hubs, 1);
}

TEST(ToUpdate, KeysAreSentOneByOne) {
  Source source;
  const auto write = to_update(
      plan_of({change(Action::Update, Kind::SharedAccessPolicy, "writer", "keys.primary")}),
      desired(),
      {},
      {},
      source.secrets());
  ASSERT_TRUE(write.has_value());
  EXPECT_TRUE(write->policies.at(0).primary);
  EXPECT_FALSE(write->policies.at(0).secondary);
  EXPECT_EQ(source.keys, 1);
}

TEST(ToUpdate, RemovalsAreMadeOnlyWhereTheyWereJudgedAndNotHeld) {
  Source source;
  const auto removal = change(Action::Delete, Kind::LinkedHub, "old.azure-devices.net");
  auto held = change(Action::Delete, Kind::SharedAccessPolicy, "gone");
  held.held = plan::Hold{"max-removals", "too many"};
  const auto lay = [&](const std::set<std::string>& allowed) {
    return *to_update(plan_of({removal, held}), desired(), {}, allowed, source.secrets());
  };
  EXPECT_TRUE(lay({}).empty());
  const auto write = lay({identity(removal), identity(held)});
  ASSERT_THAT(write.hubs, SizeIs(1));
  EXPECT_TRUE(write.hubs[0].remove);
  EXPECT_THAT(write.policies, IsEmpty());
}

TEST(ToUpdate, WritesTheFingerprintOfWhatIsSentAndForgetsThatOfUnlinkedHubs) {
  Source source;
  auto plan =
      plan_of({change(Action::Update, Kind::LinkedHub, "hub-1.azure-devices.net", "credential"),
               change(Action::Delete, Kind::LinkedHub, "old.azure-devices.net")});
  plan.bookkeeping.emplace();
  plan.bookkeeping->owner = "default";
  plan.bookkeeping->fingerprints = {{host_digest("old.azure-devices.net"), "12345678"},
                                    {host_digest("kept.azure-devices.net"), "abcdefgh"}};
  const auto write = to_update(plan, desired(), {}, {identity(plan.changes[1])}, source.secrets());
  ASSERT_TRUE(write.has_value());
  const auto book = read_bookkeeping(write->tags_set);
  EXPECT_EQ(book.owner, "default");
  EXPECT_TRUE(book.fingerprints.contains(host_digest("hub-1.azure-devices.net")));
  EXPECT_TRUE(book.fingerprints.contains(host_digest("kept.azure-devices.net")));
  EXPECT_FALSE(book.fingerprints.contains(host_digest("old.azure-devices.net")));
}

TEST(ToUpdate, BookkeepingThatStandsIsNotWrittenAgainAndStrayTagsGo) {
  Source source;
  auto plan = plan_of({});
  plan.bookkeeping.emplace();
  plan.bookkeeping->owner = "default";
  LiveService live;
  live.tags = bookkeeping_tags(*plan.bookkeeping);
  EXPECT_TRUE(to_update(plan, desired(), live, {}, source.secrets())->empty());
  live.tags["dps-reconciler-keys-2"] = "stray";
  const auto write = to_update(plan, desired(), live, {}, source.secrets());
  EXPECT_THAT(write->tags_removed, ElementsAre("dps-reconciler-keys-2"));
}

TEST(ToUpdate, ASecretThatCannotBeReadIsTheSourcesError) {
  Source source;
  auto secrets = source.secrets();
  secrets.hub = [](const ServiceId&, const DesiredHub&) -> Result<ConnectionString> {
    return fail(give_up("SecretMissing", "HUB_1 is not set"));
  };
  const auto write =
      to_update(plan_of({change(Action::Create, Kind::LinkedHub, "hub-1.azure-devices.net")}),
                desired(),
                {},
                {},
                secrets);
  ASSERT_FALSE(write.has_value());
  EXPECT_EQ(write.error().id, "SecretMissing");
}

TEST(ToUpdate, AChangeThatTheManifestDoesNotNameIsAFaultOfOurs) {
  Source source;
  const auto write =
      to_update(plan_of({change(Action::Update, Kind::LinkedHub, "other.net", "allocationWeight")}),
                desired(),
                {},
                {},
                source.secrets());
  ASSERT_FALSE(write.has_value());
  EXPECT_EQ(write.error().id, "Internal");
}

TEST(ToCreate, TakesWhatTheManifestSaysAndNeedsLocationAndSku) {
  Source source;
  const auto plan = plan_of({change(Action::Create, Kind::ProvisioningService, "fleet"),
                             change(Action::Create, Kind::LinkedHub, "hub-1.azure-devices.net"),
                             change(Action::Create, Kind::SharedAccessPolicy, "writer")});
  const auto create = to_create(plan, desired(), source.secrets());
  ASSERT_TRUE(create.has_value());
  EXPECT_EQ(create->location, "westeurope");
  EXPECT_EQ(create->allocation_policy, "Static");
  ASSERT_THAT(create->hubs, SizeIs(1));
  EXPECT_EQ(create->hubs[0].weight, 7);
  EXPECT_EQ(create->hubs[0].apply, false);
  EXPECT_TRUE(create->policies.at(0).secondary);

  auto incomplete = desired();
  incomplete.location.reset();
  EXPECT_EQ(to_create(plan, incomplete, source.secrets()).error().id, "LocationMissing");
  incomplete = desired();
  incomplete.sku.reset();
  EXPECT_EQ(to_create(plan, incomplete, source.secrets()).error().id, "SkuMissing");
}

TEST(ToRelease, TakesEveryBookkeepingTagOffAndNoOther) {
  LiveService live;
  live.tags = {{"dps-reconciler", "default"},
               {"dps-reconciler-rev", "abc"},
               {"dps-reconciler-keys-1", "x"},
               {"env", "prod"}};
  const auto write = to_release(live);
  EXPECT_TRUE(write.only_tags());
  EXPECT_THAT(write.tags_set, IsEmpty());
  EXPECT_THAT(write.tags_removed,
              testing::UnorderedElementsAre(
                  "dps-reconciler", "dps-reconciler-rev", "dps-reconciler-keys-1"));
}

TEST(Describe, IsOneLineAndKeepsSecretsToItself) {
  auto update = change(Action::Update, Kind::LinkedHub, "h", "allocationWeight");
  update.before = 1;
  update.after = 0;
  EXPECT_EQ(describe(update), "~ h.allocationWeight 1 → 0");
  auto key = change(Action::Update, Kind::LinkedHub, "h", "credential");
  key.secret = true;
  key.after = "SharedAccessKey=a2V5";
  EXPECT_EQ(describe(key), "~ h.credential (secret, changed)");
  auto service = change(Action::Create, Kind::ProvisioningService, "fleet");
  service.path.clear();
  EXPECT_EQ(describe(service), "+ ProvisioningService fleet");
  auto tag = change(Action::Create, Kind::Tag, "t");
  tag.after = "two\nlines";
  EXPECT_THAT(describe(tag), Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace dps::apply

// Every pair of a small manifest and a small live service: after the plan is applied, a second plan
// is empty, and what is not managed stands as it stood.
#include <gmock/gmock.h>

#include <iostream>

#include "fixtures.hpp"
#include "model_apply.hpp"
#include "reconciler/plan/policy_diff.hpp"
#include "tests/support/share.hpp"

namespace dps::plan {
namespace {

using namespace testing;

template <class Value>
using Choices = std::vector<Value>;

DesiredHub with_key(DesiredHub one) {
  one.credential = SecretReference(EnvironmentReference{"HUB"});
  return one;
}

template <class Entry>
Entry absent(Entry entry) {
  entry.presence = Presence::Absent;
  return entry;
}

Choices<std::optional<std::vector<DesiredHub>>> desired_hubs() {
  auto bare = hub(kHub1);
  bare.allocation_weight.reset();
  bare.location.reset();
  auto off = with_key(hub(kHub2, 0));
  off.apply_allocation_policy = false;
  return {std::nullopt,
          std::vector<DesiredHub>{},
          std::vector{with_key(hub(kHub1, 1))},
          std::vector{bare},
          std::vector{with_key(hub(kHub1, 2)), off},
          std::vector{with_key(hub(kHub2, 1)), absent(hub(kHub1))}};
}

Choices<std::vector<LiveHub>> live_hubs() {
  auto odd = live_hub("HUB-EU-1.Azure-Devices.net", 1);
  odd.location = "West Europe";
  odd.allocation_weight.reset();
  odd.apply_allocation_policy = true;
  return {{}, {live_hub(kHub1, 1)}, {odd, live_hub(kHub2, 0)}, {live_hub(kHub2, 1)}};
}

Choices<std::optional<std::vector<DesiredPolicy>>> desired_policies() {
  auto keyed = policy("a", {Right::EnrollmentRead, Right::EnrollmentWrite});
  keyed.primary_key = SecretReference(EnvironmentReference{"KEY"});
  return {std::nullopt,
          std::vector<DesiredPolicy>{},
          std::vector{policy("a", {Right::EnrollmentWrite})},
          std::vector{keyed, policy("b", {Right::DeviceConnect})},
          std::vector{absent(policy("a", {})),
                      policy("provisioningserviceowner", {Right::ServiceConfig})}};
}

Choices<std::optional<std::vector<LivePolicy>>> live_policies() {
  const auto built_in =
      live_policy(std::string(kBuiltInPolicy), {Right::ServiceConfig, Right::DeviceConnect});
  return {std::nullopt,
          std::vector{built_in},
          std::vector{built_in, live_policy("A", {Right::EnrollmentRead})},
          std::vector{built_in,
                      live_policy("b", {Right::DeviceConnect}),
                      live_policy("a", {Right::EnrollmentWrite})}};
}

Choices<std::optional<Tags>> desired_tags() {
  return {std::nullopt, Tags{}, Tags{{"one", "1"}}, Tags{{"ONE", "2"}, {"two", "2"}}};
}

Choices<Tags> live_tags() {
  return {{},
          {{"one", "1"}, {"hidden-link:x", "h"}},
          {{"One", "1"}, {"two", "x"}},
          {{"foreign", "f"}, {"once-ours", "o"}}};
}

struct World {
  DesiredService desired;
  LiveService live;
  KeyFacts keys;
};

std::size_t unseen_pairs = 0, worked_pairs = 0, all_pairs = 0;

bool names(const Tags& tags, const std::string& name) {
  return tags.contains(name);
}

/// What the manifest does not manage, before and after.
void expect_untouched(const World& world, const LiveService& after) {
  const auto& [desired, before, keys] = world;
  EXPECT_EQ(after.id_scope, before.id_scope);
  EXPECT_EQ(after.location, before.location);
  if (!desired.linked_hubs) {
    EXPECT_EQ(after.linked_hubs, before.linked_hubs);
  }
  if (!desired.policies) {
    EXPECT_EQ(after.policies, before.policies);
  }
  if (!desired.allocation_policy) {
    EXPECT_EQ(after.allocation_policy, before.allocation_policy);
  }
  for (const auto& live : before.linked_hubs) {
    const bool named =
        desired.linked_hubs &&
        std::any_of(desired.linked_hubs->begin(), desired.linked_hubs->end(), [&](const auto& one) {
          return equal_ignoring_case(one.host_name, live.host_name);
        });
    if (named || desired.lifecycle.hubs == Unlisted::Remove) continue;
    EXPECT_THAT(after.linked_hubs, ::testing::Contains(live));
  }
  if (before.policies.entries) {
    EXPECT_TRUE(std::any_of(after.policies.entries->begin(),
                            after.policies.entries->end(),
                            [](const auto& one) { return one.name == kBuiltInPolicy; }));
  }
  const auto ours = read_bookkeeping(before.tags).tag_digests;
  for (const auto& [name, value] : before.tags) {
    if (is_bookkeeping_tag(name)) continue;
    const bool managed =
        desired.tags && (names(*desired.tags, name) || desired.lifecycle.tags == Unlisted::Remove ||
                         ours.contains(tag_digest(name)));
    if (managed && !is_hidden_tag(name)) continue;
    ASSERT_TRUE(after.tags.contains(name)) << name;
    EXPECT_EQ(after.tags.at(name), value);
  }
}

void check(const World& world) {
  ++all_pairs;
  const auto first = make_service(world.desired, world.live, world.keys, {}, noon());
  const auto after = applied(first, world.live, world.keys);
  expect_untouched(world, after);
  if (!first.errors.empty()) {
    EXPECT_FALSE(first.has_work());
    EXPECT_EQ(after.etag, world.live.etag);
    return;
  }
  if (first.has_work()) ++worked_pairs;
  if (!first.unseen.empty()) ++unseen_pairs;
  const auto second = make_service(world.desired, after, world.keys, {}, noon());
  EXPECT_EQ(word(second.service_class), "unchanged")
      << ::testing::PrintToString(lines(first)) << " then "
      << ::testing::PrintToString(lines(second));
  if (first.has_work() && world.desired.declared && first.unseen.empty()) {
    // Adding nothing to a manifest that was applied: the next difference is somebody else's.
    auto touched = after;
    touched.sku_capacity = 77;
    const auto third = make_service(world.desired, touched, world.keys, {}, noon());
    ASSERT_EQ(third.changes.size(), 1U);
    EXPECT_EQ(third.changes[0].cause, Cause::Drift);
  }
}

KeyFacts key_facts(const ServiceId& id) {
  KeyFacts keys;
  keys.hubs[{id, kHub1}] = {"11111111", std::nullopt};
  keys.hubs[{id, kHub2}] = {"22222222", std::nullopt};
  keys.primary_keys[{id, "a"}] = {"wanted-key", std::nullopt};
  return keys;
}

void set_unlisted(DesiredService& desired, Unlisted unlisted) {
  auto& lifecycle = desired.lifecycle;
  lifecycle.hubs = lifecycle.policies = lifecycle.tags = unlisted;
}

LiveService bare_live() {
  auto live = standing();
  live.tags.clear();
  live.policies = {};
  return live;
}

TEST(TinyWorlds, OfEveryListAgainstEveryOther) {
  all_pairs = worked_pairs = unseen_pairs = 0;
  World world{wanted(), bare_live(), key_facts(service_id("fleet-eu"))};
  for (const auto& hubs : desired_hubs())
    for (const auto& policies : desired_policies())
      for (const auto& tags : desired_tags())
        for (const auto unlisted : {Unlisted::Remove, Unlisted::Keep})
          for (const auto& hubs_now : live_hubs())
            for (const auto& policies_now : live_policies())
              for (const auto& tags_now : live_tags()) {
                world.desired.linked_hubs = hubs;
                world.desired.policies = policies;
                world.desired.tags = tags;
                set_unlisted(world.desired, unlisted);
                world.live.linked_hubs = hubs_now;
                world.live.policies.entries = policies_now;
                world.live.tags = tags_now;
                edit_bookkeeping(world.live, [](Bookkeeping& b) {
                  b.owner = "default";
                  b.tag_digests = {tag_digest("once-ours"), tag_digest("two")};
                  b.fingerprints = {{host_digest(kHub1), "11111111"},
                                    {host_digest(kHub2), "stale000"}};
                });
                check(world);
                if (HasFailure()) return;
              }
  std::cout << all_pairs << " pairs, " << worked_pairs << " with work, " << unseen_pairs
            << " with something unseen\n";
  EXPECT_GT(worked_pairs, all_pairs / 2);
}

TEST(TinyWorlds, OfEveryOwnerAndAdoption) {
  all_pairs = worked_pairs = unseen_pairs = 0;
  std::size_t number = 0;
  World world{wanted(), bare_live(), key_facts(service_id("fleet-eu"))};
  const Choices<std::optional<std::string>> owners = {std::nullopt, "default", "team-b"};
  const Choices<std::optional<std::string>> policies = {std::nullopt, "Hashed", "Static"};
  for (const auto& owner : owners)
    for (const auto adopt : {Adopt::Always, Adopt::Additive, Adopt::WhenEqual, Adopt::Never})
      for (const auto& adopt_from : owners)
        for (const bool declared : {true, false})
          for (const auto& protect :
               {std::optional<bool>(), std::optional<bool>(true), std::optional<bool>(false)})
            for (const bool protected_now : {false, true})
              for (const auto& allocation : policies)
                for (const auto& hubs : desired_hubs())
                  for (const auto& hubs_now : live_hubs())
                    for (const auto& tags_now : live_tags()) {
                      if (number++ % test::every(1) != 0) continue;
                      auto& desired = world.desired;
                      desired = wanted();
                      desired.declared = declared;
                      desired.linked_hubs = hubs;
                      desired.allocation_policy = allocation;
                      desired.lifecycle.adopt = adopt;
                      desired.lifecycle.adopt_from = adopt_from;
                      desired.lifecycle.protect = protect;
                      if (!declared) {
                        desired.named_owner = adopt_from;
                        desired.location.reset();
                        desired.sku.reset();
                        desired.allocation_policy.reset();
                        desired.tags.reset();
                        desired.policies.reset();
                        desired.lifecycle = Lifecycle{};
                        set_unlisted(desired, Unlisted::Keep);
                      }
                      world.live.linked_hubs = hubs_now;
                      world.live.tags = tags_now;
                      edit_bookkeeping(world.live, [&](Bookkeeping& b) {
                        b.owner = owner;
                        b.protect = protected_now;
                      });
                      check(world);
                      if (HasFailure()) return;
                    }
  std::cout << all_pairs << " pairs, " << worked_pairs << " with work\n";
  EXPECT_GT(worked_pairs, all_pairs / 4);
}

// Two services, every way to want and to find each; deletion happens exactly where the rules say.

enum class Want { Nothing, Present, Tombstone, WrongTombstone, Suspended, Released };
enum class Find { Missing, Ours, Nobodys, Others, Protected };

DesiredService wants(const std::string& name, Want want) {
  auto out = wanted(name);
  out.linked_hubs.reset();
  if (want == Want::Tombstone || want == Want::WrongTombstone) {
    out.lifecycle.state = LifecycleState::Absent;
    out.lifecycle.id_scope = want == Want::Tombstone ? standing(name).id_scope : "0neOTHER";
  }
  if (want == Want::Suspended) out.lifecycle.suspend = Suspension{"x", std::nullopt};
  if (want == Want::Released) out.lifecycle.state = LifecycleState::Released;
  return out;
}

bool must_go(Want want, Find find, bool prune, bool something_named) {
  if (find == Find::Missing || find == Find::Others || find == Find::Protected) return false;
  if (want == Want::Tombstone) return true;
  return want == Want::Nothing && find == Find::Ours && prune && something_named;
}

TEST(TinyWorlds, OfDeletions) {
  std::size_t count = 0, deletions = 0;
  const Choices<Want> all_wants = {Want::Nothing,
                                   Want::Present,
                                   Want::Tombstone,
                                   Want::WrongTombstone,
                                   Want::Suspended,
                                   Want::Released};
  const Choices<Find> all_finds = {
      Find::Missing, Find::Ours, Find::Nobodys, Find::Others, Find::Protected};
  Settings settings;
  settings.max_deletes = 10;
  for (const auto want_x : all_wants)
    for (const auto want_y : all_wants)
      for (const auto find_x : all_finds)
        for (const auto find_y : all_finds)
          for (const bool prune : {false, true}) {
            DesiredState desired;
            LiveState live;
            const auto add = [&](const std::string& name, Want want, Find find) {
              if (want != Want::Nothing) desired.services[service_id(name)] = wants(name, want);
              if (find == Find::Missing) {
                if (want != Want::Nothing) live.missing[service_id(name)] = {};
                return;
              }
              auto found = standing(name);
              edit_bookkeeping(found, [&](Bookkeeping& b) {
                b.protect = find == Find::Protected;
                if (find == Find::Nobodys) b.owner.reset();
                if (find == Find::Others) b.owner = "team-b";
              });
              live.services[found.id] = found;
            };
            add("x", want_x, find_x);
            add("y", want_y, find_y);
            settings.prune = prune;
            const auto plan = make(desired, live, {}, settings, noon());
            const bool named = !desired.services.empty();
            std::set<std::string> expected, actual;
            if (must_go(want_x, find_x, prune, named)) expected.insert("x");
            if (must_go(want_y, find_y, prune, named)) expected.insert("y");
            for (const auto& service : plan.services) {
              const bool deletes = service.service_class == ServiceClass::Delete;
              if (deletes && service.has_work()) actual.insert(service.id.name);
            }
            ++count;
            deletions += actual.size();
            ASSERT_EQ(actual, expected)
                << int(want_x) << int(want_y) << int(find_x) << int(find_y) << prune;
          }
  std::cout << count << " worlds, " << deletions << " deletions\n";
  EXPECT_GT(deletions, 0U);
}

// How long that takes is measured by the benchmark.
TEST(TinyWorlds, TenThousandUnchangedServicesAreUnchanged) {
  DesiredState desired;
  LiveState live;
  for (int i = 0; i < 10000; ++i) {
    const auto name = "fleet-" + std::to_string(i);
    auto d = wanted(name);
    d.linked_hubs->push_back(hub(kHub2));
    auto l = standing(name);
    l.linked_hubs.push_back(live_hub(kHub2));
    desired.services.emplace(d.id, std::move(d));
    live.services.emplace(l.id, std::move(l));
  }
  const auto plan = make(desired, live, {}, {}, noon());
  EXPECT_EQ(plan.summary.unchanged, 10000U);
  EXPECT_EQ(plan.summary.changes, 0U);
}

}  // namespace
}  // namespace dps::plan

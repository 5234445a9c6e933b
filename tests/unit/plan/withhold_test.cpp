// What a process that runs for long withholds: contested fields, closed windows; what it counts and
// what was approved.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/plan/guard.hpp"
#include "tests/unit/plan/fixtures.hpp"

namespace dps::plan::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Two fields differ, and a policy is to go.
DesiredService other_wish() {
  auto desired = wanted();
  desired.allocation_policy = "Static";
  desired.tags = Tags{{"env", "test"}};
  desired.policies->clear();
  return desired;
}

LiveService with_policy() {
  auto live = standing();
  live.policies.entries = std::vector<LivePolicy>{live_policy("writer", {Right::EnrollmentWrite})};
  return live;
}

std::vector<std::string> held(const ServicePlan& plan) {
  std::vector<std::string> out;
  for (const auto& change : plan.changes) {
    if (change.held) out.push_back(identity(change) + ": " + change.held->id);
  }
  return out;
}

Plan plan_with(const Settings& settings,
               const DesiredService& desired = other_wish(),
               const LiveService& live = with_policy()) {
  return make(desired_of({desired}), live_of({live}), {}, settings, noon());
}

TEST(Withhold, LeavesAloneTheFieldThatIsNamedAndNoOther) {
  Settings settings;
  settings.withheld[service_id("fleet-eu").key()]
                   ["update ProvisioningService fleet-eu allocationPolicy"] =
      Hold{"contested", "somebody else writes it"};
  const auto plan = plan_with(settings).services.front();
  EXPECT_THAT(held(plan),
              ElementsAre("update ProvisioningService fleet-eu allocationPolicy: contested"));
  EXPECT_TRUE(plan.has_work());
  for (const auto& change : plan.changes) EXPECT_EQ(change.calls.empty(), change.held.has_value());
}

TEST(Withhold, LeavesTheSameFieldOfAnotherServiceAsItIs) {
  Settings settings;
  settings.withheld[service_id("another").key()]
                   ["update ProvisioningService fleet-eu allocationPolicy"] = Hold{"contested", ""};
  EXPECT_THAT(held(plan_with(settings).services.front()), IsEmpty());
}

TEST(Withhold, HoldsAKindOfChangeOutsideOfItsWindow) {
  Settings settings;
  settings.closed["delete"] = Hold{"window", "not before Tuesday", noon()};
  const auto plan = plan_with(settings).services.front();
  ASSERT_THAT(held(plan), SizeIs(1));
  EXPECT_TRUE(plan.has_work()) << "the fields are no removal";

  settings.closed["update"] = Hold{"window", "never"};
  const auto nothing = plan_with(settings).services.front();
  EXPECT_THAT(held(nothing), SizeIs(nothing.changes.size()));
  EXPECT_FALSE(nothing.has_work());
  EXPECT_FALSE(nothing.bookkeeping.has_value()) << "what is not written leaves no trace";
}

TEST(Withhold, ACreateIsOfOneKindWithAllThatItBrings) {
  Settings settings;
  settings.closed["update"] = Hold{"window", "never"};
  LiveState none;
  none.missing[service_id("fleet-eu")] = Preflight{};
  auto desired = wanted();
  desired.linked_hubs->clear();
  EXPECT_TRUE(make(desired_of({desired}), none, {}, settings, noon()).services.front().has_work());
  settings.closed = {{"create", Hold{"window", "never"}}};
  EXPECT_FALSE(make(desired_of({desired}), none, {}, settings, noon()).services.front().has_work());
}

TEST(Guards, CountWhatTheRevisionRemovedBefore) {
  Settings settings;
  settings.max_removals = 1;
  EXPECT_THAT(plan_with(settings).guards, IsEmpty());
  settings.removals_made = 1;
  const auto plan = plan_with(settings);
  ASSERT_THAT(plan.guards, SizeIs(1));
  EXPECT_EQ(plan.guards.front().guard, "max-removals");
  // With nothing left to remove there is nothing to hold.
  auto calm = other_wish();
  calm.policies.reset();
  EXPECT_THAT(plan_with(settings, calm).guards, IsEmpty());
}

TEST(Guards, LetWhatWasApprovedThroughInLaterPassesToo) {
  Settings settings;
  settings.max_removals = 0;
  const auto first = plan_with(settings);
  ASSERT_FALSE(first.approve_digest.empty());
  EXPECT_THAT(first.approved, IsEmpty());
  settings.approve = first.approve_digest;
  const auto second = plan_with(settings);
  EXPECT_THAT(second.guards, IsEmpty());
  ASSERT_THAT(second.approved, SizeIs(1));

  settings.approve.clear();
  settings.approved.insert(second.approved.front());
  EXPECT_THAT(plan_with(settings).guards, IsEmpty());
  EXPECT_THAT(held(plan_with(settings).services.front()), IsEmpty());
}

}  // namespace
}  // namespace dps::plan::testing

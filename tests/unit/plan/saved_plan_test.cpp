#include "reconciler/plan/saved_plan.hpp"

#include <gmock/gmock.h>

#include "fixtures.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/plan/render_json.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DesiredService changed(const std::string& name = "fleet-eu") {
  auto out = wanted(name);
  out.allocation_policy = "Static";
  (*out.tags)["note"] = "caf\xc3\xa9 \x1b[31m \xff";
  return out;
}

Plan plan_for(std::vector<DesiredService> desired, std::vector<LiveService> live) {
  return make(desired_of(std::move(desired)), live_of(std::move(live)), {}, {}, noon());
}

SavedPlan saved(const Plan& plan) {
  const auto parsed = parse_saved_plan(render_json(plan));
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().what);
  return parsed.value_or(SavedPlan{});
}

TEST(SavedPlan, ComesBackAsItWasStored) {
  const auto plan = plan_for({changed()}, {standing()});
  const auto back = saved(plan);
  EXPECT_EQ(back.digest, plan.digest);
  EXPECT_EQ(back.created_at, plan.created_at);
  EXPECT_EQ(back.owner, "default");
  ASSERT_EQ(back.services.size(), 1U);
  EXPECT_EQ(back.services[0].etag, plan.services[0].etag);
  EXPECT_EQ(back.services[0].changes.size(), 2U);
}

TEST(SavedPlan, AChangedOrForeignFileIsRefused) {
  const auto text = render_json(plan_for({changed()}, {standing()}));
  const auto tampered = [&](std::string from, std::string to) {
    auto copy = text;
    const auto at = copy.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return copy.replace(at, from.size(), to);
  };
  for (const auto& bad : {std::string("{}"),
                          std::string("not json"),
                          std::string("[]"),
                          tampered("\"Static\"", "\"Hashed\""),
                          tampered("fleet-eu\"", "fleet-us\""),
                          tampered("plan/v1", "plan/v2"),
                          tampered("\"guards\": []", "\"guards\": [1]"),
                          text.substr(0, text.size() / 2)}) {
    const auto parsed = parse_saved_plan(bad);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().id, "BadPlanFile");
  }
  EXPECT_TRUE(parse_saved_plan(tampered("2026-06-01T12", "2026-06-01T13")).has_value())
      << "the time is not part of the digest";
}

TEST(SavedPlan, AnUnmovedServiceIsAppliedExactly) {
  const auto plan = plan_for({changed()}, {standing()});
  const auto comparison = compare(saved(plan), plan_for({changed()}, {standing()}));
  EXPECT_THAT(comparison.out_of_date, IsEmpty());
  ASSERT_EQ(comparison.plan.services.size(), 1U);
  EXPECT_TRUE(comparison.plan.services[0].has_work());
  EXPECT_EQ(comparison.plan.services[0].changes, plan.services[0].changes);
}

TEST(SavedPlan, WhatMovedIsNamedAndNotTouched) {
  const auto then = saved(plan_for({changed()}, {standing()}));

  auto written = standing();
  written.etag = {"AAAAAAAAAAI="};
  const auto by_etag = compare(then, plan_for({changed()}, {written}));
  ASSERT_EQ(by_etag.out_of_date.size(), 1U);
  EXPECT_THAT(by_etag.out_of_date[0].moved, ElementsAre(HasSubstr("ETag")));
  EXPECT_THAT(by_etag.plan.services, IsEmpty());

  auto drifted = standing();
  drifted.linked_hubs[0].allocation_weight = 1;
  const auto by_drift = compare(then, plan_for({changed()}, {drifted}));
  ASSERT_EQ(by_drift.out_of_date.size(), 1U);
  EXPECT_THAT(by_drift.out_of_date[0].moved, ElementsAre(HasSubstr("allocationWeight")));

  auto done = standing();
  done.allocation_policy = "Static";
  const auto by_hand = compare(then, plan_for({changed()}, {done}));
  EXPECT_THAT(by_hand.out_of_date.at(0).moved, ElementsAre(HasSubstr("no longer due")));
}

TEST(SavedPlan, ACertificateThatWasWrittenSinceIsOutOfDate) {
  auto desired = wanted();
  DesiredCertificate ca;
  ca.name = "ca";
  ca.thumbprint = std::string(40, 'B');
  ca.content = CertificateFacts{};
  ca.verification = Verification::Trusted;
  desired.certificates = {ca};
  auto live = standing();
  live.certificates.entries = {{"ca", {"one"}, std::string(40, 'A'), "CA", noon(), noon(), true}};
  const auto plan = plan_for({desired}, {live});
  const auto then = saved(plan);
  EXPECT_EQ(then.services[0].changes.at(0).certificate, plan.services[0].changes[0].certificate);
  EXPECT_THAT(compare(then, plan_for({desired}, {live})).out_of_date, IsEmpty());
  (*live.certificates.entries)[0].etag = {"two"};
  const auto moved = compare(then, plan_for({desired}, {live}));
  ASSERT_EQ(moved.out_of_date.size(), 1U);
  EXPECT_THAT(moved.out_of_date[0].moved, ElementsAre(HasSubstr("certificates[ca] was written")));
  EXPECT_THAT(moved.plan.services, IsEmpty());
}

TEST(SavedPlan, ServicesWithoutWorkThenAreNotTouchedNow) {
  const auto then = saved(plan_for({wanted("a"), changed("b")}, {standing("a"), standing("b")}));
  auto drifted = standing("a");
  drifted.allocation_policy = "GeoLatency";
  const auto comparison =
      compare(then, plan_for({wanted("a"), changed("b")}, {drifted, standing("b")}));
  EXPECT_THAT(comparison.out_of_date, IsEmpty());
  ASSERT_EQ(comparison.plan.services.size(), 1U);
  EXPECT_EQ(comparison.plan.services[0].id.name, "b");
}

TEST(SavedPlan, FieldsThatItCouldNotSeeAreLeftAlone) {
  auto desired = changed();
  desired.policies->push_back(policy("reader", {Right::EnrollmentRead}));
  auto blind = standing();
  blind.policies = {};
  const auto then = saved(plan_for({desired}, {blind}));
  const auto comparison = compare(then, plan_for({desired}, {standing()}));
  EXPECT_THAT(comparison.out_of_date, IsEmpty());
  ASSERT_EQ(comparison.plan.services.size(), 1U);
  EXPECT_EQ(comparison.plan.services[0].changes.size(), 2U);
  EXPECT_EQ(comparison.plan.services[0].bookkeeping->revision,
            read_bookkeeping(standing().tags).revision)
      << "not all of the manifest is written";
}

TEST(SavedPlan, AnApprovalLetsItsWithheldRemovalsThrough) {
  std::vector<DesiredService> tombstones;
  std::vector<LiveService> live;
  for (const auto* name : {"a", "b"}) {
    live.push_back(standing(name));
    tombstones.push_back(wanted(name));
    tombstones.back().lifecycle.state = LifecycleState::Absent;
    tombstones.back().lifecycle.id_scope = live.back().id_scope;
  }
  const auto held = plan_for(tombstones, live);
  Settings settings;
  settings.approve = held.approve_digest;
  const auto comparison =
      compare(saved(held), make(desired_of(tombstones), live_of(live), {}, settings, noon()));
  EXPECT_THAT(comparison.out_of_date, IsEmpty());
  EXPECT_TRUE(comparison.plan.services.at(0).has_work());
  EXPECT_FALSE(compare(saved(held), plan_for(tombstones, live)).plan.services.at(0).has_work());
}

TEST(SavedPlan, AServiceThatExistsByNowIsNotCreatedAgain) {
  LiveState missing;
  missing.missing[service_id("fleet-eu")] = {};
  auto desired = changed();
  (*desired.linked_hubs)[0].credential = SecretReference(EnvironmentReference{"HUB"});
  const auto then = saved(make(desired_of({desired}), missing, {}, {}, noon()));
  const auto comparison = compare(then, plan_for({desired}, {standing()}));
  ASSERT_EQ(comparison.out_of_date.size(), 1U);
  EXPECT_THAT(comparison.out_of_date[0].moved, ::testing::Contains("it exists by now"));
}

/// Every value of the tree, one after another.
void collect(Json& tree, std::vector<Json*>& out) {
  out.push_back(&tree);
  if (!tree.is_structured()) return;
  for (auto& child : tree) collect(child, out);
}

TEST(SavedPlan, AForgedFileWithARightDigestIsRefusedOrHarmless) {
  const auto fresh = plan_for({changed()}, {standing()});
  const auto original = *parse_json(render_json(fresh));
  const std::vector<Json> values = {nullptr,
                                    true,
                                    -1,
                                    1.5,
                                    "",
                                    "x",
                                    "Delete",
                                    Json::array(),
                                    Json::object(),
                                    Json::array({1, {{"a", 2}}})};
  auto counted = original;
  std::vector<Json*> places;
  collect(counted, places);
  std::size_t taken = 0, refused = 0;
  for (std::size_t place = 0; place < places.size(); ++place) {
    for (const auto& value : values) {
      auto forged = original;
      std::vector<Json*> all;
      collect(forged, all);
      *all[place] = value;
      if (forged.is_object() && member(forged, "services").is_array()) {
        forged["digest"] = digest(forged);
      }
      const auto parsed = parse_saved_plan(canonical_text(forged));
      parsed ? ++taken : ++refused;
      if (!parsed) {
        EXPECT_EQ(parsed.error().id, "BadPlanFile");
        continue;
      }
      // Whatever it claims, nothing is done that today's plan does not do.
      for (const auto& service : compare(*parsed, fresh).plan.services) {
        for (const auto& change : service.changes) {
          EXPECT_THAT(fresh.services[0].changes, ::testing::Contains(change));
        }
      }
    }
  }
  EXPECT_GT(taken, 0U);
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace dps::plan

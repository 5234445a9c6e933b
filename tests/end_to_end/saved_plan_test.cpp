// A plan that was saved and approved: exactly it is applied, what moved since is refused.
#include "reconciler/plan/saved_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/plan/render_json.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string service(const std::string& name, int weight) {
  return fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: rg, subscription: {}}}
spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  allocationPolicy: GeoLatency
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
      credential: {{hub: {{resourceGroup: rg, policy: iothubowner, key: primary}}}}
)",
                     name,
                     kSubscription,
                     weight);
}

/// As `apply plan.json` does it: read the file, look afresh, compare, apply what still fits.
struct Applied {
  Report report;
  std::vector<plan::OutOfDate> out_of_date;
};
Applied apply_saved(Lab& lab, const std::string& text) {
  const auto saved = plan::parse_saved_plan(text);
  EXPECT_TRUE(saved.has_value()) << saved.error().what;
  auto look = lab.look();
  auto compared = plan::compare(*saved, std::move(look.plan));
  look.plan = std::move(compared.plan);
  return {lab.apply(look, apply::Origin::Saved), std::move(compared.out_of_date)};
}

class SavedPlan : public testing::Test {
 protected:
  SavedPlan() {
    for (const char* name : {"one", "two"})
      lab.manifest(std::string(name) + ".yaml", service(name, 10));
    lab.apply();
    for (const char* name : {"one", "two"})
      lab.manifest(std::string(name) + ".yaml", service(name, 20));
    lab.forget_requests();
  }
  int weight(const std::string& name) {
    return hub_link(lab.service(name), "hub-1").at("allocationWeight").get<int>();
  }
  Lab lab;
};

TEST_F(SavedPlan, IsAppliedAsItStands) {
  const auto text = plan::render_json(lab.plan());
  const auto [report, out_of_date] = apply_saved(lab, text);
  EXPECT_EQ(report.count(Outcome::Updated), 2U) << told(report);
  EXPECT_THAT(out_of_date, IsEmpty());
  EXPECT_THAT(lab.writes(), SizeIs(2));
  lab.expect_nothing_to_do();
}

TEST_F(SavedPlan, RefusesTheServiceThatMovedAndAppliesTheOther) {
  const auto text = plan::render_json(lab.plan());
  lab.edit(service_path("one"), {{"tags", {{"theirs", "1"}}}});
  const auto [report, out_of_date] = apply_saved(lab, text);
  ASSERT_THAT(out_of_date, SizeIs(1));
  EXPECT_EQ(out_of_date.at(0).id.name, "one");
  EXPECT_EQ(weight("one"), 10);
  EXPECT_EQ(weight("two"), 20);
}

TEST_F(SavedPlan, RefusesTheServiceThatMovesWhileItIsApplied) {
  lab.set_switch("if-match", "enforced");
  const auto text = plan::render_json(lab.plan());
  const auto saved = plan::parse_saved_plan(text);
  ASSERT_TRUE(saved.has_value());
  auto look = lab.look();
  look.plan = plan::compare(*saved, std::move(look.plan)).plan;
  // Between the look and the first PUT of `one`.
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"method", "PUT"}, {"path", "**/one"}}},
        {"do",
         {{"kind", "edit"},
          {"edit", {{"id", service_path("one")}, {"patch", {{"tags", {{"theirs", "1"}}}}}}}}}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
  const auto report = lab.apply(look, apply::Origin::Saved);
  EXPECT_EQ(report.count(Outcome::OutOfDate), 1U) << told(report);
  EXPECT_EQ(report.count(Outcome::Updated), 1U) << told(report);
  EXPECT_TRUE(report.out_of_date());
  EXPECT_EQ(weight("one"), 10);
  EXPECT_EQ(lab.service("one").at("tags").at("theirs"), "1");
}

TEST_F(SavedPlan, RefusesWhatTheManifestNoLongerSays) {
  const auto text = plan::render_json(lab.plan());
  lab.manifest("one.yaml", service("one", 30));
  const auto [report, out_of_date] = apply_saved(lab, text);
  ASSERT_THAT(out_of_date, SizeIs(1));
  EXPECT_EQ(weight("one"), 10);
  EXPECT_EQ(weight("two"), 20);
}

TEST_F(SavedPlan, MakesNothingThatItDoesNotName) {
  const auto text = plan::render_json(lab.plan());
  lab.manifest("three.yaml", service("three", 10));
  const auto [report, out_of_date] = apply_saved(lab, text);
  EXPECT_TRUE(lab.service("three").is_null()) << told(report);
  EXPECT_EQ(weight("two"), 20);
}

TEST_F(SavedPlan, ThatWasTamperedWithIsRefusedAsAFile) {
  const auto text = plan::render_json(lab.plan());
  auto other = text;
  const auto at = other.find("\"after\": 20");
  ASSERT_NE(at, std::string::npos);
  other.replace(at, 11, "\"after\": 99");
  EXPECT_FALSE(plan::parse_saved_plan(other).has_value());
  EXPECT_FALSE(plan::parse_saved_plan("{}").has_value());
  EXPECT_FALSE(plan::parse_saved_plan(text.substr(0, text.size() / 2)).has_value());
}

TEST_F(SavedPlan, AppliedTwiceIsOutOfDateTheSecondTime) {
  const auto text = plan::render_json(lab.plan());
  apply_saved(lab, text);
  lab.forget_requests();
  const auto [report, out_of_date] = apply_saved(lab, text);
  EXPECT_THAT(out_of_date, SizeIs(2));
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST_F(SavedPlan, OfACreateRefusesAServiceThatExistsByNow) {
  lab.manifest("three.yaml", service("three", 10));
  const auto text = plan::render_json(lab.plan());
  lab.plant(
      {{"provisioning_services", {{{"id", service_path("three")}, {"location", "westeurope"}}}}});
  const auto before = lab.service("three");
  const auto [report, out_of_date] = apply_saved(lab, text);
  EXPECT_THAT(out_of_date, SizeIs(1)) << told(report);
  EXPECT_EQ(lab.service("three"), before);
}

TEST_F(SavedPlan, CarriesTheHoldsOfItsGuardsAndTheApprovalLetsThemThrough) {
  lab.remove_manifest("two.yaml");
  lab.settings.prune = true;
  lab.settings.max_deletes = 0;
  const auto held = lab.plan();
  EXPECT_TRUE(held.has_guard_holds());
  apply_saved(lab, plan::render_json(held));
  EXPECT_FALSE(lab.service("two").is_null());
  EXPECT_EQ(weight("one"), 20);
  lab.settings.approve = held.approve_digest;
  const auto [report, out_of_date] = apply_saved(lab, plan::render_json(lab.plan()));
  EXPECT_EQ(report.count(Outcome::Deleted), 1U) << told(report);
}

TEST_F(SavedPlan, HoldsNoSecret) {
  const auto text = plan::render_json(lab.plan());
  EXPECT_EQ(text.find(lab.hub_key("hub-1")), std::string::npos);
  EXPECT_EQ(text.find("SharedAccessKey="), std::string::npos);
}

}  // namespace
}  // namespace dps::lab

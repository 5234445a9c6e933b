#include "reconciler/apply/execute.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "reconciler/apply/render_report.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "tests/unit/arm/documents.hpp"

namespace dps::apply {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class NoSecrets final : public arm::SecretReader {
 public:
  Result<Secret> read(const SecretReference&, std::stop_token) override {
    return fail(give_up("SecretMissing", "there is none"));
  }
};

const std::string kEnd = "/provisioningServices/";

/// Services that stand, ours, with the tag env: prod; the manifests want env: test.
struct Fleet {
  DesiredState desired;
  LiveState live;
  test::ScriptedArm arm;
  NoSecrets secrets;
  KeyDigester digester = random_digester();
  Settings settings;
  std::stop_source drain, abort;
  std::vector<std::string> ended;  // names, in order

  static ServiceId id(const std::string& name) { return {test::kSubscription, "rg", name}; }

  static Json document(const std::string& name,
                       const std::string& env = "prod",
                       const std::string& etag = "AAAA1=") {
    auto out = test::document(id(name), etag);
    out["tags"] = {{"dps-reconciler", "default"}, {"env", env}};
    return out;
  }

  DesiredService& wants(const std::string& name) {
    auto& out = desired.services[id(name)];
    out.id = id(name);
    out.tags = Tags{{"env", "test"}};
    live.services[id(name)] = *arm::decode_service(document(name), test::kVersion);
    return out;
  }
  DesiredService& buries(const std::string& name) {
    auto& out = wants(name);
    out.lifecycle.state = LifecycleState::Absent;
    out.lifecycle.id_scope = "0ne00000001";
    return out;
  }

  /// ARM has it, and takes tags.
  void stands(const std::string& name) {
    const auto now = std::make_shared<Json>(document(name));
    arm.wire
        .handle("GET",
                kEnd + name,
                [now](const http::Request&) { return test::answer(200, now->dump()); })
        .handle("PATCH", kEnd + name, [now](const http::Request& request) {
          (*now)["tags"] = parse_json(request.body)->at("tags");
          (*now)["etag"] = now->at("etag").get<std::string>() + "x";
          return test::answer(200, "{}");
        });
  }

  plan::Plan plan() { return plan::make(desired, live, {}, settings.plan, arm.clock.wall()); }
  Report run() {
    Tools tools{arm.client,
                secrets,
                digester,
                [] { return 0.5; },
                {},
                [this](const Finished& one) { ended.push_back(one.id.name); }};
    return execute(plan(), desired, {}, settings, tools, {drain.get_token(), abort.get_token()});
  }
};

TEST(Execute, DeletesServicesAfterEverythingElse) {
  Fleet fleet;
  fleet.settings.concurrency = 4;
  fleet.buries("a");
  fleet.wants("b");
  fleet.arm.wire
      .on("GET",
          kEnd + "a",
          {test::answer(200, Fleet::document("a").dump()),
           test::answer(200, Fleet::document("a").dump()),
           test::missing()})
      .on("DELETE", kEnd + "a", test::answer(204));
  fleet.stands("b");
  const auto report = fleet.run();
  EXPECT_EQ(report.count(Outcome::Deleted), 1U) << render_text(report, ReportColor::Off);
  EXPECT_EQ(report.count(Outcome::Updated), 1U) << render_text(report, ReportColor::Off);
  EXPECT_THAT(fleet.ended, ElementsAre("b", "a"));
  EXPECT_THAT(fleet.arm.wire.unexpected(), IsEmpty());
  EXPECT_EQ(report.services.at(0).id.name, "a");  // in id order all the same
}

TEST(Execute, AFailureStopsItsOwnServiceOnly) {
  Fleet fleet;
  fleet.wants("a");
  fleet.wants("b");
  fleet.arm.wire.on("GET", kEnd + "a", test::answer(200, Fleet::document("a").dump()))
      .on("PATCH", kEnd + "a", test::answer(403, test::gateway_error("AuthorizationFailed")));
  fleet.stands("b");
  const auto report = fleet.run();
  EXPECT_EQ(report.services.at(0).outcome, Outcome::Failed);
  EXPECT_EQ(report.services.at(0).errors.at(0).id, "AuthorizationFailed");
  EXPECT_EQ(report.services.at(1).outcome, Outcome::Updated);
  EXPECT_TRUE(report.failed());
}

TEST(Execute, TellsOfEveryServiceThatIsLeftAlone) {
  Fleet fleet;
  fleet.wants("equal").tags = Tags{{"env", "prod"}};
  fleet.wants("suspended").lifecycle.suspend = Suspension{"look only", {}};
  fleet.wants("blocked").blocks.push_back({"SecretMissing", "no secret", "set it", {}});
  fleet.wants("unreadable");
  fleet.live.services.erase(Fleet::id("unreadable"));
  fleet.live.unreadable.emplace(Fleet::id("unreadable"), give_up("AuthorizationFailed", "no"));
  fleet.wants("busy");
  fleet.live.services.at(Fleet::id("busy")).state = "Transitioning";
  const auto report = fleet.run();
  EXPECT_THAT(fleet.arm.wire.seen(), IsEmpty());
  for (const auto outcome : {Outcome::Unchanged,
                             Outcome::Suspended,
                             Outcome::Blocked,
                             Outcome::Failed,
                             Outcome::InTransition}) {
    EXPECT_EQ(report.count(outcome), 1U) << word(outcome);
  }
  EXPECT_EQ(report.writes(), 0U);
}

TEST(Execute, AChangeThatComesBackThreeTimesIsContested) {
  Fleet fleet;
  fleet.wants("a");
  fleet.arm.wire.on("GET", kEnd + "a", test::answer(200, Fleet::document("a").dump()))
      .on("POST", kEnd + "a/listkeys", test::answer(200, test::policies().dump()))
      .on("PATCH", kEnd + "a", test::answer(200, "{}"));
  const auto report = fleet.run();
  ASSERT_EQ(report.count(Outcome::Contested), 1U) << render_text(report, ReportColor::Off);
  EXPECT_THAT(report.services.at(0).errors.at(0).what, HasSubstr("tags[\"env\"]"));
  EXPECT_EQ(fleet.arm.wire.count("PATCH", kEnd + "a"), 3U);
  EXPECT_EQ(report.writes(), 3U);
}

TEST(Execute, AServiceThatNeverHoldsStillIsAConflictAfterFiveRounds) {
  Fleet fleet;
  fleet.wants("a");
  int number = 1;
  fleet.arm.wire
      .handle("GET",
              kEnd + "a",
              [&](const http::Request&) {
                return test::answer(
                    200, Fleet::document("a", "prod", fmt::format("AAAA{}=", ++number / 4)).dump());
              })
      .on("POST", kEnd + "a/listkeys", test::answer(200, test::policies().dump()))
      .on("PATCH", kEnd + "a", test::answer(412, test::provider_error(412001, "Invalid ETag")));
  const auto report = fleet.run();
  ASSERT_EQ(report.services.at(0).outcome, Outcome::Conflict)
      << render_text(report, ReportColor::Off);
  EXPECT_EQ(report.services.at(0).attempts, 5U);
  EXPECT_THAT(report.services.at(0).done, IsEmpty());
}

TEST(Execute, DrainedBeforeItBeginsNothingIsSent) {
  Fleet fleet;
  fleet.wants("a");
  fleet.buries("b");
  fleet.drain.request_stop();
  const auto report = fleet.run();
  EXPECT_EQ(report.count(Outcome::Interrupted), 2U);
  EXPECT_THAT(fleet.arm.wire.seen(), IsEmpty());
}

TEST(Execute, AProtectionThatAppearedSavesTheService) {
  Fleet fleet;
  fleet.buries("a");
  auto document = Fleet::document("a", "prod", "AAAA2=");
  document["tags"]["dps-reconciler-protect"] = "true";
  fleet.arm.wire.on("GET", kEnd + "a", test::answer(200, document.dump()));
  const auto report = fleet.run();
  EXPECT_EQ(report.count(Outcome::Blocked), 1U) << render_text(report, ReportColor::Off);
  EXPECT_EQ(fleet.arm.wire.count("DELETE", ""), 0U);
}

// ---- the report ----

Report sample() {
  Report report;
  report.owner = "default";
  report.api_version = "2022-12-12";
  report.took = std::chrono::milliseconds{1500};
  Finished created;
  created.id = Fleet::id("new");
  created.outcome = Outcome::Created;
  created.id_scope = "0ne00AAAAAA";
  created.device_host = "global.azure-devices-provisioning.net";
  created.done = {"+ ProvisioningService new"};
  created.writes = 1;
  Finished conflict;
  conflict.id = Fleet::id("moving");
  conflict.outcome = Outcome::Conflict;
  conflict.moved = {"ipFilterRules"};
  conflict.errors = {
      {NextMove::ReadAgain, "Conflict", "somebody \x1b[31m moved it", "see who", 0, "request-7"}};
  Finished equal;
  equal.id = Fleet::id("equal");
  report.services = {created, conflict, equal};
  return report;
}

TEST(RenderReport, TextNamesWhatHappenedAndOnlyCountsTheUnchanged) {
  const auto text = render_text(sample(), ReportColor::Off);
  EXPECT_THAT(text, HasSubstr("id scope 0ne00AAAAAA"));
  EXPECT_THAT(text, HasSubstr("Conflict: somebody"));
  EXPECT_THAT(text, HasSubstr("request-7"));
  EXPECT_THAT(text, HasSubstr("1 created"));
  EXPECT_THAT(text, HasSubstr("1 unchanged"));
  EXPECT_THAT(text, Not(HasSubstr("/equal")));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));  // nobody paints through us
  EXPECT_TRUE(text.ends_with(".\n"));
  EXPECT_THAT(render_text(sample(), ReportColor::On), HasSubstr("\x1b["));
}

TEST(RenderReport, JsonCountsEveryClassAndTellsEachService) {
  const auto json = parse_json(render_json(sample()));
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->at("schema"), "dps-reconciler/report/v1");
  EXPECT_EQ(json->at("took_seconds"), 1.5);
  for (const char* outcome : {"created",
                              "updated",
                              "adopted",
                              "released",
                              "deleted",
                              "unchanged",
                              "held",
                              "suspended",
                              "in_transition",
                              "blocked",
                              "failed",
                              "conflict",
                              "contested",
                              "out_of_date",
                              "interrupted"})
    EXPECT_TRUE(json->at("summary").contains(outcome)) << outcome;
  EXPECT_EQ(json->at("summary").at("created"), 1);
  EXPECT_EQ(json->at("services").size(), 3U);
  EXPECT_EQ(json->at("services").at(1).at("moved").at(0), "ipFilterRules");
}

}  // namespace
}  // namespace dps::apply

// Rotations of one CA after another, and everything that may come between two steps of one: a
// second writer, a lost answer, a saved plan that is out of date, a rollback.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/end_to_end/rotation_scene.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

const std::map<std::string, Standing> kNothing;
const Standing kOldA{Ca::A, true, 100, false};
const Standing kOldB{Ca::B, true, 90, false};

Wish proved(Ca which) {
  Wish wish;
  wish.which = which;
  return wish;
}

void days_pass(Lab& lab, int days) {
  lab.simulator().world().advance(std::chrono::hours{24 * days});
}

TEST(Rotation, GoesThroughTwoSlotsOneCaAfterAnother) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands(kNothing);
  scene.wants(proved(Ca::A));
  EXPECT_EQ(lab.apply().count(Outcome::Rotated), 1U);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified")));

  scene.wants(proved(Ca::B));
  EXPECT_EQ(lab.apply().count(Outcome::Rotated), 1U);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified"), Pair("ca-2", "B verified")));
  lab.expect_nothing_to_do();

  // A third one within the overlap waits, and everything else of the service goes on.
  scene.wants(proved(Ca::C));
  const auto waits = lab.plan();
  EXPECT_THAT(lines(waits), ElementsAre("! rotate Certificate ca (manifest)"));
  EXPECT_EQ(lab.apply().writes(), 0U);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified"), Pair("ca-2", "B verified")));

  days_pass(lab, 31);
  EXPECT_EQ(lab.apply().count(Outcome::Rotated), 1U);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "C verified"), Pair("ca-2", "B verified")));
  lab.expect_nothing_to_do();

  days_pass(lab, 31);
  scene.wants(proved(Ca::A));
  EXPECT_EQ(lab.apply().count(Outcome::Rotated), 1U);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "C verified"), Pair("ca-2", "A verified")));
}

TEST(Rotation, ARollbackWhileBothStandNeedsNoUpload) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, kOldA}, {kSlot2, {Ca::B, true, 2, false}}});
  auto wish = proved(Ca::A);
  wish.retire = "automatic";
  scene.wants(wish);
  lab.expect_nothing_to_do();
  EXPECT_EQ(lab.apply().writes(), 0U);
  // The one that was rolled back had devices: it stands as long as any predecessor.
  days_pass(lab, 27);
  lab.expect_nothing_to_do();
  days_pass(lab, 2);
  lab.apply();
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified")));
}

TEST(Rotation, ABrokenSignerChangesNothing) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, kOldA}});
  scene.wants(proved(Ca::B));
  const auto look = lab.look();
  lab.variable("CA_KEY_B", ca(Ca::C).key);  // replaced after the plan: it no longer fits
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Failed), 1U) << told(report);
  EXPECT_EQ(report.writes(), 0U) << told(report);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified")));
}

TEST(Rotation, ARevokedCaGoesFirstAndOnlyWithApproval) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, kOldA}});
  auto wish = proved(Ca::B);
  wish.revoked = {Ca::A};
  scene.wants(wish);

  const auto held = lab.plan();
  ASSERT_TRUE(held.has_guard_holds());
  const auto without = lab.apply();
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified"), Pair("ca-2", "B verified")))
      << told(without);

  lab.settings.approve = lab.plan().approve_digest;
  lab.apply();
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca-2", "B verified")));
  lab.settings.approve.clear();
  lab.expect_nothing_to_do();

  scene.stands({{kSlot1, kOldA}});
  lab.settings.approve = lab.plan().approve_digest;
  lab.forget_requests();
  lab.apply();
  EXPECT_THAT(scene.standing(), ElementsAre(Pair(testing::_, "B verified")));
  EXPECT_EQ(lab.writes().front().method, "DELETE");
}

TEST(Rotation, AnUnlistedEntryGoesLastAndNotAfterAFailure) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, kOldA}, {"retired-ca", kOldB}});
  scene.wants(proved(Ca::C));
  const auto look = lab.look();
  lab.variable("CA_KEY_C", ca(Ca::A).key);
  const auto failed = lab.apply(look);
  EXPECT_EQ(failed.count(Outcome::Failed), 1U);
  EXPECT_THAT(scene.standing(),
              ElementsAre(Pair("ca", "A verified"), Pair("retired-ca", "B verified")))
      << told(failed);

  lab.variable("CA_KEY_C", ca(Ca::C).key);
  lab.forget_requests();
  lab.apply();
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified"), Pair("ca-2", "C verified")));
  EXPECT_EQ(lab.writes().back().method, "DELETE");
}

TEST(Rotation, ARemovalThatNoGuardHasSeenIsLeftForTheNextPass) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, kOldA}, {"retired-ca", kOldB}});
  scene.wants(proved(Ca::A));
  const auto look = lab.look();
  lab.edit(scene.certificate_path("theirs"),
           {{"properties", {{"certificate", ca(Ca::C).pem}, {"isVerified", true}}}});
  const auto report = lab.apply(look);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified"), Pair("theirs", "C verified")))
      << told(report);
  EXPECT_THAT(told(report), HasSubstr("certificates[theirs]"));
}

TEST(Rotation, AnotherServiceOfTheSameNameGetsAndLosesNoCertificate) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, kOldA}, {"retired-ca", kOldB}});
  scene.wants(proved(Ca::C));
  const auto look = lab.look();
  lab.edit(service_path("fleet"), {{"properties", {{"idScope", "0ne0BADF00D"}}}});
  lab.forget_requests();
  const auto report = lab.apply(look);
  EXPECT_EQ(report.count(Outcome::Conflict), 1U) << told(report);
  EXPECT_EQ(lab.writes().size(), 0U) << told(report);
  EXPECT_THAT(scene.standing(),
              ElementsAre(Pair("ca", "A verified"), Pair("retired-ca", "B verified")));
}

TEST(Rotation, ASavedPlanKnowsTheCertificatesByTheirEtags) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{kSlot1, {Ca::A, false, 100, false}}});
  scene.wants(proved(Ca::A));
  const auto look = lab.look();
  lab.edit(scene.certificate_path(kSlot1),
           {{"properties", {{"certificate", ca(Ca::B).pem}, {"isVerified", false}}}});
  const auto report = lab.apply(look, apply::Origin::Saved);
  EXPECT_EQ(report.count(Outcome::OutOfDate), 1U) << told(report);
  EXPECT_EQ(report.writes(), 0U);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "B")));

  scene.stands({{kSlot1, {Ca::A, false, 100, false}}});
  const auto good = lab.apply(lab.look(), apply::Origin::Saved);
  EXPECT_EQ(good.count(Outcome::Rotated), 1U) << told(good);
  EXPECT_THAT(scene.standing(), ElementsAre(Pair("ca", "A verified")));
}

TEST(Rotation, ACertificateOfAnotherTeamIsADocumentOfItsOwn) {
  RotationScene scene;
  auto& lab = scene.lab;
  scene.stands({{"theirs", kOldB}});
  lab.remove_manifest("fleet.yaml");
  std::string pem;
  for (const auto& line : split(ca(Ca::A).pem, '\n')) {
    if (!line.empty()) pem += "      " + std::string(line) + "\n";
  }
  lab.manifest("ca.yaml",
               fmt::format(R"(
apiVersion: dps-reconciler/v1
kind: Certificate
metadata: {{name: ours}}
spec:
  service: {{name: fleet, resourceGroup: rg, subscription: {}, owner: default}}
  certificate:
    pem: |
{}  verification: {{proofOfPossession: {{key: {{env: CA_KEY_A}}}}}}
)",
                           kSubscription,
                           pem));
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Rotated), 1U) << told(report);
  EXPECT_THAT(scene.standing(),
              ElementsAre(Pair("ours", "A verified"), Pair("theirs", "B verified")));
  lab.expect_nothing_to_do();
}

// ---- between any two requests of a rotation ----

struct Intrusion {
  std::string name;
  std::string certificate;
  SimJson patch;  // null: removed
};

const std::vector<Intrusion>& intrusions() {
  static const std::vector<Intrusion> all = {
      {"uploads ours again",
       kSlot2,
       {{"properties", {{"certificate", ca(Ca::B).pem}, {"isVerified", false}}}}},
      {"uploads ours and verifies it",
       kSlot2,
       {{"properties", {{"certificate", ca(Ca::B).pem}, {"isVerified", true}}}}},
      {"uploads another into our slot",
       kSlot2,
       {{"properties", {{"certificate", ca(Ca::C).pem}, {"isVerified", false}}}}},
      {"takes the verification back",
       kSlot1,
       {{"properties", {{"certificate", ca(Ca::A).pem}, {"isVerified", false}}}}},
      {"asks for a code",
       kSlot2,
       {{"properties",
         {{"certificate", ca(Ca::B).pem},
          {"isVerified", false},
          {"verificationCode", std::string(48, 'D')}}}}},
      {"removes the predecessor", kSlot1, nullptr},
      {"adds one of its own",
       "theirs",
       {{"properties", {{"certificate", ca(Ca::C).pem}, {"isVerified", true}}}}},
  };
  return all;
}

TEST(RotationSecondWriter, BetweenAnyTwoRequestsEndsInConvergence) {
  RotationScene scene;
  auto& lab = scene.lab;
  std::size_t runs = 0, conflicts = 0;
  const auto wish = proved(Ca::B);
  const auto run = [&](const Intrusion& intrusion, const char* when, std::size_t nth) {
    SCOPED_TRACE(fmt::format("somebody {} {} request {}", intrusion.name, when, nth));
    scene.stands({{kSlot1, kOldA}});
    scene.wants(wish);
    fault_on(
        lab,
        nth,
        {{"kind", "edit"},
         {"when", when},
         {"edit",
          {{"id", scene.certificate_path(intrusion.certificate)}, {"patch", intrusion.patch}}}});
    const auto report = lab.apply();
    no_faults(lab);
    ++runs;
    conflicts += report.count(Outcome::Conflict) > 0 ? 1 : 0;
    // However that came out, a pass later or two it is as the manifest says.
    const auto passes = converge(lab, 4);
    EXPECT_TRUE(passes.has_value()) << told(report) << plan::render_text(lab.plan(), {});
    const auto now = scene.standing();
    const bool ours = (now.contains(kSlot1) && now.at(kSlot1) == "B verified") ||
                      (now.contains(kSlot2) && now.at(kSlot2) == "B verified");
    EXPECT_TRUE(ours) << told(report);
    // Nobody's verified CA went but by their own hand or as unlisted by the manifest.
    if (intrusion.certificate != kSlot1) {
      EXPECT_TRUE(now.contains(kSlot1) && now.at(kSlot1) == "A verified");
    }
  };
  for (const auto& intrusion : intrusions()) {
    for (const auto* when : {"before", "after"}) {
      for (std::size_t nth = 1; nth <= 14 && !HasFailure(); ++nth) run(intrusion, when, nth);
    }
  }
  std::cout << fmt::format(
      "[ rotation ] {} intrusions, {} of them a Conflict in the first pass\n", runs, conflicts);
}

TEST(RotationLostAnswers, OfEveryRequestUploadNothingTwice) {
  RotationScene scene;
  auto& lab = scene.lab;
  std::size_t runs = 0;
  for (const auto* when : {"before", "after"}) {
    for (std::size_t nth = 1; nth <= 14; ++nth) {
      SCOPED_TRACE(fmt::format("the answer to request {} is lost ({} it was done)", nth, when));
      scene.stands({{kSlot1, kOldA}});
      scene.wants(proved(Ca::B));
      fault_on(lab, nth, {{"kind", "reset"}, {"when", when}});
      const auto report = lab.apply();
      no_faults(lab);
      ++runs;
      EXPECT_TRUE(converge(lab, 2).has_value()) << told(report);
      EXPECT_THAT(scene.standing(),
                  ElementsAre(Pair("ca", "A verified"), Pair("ca-2", "B verified")))
          << told(report);
      EXPECT_EQ(scene.uploads(), 1U) << told(report);
    }
  }
  std::cout << fmt::format("[ rotation ] {} lost answers\n", runs);
}

}  // namespace
}  // namespace dps::lab

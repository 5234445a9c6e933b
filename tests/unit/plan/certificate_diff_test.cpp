#include "reconciler/plan/certificate_diff.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "fixtures.hpp"
#include "reconciler/plan/bookkeeping_after.hpp"
#include "reconciler/plan/guard.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kA(40, 'A');
const std::string kB(40, 'B');
const std::string kC(40, 'C');
using Days = std::chrono::duration<int, std::ratio<86400>>;

DesiredCertificate ca(const std::string& name, const std::string& thumbprint) {
  DesiredCertificate out;
  out.name = name;
  out.thumbprint = thumbprint;
  out.content = CertificateFacts{};
  out.content->thumbprint = thumbprint;
  out.content->not_after = noon() + Days(365);
  out.verification = Verification::Trusted;
  return out;
}

LiveCertificate live_ca(const std::string& name,
                        const std::string& thumbprint,
                        bool verified = true,
                        int days_old = 0) {
  return {name, {"etag"}, thumbprint, "CA", std::nullopt, noon() - Days(days_old), verified};
}

struct Case {
  std::string name;
  std::vector<DesiredCertificate> wanted;
  std::vector<LiveCertificate> live;
  std::vector<std::string> changes;
  std::vector<std::string> errors;
};

DesiredCertificate edited(DesiredCertificate one,
                          const std::function<void(DesiredCertificate&)>& edit) {
  edit(one);
  return one;
}

DesiredCertificate overlapping(const std::string& thumbprint) {
  return edited(ca("ca", thumbprint), [](auto& one) {
    one.strategy = RotationStrategy::Overlap;
    one.verification = Verification::ProofOfPossession;
  });
}

TEST(CertificateDiff, PlansTheObviousStep) {
  const std::vector<Case> cases = {
      {"equal", {ca("ca", kA)}, {live_ca("ca", kA)}, {}, {}},
      {"missing", {ca("ca", kA)}, {}, {"create certificates[ca]"}, {}},
      {"other content in place",
       {ca("ca", kB)},
       {live_ca("ca", kA)},
       {"rotate certificates[ca]"},
       {}},
      {"unverified",
       {ca("ca", kA)},
       {live_ca("ca", kA, false)},
       {"verify certificates[ca].verification"},
       {}},
      {"none: a verified one is no difference",
       {edited(ca("ca", kA), [](auto& one) { one.verification = Verification::None; })},
       {live_ca("ca", kA)},
       {},
       {}},
      {"verification absent: not managed",
       {edited(ca("ca", kA), [](auto& one) { one.verification = Verification::Unmanaged; })},
       {live_ca("ca", kA, false)},
       {},
       {}},
      {"verification absent and other content",
       {edited(ca("ca", kB), [](auto& one) { one.verification = Verification::Unmanaged; })},
       {live_ca("ca", kA)},
       {},
       {"VerificationUndecided"}},
      {"thumbprint only, and it is there",
       {edited(ca("ca", kA), [](auto& one) { one.content.reset(); })},
       {live_ca("ca", kA)},
       {},
       {}},
      {"thumbprint only, and it is not",
       {edited(ca("ca", kA), [](auto& one) { one.content.reset(); })},
       {},
       {},
       {"CertificateMissing"}},
      {"unlisted", {}, {live_ca("old", kA)}, {"delete certificates[old]"}, {}},
      {"an entry that wants to be gone",
       {edited(ca("ca", kA), [](auto& one) { one.presence = Presence::Absent; })},
       {live_ca("ca", kA)},
       {"delete certificates[ca]"},
       {}},
      {"overlap: the free slot",
       {overlapping(kB)},
       {live_ca("ca", kA)},
       {"create certificates[ca-2]"},
       {}},
      {"overlap: current in the second slot",
       {overlapping(kB)},
       {live_ca("ca", kA, true, 60), live_ca("ca-2", kB, true, 3)},
       {},
       {}},
      {"overlap: a third after it takes the older slot",
       {overlapping(kC)},
       {live_ca("ca", kA, true, 60), live_ca("ca-2", kB, true, 31)},
       {"rotate certificates[ca]"},
       {}},
      {"overlap: automatic retirement when it is due",
       {edited(overlapping(kB), [](auto& one) { one.retire = Retire::Automatic; })},
       {live_ca("ca", kA, true, 60), live_ca("ca-2", kB, true, 30)},
       {"delete certificates[ca]"},
       {}},
      {"overlap: not before",
       {edited(overlapping(kB), [](auto& one) { one.retire = Retire::Automatic; })},
       {live_ca("ca", kA, true, 60), live_ca("ca-2", kB, true, 29)},
       {},
       {}},
      {"overlap: the last verified one stays",
       {edited(overlapping(kB),
               [](auto& one) {
                 one.retire = Retire::Automatic;
                 one.verification = Verification::None;
               })},
       {live_ca("ca", kA, true, 60), live_ca("ca-2", kB, false, 40)},
       {},
       {}},
      {"revoked goes, and its slot is free",
       {edited(ca("ca", kB), [](auto& one) { one.revoked = {kA}; })},
       {live_ca("ca", kA)},
       {"delete certificates[ca]", "create certificates[ca]"},
       {}},
  };
  for (const auto& one : cases) {
    auto desired = wanted();
    desired.certificates = one.wanted;
    auto live = standing();
    live.certificates.entries = one.live;
    const auto plan = plan_of(desired, live);
    EXPECT_EQ(lines(plan), one.changes) << one.name;
    EXPECT_EQ(error_ids(plan), one.errors) << one.name;
    EXPECT_EQ(plan.has_work(), !one.changes.empty()) << one.name;
    EXPECT_FALSE(plan.bookkeeping.has_value()) << one.name << ": the service is not written";
    for (const auto& change : plan.changes) {
      EXPECT_FALSE(change.held.has_value()) << one.name;
      EXPECT_THAT(change.calls, Not(IsEmpty())) << one.name;
      EXPECT_EQ(change.cause, Cause::Manifest) << one.name;
      ASSERT_TRUE(change.certificate.has_value()) << one.name;
    }
  }
}

TEST(CertificateDiff, AThirdWithinTheOverlapWaitsAndNothingElseDoes) {
  auto desired = wanted();
  desired.certificates = {overlapping(kC), ca("other", kA)};
  auto live = standing();
  live.certificates.entries = {live_ca("ca", kA, true, 60), live_ca("ca-2", kB, true, 3)};
  const auto plan = plan_of(desired, live);
  EXPECT_THAT(lines(plan), ElementsAre("rotate certificates[ca]", "create certificates[other]"));
  EXPECT_THAT(error_ids(plan), IsEmpty());
  ASSERT_TRUE(plan.changes[0].held.has_value());
  EXPECT_EQ(plan.changes[0].held->id, kOverlapHold);
  EXPECT_EQ(plan.changes[0].held->until, noon() + Days(27));
  EXPECT_THAT(plan.changes[0].held->reason, HasSubstr("2026-06-28T12:00:00Z"));
  EXPECT_THAT(plan.changes[0].calls, IsEmpty());
  EXPECT_FALSE(plan.changes[1].held.has_value());
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0].id, "OverlapRunning");
}

TEST(CertificateDiff, TheRevisionFollowsTheServiceAlone) {
  auto desired = wanted();
  desired.certificates = {ca("ca", kA)};
  desired.allocation_policy = "Static";
  auto live = standing();
  live.certificates.entries.emplace();
  const auto plan = plan_of(desired, live);
  EXPECT_EQ(plan.service_class, ServiceClass::Rotate);
  EXPECT_TRUE(plan.has_work());
  EXPECT_EQ(plan.bookkeeping->revision, desired_revision(desired));
}

TEST(CertificateDiff, RemovalsCountForTheGuard) {
  auto desired = wanted();
  desired.certificates.emplace();
  auto live = standing();
  live.certificates.entries.emplace();
  for (int i = 0; i < 20; ++i) {
    live.certificates.entries->push_back(live_ca("c" + std::to_string(i), kB));
  }
  const auto plan = make(desired_of({desired}), live_of({live}), {}, {}, noon());
  EXPECT_EQ(plan.summary.held, 20U);
  EXPECT_TRUE(plan.has_guard_holds());
}

Plan guarded(const DesiredService& desired, const LiveService& live, std::string approve = "") {
  Settings settings;
  settings.approve = std::move(approve);
  return make(desired_of({desired}), live_of({live}), {}, settings, noon());
}

TEST(CertificateDiff, ARevokedOneGoesFirstAndOnlyWithApproval) {
  auto desired = wanted();
  desired.certificates = {edited(ca("ca", kB), [](auto& one) { one.revoked = {kA}; })};
  desired.allocation_policy = "Static";
  auto live = standing();
  live.certificates.entries = {live_ca("ca", kA)};
  const auto plan = guarded(desired, live);
  const auto& service = plan.services.at(0);
  EXPECT_THAT(lines(service),
              ElementsAre("delete certificates[ca]",
                          "update allocationPolicy \"Hashed\" -> \"Static\"",
                          "create certificates[ca]"));
  EXPECT_EQ(service.changes[0].held->id, "revoked");
  EXPECT_FALSE(service.changes[1].held.has_value()) << "the rest goes on";
  EXPECT_EQ(service.changes[2].held->id, "revoked") << "nothing is uploaded over it";
  EXPECT_TRUE(plan.has_guard_holds());

  const auto approved = guarded(desired, live, plan.approve_digest);
  EXPECT_FALSE(approved.has_guard_holds());
  for (const auto& change : approved.services.at(0).changes) EXPECT_FALSE(change.held.has_value());

  (*live.certificates.entries)[0].name = "CA";
  (*live.certificates.entries)[0].thumbprint = kC;
  desired.certificates->front().revoked = {kC};
  EXPECT_TRUE(guarded(desired, live, plan.approve_digest).has_guard_holds())
      << "the approval was for another CA";
}

TEST(CertificateDiff, ASuccessorTakesTheOtherSlotOfARevokedOne) {
  auto desired = wanted();
  desired.certificates = {edited(overlapping(kB), [](auto& one) { one.revoked = {kA}; })};
  auto live = standing();
  live.certificates.entries = {live_ca("ca", kA)};
  const auto plan = guarded(desired, live).services.at(0);
  EXPECT_THAT(lines(plan), ElementsAre("delete certificates[ca]", "create certificates[ca-2]"));
  EXPECT_TRUE(plan.changes[0].held.has_value());
  EXPECT_FALSE(plan.changes[1].held.has_value());
  EXPECT_THAT(plan.changes[1].calls,
              ElementsAre("PUT provisioningServices/fleet-eu/certificates/ca-2",
                          "POST provisioningServices/fleet-eu/certificates/ca-2/"
                          "generateVerificationCode",
                          "POST provisioningServices/fleet-eu/certificates/ca-2/verify"));
  live.certificates.entries->clear();
  auto fresh = plan_of(desired, live);
  EXPECT_THAT(lines(fresh), ElementsAre("create certificates[ca]"));
  keep_within(fresh, plan);
  EXPECT_THAT(lines(fresh), ElementsAre("create certificates[ca-2]")) << "as it was planned";
}

TEST(CertificateDiff, ARevokedOneIsFoundUnderAnyNameOfADeclaredService) {
  auto desired = wanted();
  desired.certificates = {edited(ca("ca", kB), [](auto& one) { one.revoked = {kA}; })};
  desired.lifecycle.certificates = Unlisted::Keep;
  auto live = standing();
  live.certificates.entries = {live_ca("ca", kB), live_ca("elsewhere", kA)};
  EXPECT_THAT(lines(plan_of(desired, live)), ElementsAre("delete certificates[elsewhere]"));
  desired.declared = false;
  EXPECT_THAT(lines(plan_of(desired, live)), IsEmpty());
}

TEST(CertificateDiff, TrustNeedsAVersionThatCanCarryIt) {
  auto desired = wanted();
  desired.certificates = {ca("ca", kA)};
  auto live = standing();
  live.certificates.entries.emplace();
  Settings settings;
  settings.capabilities = *capabilities_of("2020-01-01");
  const auto plan = make_service(desired, live, {}, settings, noon());
  EXPECT_THAT(error_ids(plan), ElementsAre("NeedsApiVersion"));
  EXPECT_THAT(plan.errors[0].remedy, HasSubstr("2020-03-01"));
}

TEST(CertificateDiff, EachLiveOneIsToldOfWithItsRoleAndDates) {
  auto desired = wanted();
  desired.certificates = {overlapping(kB)};
  desired.lifecycle.certificates = Unlisted::Keep;
  auto live = standing();
  live.certificates.entries = {
      live_ca("ca", kA, true, 60), live_ca("ca-2", kB, true, 3), live_ca("theirs", kC, false, 3)};
  (*live.certificates.entries)[2].expiry = noon() + Days(5);
  const auto plan = plan_of(desired, live);
  ASSERT_EQ(plan.certificates.size(), 3U);
  EXPECT_EQ(plan.certificates[0].role, CertificateRole::Predecessor);
  EXPECT_EQ(plan.certificates[0].entry, "ca");
  EXPECT_EQ(plan.certificates[0].retirable_on, noon() + Days(27));
  EXPECT_EQ(plan.certificates[1].role, CertificateRole::Current);
  EXPECT_EQ(plan.certificates[2].role, CertificateRole::Unmanaged);
  EXPECT_EQ(plan.certificates[2].validity, Validity::EndsSoon);
  ASSERT_EQ(plan.warnings.size(), 1U);
  EXPECT_EQ(plan.warnings[0].id, "CertificateExpiresSoon");
  EXPECT_FALSE(plan.has_work());
}

TEST(CertificateDiff, WhatGoesLastWaitsForWhatFailed) {
  auto desired = wanted();
  desired.certificates = {overlapping(kB)};
  auto live = standing();
  live.certificates.entries = {live_ca("old", kA), live_ca("ca", kB, false)};
  const auto plan = plan_of(desired, live);
  EXPECT_THAT(lines(plan),
              ElementsAre("verify certificates[ca].verification", "delete certificates[old]"));
  auto fresh = plan;
  keep_within(fresh, plan);
  EXPECT_FALSE(fresh.changes[0].held.has_value());
  EXPECT_EQ(fresh.changes[1].held->id, kGoesLastHold);
}

TEST(CertificateDiff, WhatWasNotReadIsUnseen) {
  auto desired = wanted();
  desired.certificates = {ca("ca", kA)};
  const auto plan = plan_of(desired, standing());
  EXPECT_THAT(plan.unseen, ElementsAre("certificates"));
  EXPECT_THAT(plan.changes, IsEmpty());
}

TEST(CertificateDiff, AServiceTakesTwentyFive) {
  auto desired = wanted();
  desired.lifecycle.certificates = Unlisted::Keep;
  desired.certificates = {ca("new", kA)};
  auto live = standing();
  live.certificates.entries.emplace();
  for (std::size_t i = 0; i < kMaxCertificates; ++i) {
    live.certificates.entries->push_back(live_ca("c" + std::to_string(i), kB));
  }
  EXPECT_THAT(error_ids(plan_of(desired, live)), ElementsAre("LimitExceeded"));
}

}  // namespace
}  // namespace dps::plan

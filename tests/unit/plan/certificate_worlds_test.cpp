// Every small manifest of one CA against every small set of live ones, each change performed by a
// model of ARM as apply performs it: one at a time, the difference made again after each.
#include <gmock/gmock.h>

#include <iostream>

#include "fixtures.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/plan/certificate_diff.hpp"
#include "reconciler/plan/guard.hpp"
#include "tests/support/share.hpp"

namespace dps::plan {
namespace {

using namespace testing;

const std::string kA(40, 'A');
const std::string kB(40, 'B');
const std::string kC(40, 'C');
constexpr auto kDay = std::chrono::hours(24);

enum class Approval { Given, Withheld };
enum class Proof { InOneGo, CutAfterTheUpload };

struct World {
  DesiredService desired;
  LiveService live;
  Settings settings;
  Approval approval = Approval::Given;
  Proof proof = Proof::InOneGo;
};

const DesiredCertificate* entry_of(const World& world) {
  const auto& all = *world.desired.certificates;
  return all.empty() ? nullptr : &all.front();
}

std::string told(const LiveService& live) {
  std::string out;
  for (const auto& one : *live.certificates.entries) {
    out += " " + one.name + "=" + one.thumbprint.substr(0, 1) + (one.verified ? "v" : "u") +
           (*one.expiry < noon() ? "x" : "") +
           (noon() - *one.updated > 30 * kDay ? " old" : " new");
  }
  return out;
}

std::string told(const World& world) {
  const auto* entry = entry_of(world);
  if (entry == nullptr) return "nothing wanted," + told(world.live);
  return std::string(entry->presence == Presence::Absent ? "gone" : "B") + " verification " +
         std::to_string(int(entry->verification)) +
         (entry->strategy == RotationStrategy::Overlap ? " overlap" : " inPlace") +
         (entry->retire == Retire::Automatic ? " automatic" : " hold") +
         (entry->revoked.empty() ? "" : " A revoked") +
         (world.approval == Approval::Given ? " approved" : "") + "," + told(world.live);
}

/// What ARM does; a request that it would refuse is a failure of the plan.
void perform(const Change& change, const World& world, LiveService& live) {
  auto& all = *live.certificates.entries;
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const auto& one) { return one.name == change.name; });
  ASSERT_EQ(found == all.end(), change.action == Action::Create) << told(world);
  if (found != all.end()) {
    ASSERT_EQ(found->etag, change.certificate->etag);
  }
  const bool by_proof = entry_of(world) != nullptr &&
                        entry_of(world)->verification == Verification::ProofOfPossession;
  switch (change.action) {
    case Action::Delete:
      all.erase(found);
      return;
    case Action::Verify:
      found->verified = true;
      found->etag.text += "+";
      return;
    case Action::Create:
    case Action::Rotate: {
      const bool trusted = entry_of(world)->verification == Verification::Trusted;
      LiveCertificate fresh{change.name,
                            {"new"},
                            change.certificate->thumbprint,
                            "CA",
                            noon() + 365 * kDay,
                            noon(),
                            trusted || (by_proof && world.proof == Proof::InOneGo)};
      if (found == all.end()) {
        all.push_back(std::move(fresh));
      } else {
        *found = std::move(fresh);
      }
      ASSERT_LE(all.size(), kMaxCertificates);
      return;
    }
    default:
      FAIL() << "no change of a certificate";
  }
}

bool is_of_use(const LiveCertificate& live, const std::vector<std::string>& revoked) {
  return live.verified && *live.expiry > noon() &&
         std::find(revoked.begin(), revoked.end(), live.thumbprint) == revoked.end();
}

bool any_of_use(const LiveService& live, const std::vector<std::string>& revoked) {
  const auto& all = *live.certificates.entries;
  return std::any_of(
      all.begin(), all.end(), [&](const auto& one) { return is_of_use(one, revoked); });
}

Plan full_plan(const World& world, const LiveService& live) {
  auto settings = world.settings;
  const auto state = live_of({live});
  auto plan = make(desired_of({world.desired}), state, {}, settings, noon());
  if (world.approval == Approval::Given && !plan.approve_digest.empty()) {
    settings.approve = plan.approve_digest;
    plan = make(desired_of({world.desired}), state, {}, settings, noon());
    EXPECT_TRUE(plan.guards.empty());
  }
  return plan;
}

std::size_t worlds = 0, steps = 0, held_worlds = 0, refused_worlds = 0;

/// Runs one pass; returns what stands then.
LiveService pass(const World& world, const ServicePlan& plan, LiveService live) {
  const auto* entry = entry_of(world);
  const auto revoked = entry == nullptr ? std::vector<std::string>{} : entry->revoked;
  const bool kept_going = entry != nullptr && entry->presence == Presence::Present &&
                          (entry->strategy == RotationStrategy::Overlap ||
                           entry->verification == Verification::Trusted) &&
                          any_of_use(live, revoked);
  for (int step = 0;; ++step) {
    auto now = make_service(world.desired, live, {}, world.settings, noon());
    keep_within(now, plan);
    const auto due = std::find_if(
        now.changes.begin(), now.changes.end(), [](const Change& one) { return !one.held; });
    if (now.service_class == ServiceClass::Blocked || due == now.changes.end()) return live;
    if (step == 10) {
      ADD_FAILURE() << "no end: " << told(world);
      return live;
    }
    const auto before = *live.certificates.entries;
    perform(*due, world, live);
    if (::testing::Test::HasFatalFailure()) return live;
    ++steps;
    if (kept_going) {
      EXPECT_TRUE(any_of_use(live, revoked))
          << "nothing of use after " << lines(now)[0] << ": " << told(world);
    }
    if (world.approval == Approval::Withheld) {
      for (const auto& one : before) {
        if (one.thumbprint != kA || revoked.empty()) continue;
        const auto& all = *live.certificates.entries;
        EXPECT_TRUE(std::find(all.begin(), all.end(), one) != all.end())
            << "a revoked one went without approval: " << told(world);
      }
    }
  }
}

void expect_goal(const World& world, const LiveService& after, const ServicePlan& second) {
  const auto* entry = entry_of(world);
  const auto& all = *after.certificates.entries;
  for (const auto& one : second.changes) {
    EXPECT_TRUE(one.held.has_value()) << "a second plan wants " << lines(second)[0] << ": "
                                      << told(world) << " ->" << told(after);
    if (one.held) {
      EXPECT_THAT((std::vector<std::string>{"revoked", std::string(kOverlapHold)}),
                  ::testing::Contains(one.held->id));
    }
  }
  if (!second.changes.empty()) {
    ++held_worlds;
    return;
  }
  if (entry == nullptr || entry->presence == Presence::Absent) {
    const auto in_slots = [&](const auto& one) {
      return entry == nullptr || one.name == "ca" || entry->strategy == RotationStrategy::Overlap;
    };
    EXPECT_FALSE(std::any_of(all.begin(), all.end(), in_slots)) << told(world);
    return;
  }
  const bool verifies = entry->verification == Verification::Trusted ||
                        entry->verification == Verification::ProofOfPossession;
  EXPECT_TRUE(std::any_of(
      all.begin(),
      all.end(),
      [&](const auto& one) { return one.thumbprint == kB && (one.verified || !verifies); }))
      << told(world) << " ->" << told(after);
  for (const auto& one : all) {
    EXPECT_TRUE(entry->revoked.empty() || one.thumbprint != kA) << told(world);
  }
}

void check(const World& world) {
  ++worlds;
  const auto plan = full_plan(world, world.live);
  const auto& service = plan.services.at(0);
  const auto after = pass(world, service, world.live);
  if (::testing::Test::HasFatalFailure()) return;
  if (!service.errors.empty()) {
    ++refused_worlds;
    EXPECT_EQ(after.certificates.entries, world.live.certificates.entries);
    EXPECT_THAT((std::vector<std::string>{"NeedsApiVersion", "VerificationUndecided"}),
                ::testing::Contains(service.errors[0].id));
    return;
  }
  // A world that had no error has none on the way.
  const auto second = full_plan(world, after);
  EXPECT_TRUE(second.services.at(0).errors.empty()) << told(world) << " ->" << told(after);
  expect_goal(world, after, second.services.at(0));
}

std::vector<std::optional<LiveCertificate>> occupants(const std::string& name) {
  std::vector<std::optional<LiveCertificate>> out = {std::nullopt};
  for (const auto& thumbprint : {kA, kB, kC})
    for (const bool verified : {false, true})
      for (const bool expired : {false, true})
        for (const int age : {2, 40}) {
          if (thumbprint == kB && expired) continue;  // the manifest's would be blocked
          out.push_back(LiveCertificate{name,
                                        {name + "-etag"},
                                        thumbprint,
                                        "CA",
                                        noon() + (expired ? -1 : 365) * kDay,
                                        noon() - age * kDay - std::chrono::minutes(name.size()),
                                        verified});
        }
  return out;
}

struct Manifest {
  std::optional<DesiredCertificate> entry;
  Settings settings;
  Approval approval = Approval::Given;
  Proof proof = Proof::InOneGo;
};

std::vector<Manifest> manifests() {
  std::vector<Manifest> out = {{}};
  DesiredCertificate entry;
  entry.name = "ca";
  entry.thumbprint = kB;
  entry.content = CertificateFacts{};
  entry.content->thumbprint = kB;
  entry.content->not_after = noon() + 365 * kDay;
  for (const auto strategy : {RotationStrategy::Overlap, RotationStrategy::InPlace}) {
    entry.strategy = strategy;
    entry.presence = Presence::Absent;
    out.push_back({entry, {}, {}, {}});
    entry.presence = Presence::Present;
    for (const auto retire : {Retire::Hold, Retire::Automatic}) {
      if (strategy == RotationStrategy::InPlace && retire == Retire::Automatic) continue;
      entry.retire = retire;
      for (const auto overlap : {30, 0}) {
        if (overlap == 0 && strategy == RotationStrategy::InPlace) continue;
        entry.overlap = overlap * kDay;
        for (const auto verification : {Verification::ProofOfPossession,
                                        Verification::Trusted,
                                        Verification::None,
                                        Verification::Unmanaged})
          for (const bool variant : {false, true})
            for (const int revocation : {0, 1, 2}) {
              if (variant && verification != Verification::ProofOfPossession &&
                  verification != Verification::Trusted) {
                continue;
              }
              Manifest one;
              entry.verification = verification;
              entry.revoked.clear();
              if (revocation > 0) entry.revoked = {kA};
              one.entry = entry;
              if (revocation == 1) one.approval = Approval::Withheld;
              if (variant && verification == Verification::Trusted) {
                one.settings.capabilities = *capabilities_of("2020-01-01");
              }
              if (variant && verification == Verification::ProofOfPossession) {
                one.proof = Proof::CutAfterTheUpload;
              }
              out.push_back(one);
            }
      }
    }
  }
  return out;
}

TEST(CertificateWorlds, EachReachesItsGoalOrANamedHoldAndKeepsACaOfUse) {
  worlds = steps = held_worlds = refused_worlds = 0;
  World world;
  world.desired = wanted();
  world.desired.linked_hubs.reset();
  world.desired.policies.reset();
  world.live = standing();
  world.live.linked_hubs.clear();
  world.live.policies = {};
  const auto first = occupants("ca"), second = occupants("ca-2");
  std::size_t number = 0;
  for (const auto& manifest : manifests()) {
    world.desired.certificates.emplace();
    if (manifest.entry) world.desired.certificates->push_back(*manifest.entry);
    world.settings = manifest.settings;
    world.approval = manifest.approval;
    world.proof = manifest.proof;
    for (const auto& one : first)
      for (const auto& two : second) {
        if (number++ % test::every(1) != 0) continue;
        auto& entries = world.live.certificates.entries.emplace();
        if (one) entries.push_back(*one);
        if (two) entries.push_back(*two);
        check(world);
        if (HasFailure()) return;
      }
  }
  std::cout << worlds << " worlds, " << steps << " steps, " << held_worlds << " end in a hold, "
            << refused_worlds << " are refused\n";
  EXPECT_GT(steps, worlds / 2);
}

}  // namespace
}  // namespace dps::plan

// The walk through rotations: every wish of a small model against every state that may be live,
// under each strategy, verification, retirement and API version, and under the answers of ARM that
// nobody knows. What must come of each is said here in rules of its own, not by the code that it
// judges: the goal or the named block, an empty second plan, and, with overlap, no moment without a
// verified CA.
//
// By default every few cases are run, in turn over the settings; with DPS_WALK=full all of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "reconciler/base/text.hpp"
#include "tests/end_to_end/rotation_scene.hpp"
#include "tests/end_to_end/safety.hpp"
#include "tests/support/share.hpp"

namespace dps::lab {
namespace {

using testing::UnorderedElementsAreArray;

using World = std::map<std::string, Standing>;
using Standings = std::map<std::string, std::string>;

struct Case {
  std::string name;
  World live;
  std::optional<Wish> wish;
  std::string version;
  std::string reput = "reset";  // the switch of that name
};

/// What must come of a case.
struct Verdict {
  Standings standing;
  std::string block;  // the id of a problem, or of a hold; empty: the goal is reached
  int passes = 1;     // to the goal; 2 where only a read can tell what an upload came to
};

std::string letter(Ca which) {
  return letter_of(ca(which).thumbprint);
}

bool is_over(const Standing& one) {
  return one.age_days >= 30;
}

/// The model: what stands where, and what the rules make of it.
class Model {
 public:
  explicit Model(const Case& one) : case_(one), now_(one.live) {}

  Verdict verdict() {
    if (!case_.wish) return {{}, ""};
    wish_ = &*case_.wish;
    if (wish_->verification == "trusted" && case_.version < "2020-03-01") {
      return {told(case_.live), "NeedsApiVersion"};
    }
    for (const auto gone : wish_->revoked) {
      std::erase_if(now_, [&](const auto& one) { return one.second.which == gone; });
    }
    const auto block = wish_->strategy == "overlap" ? overlap() : in_place();
    if (block == "VerificationUndecided") return {told(case_.live), block};
    return {told(now_), block, passes_};
  }

 private:
  static Standings told(const World& world) {
    Standings out;
    for (const auto& [name, one] : world) {
      out[name] = letter(one.which) + (one.verified ? " verified" : "");
    }
    return out;
  }

  bool by_us() const {
    return wish_->verification == "proofOfPossession" || wish_->verification == "trusted";
  }

  void upload(const std::string& name) {
    const auto old = now_.find(name);
    // Where the version has isVerified it is sent: new content is not verified by what it replaces.
    const bool keeps = old != now_.end() && old->second.verified && case_.reput == "kept" &&
                       case_.version < "2020-03-01";
    now_[name] = {wish_->which, by_us() || keeps, 0, false};
    surprise_ = keeps && !by_us();
  }

  bool verify(const std::string& name) {
    auto& one = now_.at(name);
    if (one.verified || !by_us()) return false;
    one.verified = true;
    one.age_days = 0;
    return true;
  }

  bool undecided(const std::vector<std::string>& names) const {
    if (!wish_->verification.empty()) return false;
    for (const auto& name : names) {
      const auto one = now_.find(name);
      if (one != now_.end() && one->second.verified) return true;
    }
    return false;
  }

  std::string in_place() {
    const bool first = now_.contains(kSlot1) && now_.at(kSlot1).which == wish_->which;
    const bool second = now_.contains(kSlot2) && now_.at(kSlot2).which == wish_->which;
    if (first) {
      verify(kSlot1);
    } else if (second) {
      verify(kSlot2);  // it came there by a rotation with overlap, and stays
      return "";
    } else {
      if (undecided({kSlot1})) return "VerificationUndecided";
      upload(kSlot1);
    }
    // What nobody names goes, but not the last verified one.
    const bool last =
        now_.contains(kSlot2) && now_.at(kSlot2).verified && !now_.at(kSlot1).verified;
    if (!last && now_.erase(kSlot2) > 0 && surprise_) passes_ = 2;
    return "";
  }

  std::string overlap() {
    std::string current;
    for (const auto& [name, one] : now_) {
      if (one.which != wish_->which) continue;
      const auto better = [&](const Standing& old) {
        if (one.verified != old.verified) return one.verified;
        return one.age_days < old.age_days;
      };
      if (current.empty() || better(now_.at(current))) current = name;
    }
    if (!current.empty()) {
      const bool wrote = verify(current);
      if (wish_->retire == "automatic" && !wrote) retire_beside(current);
      return "";
    }
    if (undecided({kSlot1, kSlot2})) return "VerificationUndecided";
    for (const auto* slot : {kSlot1, kSlot2}) {
      if (now_.contains(slot)) continue;
      upload(slot);
      return "";
    }
    return third();
  }

  void retire_beside(const std::string& current) {
    const auto other = std::string(current == kSlot1 ? kSlot2 : kSlot1);
    if (!now_.contains(other)) return;
    if (!is_over(now_.at(current)) || !is_over(now_.at(other))) return;
    if (now_.at(other).verified && !now_.at(current).verified) return;
    now_.erase(other);
  }

  // Both slots are taken by others: who makes room, and at once?
  std::string third() {
    const auto use = [&](const std::string& name) {
      const auto& one = now_.at(name);
      return !one.verified ? 0 : one.which == Ca::Expired ? 1 : 2;
    };
    auto lesser = std::string(kSlot1);
    if (use(kSlot2) < use(kSlot1) ||
        (use(kSlot2) == use(kSlot1) && now_.at(kSlot2).age_days > now_.at(kSlot1).age_days)) {
      lesser = kSlot2;
    }
    // What nobody can use waits for nothing; but whether an unverified one is of use, only a
    // manifest that has it verified can say.
    const bool useless = now_.at(lesser).which == Ca::Expired || (use(lesser) == 0 && by_us());
    if (!useless && (!is_over(now_.at(kSlot1)) || !is_over(now_.at(kSlot2)))) {
      return "overlap-running";
    }
    upload(lesser);
    return "";
  }

  const Case& case_;
  World now_;
  const Wish* wish_ = nullptr;
  bool surprise_ = false;  // the upload is verified, and nobody could know that it would be
  int passes_ = 1;
};

const std::vector<std::pair<std::string, World>>& worlds() {
  static const Standing old_a{Ca::A, true, 100, false}, new_a{Ca::A, true, 1, false};
  static const Standing old_b{Ca::B, true, 90, false}, new_b{Ca::B, true, 2, false};
  static const Standing open_a{Ca::A, false, 100, false}, open_b{Ca::B, false, 2, false};
  static const Standing code_a{Ca::A, false, 1, true};
  static const Standing dead{Ca::Expired, true, 1000, false};
  static const std::vector<std::pair<std::string, World>> all = {
      {"nothing", {}},
      {"A unverified", {{kSlot1, open_a}}},
      {"A with a code pending", {{kSlot1, code_a}}},
      {"A", {{kSlot1, old_a}}},
      {"A in the second slot", {{kSlot2, old_a}}},
      {"B", {{kSlot1, new_b}}},
      {"expired", {{kSlot1, dead}}},
      {"A and B", {{kSlot1, old_a}, {kSlot2, old_b}}},
      {"A and a new B", {{kSlot1, old_a}, {kSlot2, new_b}}},
      {"B and a new A", {{kSlot1, old_b}, {kSlot2, new_a}}},
      {"A and an unverified B", {{kSlot1, old_a}, {kSlot2, open_b}}},
      {"an unverified A and B", {{kSlot1, open_a}, {kSlot2, old_b}}},
      {"both unverified", {{kSlot1, open_a}, {kSlot2, open_b}}},
      {"A twice", {{kSlot1, old_a}, {kSlot2, new_a}}},
      {"expired and a new A", {{kSlot1, dead}, {kSlot2, new_a}}},
  };
  return all;
}

struct Wanted {
  std::string name;
  std::optional<Ca> which;
  std::vector<Ca> revoked;
};

const std::vector<Wanted>& wanted() {
  static const std::vector<Wanted> all = {{"nothing", std::nullopt, {}},
                                          {"A", Ca::A, {}},
                                          {"B", Ca::B, {}},
                                          {"C", Ca::C, {}},
                                          {"B, A revoked", Ca::B, {Ca::A}},
                                          {"C, A and B revoked", Ca::C, {Ca::A, Ca::B}}};
  return all;
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const auto& [world, live] : worlds()) {
    for (const auto& want : wanted()) {
      for (const auto* version : {"2017-11-15", "2021-10-15", "2022-12-12"}) {
        const auto start = fmt::format("live {}; wanted {}; {}", world, want.name, version);
        if (!want.which) {
          out.push_back({start, live, std::nullopt, version});
          continue;
        }
        for (const auto* verification : {"proofOfPossession", "trusted", "none", ""}) {
          for (const auto* retire : {"hold", "automatic", ""}) {
            for (const auto* reput : {"reset", "kept"}) {
              const std::string strategy = *retire == '\0' ? "inPlace" : "overlap";
              Wish wish{*want.which, verification, strategy, retire, "", want.revoked};
              out.push_back(
                  {fmt::format(
                       "{}; {} {} {}; re-PUT {}", start, verification, strategy, retire, reput),
                   live,
                   wish,
                   version,
                   reput});
            }
          }
        }
      }
    }
  }
  return out;
}

/// The problems and holds of a plan.
std::set<std::string> blocks(const plan::Plan& plan) {
  std::set<std::string> out;
  for (const auto& service : plan.services) {
    for (const auto& problem : service.errors) out.insert(problem.id);
    for (const auto& change : service.changes) {
      if (change.held) out.insert(change.held->id);
    }
  }
  return out;
}

bool has_verified(const Standings& moment, const std::vector<Ca>& but) {
  return std::any_of(moment.begin(), moment.end(), [&](const auto& one) {
    const bool revoked = std::any_of(but.begin(), but.end(), [&](Ca which) {
      return one.second == letter(which) + " verified";
    });
    return !revoked && one.second.ends_with(" verified");
  });
}

std::vector<std::string> values(const Standings& standing) {
  std::vector<std::string> out;
  for (const auto& [name, what] : standing) out.push_back(what);
  return out;
}

std::string joined(const Standings& standing) {
  std::string out;
  for (const auto& [name, what] : standing) out += name + ": " + what + "; ";
  return out.empty() ? "nothing" : out;
}

void run(RotationScene& scene, const Case& one) {
  SCOPED_TRACE(one.name);
  auto& lab = scene.lab;
  lab.set_switch("reput-verified", one.reput);
  lab.settings.approve.clear();
  scene.stands(one.live);
  scene.wants(one.wish);
  const auto verdict = Model(one).verdict();

  auto first = lab.plan();
  const bool revokes =
      one.wish && verdict.block != "NeedsApiVersion" && verdict.block != "VerificationUndecided" &&
      !one.wish->revoked.empty() &&
      std::any_of(one.live.begin(), one.live.end(), [&](const auto& live) {
        return std::count(one.wish->revoked.begin(), one.wish->revoked.end(), live.second.which) >
               0;
      });
  if (revokes) {
    EXPECT_TRUE(blocks(first).contains("revoked"));
    EXPECT_TRUE(first.has_guard_holds());
    // Without approval the revoked ones stand, whatever else is done.
    const auto before = scene.standing();
    const auto held = lab.apply();
    const auto after = scene.standing();
    for (const auto& [name, what] : before) {
      for (const auto gone : one.wish->revoked) {
        if (!what.starts_with(letter(gone))) continue;
        EXPECT_TRUE(after.contains(name) && after.at(name) == what)
            << name << " was touched without approval\n"
            << told(held);
      }
    }
    scene.stands(one.live);
    lab.settings.approve = first.approve_digest;
  }
  auto report = lab.apply();
  for (int pass = 1; pass < verdict.passes; ++pass) report = lab.apply();

  if (revokes) {  // groups name both slots: either may have taken the successor
    EXPECT_THAT(values(scene.standing()), UnorderedElementsAreArray(values(verdict.standing)))
        << told(report);
  } else {
    EXPECT_EQ(joined(scene.standing()), joined(verdict.standing)) << told(report);
  }
  const auto again = lab.plan();
  if (verdict.block.empty()) {
    EXPECT_FALSE(again.has_changes()) << plan::render_text(again, {});
    EXPECT_FALSE(again.has_problems()) << plan::render_text(again, {});
    EXPECT_FALSE(report.failed()) << told(report);
  } else {
    EXPECT_TRUE(blocks(again).contains(verdict.block)) << plan::render_text(again, {});
    for (const auto& service : again.services) EXPECT_FALSE(service.has_work());
  }
  const bool rotates = one.wish && one.wish->strategy == "overlap";
  if (rotates && has_verified(scene.moments().front(), one.wish->revoked)) {
    for (const auto& moment : scene.moments()) {
      EXPECT_TRUE(has_verified(moment, {})) << "a moment without: " << joined(moment);
    }
  }
  lab.settings.approve.clear();
}

constexpr std::size_t kShards = 8;

class RotationWalk : public testing::TestWithParam<std::size_t> {};

TEST_P(RotationWalk, ReachesTheGoalOrTheNamedBlock) {
  const auto cases = all_cases();
  const auto every = test::every(5);
  std::map<std::string, std::unique_ptr<RotationScene>> scenes;
  std::size_t count = 0;
  for (std::size_t at = GetParam(); at < cases.size(); at += kShards) {
    if ((at / kShards) % every != 0) continue;
    auto& scene = scenes[cases[at].version];
    if (!scene) scene = std::make_unique<RotationScene>(cases[at].version);
    run(*scene, cases[at]);
    ++count;
    if (HasFailure()) break;
  }
  std::cout << fmt::format("[ rotation ] {} of {} cases in this part\n", count, cases.size());
}

INSTANTIATE_TEST_SUITE_P(Part, RotationWalk, testing::Range<std::size_t>(0, kShards));

}  // namespace
}  // namespace dps::lab

// kill -9 at every request of a rotation: before the request took effect, and after it did while
// its answer is still on the way. The program is a process as a user runs it; what stands there
// after it was started again, and at every moment until then, is read from the simulator's history.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "tests/end_to_end/rotation_scene.hpp"
#include "tests/end_to_end/safety.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps::lab {
namespace {

using testing::IsEmpty;
using testing_support::Process;
using testing_support::Variables;
using Arguments = std::vector<std::string>;
using Standings = std::map<std::string, std::string>;

// Under a sanitizer a process takes many times as long to start.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStride = 3;
#else
constexpr std::size_t kStride = 1;
#endif

/// What is wanted of which world, and what must come of it wherever the program is killed.
struct Rotation {
  std::string name;
  std::map<std::string, Standing> live;
  Wish wish;
  Standings goal;
  std::size_t uploads = 1;
  std::size_t removals = 0;
  bool always_verified = true;  ///< no moment without a verified CA
  bool service_is_missing = false;
  bool approve = false;
  /// Side by side, each in a world of its own: where the program waits in real time.
  std::size_t workers = 1;
};

Wish proved(Ca which) {
  Wish wish;
  wish.which = which;
  return wish;
}

std::vector<Rotation> rotations() {
  const Standing old_a{Ca::A, true, 100, false};
  auto automatic = proved(Ca::B);
  automatic.retire = "automatic";
  auto revoking = proved(Ca::B);
  revoking.revoked = {Ca::A};
  std::vector<Rotation> out;
  out.push_back({"Overlap",
                 {{kSlot1, old_a}},
                 proved(Ca::B),
                 {{kSlot1, "A verified"}, {kSlot2, "B verified"}}});
  out.push_back({"OverlapIntoATakenSlot",
                 {{kSlot1, old_a}, {kSlot2, {Ca::B, true, 90, false}}},
                 proved(Ca::C),
                 {{kSlot1, "C verified"}, {kSlot2, "B verified"}}});
  out.push_back({"Revoked", {{kSlot1, old_a}}, revoking, {{kSlot1, "B verified"}}, 1, 1, false});
  out.back().approve = true;
  out.push_back({"RetireAutomatic",
                 {{kSlot1, old_a}, {kSlot2, {Ca::B, true, 40, false}}},
                 automatic,
                 {{kSlot2, "B verified"}},
                 0,
                 1});
  out.push_back({"Create", {}, proved(Ca::A), {{kSlot1, "A verified"}}, 1, 0, false});
  out.back().service_is_missing = true;
  out.back().workers = 12;
  return out;
}

bool has_ended(const Process& process) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(process.pid()), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid != 0;
}

/// The world, the manifests on disk, and the program that works on them.
class Stage {
 public:
  explicit Stage(const Rotation& rotation) : rotation_(rotation) {
    folder_ = test::new_folder("rotation-kill");
    for (const char* name : {"manifests", "tmp"}) std::filesystem::create_directory(folder_ / name);
    scene.lab.set_switch("operation-time", "0s");
    scene.wants(rotation.wish);
    for (const auto& [path, text] : scene.lab.manifests()) {
      std::ofstream(folder_ / "manifests" / std::filesystem::path(path).filename()) << text;
    }
  }
  ~Stage() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// The world as it is before the rotation.
  void begin() {
    auto& lab = scene.lab;
    scene.stands(rotation_.live);
    if (rotation_.service_is_missing) {
      auto state = lab.state();
      state["provisioning_services"] = SimJson::array();
      const auto problem = lab.simulator().world().set_state(state);
      ASSERT_FALSE(problem.has_value()) << *problem;
    }
    approval_.clear();
    if (rotation_.approve) approval_ = lab.plan().approve_digest;
  }

  std::unique_ptr<Process> start() {
    auto& simulator = scene.lab.simulator();
    const auto& identity = simulator.world().options();
    Variables variables = {{"AZURE_TENANT_ID", identity.tenant},
                           {"AZURE_CLIENT_ID", identity.client_id},
                           {"AZURE_CLIENT_SECRET", identity.client_secret},
                           {"DPS_RECONCILER_ARM_ENDPOINT", simulator.arm()},
                           {"DPS_RECONCILER_AUTHORITY", simulator.arm()},
                           {"TMPDIR", (folder_ / "tmp").string()},
                           {"HOME", (folder_ / "tmp").string()}};
    const auto letter = letter_of(ca(rotation_.wish.which).thumbprint);
    variables["CA_KEY_" + letter] = ca(rotation_.wish.which).key;
    Arguments argv = {
        DPS_RECONCILER, "apply", "--yes", "--manifests", (folder_ / "manifests").string()};
    if (!approval_.empty()) argv.insert(argv.end(), {"--approve", approval_});
    return std::make_unique<Process>(argv, variables);
  }

  /// Files that outlived the program.
  std::vector<std::string> left_over() const {
    std::vector<std::string> out;
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder_ / "tmp")) {
      out.push_back(one.path().string());
    }
    return out;
  }

  RotationScene scene;

 private:
  const Rotation& rotation_;
  std::filesystem::path folder_;
  std::string approval_;
};

enum class Reached { Request, End, Nowhere };

/// Waits until the request that is never answered has arrived, or the program has ended before.
Reached wait_for_the_request(Lab& lab, const Process& process) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (std::chrono::steady_clock::now() < deadline) {
    const bool ended = has_ended(process);
    const auto asked = lab.requests();
    if (!asked.empty() &&
        std::any_of(asked.begin(), asked.end(), [](const Asked& one) { return one.status == 0; }))
      return Reached::Request;
    if (ended) return Reached::End;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return Reached::Nowhere;
}

std::size_t events(Lab& lab, std::uint64_t from, const std::string& event) {
  const auto history = lab.simulator().world().history(from);
  return static_cast<std::size_t>(
      std::count_if(history.begin(), history.end(), [&](const SimJson& one) {
        return one.at("event") == event &&
               one.at("id").get<std::string>().find("/certificates/") != std::string::npos;
      }));
}

std::uint64_t history_now(Lab& lab) {
  const auto history = lab.simulator().world().history();
  return history.empty() ? 0 : history.back().at("seq").get<std::uint64_t>();
}

/// One life, killed at a request; or to its end, if it makes fewer requests than that.
Reached live_until(Stage& stage, std::size_t nth, const char* when) {
  auto& lab = stage.scene.lab;
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"path", "/**"}, {"nth", nth}}}, {"do", {{"kind", "hang"}, {"when", when}}}}});
  EXPECT_FALSE(problem.has_value()) << *problem;
  lab.forget_requests();
  auto process = stage.start();
  const auto reached = wait_for_the_request(lab, *process);
  EXPECT_NE(reached, Reached::Nowhere) << "neither that request nor an end within 30 s";
  if (reached != Reached::End) process->signal(SIGKILL);
  const auto ended = process->wait();
  EXPECT_EQ(ended.exit_code, reached == Reached::End ? 0 : 137) << ended.out << ended.err;
  no_faults(lab);
  return reached;
}

/// The next life is left alone, and all is as it should be, and was.
void completes(Stage& stage, const Rotation& rotation, std::uint64_t from) {
  auto& lab = stage.scene.lab;
  const auto asked = arm_requests(lab);
  const auto life = stage.start()->wait();
  const auto told =
      "after " + (asked.empty() ? "the token" : asked.back()) + "\n" + life.out + life.err;
  ASSERT_EQ(life.exit_code, 0) << told;
  EXPECT_EQ(events(lab, from, "uploaded"), rotation.uploads) << told;
  EXPECT_EQ(events(lab, from, "deleted"), rotation.removals) << told;
  auto standing = stage.scene.standing();
  // What is revoked makes room before or after its successor has got a name.
  if (rotation.approve && standing.size() == 1) standing = {{kSlot1, standing.begin()->second}};
  EXPECT_EQ(standing, rotation.goal) << told;
  if (rotation.always_verified) {
    for (const auto& moment : stage.scene.moments()) {
      EXPECT_TRUE(std::any_of(moment.begin(),
                              moment.end(),
                              [](const auto& one) { return one.second.ends_with(" verified"); }))
          << "a moment without a verified CA, " << told;
    }
  }
  lab.expect_nothing_to_do();
  EXPECT_THAT(stage.left_over(), IsEmpty());
}

class RotationKilled : public testing::TestWithParam<Rotation> {};

TEST_P(RotationKilled, AtAnyRequestIsCompletedByTheNextRun) {
  const auto& rotation = GetParam();
  std::atomic<std::size_t> kills = 0;
  const auto work = [&](std::size_t worker) {
    Stage stage(rotation);
    for (const auto* when : {"before", "after"}) {
      auto reached = Reached::Request;
      for (auto nth = 1 + worker * kStride; reached == Reached::Request && !HasFailure();
           nth += rotation.workers * kStride) {
        SCOPED_TRACE(fmt::format("killed at request {}, {} it took effect", nth, when));
        stage.begin();
        const auto from = history_now(stage.scene.lab);
        reached = live_until(stage, nth, when);
        kills += reached == Reached::Request ? 1U : 0U;
        completes(stage, rotation, from);
      }
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t worker = 1; worker < rotation.workers; ++worker)
    threads.emplace_back(work, worker);
  work(0);
  threads.clear();
  // The token, a look, a look before the write, the write: each twice.
  EXPECT_GE(kills * kStride, 12U);
  std::cout << fmt::format(
      "[ counts   ] {}: killed {} times, each time completed\n", rotation.name, kills.load());
}

// What is killed may have been completing what was killed.
TEST(RotationKilledTwice, AtAnyTwoRequestsIsCompletedByTheNextRun) {
  const auto rotation = rotations().front();
  Stage stage(rotation);
  std::size_t pairs = 0;
  auto first = Reached::Request;
  for (std::size_t nth = 1; first == Reached::Request && !HasFailure(); nth += kStride) {
    auto second = Reached::Request;
    for (std::size_t next = 1; second == Reached::Request && !HasFailure(); next += kStride) {
      SCOPED_TRACE(fmt::format("killed after request {}, and after request {}", nth, next));
      stage.begin();
      const auto from = history_now(stage.scene.lab);
      first = live_until(stage, nth, "after");
      if (first != Reached::Request) break;
      second = live_until(stage, next, "after");
      pairs += second == Reached::Request ? 1U : 0U;
      completes(stage, rotation, from);
    }
  }
  EXPECT_GE(pairs * kStride * kStride, 36U);
  std::cout << fmt::format("[ counts   ] {} pairs of kills, each completed\n", pairs);
}

INSTANTIATE_TEST_SUITE_P(Rotations,
                         RotationKilled,
                         testing::ValuesIn(rotations()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace dps::lab

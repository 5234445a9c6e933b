#include "reconciler/controller/backoff.hpp"

#include <gtest/gtest.h>

namespace dps::controller {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr double kAlmostOne = 0.999999;

TEST(Backoff, DoublesUntilItsBound) {
  const BackoffRules rules;
  struct Case {
    std::size_t failures;
    Duration longest;
  };
  for (const auto& one : {Case{0, seconds{5}},
                          Case{1, seconds{5}},
                          Case{2, seconds{10}},
                          Case{3, seconds{20}},
                          Case{8, seconds{640}},
                          Case{9, minutes{15}},
                          Case{1'000'000'000, minutes{15}}}) {
    SCOPED_TRACE(one.failures);
    for (const auto next : {NextMove::RetryLater, NextMove::ReadAgain, NextMove::WaitForOthers}) {
      EXPECT_EQ(pause_after(next, one.failures, 0, rules), one.longest / 2);
      const auto longest = pause_after(next, one.failures, kAlmostOne, rules);
      EXPECT_GT(longest, one.longest - seconds{1});
      EXPECT_LE(longest, one.longest);
    }
  }
}

TEST(Backoff, WaitsForOthersWithinABoundOfItsOwn) {
  BackoffRules rules;
  rules.most_waiting = seconds{60};
  EXPECT_LE(pause_after(NextMove::WaitForOthers, 50, kAlmostOne, rules), seconds{60});
  EXPECT_GT(pause_after(NextMove::RetryLater, 50, 0, rules), seconds{60});
}

TEST(Backoff, TriesSlowlyWhatOnlyAManifestCanMend) {
  const BackoffRules rules;
  for (const std::size_t failures : {1U, 2U, 100U}) {
    EXPECT_EQ(pause_after(NextMove::GiveUp, failures, 0, rules), minutes{324});
    EXPECT_GT(pause_after(NextMove::GiveUp, failures, kAlmostOne, rules), hours{6});
  }
}

TEST(Backoff, SpreadsAnIntervalByATenthToEitherSide) {
  EXPECT_EQ(spread(minutes{5}, 0), seconds{270});
  EXPECT_EQ(spread(minutes{5}, 0.5), seconds{300});
  EXPECT_LE(spread(minutes{5}, kAlmostOne), seconds{330});
  EXPECT_GT(spread(minutes{5}, kAlmostOne), seconds{329});
}

}  // namespace
}  // namespace dps::controller

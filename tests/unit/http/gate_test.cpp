#include "reconciler/http/gate.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace dps::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart = TimePoint{} + std::chrono::hours{5};

// How many may go at once, each in flight, before the gate says wait.
int burst(Gate gate, TimePoint now) {
  int count = 0;
  while (count < 100'000 && gate.leave(now).kind == Leave::Kind::Go) {
    gate.sent(now);
    ++count;
  }
  return count;
}

void exchange(Gate& gate, TimePoint now) {
  gate.sent(now);
  gate.ended();
}

Gate informed(std::int64_t largest, std::int64_t remaining, GateRules rules = {}) {
  Gate gate(rules);
  exchange(gate, kStart);
  gate.told(largest, kStart);
  gate.told(remaining, kStart);
  return gate;
}

TEST(Gate, BeginsWithAFewAndOpensWithTheFirstAnswerThatTells) {
  Gate gate;
  EXPECT_EQ(burst(gate, kStart), 4);
  exchange(gate, kStart);
  gate.told(11999, kStart);
  EXPECT_EQ(burst(gate, kStart), 11999 - 2400);
}

TEST(Gate, OpensStepByStepWhereNobodyTells) {
  Gate gate;
  std::vector<int> windows;
  for (int round = 0; round < 6; ++round) {
    const int window = burst(gate, kStart);
    windows.push_back(window);
    for (int i = 0; i < window && i < 1000; ++i) gate.sent(kStart);
    for (int i = 0; i < window && i < 1000; ++i) gate.ended();
  }
  EXPECT_EQ(windows, (std::vector<int>{4, 8, 16, 32, 100'000, 100'000}));
}

TEST(Gate, IsClosedUntilRetryAfterIsOverThenProbes) {
  auto gate = informed(100, 90);
  gate.sent(kStart);
  gate.throttled(seconds{17}, kStart);
  const Leave later{Leave::Kind::Until, kStart + seconds{17}};
  EXPECT_EQ(gate.leave(kStart), later);
  EXPECT_EQ(gate.leave(kStart + seconds{16}), later);
  EXPECT_TRUE(gate.is_limiting(kStart));

  auto now = kStart + seconds{17};
  for (const int window : {1, 2, 4, 8, 16, 32}) {
    for (int i = 0; i < window; ++i) {
      ASSERT_EQ(gate.leave(now).kind, Leave::Kind::Go) << window;
      gate.sent(now);
    }
    ASSERT_EQ(gate.leave(now).kind, Leave::Kind::AfterAnswer) << window;
    for (int i = 0; i < window; ++i) gate.ended();
    gate.told(90, now);
  }
  EXPECT_FALSE(gate.is_limiting(now));
  EXPECT_EQ(burst(gate, now), 70);  // down to the reserve of 20
}

TEST(Gate, StartsOverWithAnother429) {
  auto gate = informed(1000, 900);
  gate.sent(kStart);
  gate.throttled(seconds{1}, kStart);
  auto now = kStart + seconds{1};
  exchange(gate, now);
  gate.told(900, now);
  EXPECT_EQ(burst(gate, now), 2);
  gate.sent(now);
  gate.throttled(seconds{5}, now);
  EXPECT_EQ(gate.leave(now).until, now + seconds{5});
  EXPECT_EQ(burst(gate, now + seconds{5}), 1);
}

TEST(Gate, LetsThoseEndThatWereOnTheirWay) {
  auto gate = informed(1000, 900);
  for (int i = 0; i < 10; ++i) gate.sent(kStart);
  gate.throttled(seconds{10}, kStart);
  const auto pace = gate.pace();
  for (int i = 0; i < 4; ++i) gate.throttled(seconds{12}, kStart + milliseconds{5});
  for (int i = 0; i < 5; ++i) {
    gate.ended();
    gate.told(800, kStart + milliseconds{7});  // out of date
  }
  EXPECT_EQ(gate.in_flight(), 0);
  EXPECT_EQ(gate.pace(), pace);  // one event, one lesson
  EXPECT_EQ(gate.leave(kStart + seconds{11}).until, kStart + milliseconds{12'005});
  EXPECT_EQ(burst(gate, kStart + seconds{13}), 1);
}

TEST(Gate, IsNeverOpenedEarlierByAShorterPause) {
  Gate gate;
  gate.sent(kStart);
  gate.sent(kStart);
  gate.throttled(seconds{30}, kStart);
  gate.throttled(seconds{1}, kStart);
  EXPECT_EQ(gate.leave(kStart).until, kStart + seconds{30});
}

TEST(Gate, KeepsTheReserveForOthers) {
  for (const int percent : {0, 20, 50, 90}) {
    GateRules rules;
    rules.reserve_percent = percent;
    EXPECT_EQ(burst(informed(200, 200, rules), kStart), 200 - 2 * percent) << percent;
    EXPECT_EQ(informed(200, 200, rules).reserve(), 2 * percent);
  }
}

TEST(Gate, CountsWhatIsOnItsWayAgainstWhatRemains) {
  Gate gate;
  exchange(gate, kStart);
  gate.told(100, kStart);
  for (int i = 0; i < 30; ++i) gate.sent(kStart);
  gate.ended();
  gate.told(99, kStart);  // the other 29 may not be in it
  EXPECT_EQ(burst(gate, kStart), 99 - 29 - 20);
}

TEST(Gate, SlowsAtTheReserveButNeverStops) {
  auto gate = informed(200, 40, {10, 20});
  auto now = kStart;
  int sent = 0;
  for (; now < kStart + seconds{60};) {
    const auto leave = gate.leave(now);
    if (leave.kind == Leave::Kind::Go) {
      exchange(gate, now);
      gate.told(0, now);  // others take everything
      ++sent;
    } else {
      ASSERT_EQ(leave.kind, Leave::Kind::Until);
      ASSERT_GT(leave.until, now);
      ASSERT_LE(leave.until - now, seconds{5});
      now = leave.until;
    }
  }
  EXPECT_GE(sent, 12);
  EXPECT_LE(sent, 600);
}

// A bucket as the server keeps it.
struct Bucket {
  double capacity;
  double refill;
  double level = capacity;
  TimePoint at = kStart;
  int refused = 0;

  // What remains, or nothing for a 429.
  std::optional<std::int64_t> take(TimePoint now) {
    level = std::min(capacity, level + refill * std::chrono::duration<double>(now - at).count());
    at = now;
    if (level < 1) {
      ++refused;
      return std::nullopt;
    }
    level -= 1;
    return static_cast<std::int64_t>(level);
  }
  seconds retry_after() const {
    return seconds{static_cast<long>(std::ceil(std::max(1.0, (1 - level) / refill)))};
  }
};

// `count` requests, at most `width` in flight, each answered after `latency`. The time it took.
double run(Bucket& bucket, GateRules rules, int count, int width, milliseconds latency) {
  Gate gate(rules);
  auto now = kStart;
  std::vector<std::pair<TimePoint, std::optional<std::int64_t>>> flying;
  while (count > 0 || !flying.empty()) {
    const auto leave = gate.leave(now);
    if (count > 0 && static_cast<int>(flying.size()) < width && leave.kind == Leave::Kind::Go) {
      gate.sent(now);
      flying.emplace_back(now + latency, bucket.take(now));
      --count;
      continue;
    }
    auto next = TimePoint::max();
    if (!flying.empty()) next = flying.front().first;
    if (leave.kind == Leave::Kind::Until && count > 0 && static_cast<int>(flying.size()) < width) {
      next = std::min(next, leave.until);
    }
    EXPECT_NE(next, TimePoint::max()) << "a deadlock";
    if (next == TimePoint::max()) break;
    now = std::max(now, next);
    while (!flying.empty() && flying.front().first <= now) {
      if (const auto remaining = flying.front().second) {
        gate.ended();
        gate.told(*remaining, now);
      } else {
        gate.throttled(bucket.retry_after(), now);
        ++count;
      }
      flying.erase(flying.begin());
    }
  }
  return std::chrono::duration<double>(now - kStart).count();
}

struct Load {
  const char* name;
  double capacity, refill, documented;
  int requests;
  int most_refused;
  double most_seconds;
};

class GateUnderLoad : public testing::TestWithParam<Load> {};

TEST_P(GateUnderLoad, SlowsDownSmoothlyWithHardlyARefusal) {
  const auto& load = GetParam();
  Bucket bucket{load.capacity, load.refill};
  const auto took = run(bucket, {load.documented, 20}, load.requests, 64, milliseconds{50});
  RecordProperty("refused", bucket.refused);
  EXPECT_LE(bucket.refused, load.most_refused);
  EXPECT_LE(took, load.most_seconds);
}

// most_seconds: what the bucket itself needs, at 80 % of its refill, and some.
INSTANTIATE_TEST_SUITE_P(
    Buckets,
    GateUnderLoad,
    testing::Values(Load{"documented_reads", 250, 25, 25, 2000, 0, 2000 / 20.0 + 10},
                    Load{"documented_writes", 200, 10, 10, 1000, 0, 1000 / 8.0 + 10},
                    Load{"plenty", 11999, 25, 25, 5000, 0, 10},
                    Load{"slower_than_documented", 250, 5, 25, 600, 1, 400 / 4.0 + 60},
                    Load{"tiny", 5, 1, 25, 100, 2, 100 / 0.8 + 60},
                    Load{"one_at_a_time", 1, 1, 25, 50, 9, 50 / 0.8 + 90},
                    Load{"quicker_than_documented", 100, 80, 25, 2000, 0, 60}),
    [](const auto& tested) { return tested.param.name; });

// Every sequence of what may happen, six deep: the promises hold in each state.
TEST(Gate, KeepsItsPromisesInEveryOrderOfEvents) {
  enum Event { Sent, Ended, Throttled, ToldMuch, ToldNothing, Closed, Later, TakenBack, Count };
  constexpr int kDepth = 6;
  int states = 0;
  int total = 1;
  for (int i = 0; i < kDepth; ++i) total *= Count;
  for (int path = 0; path < total; ++path) {
    Gate gate({10, 20});
    auto now = kStart;
    auto closed_until = TimePoint::min();
    for (int left = path, i = 0; i < kDepth; ++i, left /= Count) {
      switch (static_cast<Event>(left % Count)) {
        case Sent:
          if (gate.leave(now).kind == Leave::Kind::Go) gate.sent(now);
          break;
        case Ended:
          if (gate.in_flight() > 0) gate.ended();
          break;
        case Throttled:
          if (gate.in_flight() == 0) break;
          gate.throttled(seconds{9}, now);
          closed_until = std::max(closed_until, now + seconds{9});
          break;
        case ToldMuch:
          gate.told(500, now);
          break;
        case ToldNothing:
          gate.told(0, now);
          break;
        case Closed:
          gate.close(seconds{4}, now);
          closed_until = std::max(closed_until, now + seconds{4});
          break;
        case Later:
          now += seconds{3};
          break;
        case TakenBack:
          if (gate.in_flight() > 0) gate.taken_back();
          break;
        case Count:
          break;
      }
      const auto leave = gate.leave(now);
      ++states;
      ASSERT_GE(gate.in_flight(), 0);
      if (now < closed_until) {
        ASSERT_EQ(leave, (Leave{Leave::Kind::Until, closed_until})) << path;
      } else if (leave.kind == Leave::Kind::AfterAnswer) {
        ASSERT_GT(gate.in_flight(), 0) << path;  // else nobody would ever wake the line
      } else if (leave.kind == Leave::Kind::Until) {
        ASSERT_GT(leave.until, now) << path;
        ASSERT_LE(leave.until - now, seconds{5}) << path;
      }
    }
  }
  EXPECT_EQ(states, total * kDepth);
}

}  // namespace
}  // namespace dps::http

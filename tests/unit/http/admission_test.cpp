#include "reconciler/http/admission.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/manual_clock.hpp"

namespace dps::http {
namespace {

using std::chrono::seconds;

TEST(Admission, PassesAtOnceWhereNobodyClosed) {
  test::ManualClock clock;
  Admission admission(clock, 4);
  admission.close("a/reads", seconds{10});
  EXPECT_EQ(*admission.pass("a/writes", {}), seconds{0});
  EXPECT_EQ(*admission.pass("b/reads", {}), seconds{0});
}

TEST(Admission, DoesNotCallItWaitingWhenOnlyTheThreadWasSlow) {
  class SlowClock final : public Clock {
   public:
    TimePoint now() const override { return TimePoint{} + seconds{++looks_}; }
    WallTime wall() const override { return {}; }
    bool sleep(Duration, std::stop_token) override { return true; }

   private:
    mutable int looks_ = 0;
  };
  SlowClock clock;
  Admission admission(clock, 4);
  EXPECT_EQ(*admission.pass("a/reads", {}), seconds{0});
}

TEST(Admission, WaitsUntilAClosedGateOpens) {
  test::ManualClock clock;
  Admission admission(clock, 4);
  admission.close("a/reads", seconds{10});
  EXPECT_EQ(*admission.pass("a/reads", {}), seconds{10});
  EXPECT_EQ(*admission.pass("a/reads", {}), seconds{0});
}

TEST(Admission, IsNeverOpenedEarlierByAShorterPause) {
  test::ManualClock clock;
  Admission admission(clock, 4);
  admission.close("a/reads", seconds{10});
  admission.close("a/reads", seconds{1});
  EXPECT_EQ(*admission.pass("a/reads", {}), seconds{10});
}

TEST(Admission, StopsWaitingWhenToldTo) {
  test::ManualClock clock;
  Admission admission(clock, 1);
  admission.close("a", seconds{10});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(admission.pass("a", stop.get_token()).error().id, "Cancelled");
  const auto held = admission.slot({});
  ASSERT_TRUE(held);
  EXPECT_EQ(admission.slot(stop.get_token()).error().id, "Cancelled");
}

TEST(Admission, NeverHasMoreInFlightThanAllowed) {
  SystemClock clock;
  Admission admission(clock, 3);
  std::atomic<int> flying{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto slot = admission.slot({});
        const int now = ++flying;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --flying;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 1);
}

}  // namespace
}  // namespace dps::http

#include "reconciler/http/admission.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/manual_clock.hpp"

namespace dps::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class AdmissionTest : public testing::Test {
 protected:
  Result<Pass> enter(const std::string& gate) {
    return admission.enter(gate, admission.new_ticket(), stop.get_token());
  }
  test::ManualClock clock;
  Admission admission{clock, 4};
  std::stop_source stop;
};

TEST_F(AdmissionTest, PassesAtOnceWhereNobodyClosed) {
  admission.close("a/reads", seconds{10});
  EXPECT_EQ(enter("a/writes")->waited(), seconds{0});
  EXPECT_EQ(enter("b/reads")->waited(), seconds{0});
  EXPECT_TRUE(clock.slept().empty());
}

TEST_F(AdmissionTest, WaitsUntilAClosedGateOpens) {
  admission.close("a/reads", seconds{10});
  {
    auto pass = enter("a/reads");
    EXPECT_EQ(pass->waited(), seconds{10});
    pass->ended();
  }
  EXPECT_EQ(enter("a/reads")->waited(), seconds{0});
}

TEST_F(AdmissionTest, IsNeverOpenedEarlierByAShorterPause) {
  admission.close("a/reads", seconds{10});
  admission.close("a/reads", seconds{1});
  EXPECT_EQ(enter("a/reads")->waited(), seconds{10});
}

TEST_F(AdmissionTest, RefusesAtOnceWhoWouldHaveToWaitForHours) {
  enter("a/reads")->throttled(hours{24});
  const auto refused = enter("a/reads");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "Throttled");
  EXPECT_EQ(refused.error().next, NextMove::RetryLater);
  EXPECT_NE(refused.error().what.find("1d"), std::string::npos) << refused.error().what;
  EXPECT_TRUE(clock.slept().empty());
}

TEST_F(AdmissionTest, StopsWaitingWhenToldTo) {
  admission.close("a", seconds{10});
  stop.request_stop();
  EXPECT_EQ(enter("a").error().id, "Cancelled");
  EXPECT_EQ(enter("b").error().id, "Cancelled");
}

TEST_F(AdmissionTest, StopsWaitingForRoomWhenToldTo) {
  Admission narrow(clock, 1);
  const auto held = narrow.enter("a", narrow.new_ticket(), {});
  std::thread late([&] {
    const auto refused = narrow.enter("b", narrow.new_ticket(), stop.get_token());
    EXPECT_EQ(refused.error().id, "Cancelled");
  });
  stop.request_stop();
  late.join();
}

TEST_F(AdmissionTest, TakesAPassBackThatWasNotUsed) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(enter("a"));  // dropped at once; there is room for 4
  }
}

TEST_F(AdmissionTest, KnowsThatAPassIsOldOnceItsGateIsClosed) {
  auto first = enter("a");
  auto second = enter("a");
  auto elsewhere = enter("b");
  first->throttled(seconds{3});
  EXPECT_FALSE(second->is_still_good());
  EXPECT_TRUE(elsewhere->is_still_good());
}

TEST_F(AdmissionTest, SlowsWhenTheReserveIsReached) {
  enter("a/x")->ended();
  admission.told("a/x", 100);  // the largest: a reserve of 20
  enter("a/x")->ended();
  admission.told("a/x", 20);
  enter("a/x")->ended();
  auto paced = enter("a/x");
  EXPECT_EQ(paced->waited(), milliseconds{125});  // 10 a second, less the reserve of 20 %
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
        auto pass = admission.enter("a", admission.new_ticket(), {});
        const int now = ++flying;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --flying;
        pass->ended();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 1);
}

// All that wait for a closed gate wait once, together: the clock is slept away once.
TEST(Admission, LetsManyWaitOnceAndPassInTheOrderOfTheirTickets) {
  test::ManualClock clock;
  Admission admission(clock, 64);
  auto refused = admission.enter("a", admission.new_ticket(), {});
  std::vector<Ticket> tickets;
  for (int i = 0; i < 20; ++i) tickets.push_back(admission.new_ticket());
  std::mutex mutex;
  std::vector<Ticket> passed;
  refused->throttled(seconds{7});
  std::vector<std::thread> threads;
  std::atomic<int> ready{0};
  // A probe that takes its time holds the line until all of it has formed.
  auto probe = admission.enter("a", tickets[0], {});
  for (std::size_t i = tickets.size() - 1; i > 0; --i) {
    threads.emplace_back([&, i] {
      ++ready;
      auto pass = admission.enter("a", tickets[i], {});
      {
        const std::lock_guard lock(mutex);
        passed.push_back(tickets[i]);
      }
      pass->ended();
    });
  }
  while (ready < 19) std::this_thread::yield();
  for (int i = 0; i < 2000; ++i) std::this_thread::yield();
  probe->ended();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clock.slept(), std::vector<Duration>{seconds{7}});
  EXPECT_EQ(passed.size(), 19U);
}

TEST(Admission, NeverForgetsAWaiterInTheMiddleOfClosuresAndStops) {
  test::ManualClock clock;
  Admission admission(clock, 5);
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 100; ++round) {
        std::stop_source stop;
        if ((round + i) % 13 == 0) stop.request_stop();
        auto pass =
            admission.enter(i % 3 == 0 ? "a" : "b", admission.new_ticket(), stop.get_token());
        if (!pass) continue;
        if ((round * 7 + i) % 11 == 0) {
          pass->throttled(milliseconds{10});
        } else if ((round + i) % 5 != 0) {
          pass->ended();
          admission.told(i % 3 == 0 ? "a" : "b", (round * 31 + i) % 40);
        }
      }
      ++done;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, 16);
}

}  // namespace
}  // namespace dps::http

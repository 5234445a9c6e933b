#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "reconciler/controller/work_queue.hpp"

namespace dps::controller {
namespace {

using std::chrono::seconds;

WorkKey service(const std::string& name) {
  return {Work::Service, name};
}

TimePoint at(int second) {
  return TimePoint{} + seconds{second};
}

TEST(WorkQueue, GivesNothingBeforeItIsDue) {
  WorkQueue queue;
  queue.add(service("a"), at(10), Priority::Drift);
  EXPECT_FALSE(queue.take(at(9)));
  EXPECT_EQ(queue.next_due(), at(10));
  const auto taken = queue.take(at(12));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->key, service("a"));
  EXPECT_EQ(taken->priority, Priority::Drift);
  EXPECT_EQ(taken->waited, seconds{2});
  EXPECT_FALSE(queue.next_due());
}

TEST(WorkQueue, GivesThePersonFirstThenTheOldest) {
  WorkQueue queue;
  queue.add(service("resync"), at(0), Priority::Resync);
  queue.add(service("young drift"), at(3), Priority::Drift);
  queue.add(service("old drift"), at(1), Priority::Drift);
  queue.add(service("manifest"), at(4), Priority::Manifest);
  queue.add(service("person"), at(5), Priority::Person);
  queue.add(service("later"), at(100), Priority::Person);
  std::vector<std::string> order;
  while (const auto taken = queue.take(at(5))) order.push_back(taken->key.name);
  EXPECT_EQ(order,
            (std::vector<std::string>{"person", "manifest", "old drift", "young drift", "resync"}));
}

TEST(WorkQueue, AddedAgainKeepsTheEarlierTimeAndTheHigherPriority) {
  WorkQueue queue;
  queue.add(service("a"), at(60), Priority::Manifest);
  queue.add(service("a"), at(10), Priority::Resync);
  queue.add(service("a"), at(90), Priority::Drift);
  EXPECT_EQ(queue.due_of(service("a")), at(10));
  const auto taken = queue.take(at(10));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->priority, Priority::Manifest);
  EXPECT_FALSE(queue.take(at(1000)));
}

TEST(WorkQueue, RunsAKeyOnceMoreForWhatWasAddedWhileItRan) {
  WorkQueue queue;
  queue.add(service("a"), at(0), Priority::Drift);
  ASSERT_TRUE(queue.take(at(0)));
  queue.add(service("a"), at(1), Priority::Person);
  queue.add(service("a"), at(7), Priority::Drift);
  EXPECT_FALSE(queue.take(at(5))) << "it runs already";
  EXPECT_FALSE(queue.next_due()) << "nothing can be started";
  EXPECT_TRUE(queue.is_running(service("a")));
  queue.done(service("a"));
  const auto again = queue.take(at(5));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->priority, Priority::Person);
  queue.done(service("a"));
  EXPECT_FALSE(queue.take(at(1000)));
  EXPECT_EQ(queue.running(), 0U);
}

TEST(WorkQueue, ForgetsWhatNobodyNamesAnyMore) {
  WorkQueue queue;
  queue.add(service("waiting"), at(0), Priority::Drift);
  queue.add(service("running"), at(0), Priority::Manifest);
  ASSERT_EQ(queue.take(at(0))->key, service("running"));
  queue.add(service("running"), at(0), Priority::Manifest);
  queue.forget(service("waiting"));
  queue.forget(service("running"));
  EXPECT_TRUE(queue.is_running(service("running")));
  queue.done(service("running"));
  EXPECT_FALSE(queue.take(at(1000)));
}

TEST(WorkQueue, TellsThePlaceOfEachAmongThoseThatAreDue) {
  WorkQueue queue;
  queue.add({Work::Sweep, "sub"}, at(0), Priority::Manifest);
  queue.add(service("first"), at(9), Priority::Person);
  queue.add(service("last"), at(0), Priority::Resync);
  queue.add(service("not due"), at(11), Priority::Person);
  EXPECT_EQ(queue.position(service("first"), at(10)), 0U);
  EXPECT_EQ(queue.position({Work::Sweep, "sub"}, at(10)), 1U);
  EXPECT_EQ(queue.position(service("last"), at(10)), 2U);
  EXPECT_FALSE(queue.position(service("not due"), at(10)));
  EXPECT_FALSE(queue.position(service("unknown"), at(10)));
  EXPECT_EQ(queue.positions(at(10)),
            (std::map<std::string, std::size_t>{{"first", 0}, {"last", 2}}));
  EXPECT_EQ(queue.depth(at(10)), 3U);
  EXPECT_EQ(queue.oldest(at(10)), seconds{10});
}

// What the queue promises, said as simply as it can be: a list of wishes.
class NaiveQueue {
 public:
  struct Wish {
    WorkKey key;
    TimePoint due;
    Priority priority;
  };

  void add(const WorkKey& key, TimePoint due, Priority priority) {
    wishes_.push_back({key, due, priority});
  }
  std::optional<Taken> take(TimePoint now) {
    std::optional<Taken> best;
    for (const auto& wish : wishes_) {
      if (running_.contains(wish.key)) continue;
      const auto whole = merged(wish.key);
      if (whole.due > now) continue;
      const Taken one{
          wish.key, whole.priority, std::chrono::duration_cast<Duration>(now - whole.due)};
      if (!best || before(one, *best)) best = one;
    }
    if (best) {
      running_.insert(best->key);
      forget(best->key);
    }
    return best;
  }
  void done(const WorkKey& key) { running_.erase(key); }
  void forget(const WorkKey& key) {
    wishes_.erase(
        std::remove_if(
            wishes_.begin(), wishes_.end(), [&](const auto& wish) { return wish.key == key; }),
        wishes_.end());
  }
  std::size_t depth(TimePoint now) const {
    std::set<WorkKey> due;
    for (const auto& wish : wishes_) {
      if (wish.due <= now && !running_.contains(wish.key)) due.insert(wish.key);
    }
    return due.size();
  }
  std::optional<TimePoint> next_due() const {
    std::optional<TimePoint> first;
    for (const auto& wish : wishes_) {
      if (!running_.contains(wish.key)) first = std::min(first.value_or(wish.due), wish.due);
    }
    return first;
  }
  const std::set<WorkKey>& running() const { return running_; }

 private:
  static bool before(const Taken& left, const Taken& right) {
    if (left.priority != right.priority) return left.priority > right.priority;
    if (left.waited != right.waited) return left.waited > right.waited;
    return left.key < right.key;
  }
  Wish merged(const WorkKey& key) const {
    Wish out{key, TimePoint::max(), Priority::Resync};
    for (const auto& wish : wishes_) {
      if (wish.key != key) continue;
      out.due = std::min(out.due, wish.due);
      out.priority = std::max(out.priority, wish.priority);
    }
    return out;
  }
  std::vector<Wish> wishes_;
  std::set<WorkKey> running_;
};

WorkKey some_key(std::mt19937& chance) {
  const std::vector<WorkKey> keys = {{Work::Whole, ""},
                                     {Work::Sweep, "s"},
                                     service("a"),
                                     service("b"),
                                     service("c"),
                                     service("d")};
  return keys[chance() % keys.size()];
}

TEST(WorkQueue, DoesAsAListOfWishesWouldInAnyOrderOfCalls) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 chance(seed);
    WorkQueue queue;
    NaiveQueue naive;
    int now = 0;
    for (int step = 0; step < 200; ++step) {
      now += static_cast<int>(chance() % 3);
      switch (chance() % 8) {
        case 0:
        case 1:
        case 2: {
          const auto key = some_key(chance);
          const auto due = at(now + static_cast<int>(chance() % 12) - 4);
          const auto priority = static_cast<Priority>(chance() % 4);
          queue.add(key, due, priority);
          naive.add(key, due, priority);
          break;
        }
        case 3:
        case 4: {
          const auto taken = queue.take(at(now));
          const auto expected = naive.take(at(now));
          ASSERT_EQ(taken.has_value(), expected.has_value()) << "step " << step;
          if (taken) {
            ASSERT_EQ(taken->key, expected->key) << "step " << step;
            ASSERT_EQ(taken->priority, expected->priority) << "step " << step;
            ASSERT_EQ(taken->waited, expected->waited) << "step " << step;
          }
          break;
        }
        case 5:
        case 6: {
          const auto key = some_key(chance);
          queue.done(key);
          naive.done(key);
          break;
        }
        default: {
          if (chance() % 6 != 0) break;
          const auto key = some_key(chance);
          queue.forget(key);
          naive.forget(key);
        }
      }
      ASSERT_EQ(queue.depth(at(now)), naive.depth(at(now))) << "step " << step;
      ASSERT_EQ(queue.running(), naive.running().size()) << "step " << step;
      ASSERT_EQ(queue.next_due(), naive.next_due()) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace dps::controller

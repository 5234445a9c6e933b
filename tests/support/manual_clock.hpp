// manual_clock: time that moves only when it is told to, or slept away: ten seconds pass in no
// time.
#pragma once

#include <mutex>
#include <vector>

#include "reconciler/base/clock.hpp"

namespace dps::test {

/// Thread-safe. Starts at 2026-11-22T12:00:00Z.
class ManualClock final : public Clock {
 public:
  TimePoint now() const override {
    const std::lock_guard lock(mutex_);
    return TimePoint{} + passed_;
  }
  WallTime wall() const override {
    const std::lock_guard lock(mutex_);
    return *parse_rfc3339("2026-11-22T12:00:00Z") + passed_;
  }
  bool sleep(Duration pause, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    const std::lock_guard lock(mutex_);
    passed_ += pause;
    slept_.push_back(pause);
    return true;
  }

  void advance(Duration step) {
    const std::lock_guard lock(mutex_);
    passed_ += step;
  }
  Duration passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }
  /// Every pause, in order.
  std::vector<Duration> slept() const {
    const std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  Duration passed_ = std::chrono::hours{1};
  std::vector<Duration> slept_;
};

}  // namespace dps::test

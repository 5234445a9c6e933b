// admission: how much goes out at once. A bound on what is in flight, and a gate for each quota
// that a 429 closes for all who share it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"

namespace dps::http {

class Admission;

/// The right to have one request in flight; given back when it goes.
class Slot {
 public:
  explicit Slot(Admission& admission) : admission_(&admission) {}
  Slot(Slot&& other) noexcept : admission_(other.admission_) { other.admission_ = nullptr; }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  Slot& operator=(Slot&&) = delete;
  ~Slot();

 private:
  Admission* admission_;
};

/// Thread-safe. Nothing in it waits while holding a slot.
class Admission {
 public:
  /// `most_in_flight` of 0 counts as 1.
  Admission(Clock& clock, std::size_t most_in_flight);

  /// Waits until the gate is open; at once when nobody closed it. Gives the time waited.
  /// GiveUp "Cancelled" when `stop` is requested.
  Result<Duration> pass(const std::string& gate, const std::stop_token& stop);
  /// Waits for a slot. GiveUp "Cancelled".
  Result<Slot> slot(const std::stop_token& stop);
  /// Nobody passes for `pause`. A gate is never opened earlier than somebody asked for.
  void close(const std::string& gate, Duration pause);

 private:
  friend class Slot;
  void give_back();

  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any freed_;
  std::size_t free_;
  std::map<std::string, TimePoint> closed_until_;
};

}  // namespace dps::http

// admission: how much goes out at once. A bound on what is in flight, and a gate for each quota,
// shared by all who send. Who waits for a gate waits in one line, in the order of their tickets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/gate.hpp"

namespace dps::http {

struct AdmissionSettings {
  std::size_t most_in_flight = 64;  ///< 0 counts as 1
  int reserve_percent = 20;         ///< of every quota, left for people and other tools
  /// What a gate's bucket gains a second, as documented; empty: 10. Pure.
  std::function<double(const std::string& gate)> documented_pace{};
  /// Who would have to wait longer for a gate is refused at once.
  Duration longest_wait = std::chrono::hours{1};
};

/// One's place in every line; kept over all attempts of a request.
using Ticket = std::uint64_t;

class Admission;

/// The right to have one request of one gate in flight; given back when it goes. Not shared between
/// threads.
class Pass {
 public:
  Pass(Pass&& other) noexcept;
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  Pass& operator=(Pass&&) = delete;
  /// Neither `ended` nor `throttled` was called: it was not sent.
  ~Pass();

  /// How long the server's limit held it up.
  Duration waited() const { return waited_; }
  /// False when the gate was closed since: go back to the line.
  bool is_still_good() const;
  void ended();
  void throttled(Duration pause);

 private:
  friend class Admission;
  Pass(Admission& admission, std::string gate, std::uint64_t closures, Duration waited)
      : admission_(&admission), gate_(std::move(gate)), closures_(closures), waited_(waited) {}

  Admission* admission_;
  std::string gate_;
  std::uint64_t closures_;
  Duration waited_;
};

/// Thread-safe. Nothing in it waits while holding anything.
class Admission {
 public:
  Admission(Clock& clock, AdmissionSettings settings);
  Admission(Clock& clock, std::size_t most_in_flight);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  Ticket new_ticket();
  /// Waits until it is one's turn, the gate lets one through and there is room in flight. Errors:
  /// GiveUp "Cancelled" when `stop` is requested; RetryLater "Throttled" when the gate is closed
  /// for longer than the longest wait.
  Result<Pass> enter(const std::string& gate, Ticket ticket, const std::stop_token& stop);
  /// An answer says how much of a quota remains; of a request of this gate or of another's.
  void told(const std::string& gate, std::int64_t remaining);
  /// Nobody passes for `pause`. A gate is never opened earlier than somebody asked for.
  void close(const std::string& gate, Duration pause);

 private:
  friend class Pass;
  struct Waiter;
  struct Line;
  enum class Ending { NotSent, Ended, Throttled };

  Line& line_of(const std::string& gate);
  Result<Pass> wait_in(Line& line,
                       const std::string& gate,
                       Waiter& self,
                       std::unique_lock<std::mutex>& lock,
                       const std::stop_token& stop);
  void give_back(const std::string& gate, Ending ending, Duration pause);
  void wake_heads();

  Clock& clock_;
  const AdmissionSettings settings_;
  mutable std::mutex mutex_;
  std::size_t free_;
  Ticket last_ticket_ = 0;
  std::map<std::string, Line> lines_;
  std::set<Line*> crowded_;  // those with somebody in them
};

}  // namespace dps::http

// gate: how fast the requests of one quota may go. Pure: it is told the time and what happened, and
// says who may go. Admission is the thread-safe shell around it.
#pragma once

#include <cstdint>
#include <optional>

#include "reconciler/base/clock.hpp"

namespace dps::http {

/// How a gate behaves before it has learned better.
struct GateRules {
  double documented_pace = 10;  ///< requests a second that the server's bucket gains; more than 0
  int reserve_percent = 20;     ///< of the largest remaining seen, left for others; 0 to 90
  bool operator==(const GateRules&) const = default;
};

/// May one more go?
struct Leave {
  enum class Kind { Go, Until, AfterAnswer };
  Kind kind = Kind::Go;
  TimePoint until{};  ///< of Until: ask again then
  bool operator==(const Leave&) const = default;
};

/// One quota of one subscription. Its rules, in the order in which they are asked:
///
/// | it knows                                   | it lets through                                 |
/// |--------------------------------------------|-------------------------------------------------|
/// | a 429 whose Retry-After is not over        | nobody                                          |
/// | the time after a 429                       | one probe; 2, 4, 8 … as long as all goes well   |
/// | nothing yet                                | 4 at a time; twice as many each time that all   |
/// |                                            | were answered; all, once an answer tells        |
/// | that more than the reserve remains         | all                                             |
/// | that the reserve is reached                | one every 1/pace seconds                        |
///
/// The pace starts from what is documented, less the reserve; it is halved by a 429, and learned
/// from what remains as time goes by. It never falls below one request in 5 s: a gate slows, it
/// does not stop.
class Gate {
 public:
  explicit Gate(GateRules rules = {});

  Leave leave(TimePoint now) const;
  /// Whether whoever waits now waits for the server's limit, and not only for a first answer.
  bool is_limiting(TimePoint now) const;

  /// One more is on its way.
  void sent(TimePoint now);
  /// It was not sent after all.
  void taken_back();
  /// It ended without a 429: answered well or badly, or not at all.
  void ended();
  /// It was answered 429: nothing may go for `pause`. Those already on their way may end so too.
  void throttled(Duration pause, TimePoint now);
  /// An answer, whose `ended` was told before, says how much remains.
  void told(std::int64_t remaining, TimePoint now);
  /// Nothing may go for `pause`, whoever says so. Never opens earlier than it was to.
  void close(Duration pause, TimePoint now);

  std::uint64_t closures() const { return closures_; }
  int in_flight() const { return in_flight_; }
  double pace() const { return pace_; }  ///< requests a second, at the reserve
  std::int64_t reserve() const;

  bool operator==(const Gate&) const = default;

 private:
  double level(TimePoint now) const;
  void learn(std::int64_t remaining, TimePoint now);
  void start_learning(std::int64_t remaining, TimePoint now);
  double own_share() const;

  GateRules rules_;
  double pace_;
  int in_flight_ = 0;
  TimePoint last_sent_{};

  int window_;
  int well_ = 0;  // ended well since the window grew
  bool recovering_ = false;
  TimePoint closed_until_ = TimePoint::min();
  std::uint64_t closures_ = 0;

  // What remains, less what is on its way, as of a time.
  std::optional<double> level_;
  TimePoint level_at_{};
  std::int64_t largest_ = 0;

  struct Learning {
    TimePoint since{};
    std::int64_t remaining = 0;
    std::int64_t answers = 0;
    bool operator==(const Learning&) const = default;
  };
  std::optional<Learning> learning_;
};

}  // namespace dps::http

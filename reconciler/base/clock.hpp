// clock: wall time and steady time, kept apart; a port, so that tests own the time.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps {

using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::steady_clock::time_point;  ///< for waits and deadlines
using WallTime = std::chrono::system_clock::time_point;   ///< for people and certificates

/// Tells the time and waits. Thread-safe. A fake advances at once in `sleep`.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual WallTime wall() const = 0;
  /// Returns early, with false, when `stop` is requested.
  virtual bool sleep(Duration pause, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
  bool sleep(Duration pause, std::stop_token stop) override;
};

/// "2026-12-01T00:00:00Z", whole seconds, UTC.
std::string rfc3339(WallTime time);
/// RFC 3339 with `Z` or an offset; fractions are dropped. Nothing for anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);
/// "Mon, 13 Feb 2023 08:31:13 GMT" (RFC 1123, as ARM writes dates); year 1 is accepted.
std::optional<WallTime> parse_rfc1123(std::string_view text);
/// Whole numbers with ms s m h d w, joinable: "1h30m"; never bare ("0" neither).
Result<Duration> parse_duration(std::string_view text);
/// The shortest form that parse_duration reads: "1h30m", "250ms", "0s".
std::string duration_text(Duration duration);

}  // namespace dps

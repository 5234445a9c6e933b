#include "reconciler/base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <cstdlib>
#include <limits>
#include <mutex>

namespace dps {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// `width` digits at the front of `text`, taken off it.
std::optional<int> number(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, std::string_view piece) {
  if (!text.starts_with(piece)) return false;
  text.remove_prefix(piece.size());
  return true;
}

std::optional<WallTime> at(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto since = sys_days{date}.time_since_epoch() + std::chrono::hours{hour} +
                     std::chrono::minutes{minute} + seconds{second};
  // The clock counts nanoseconds in 64 bits: 1678 to 2261. Year 1, which ARM does write, is
  // clamped.
  constexpr auto kLeast = std::chrono::duration_cast<seconds>(WallTime::min().time_since_epoch());
  constexpr auto kMost = std::chrono::duration_cast<seconds>(WallTime::max().time_since_epoch());
  const auto whole = std::chrono::duration_cast<seconds>(since);
  if (whole <= kLeast) return WallTime::min();
  if (whole >= kMost) return WallTime::max();
  return WallTime{std::chrono::duration_cast<WallTime::duration>(whole)};
}

}  // namespace

bool SystemClock::sleep(Duration pause, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, pause, [] { return false; });
  return !stop.stop_requested();
}

std::string rfc3339(WallTime time) {
  const auto whole = std::chrono::floor<seconds>(time);
  const auto day = std::chrono::floor<days>(whole);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{whole - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                     static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()),
                     clock.hours().count(),
                     clock.minutes().count(),
                     clock.seconds().count());
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto year = number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = number(text, 2);
  if (!day || !(take(text, "T") || take(text, "t") || take(text, " "))) return std::nullopt;
  const auto hour = number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = number(text, 2);
  if (!second) return std::nullopt;
  if (take(text, ".")) {
    if (!number(text, 1)) return std::nullopt;
    while (number(text, 1)) {
    }
  }
  Duration offset{0};
  if (!take(text, "Z") && !take(text, "z")) {
    const bool east = take(text, "+");
    if (!east && !take(text, "-")) return std::nullopt;
    const auto hours = number(text, 2);
    if (!hours || !take(text, ":")) return std::nullopt;
    const auto minutes = number(text, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = (east ? 1 : -1) * (std::chrono::hours{*hours} + std::chrono::minutes{*minutes});
  }
  if (!text.empty()) return std::nullopt;
  const auto local = at(*year, *month, *day, *hour, *minute, *second);
  if (!local) return std::nullopt;
  return *local - offset;
}

std::optional<WallTime> parse_rfc1123(std::string_view text) {
  if (text.size() < 5 || text.substr(3, 2) != ", ") return std::nullopt;
  text.remove_prefix(5);
  const auto day = number(text, 2);
  if (!day || !take(text, " ")) return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (take(text, kMonths[i])) month = static_cast<int>(i) + 1;
  }
  if (month == 0 || !take(text, " ")) return std::nullopt;
  const auto year = number(text, 4);
  if (!year || !take(text, " ")) return std::nullopt;
  const auto hour = number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = number(text, 2);
  if (!second || text != " GMT") return std::nullopt;
  return at(*year, month, *day, *hour, *minute, *second);
}

namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// "ms" stands before "m" and "s": the first that fits is taken.
constexpr std::array<Unit, 6> kUnits = {{{"w", 604'800'000},
                                         {"d", 86'400'000},
                                         {"h", 3'600'000},
                                         {"ms", 1},
                                         {"m", 60'000},
                                         {"s", 1'000}}};

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto wrong = [&] {
    return fail(give_up("BadDuration",
                        fmt::format("\"{}\" is not a duration", text.substr(0, 40)),
                        "whole numbers with a unit of ms, s, m, h, d or w, such as 30s or 1h30m"));
  };
  if (text.empty() || text.size() > 64) return wrong();
  std::int64_t total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t value = 0;
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
      if (value > 1'000'000'000'000) return wrong();
      value = value * 10 + (rest[digits++] - '0');
    }
    if (digits == 0) return wrong();
    rest.remove_prefix(digits);
    const Unit* found = nullptr;
    for (const auto& unit : kUnits) {
      if (rest.starts_with(unit.name) && found == nullptr) found = &unit;
    }
    if (found == nullptr) return wrong();
    rest.remove_prefix(found->name.size());
    if (value > std::numeric_limits<std::int64_t>::max() / 4 / found->milliseconds) return wrong();
    total += value * found->milliseconds;
    if (total > std::int64_t{100} * 366 * 86'400'000) return wrong();
  }
  return Duration{total};
}

std::string duration_text(Duration duration) {
  auto rest = duration.count();
  if (rest == 0) return "0s";
  std::string out = rest < 0 ? "-" : "";
  rest = std::abs(rest);
  // No weeks: 30d reads better than 4w2d.
  constexpr std::array<Unit, 5> kOrder = {
      {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
  for (const auto& unit : kOrder) {
    if (rest >= unit.milliseconds) {
      out += fmt::format("{}{}", rest / unit.milliseconds, unit.name);
      rest %= unit.milliseconds;
    }
  }
  return out;
}

}  // namespace dps

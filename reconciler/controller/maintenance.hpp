// maintenance: when which kind of change may be made. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"

namespace dps::controller {

/// The kinds of change that a window speaks of.
enum class ChangeClass { Create, Update, Rotate, Delete };
std::string_view word(ChangeClass one);  ///< "create", …
std::optional<ChangeClass> change_class_named(std::string_view text);

/// A cron expression of five fields (minute, hour, day of month, month, day of week) in UTC: `*`,
/// numbers, ranges, lists, steps, names of months and days (JAN, MON); 0 and 7 are Sunday. Where
/// both days are restricted (do not begin with `*`), either serves, as in cron.
class CronExpression {
 public:
  /// GiveUp "BadCron" says which field, and what would be right.
  static Result<CronExpression> parse(std::string_view text);
  bool matches(WallTime minute) const;
  /// The first minute at or after `from` that matches; nothing within four years.
  std::optional<WallTime> next(WallTime from) const;
  /// The last minute at or before `from` that matches, not more than `back` before it.
  std::optional<WallTime> last(WallTime from, Duration back) const;

 private:
  bool is_on(std::chrono::sys_days day) const;
  std::set<int> minutes_, hours_, days_, months_, weekdays_;
  bool any_day_ = true, any_weekday_ = true;
};

enum class WindowEffect { Allow, Deny };

/// From each moment of `start`, for `length` (1 min to 31 d).
struct MaintenanceWindow {
  WindowEffect effect = WindowEffect::Allow;
  std::string start_text;
  CronExpression start;
  Duration length{0};
  std::set<ChangeClass> changes;  ///< empty: all kinds
  std::string name;               ///< for people; may be empty
};

struct WindowJudgement {
  bool allowed = true;
  std::string reason;  ///< "the next window for deletes opens at …"; empty when allowed
  std::optional<WallTime> until;  ///< when that ends; nothing: not within a year
};

/// A deny window that is open forbids. Else, where there are allow windows for the kind, one of
/// them must be open. Else it is allowed.
WindowJudgement judge(const std::vector<MaintenanceWindow>& windows,
                      ChangeClass kind,
                      WallTime now);

}  // namespace dps::controller

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/maintenance.hpp"

namespace dps::controller {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;

constexpr days kFarthest{4 * 366};

struct Field {
  const char* name;
  int first;
  int last;
  std::vector<std::string> words;  // of `first` and what follows
};

const std::array<Field, 5>& fields() {
  static const std::array<Field, 5> all = {{
      {"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day of month", 1, 31, {}},
      {"month",
       1,
       12,
       {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
  }};
  return all;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto* end = text.data() + text.size();
  const auto [last, code] = std::from_chars(text.data(), end, value);
  if (text.empty() || text.front() == '-' || code != std::errc{} || last != end) {
    return std::nullopt;
  }
  return value;
}

std::optional<int> value_of(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    if (equal_ignoring_case(text, field.words[i])) return field.first + static_cast<int>(i);
  }
  const auto value = number(text);
  if (!value || *value < field.first || *value > field.last) return std::nullopt;
  return value;
}

Failure wrong(const Field& field, std::string_view text) {
  std::string words;
  if (!field.words.empty())
    words = fmt::format(" or {} to {}", upper(field.words.front()), upper(field.words.back()));
  return fail(give_up("BadCron",
                      fmt::format("the {} cannot be \"{}\"", field.name, printable(text, 60)),
                      fmt::format("*, {} to {}{}, a range such as {}-{}, a list with commas, or a "
                                  "step such as */2",
                                  field.first,
                                  field.last,
                                  words,
                                  field.first,
                                  field.first + 4)));
}

// One piece of the list: `*`, a value or a range, and after a range or `*` perhaps a step.
bool add_piece(const Field& field, std::string_view piece, std::set<int>& out) {
  int step = 1;
  const auto slash = piece.find('/');
  if (slash != std::string_view::npos) {
    const auto given = number(piece.substr(slash + 1));
    if (!given || *given < 1 || *given > field.last) return false;
    step = *given;
    piece = piece.substr(0, slash);
  }
  int first = field.first;
  int last = field.last;
  if (piece != "*") {
    const auto dash = piece.find('-');
    if (dash == std::string_view::npos && slash != std::string_view::npos) return false;
    const auto from = value_of(field, piece.substr(0, dash));
    if (!from) return false;
    auto to = dash == std::string_view::npos ? from : value_of(field, piece.substr(dash + 1));
    if (!to) return false;
    if (field.last == 7 && *to == 0 && *from > 0) to = 7;  // FRI-SUN
    if (*to < *from) return false;
    first = *from;
    last = *to;
  }
  for (int value = first; value <= last; value += step) {
    out.insert(field.last == 7 && value == 7 ? 0 : value);
  }
  return true;
}

bool add_field(const Field& field, std::string_view text, std::set<int>& out) {
  for (const auto& piece : split(text, ',')) {
    if (!add_piece(field, piece, out)) return false;
  }
  return true;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string one;
  for (const char c : text) {
    if (c != ' ' && c != '\t') {
      one += c;
    } else if (!one.empty()) {
      out.push_back(std::move(one));
      one.clear();
    }
  }
  if (!one.empty()) out.push_back(std::move(one));
  return out;
}

}  // namespace

Result<CronExpression> CronExpression::parse(std::string_view text) {
  const auto words = words_of(text);
  if (words.size() != fields().size()) {
    return fail(give_up("BadCron",
                        fmt::format("\"{}\" has {} fields", printable(text, 60), words.size()),
                        "five: minute, hour, day of month, month, day of week (UTC), such as "
                        "\"0 10 * * TUE\""));
  }
  CronExpression out;
  const std::array<std::set<int>*, 5> sets = {
      &out.minutes_, &out.hours_, &out.days_, &out.months_, &out.weekdays_};
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!add_field(fields()[i], words[i], *sets[i])) return wrong(fields()[i], words[i]);
  }
  // As cron has it: what begins with a star does not count as a restriction, steps or not.
  out.any_day_ = words[2].front() == '*';
  out.any_weekday_ = words[4].front() == '*';
  constexpr std::chrono::year_month_day kSomeLeapYear{
      std::chrono::year{2024}, std::chrono::month{1}, std::chrono::day{1}};
  if (!out.next(sys_days(kSomeLeapYear))) {
    return fail(give_up("BadCron",
                        fmt::format("\"{}\" names a day that no month has", printable(text, 60)),
                        "a day of month that the months named have"));
  }
  return out;
}

bool CronExpression::is_on(std::chrono::sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!months_.contains(static_cast<int>(static_cast<unsigned>(date.month())))) return false;
  const bool in_days = days_.contains(static_cast<int>(static_cast<unsigned>(date.day())));
  const bool in_weekdays =
      weekdays_.contains(static_cast<int>(std::chrono::weekday(day).c_encoding()));
  return any_day_ || any_weekday_ ? in_days && in_weekdays : in_days || in_weekdays;
}

bool CronExpression::matches(WallTime minute) const {
  const auto day = std::chrono::floor<days>(minute);
  const std::chrono::hh_mm_ss time(std::chrono::floor<minutes>(minute - day));
  return is_on(day) && hours_.contains(static_cast<int>(time.hours().count())) &&
         minutes_.contains(static_cast<int>(time.minutes().count()));
}

std::optional<WallTime> CronExpression::next(WallTime from) const {
  const auto first = std::chrono::ceil<minutes>(from);
  const auto first_day = std::chrono::floor<days>(first);
  for (auto day = first_day; day <= first_day + kFarthest; day += days{1}) {
    if (!is_on(day)) continue;
    for (const int hour : hours_) {
      for (const int minute : minutes_) {
        const auto moment = day + hours{hour} + minutes{minute};
        if (moment >= first) return moment;
      }
    }
  }
  return std::nullopt;
}

std::optional<WallTime> CronExpression::last(WallTime from, Duration back) const {
  const auto earliest = from - back;
  const auto last_day = std::chrono::floor<days>(from);
  for (auto day = last_day; day + days{1} > earliest; day -= days{1}) {
    if (!is_on(day)) continue;
    for (auto hour = hours_.rbegin(); hour != hours_.rend(); ++hour) {
      for (auto minute = minutes_.rbegin(); minute != minutes_.rend(); ++minute) {
        const auto moment = day + hours{*hour} + minutes{*minute};
        if (moment > from) continue;
        if (moment < earliest) return std::nullopt;
        return moment;
      }
    }
  }
  return std::nullopt;
}

}  // namespace dps::controller

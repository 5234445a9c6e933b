#include "reconciler/controller/maintenance.hpp"

#include <gtest/gtest.h>

namespace dps::controller {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

WallTime time_of(const std::string& text) {
  return *parse_rfc3339(text);
}

CronExpression cron(const std::string& text) {
  const auto made = CronExpression::parse(text);
  EXPECT_TRUE(made) << text << (made ? "" : ": " + made.error().what);
  return made ? *made : CronExpression{};
}

TEST(CronExpression, MatchesWhatItSays) {
  struct Case {
    const char* expression;
    const char* at;
    bool matches;
  };
  // 2026-11-24 is a Tuesday.
  for (const auto& one : {
           Case{"* * * * *", "2026-11-24T10:00:00Z", true},
           Case{"0 10 * * TUE", "2026-11-24T10:00:00Z", true},
           Case{"0 10 * * TUE", "2026-11-24T10:00:59Z", true},
           Case{"0 10 * * TUE", "2026-11-24T10:01:00Z", false},
           Case{"0 10 * * TUE", "2026-11-25T10:00:00Z", false},
           Case{"0 10 * * 2", "2026-11-24T10:00:00Z", true},
           Case{"0 10 * * mon-fri", "2026-11-24T10:00:00Z", true},
           Case{"0 10 * * 0", "2026-11-29T10:00:00Z", true},
           Case{"0 10 * * 7", "2026-11-29T10:00:00Z", true},
           Case{"0 10 * * FRI-SUN", "2026-11-29T10:00:00Z", true},
           Case{"0 10 * * FRI-SUN", "2026-11-28T10:00:00Z", true},
           Case{"0 10 * * FRI-SUN", "2026-11-26T10:00:00Z", false},
           Case{"*/15 * * * *", "2026-11-24T10:45:00Z", true},
           Case{"*/15 * * * *", "2026-11-24T10:50:00Z", false},
           Case{"10-30/10 * * * *", "2026-11-24T10:30:00Z", true},
           Case{"10-30/10 * * * *", "2026-11-24T10:40:00Z", false},
           Case{"0 8,20 * * *", "2026-11-24T20:00:00Z", true},
           Case{"0 0 1 JAN *", "2027-01-01T00:00:00Z", true},
           Case{"0 0 31 * *", "2026-12-31T00:00:00Z", true},
           Case{"0 0 29 2 *", "2028-02-29T00:00:00Z", true},
           // Both days said: either serves.
           Case{"0 0 1 * FRI", "2026-12-01T00:00:00Z", true},
           Case{"0 0 1 * FRI", "2026-12-04T00:00:00Z", true},
           Case{"0 0 1 * FRI", "2026-12-03T00:00:00Z", false},
           // A star with a step is a star: both must fit. The 3rd is odd and a Thursday.
           Case{"0 0 */2 * THU", "2026-12-03T00:00:00Z", true},
           Case{"0 0 */2 * THU", "2026-12-10T00:00:00Z", false},
           Case{" 0\t10  *  * TUE ", "2026-11-24T10:00:00Z", true},
       }) {
    EXPECT_EQ(cron(one.expression).matches(time_of(one.at)), one.matches)
        << one.expression << " at " << one.at;
  }
}

TEST(CronExpression, FindsTheNextAndTheLastMinute) {
  struct Case {
    const char* expression;
    const char* from;
    const char* next;
    const char* last;  // within 8 days; empty: none
  };
  for (const auto& one : {
           Case{"0 10 * * TUE",
                "2026-11-24T10:00:00Z",
                "2026-11-24T10:00:00Z",
                "2026-11-24T10:00:00Z"},
           Case{"0 10 * * TUE",
                "2026-11-24T10:00:01Z",
                "2026-12-01T10:00:00Z",
                "2026-11-24T10:00:00Z"},
           Case{"0 10 * * TUE",
                "2026-11-24T09:59:00Z",
                "2026-11-24T10:00:00Z",
                "2026-11-17T10:00:00Z"},
           Case{"30 23 31 12 *", "2026-11-24T00:00:00Z", "2026-12-31T23:30:00Z", ""},
           Case{"0 0 29 2 *", "2026-11-24T00:00:00Z", "2028-02-29T00:00:00Z", ""},
           Case{
               "* * * * *", "2026-12-31T23:59:30Z", "2027-01-01T00:00:00Z", "2026-12-31T23:59:00Z"},
       }) {
    SCOPED_TRACE(std::string(one.expression) + " from " + one.from);
    const auto expression = cron(one.expression);
    const auto next = expression.next(time_of(one.from));
    ASSERT_TRUE(next);
    EXPECT_EQ(rfc3339(*next), one.next);
    const auto last = expression.last(time_of(one.from), hours{8 * 24});
    EXPECT_EQ(last ? rfc3339(*last) : "", one.last);
  }
}

TEST(CronExpression, LooksBackNoFurtherThanItMay) {
  const auto daily = cron("0 10 * * *");
  EXPECT_TRUE(daily.last(time_of("2026-11-24T12:00:00Z"), hours{2}));
  EXPECT_FALSE(daily.last(time_of("2026-11-24T12:00:01Z"), hours{2}));
}

TEST(CronExpression, AgreesWithTryingEveryMinuteOfAWeek) {
  for (const char* text :
       {"*/7 */5 * * *", "3 0,23 * * 1,3", "59 23 30 11 SUN", "0 12 */3 11 TUE"}) {
    const auto expression = cron(text);
    std::optional<WallTime> before;
    std::vector<WallTime> waiting;
    const auto start = time_of("2026-11-24T00:00:00Z");
    for (auto at = start; at < start + hours{7 * 24}; at += minutes{1}) {
      waiting.push_back(at);
      if (expression.matches(at)) {
        for (const auto moment : waiting) ASSERT_EQ(expression.next(moment), at) << text;
        waiting.clear();
        before = at;
      }
      ASSERT_EQ(expression.last(at, std::chrono::floor<Duration>(at - start)), before) << text;
    }
  }
}

TEST(CronExpression, SaysWhichFieldIsWrong) {
  struct Case {
    const char* expression;
    const char* says;
  };
  for (const auto& one : {
           Case{"", "0 fields"},
           Case{"* * * *", "4 fields"},
           Case{"0 0 * * * *", "6 fields"},
           Case{"@daily", "1 fields"},
           Case{"60 * * * *", "minute"},
           Case{"-1 * * * *", "minute"},
           Case{"* 24 * * *", "hour"},
           Case{"* * 0 * *", "day of month"},
           Case{"* * 32 * *", "day of month"},
           Case{"* * * 13 *", "month"},
           Case{"* * * JANUARY *", "month"},
           Case{"* * * * 8", "day of week"},
           Case{"* * * * TUES", "day of week"},
           Case{"* * * * FRI-MON", "day of week"},
           Case{"5-1 * * * *", "minute"},
           Case{"5/10 * * * *", "minute"},
           Case{"*/0 * * * *", "minute"},
           Case{"*/ * * * *", "minute"},
           Case{"1,,2 * * * *", "minute"},
           Case{"1, * * * *", "minute"},
           Case{"1- * * * *", "minute"},
           Case{"** * * * *", "minute"},
           Case{"0 0 30 2 *", "no month has"},
           Case{"0 0 31 4,6 *", "no month has"},
       }) {
    const auto made = CronExpression::parse(one.expression);
    ASSERT_FALSE(made) << one.expression;
    EXPECT_EQ(made.error().id, "BadCron") << one.expression;
    EXPECT_NE(made.error().what.find(one.says), std::string::npos) << made.error().what;
    EXPECT_FALSE(made.error().remedy.empty()) << one.expression;
  }
}

MaintenanceWindow window(WindowEffect effect,
                         const std::string& start,
                         Duration length,
                         std::set<ChangeClass> changes = {},
                         std::string name = {}) {
  return {effect, start, cron(start), length, std::move(changes), std::move(name)};
}

TEST(Maintenance, WithoutWindowsEverythingIsAllowed) {
  for (const auto kind :
       {ChangeClass::Create, ChangeClass::Update, ChangeClass::Rotate, ChangeClass::Delete}) {
    const auto judged = judge({}, kind, time_of("2026-11-24T10:00:00Z"));
    EXPECT_TRUE(judged.allowed);
    EXPECT_EQ(judged.reason, "");
    EXPECT_FALSE(judged.until);
    EXPECT_EQ(change_class_named(word(kind)), kind);
  }
  EXPECT_FALSE(change_class_named("remove"));
}

TEST(Maintenance, JudgesByWindowKindAndTime) {
  const auto deletes_on_tuesday =
      window(WindowEffect::Allow, "0 10 * * TUE", hours{2}, {ChangeClass::Delete});
  const auto no_fridays = window(WindowEffect::Deny, "0 0 * * FRI", hours{24}, {}, "no fridays");
  const auto deletes_any_day =
      window(WindowEffect::Allow, "0 9 * * *", hours{1}, {ChangeClass::Delete});
  const auto always_denied = window(WindowEffect::Deny, "0 * * * *", hours{1});
  const auto long_night =
      window(WindowEffect::Deny, "0 22 * * *", hours{10}, {ChangeClass::Rotate});
  struct Case {
    const char* name;
    std::vector<MaintenanceWindow> windows;
    ChangeClass kind;
    const char* now;
    bool allowed;
    const char* until;
    const char* says;
  };
  for (const auto& one : {
           Case{"before it opens",
                {deletes_on_tuesday},
                ChangeClass::Delete,
                "2026-11-24T09:59:59Z",
                false,
                "2026-11-24T10:00:00Z",
                "the next window for deletes opens at 2026-11-24T10:00:00Z"},
           Case{"it opens",
                {deletes_on_tuesday},
                ChangeClass::Delete,
                "2026-11-24T10:00:00Z",
                true,
                "",
                ""},
           Case{"its last second",
                {deletes_on_tuesday},
                ChangeClass::Delete,
                "2026-11-24T11:59:59Z",
                true,
                "",
                ""},
           Case{"it is over",
                {deletes_on_tuesday},
                ChangeClass::Delete,
                "2026-11-24T12:00:00Z",
                false,
                "2026-12-01T10:00:00Z",
                "opens at"},
           Case{"other kinds do not care",
                {deletes_on_tuesday},
                ChangeClass::Update,
                "2026-11-24T12:00:00Z",
                true,
                "",
                ""},
           Case{"on Thursday",
                {no_fridays},
                ChangeClass::Create,
                "2026-11-26T23:59:59Z",
                true,
                "",
                ""},
           Case{"on Friday",
                {no_fridays},
                ChangeClass::Create,
                "2026-11-27T00:00:00Z",
                false,
                "2026-11-28T00:00:00Z",
                "the maintenance window \"no fridays\" forbids creates; they may be made from "
                "2026-11-28T00:00:00Z on"},
           Case{"denied within allowed",
                {no_fridays, deletes_any_day},
                ChangeClass::Delete,
                "2026-11-27T09:30:00Z",
                false,
                "2026-11-28T09:00:00Z",
                "no fridays"},
           Case{"the order does not count",
                {deletes_any_day, no_fridays},
                ChangeClass::Delete,
                "2026-11-27T09:30:00Z",
                false,
                "2026-11-28T09:00:00Z",
                "no fridays"},
           Case{"either allow serves",
                {deletes_on_tuesday, deletes_any_day},
                ChangeClass::Delete,
                "2026-11-24T10:30:00Z",
                true,
                "",
                ""},
           Case{"the earlier allow is named",
                {deletes_on_tuesday, deletes_any_day},
                ChangeClass::Delete,
                "2026-11-24T13:00:00Z",
                false,
                "2026-11-25T09:00:00Z",
                "2026-11-25T09:00:00Z"},
           Case{"over midnight",
                {long_night},
                ChangeClass::Rotate,
                "2026-11-25T03:00:00Z",
                false,
                "2026-11-25T08:00:00Z",
                "forbids rotations"},
           Case{"never within a year",
                {always_denied},
                ChangeClass::Update,
                "2026-11-24T10:30:00Z",
                false,
                "",
                "no time within a year allows them"},
           Case{"an allow that is never reached",
                {window(WindowEffect::Allow, "0 0 29 2 *", hours{1})},
                ChangeClass::Update,
                "2026-11-24T10:30:00Z",
                false,
                "",
                "no window for updates opens within a year"},
           Case{"before 1970 reads the same",
                {deletes_on_tuesday},
                ChangeClass::Delete,
                "1969-12-30T10:30:00Z",
                true,
                "",
                ""},
       }) {
    SCOPED_TRACE(one.name);
    const auto judged = judge(one.windows, one.kind, time_of(one.now));
    EXPECT_EQ(judged.allowed, one.allowed);
    EXPECT_EQ(judged.until ? rfc3339(*judged.until) : "", one.until);
    EXPECT_NE(judged.reason.find(one.says), std::string::npos) << judged.reason;
    EXPECT_EQ(judged.reason.empty(), one.allowed);
  }
}

TEST(Maintenance, WhatItAnnouncesComesTrue) {
  const std::vector<MaintenanceWindow> windows = {
      window(WindowEffect::Allow, "0 10 * * TUE,THU", hours{3}),
      window(WindowEffect::Allow, "30 2 1,15 * *", minutes{45}, {ChangeClass::Delete}),
      window(WindowEffect::Deny, "0 11 * * *", minutes{30}),
      window(WindowEffect::Deny, "*/20 2 * * *", minutes{15}, {ChangeClass::Delete})};
  auto now = time_of("2026-11-20T00:00:00Z");
  for (int step = 0; step < 500; ++step, now += minutes{37}) {
    for (const auto kind : {ChangeClass::Update, ChangeClass::Delete}) {
      const auto judged = judge(windows, kind, now);
      if (judged.allowed) continue;
      ASSERT_TRUE(judged.until) << rfc3339(now);
      EXPECT_TRUE(judge(windows, kind, *judged.until).allowed) << rfc3339(now);
      EXPECT_FALSE(judge(windows, kind, *judged.until - std::chrono::seconds{1}).allowed)
          << rfc3339(now);
    }
  }
}

}  // namespace
}  // namespace dps::controller

#include "reconciler/base/clock.hpp"

#include <gtest/gtest.h>

namespace dps {
namespace {

using namespace std::chrono_literals;

TEST(Duration, WholeNumbersWithUnitsAreRead) {
  const std::pair<const char*, Duration> cases[] = {{"30s", 30s},
                                                    {"1h30m", 90min},
                                                    {"250ms", 250ms},
                                                    {"2w", 14 * 24h},
                                                    {"1d", 24h},
                                                    {"1m1ms", 60s + 1ms}};
  for (const auto& [text, value] : cases) {
    ASSERT_TRUE(parse_duration(text).has_value()) << text;
    EXPECT_EQ(*parse_duration(text), value) << text;
  }
}

TEST(Duration, BareAndBrokenOnesAreRefused) {
  for (const char* text :
       {"", "0", "30", "s", "1.5h", "-1s", "1h 30m", "1y", "99999999999999999999s", "200000d"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Duration, TheTextReadsBack) {
  for (const Duration d :
       {Duration{0}, Duration{1}, Duration{90min}, Duration{25s}, Duration{24h * 30}}) {
    EXPECT_EQ(parse_duration(duration_text(d)), d) << duration_text(d);
  }
  EXPECT_EQ(duration_text(90min), "1h30m");
}

TEST(Time, Rfc3339IsWrittenAndRead) {
  const auto time = parse_rfc3339("2026-12-01T01:02:03Z");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(rfc3339(*time), "2026-12-01T01:02:03Z");
  EXPECT_EQ(parse_rfc3339("2026-12-01T02:02:03+01:00"), time);
  EXPECT_EQ(parse_rfc3339("2026-12-01T01:02:03.999Z"), time);
  for (const char* text : {"",
                           "2026-12-01",
                           "2026-13-01T00:00:00Z",
                           "2026-02-30T00:00:00Z",
                           "2026-12-01T00:00:00",
                           "2026-12-01T25:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
  }
}

TEST(Time, Rfc1123AsArmWritesItIsRead) {
  const auto time = parse_rfc1123("Mon, 13 Feb 2023 08:31:13 GMT");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(rfc3339(*time), "2023-02-13T08:31:13Z");
  EXPECT_TRUE(parse_rfc1123("Mon, 01 Jan 0001 00:00:00 GMT").has_value());
  EXPECT_FALSE(parse_rfc1123("2023-02-13T08:31:13Z").has_value());
}

TEST(SystemClock, AStopEndsASleepAtOnce) {
  SystemClock clock;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.sleep(1h, stop.get_token()));
}

}  // namespace
}  // namespace dps

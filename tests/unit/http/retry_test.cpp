#include "reconciler/http/retry.hpp"

#include <gtest/gtest.h>

#include "tests/support/scripted_exchange.hpp"

namespace dps::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kNow = *parse_rfc3339("2026-11-22T12:00:00Z");

struct JudgeCase {
  const char* name;
  Answer answer;
  Verdict of_read;
  Verdict of_write;
};

class Judge : public testing::TestWithParam<JudgeCase> {};

TEST_P(Judge, RepeatsAWriteOnlyWhenNothingWasDone) {
  EXPECT_EQ(judge(GetParam().answer, Repeat::Freely), GetParam().of_read);
  EXPECT_EQ(judge(GetParam().answer, Repeat::OnlyUndone), GetParam().of_write);
}

Answer failure(Delivery delivery, Error error) {
  return tl::unexpected(SendFailure{delivery, std::move(error)});
}

INSTANTIATE_TEST_SUITE_P(
    Answers,
    Judge,
    testing::Values(
        JudgeCase{"ok", test::answer(200), Verdict::Done, Verdict::Done},
        JudgeCase{"created", test::answer(201), Verdict::Done, Verdict::Done},
        JudgeCase{"bad", test::answer(400), Verdict::Done, Verdict::Done},
        JudgeCase{"unauthorized", test::answer(401), Verdict::NewToken, Verdict::NewToken},
        JudgeCase{"missing", test::answer(404), Verdict::Done, Verdict::Done},
        JudgeCase{"timeout", test::answer(408), Verdict::Again, Verdict::LostAnswer},
        JudgeCase{"conflict", test::answer(409), Verdict::Done, Verdict::Done},
        JudgeCase{"precondition", test::answer(412), Verdict::Done, Verdict::Done},
        JudgeCase{"throttled", test::answer(429), Verdict::Again, Verdict::Again},
        JudgeCase{"server", test::answer(500), Verdict::Again, Verdict::LostAnswer},
        JudgeCase{"bad_gateway", test::answer(502), Verdict::Again, Verdict::LostAnswer},
        JudgeCase{"unavailable", test::answer(503), Verdict::Again, Verdict::LostAnswer},
        JudgeCase{"unavailable_with_pause",
                  test::answer(503, "", {{"Retry-After", "1"}}),
                  Verdict::Again,
                  Verdict::Again},
        JudgeCase{"gateway_timeout", test::answer(504), Verdict::Again, Verdict::LostAnswer},
        JudgeCase{"lost", test::lost(), Verdict::Again, Verdict::LostAnswer},
        JudgeCase{"not_sent", test::not_sent(), Verdict::Again, Verdict::Again},
        JudgeCase{"cancelled_before",
                  failure(Delivery::NotSent, give_up("Cancelled", "")),
                  Verdict::Failed,
                  Verdict::Failed},
        JudgeCase{"cancelled_under_way",
                  failure(Delivery::MaybeSent, give_up("Cancelled", "")),
                  Verdict::Failed,
                  Verdict::LostAnswer}),
    [](const auto& tested) { return tested.param.name; });

// Every status with every kind of request, header and body: what may happen twice, and what not.
TEST(JudgeTable, HoldsForEveryStatusHeaderAndBody) {
  const std::vector<std::pair<const char*, Headers>> headers = {
      {"none", {}},
      {"seconds", {{"Retry-After", "5"}}},
      {"date", {{"Retry-After", "Sun, 22 Nov 2026 12:00:30 GMT"}}},
      {"html", {{"Content-Type", "text/html"}}},
      {"location", {{"Location", "https://elsewhere.example/"}}}};
  const std::vector<const char*> bodies = {
      "", "<html>503</html>", R"({"error":{"code":"X"}})", "try again after '3' seconds"};
  int rows = 0;
  for (int status = 100; status < 600; ++status) {
    for (const auto& [name, given] : headers) {
      for (const auto* body : bodies) {
        const Answer told = test::answer(status, body, given);
        const auto read = judge(told, Repeat::Freely);
        const auto write = judge(told, Repeat::OnlyUndone);
        const bool asks_to_wait = given.contains("retry-after");
        const bool passing =
            status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
        const auto where = std::to_string(status) + " " + name + " " + body;
        ++rows;
        if (status == 429) {
          EXPECT_EQ(read, Verdict::Again) << where;
          EXPECT_EQ(write, Verdict::Again) << where;
        } else if (status == 401) {
          EXPECT_EQ(read, Verdict::NewToken) << where;
          EXPECT_EQ(write, Verdict::NewToken) << where;
        } else if (passing) {
          EXPECT_EQ(read, Verdict::Again) << where;
          EXPECT_EQ(write, status == 503 && asks_to_wait ? Verdict::Again : Verdict::LostAnswer)
              << where;
        } else {
          EXPECT_EQ(read, Verdict::Done) << where;
          EXPECT_EQ(write, Verdict::Done) << where;
        }
      }
    }
  }
  EXPECT_EQ(rows, 10'000);
}

TEST(DelayTable, IsBoundedForEveryAttemptFloorAndChance) {
  const Backoff backoff{milliseconds{500}, seconds{30}, 6};
  for (int attempt = 1; attempt <= 8; ++attempt) {
    for (const auto floor : {seconds{0}, seconds{7}, seconds{3600}}) {
      for (const double jitter : {0.0, 0.25, 0.5, 0.999}) {
        const auto pause = delay_after(attempt, floor, jitter, backoff);
        ASSERT_EQ(pause.has_value(), attempt < 6);
        if (!pause) continue;
        EXPECT_GE(*pause, floor);
        EXPECT_LE(*pause, floor + seconds{30});
      }
    }
  }
}

TEST(ClosingAfter, KeepsToTheServersWordAndSpreadsTheReturn) {
  const Backoff backoff{milliseconds{500}, seconds{30}, 6};
  EXPECT_EQ(closing_after(1, seconds{17}, 0.0, backoff), seconds{17});
  EXPECT_EQ(closing_after(9, seconds{17}, 0.5, backoff), seconds{17} + milliseconds{250});
  EXPECT_EQ(closing_after(1, {}, 0.0, backoff), milliseconds{500});
  EXPECT_EQ(closing_after(3, {}, 0.5, backoff), seconds{3});
  for (int refusals = 1; refusals < 100; ++refusals) {
    EXPECT_LE(closing_after(refusals, {}, 0.99, backoff), seconds{30});
    EXPECT_GE(closing_after(refusals, {}, 0.0, backoff), milliseconds{500});
  }
}

struct WordsCase {
  const char* name;
  int status;
  const char* body;
  std::optional<Duration> expected;
};

class PauseInWords : public testing::TestWithParam<WordsCase> {};

TEST_P(PauseInWords, IsReadOnlyWhereItIsMeant) {
  EXPECT_EQ(retry_after(Response{GetParam().status, {}, GetParam().body}, kNow),
            GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Bodies,
    PauseInWords,
    testing::Values(
        WordsCase{"as_seen", 429, "exceeded. Please try again after '17' seconds.", seconds{17}},
        WordsCase{"escaped", 429, R"(Please try again after \"5\" seconds)", seconds{5}},
        WordsCase{"bare", 503, "Try Again After 3 seconds", seconds{3}},
        WordsCase{"other_status", 400, "try again after '17' seconds", std::nullopt},
        WordsCase{"minutes", 429, "try again after '17' minutes", std::nullopt},
        WordsCase{"somewhat", 429, "try again after some time, in 2026", std::nullopt},
        WordsCase{"nothing", 429, "try again after", std::nullopt},
        WordsCase{
            "huge", 429, "try again after 99999999999999999999 seconds", seconds{365L * 24 * 3600}},
        WordsCase{"html", 429, "<html><body>Too many</body></html>", std::nullopt}),
    [](const auto& tested) { return tested.param.name; });

TEST(DelayAfter, GrowsUpToTheCeilingAndGivesUp) {
  const Backoff backoff{milliseconds{500}, seconds{4}, 6};
  EXPECT_EQ(delay_after(1, {}, 0.0, backoff), milliseconds{0});
  EXPECT_EQ(delay_after(1, {}, 0.5, backoff), milliseconds{250});
  EXPECT_EQ(delay_after(3, {}, 0.5, backoff), milliseconds{1000});
  EXPECT_EQ(delay_after(5, {}, 0.5, backoff), milliseconds{2000});
  EXPECT_EQ(delay_after(6, {}, 0.5, backoff), std::nullopt);
}

TEST(DelayAfter, NeverWaitsLessThanTheServerAsksFor) {
  const Backoff backoff{milliseconds{500}, seconds{4}, 6};
  EXPECT_EQ(delay_after(1, seconds{3600}, 0.0, backoff), seconds{3600});
  EXPECT_EQ(delay_after(1, seconds{3600}, 0.5, backoff), seconds{3600} + milliseconds{250});
}

TEST(DelayAfter, DoesNotOverflowWithManyAttempts) {
  EXPECT_LE(*delay_after(5000, {}, 0.99, {milliseconds{500}, seconds{30}, 10'000}), seconds{30});
}

struct PauseCase {
  const char* name;
  Headers headers;
  std::optional<Duration> expected;
};

class RetryAfter : public testing::TestWithParam<PauseCase> {};

TEST_P(RetryAfter, ReadsSecondsAndDates) {
  EXPECT_EQ(retry_after(Response{429, GetParam().headers, {}}, kNow), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Headers,
    RetryAfter,
    testing::Values(
        PauseCase{"absent", {}, std::nullopt},
        PauseCase{"seconds", {{"Retry-After", "15"}}, seconds{15}},
        PauseCase{"zero", {{"retry-after", "0"}}, seconds{0}},
        PauseCase{"blanks", {{"retry-after", " 7 "}}, seconds{7}},
        PauseCase{"negative", {{"retry-after", "-5"}}, seconds{0}},
        PauseCase{
            "milliseconds", {{"retry-after-ms", "250"}, {"retry-after", "1"}}, milliseconds{250}},
        PauseCase{"date", {{"retry-after", "Sun, 22 Nov 2026 12:00:30 GMT"}}, seconds{30}},
        PauseCase{"date_against_the_servers_clock",
                  {{"retry-after", "Sun, 22 Nov 2026 13:00:05 GMT"},
                   {"date", "Sun, 22 Nov 2026 13:00:00 GMT"}},
                  seconds{5}},
        PauseCase{"past", {{"retry-after", "Sun, 22 Nov 2020 12:00:30 GMT"}}, seconds{0}},
        PauseCase{"huge", {{"retry-after", "99999999999999999999"}}, seconds{365L * 24 * 3600}},
        PauseCase{"nonsense", {{"retry-after", "soon"}}, std::nullopt}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace dps::http

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

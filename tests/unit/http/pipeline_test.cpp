#include "reconciler/http/pipeline.hpp"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.hpp"
#include "tests/support/scripted_exchange.hpp"

namespace dps::http {
namespace {

using std::chrono::seconds;
using test::answer;

class Tokens final : public TokenSource {
 public:
  Result<Token> token(std::stop_token) override {
    if (failure) return fail(*failure);
    return Token{Secret("token-" + std::to_string(generation)), generation, {}};
  }
  void reject(std::uint64_t refused) override {
    if (refused == generation) ++generation;
  }
  std::uint64_t generation = 1;
  std::optional<Error> failure;
};

class Watcher final : public ExchangeObserver {
 public:
  void exchanged(const Exchanged& event) override { events.push_back(event); }
  void throttled(const std::string& gate, Duration waited) override {
    gates.emplace_back(gate, waited);
  }
  void closed(const std::string& gate, Duration pause) override {
    closures.emplace_back(gate, pause);
  }
  void remaining(const std::string& gate, std::int64_t requests) override {
    readings.emplace_back(gate, requests);
  }
  std::vector<Exchanged> events;
  std::vector<std::pair<std::string, Duration>> closures;
  std::vector<std::pair<std::string, std::int64_t>> readings;
  std::vector<std::pair<std::string, Duration>> gates;
};

class PipelineTest : public testing::Test {
 protected:
  Answer send(Method method, const std::string& url = "https://arm.example/a") {
    Request request;
    request.method = method;
    request.url = url;
    return pipeline.send(request, stop.get_token());
  }
  std::string authorization(std::size_t number) {
    return wire.requests().at(number).headers.at("authorization");
  }

  test::ScriptedExchange wire;
  test::ManualClock clock;
  Tokens tokens;
  Watcher watcher;
  Admission admission{clock, 4};
  std::stop_source stop;
  Pipeline pipeline{wire,
                    tokens,
                    admission,
                    clock,
                    watcher,
                    {"https://arm.example",
                     {seconds{1}, seconds{8}, 4},
                     [](const Request& request) {
                       const bool read = request.method == Method::Get;
                       return Traits{"op",
                                     read ? "s/reads" : "s/writes",
                                     read ? Repeat::Freely : Repeat::OnlyUndone};
                     },
                     [] { return 0.5; },
                     [](const Response& response) { return "said " + response.body; },
                     {},
                     [](const Request&, const Response& response) {
                       std::vector<QuotaReading> out;
                       if (const auto text = response.header("remaining"); !text.empty()) {
                         out.push_back({"s/reads", std::stol(text)});
                       }
                       return out;
                     }}};
};

TEST_F(PipelineTest, SendsTokenAndRequestId) {
  wire.on("GET", "/a", answer(200, "x"));
  ASSERT_EQ(send(Method::Get)->body, "x");
  EXPECT_EQ(authorization(0), "Bearer token-1");
  EXPECT_EQ(wire.requests()[0].headers.at("x-ms-client-request-id").size(), 36U);
}

TEST_F(PipelineTest, KeepsOneRequestIdOverAllAttempts) {
  wire.on("GET", "/a", {answer(500), answer(200)});
  ASSERT_EQ(send(Method::Get)->status, 200);
  EXPECT_EQ(wire.requests()[0].headers.at("x-ms-client-request-id"),
            wire.requests()[1].headers.at("x-ms-client-request-id"));
}

TEST_F(PipelineTest, RefusesOtherHostsBeforeAnyByteLeaves) {
  for (const auto* url : {"https://evil.example/a",
                          "http://arm.example/a",
                          "https://arm.example:444/a",
                          "https://arm.example.evil/a",
                          "https://arm.example@evil/a",
                          "/a"}) {
    const auto refused = send(Method::Get, url);
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().delivery, Delivery::NotSent);
    EXPECT_EQ(refused.error().error.next, NextMove::GiveUp);
  }
  EXPECT_TRUE(wire.seen().empty());
}

TEST_F(PipelineTest, TakesPlainHttpForLoopbackOnly) {
  const auto over = [&](const std::string& endpoint) {
    Pipeline plain(
        wire,
        tokens,
        admission,
        clock,
        watcher,
        {endpoint, {}, [](const Request&) { return Traits{}; }, [] { return 0.0; }, nullptr});
    Request request;
    request.url = endpoint + "/a";
    return plain.send(request, {});
  };
  wire.on("GET", "/a", answer(200));
  EXPECT_TRUE(over("http://127.0.0.1:8080"));
  EXPECT_EQ(over("http://arm.example").error().error.id, "ForeignHost");
}

TEST_F(PipelineTest, RepeatsReadsUntilTheAttemptsAreUsedUp) {
  wire.on("GET", "/a", answer(503, "page"));
  const auto last = send(Method::Get);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->status, 503);
  EXPECT_EQ(wire.seen().size(), 4U);
  const std::vector<Duration> expected = {std::chrono::milliseconds{500}, seconds{1}, seconds{2}};
  EXPECT_EQ(clock.slept(), expected);
}

TEST_F(PipelineTest, RepeatsReadsAfterABrokenConnection) {
  wire.on("GET", "/a", {test::lost(), test::not_sent(), answer(200)});
  EXPECT_EQ(send(Method::Get)->status, 200);
}

TEST_F(PipelineTest, NeverRepeatsAWriteThatMayHaveBeenDone) {
  for (const auto& trouble :
       {test::lost(), answer(408), answer(500, "why"), answer(502), answer(503), answer(504)}) {
    test::ScriptedExchange fresh;
    fresh.on("PUT", "/a", trouble);
    Pipeline again(fresh,
                   tokens,
                   admission,
                   clock,
                   watcher,
                   {"https://arm.example",
                    {},
                    [](const Request&) {
                      return Traits{"op", "g", Repeat::OnlyUndone};
                    },
                    [] { return 0.0; },
                    nullptr});
    Request request;
    request.method = Method::Put;
    request.url = "https://arm.example/a";
    const auto outcome = again.send(request, {});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.id, "LostAnswer");
    EXPECT_EQ(outcome.error().error.next, NextMove::ReadAgain);
    EXPECT_EQ(fresh.seen().size(), 1U);
  }
}

TEST_F(PipelineTest, LetsTheServerExplainALostWrite) {
  wire.on("PUT", "/a", answer(500, "bad input"));
  const auto outcome = send(Method::Put);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.http_status, 500);
  EXPECT_NE(outcome.error().error.what.find("said bad input"), std::string::npos);
}

TEST_F(PipelineTest, RepeatsAWriteThatWasNotSentOrThrottled) {
  wire.on("PUT", "/a", {test::not_sent(), answer(429, "", {{"Retry-After", "3"}}), answer(201)});
  EXPECT_EQ(send(Method::Put)->status, 201);
  EXPECT_EQ(wire.seen().size(), 3U);
}

TEST_F(PipelineTest, ClosesTheGateForAllOfTheSameQuota) {
  wire.on("GET", "/a", {answer(429, "", {{"Retry-After", "60"}}), answer(200)});
  EXPECT_EQ(send(Method::Get)->status, 200);
  EXPECT_GE(clock.passed(), std::chrono::hours{1} + seconds{60});
  admission.close("s/reads", seconds{5});
  EXPECT_EQ(send(Method::Get)->status, 200);
  ASSERT_FALSE(watcher.gates.empty());
  EXPECT_EQ(watcher.gates.back(), (std::pair<std::string, Duration>{"s/reads", seconds{5}}));
}

TEST_F(PipelineTest, BearsMany429sWithoutCountingThemAsAttempts) {
  std::vector<Answer> answers(12, answer(429, "", {{"Retry-After", "2"}}));
  answers.push_back(answer(503));
  answers.push_back(answer(200));
  wire.on("PUT", "/a", answers);
  const auto outcome = send(Method::Put);
  EXPECT_EQ(wire.seen().size(), 13U);  // a 503 leaves a write in doubt
  EXPECT_EQ(outcome.error().error.id, "LostAnswer");
  EXPECT_GE(clock.passed(), std::chrono::hours{1} + seconds{24});
  EXPECT_EQ(watcher.closures.size(), 12U);
}

TEST_F(PipelineTest, GivesTheLast429BackWhenItNeverEnds) {
  wire.on("GET", "/a", answer(429, "", {{"Retry-After", "1"}}));
  EXPECT_EQ(send(Method::Get)->status, 429);
  EXPECT_EQ(wire.seen().size(), 31U);
}

TEST_F(PipelineTest, ReadsTheSecondsOfA429sText) {
  wire.on("GET",
          "/a",
          {answer(429, R"({"error":{"message":"Please try again after '17' seconds."}})"),
           answer(200)});
  EXPECT_EQ(send(Method::Get)->status, 200);
  ASSERT_EQ(watcher.closures.size(), 1U);
  EXPECT_EQ(watcher.closures[0].second, seconds{17} + std::chrono::milliseconds{500});
}

TEST_F(PipelineTest, DoesNotWaitForADay) {
  wire.on("GET", "/a", {answer(429, "", {{"Retry-After", "86400"}}), answer(200)});
  const auto outcome = send(Method::Get);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.id, "Throttled");
  EXPECT_EQ(outcome.error().error.next, NextMove::RetryLater);
  EXPECT_TRUE(clock.slept().empty());
}

TEST_F(PipelineTest, SlowsByWhatAnswersTell) {
  wire.on("GET",
          "/a",
          {answer(200, "", {{"remaining", "100"}}),
           answer(200, "", {{"remaining", "20"}}),
           answer(200, "", {{"remaining", "19"}})});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(send(Method::Get));
  const std::vector<std::pair<std::string, std::int64_t>> expected = {
      {"s/reads", 100}, {"s/reads", 20}, {"s/reads", 19}, {"s/reads", 19}};
  EXPECT_EQ(watcher.readings, expected);
  ASSERT_EQ(watcher.gates.size(), 2U);
  EXPECT_EQ(watcher.gates[0].second, std::chrono::milliseconds{125});
  EXPECT_EQ(watcher.events.back().waited, std::chrono::milliseconds{125});
}

TEST_F(PipelineTest, DoesNotHammerASickServer) {
  wire.on("GET", "/a", answer(500, "why"));
  for (int i = 0; i < 6; ++i) send(Method::Get);  // three retries each
  const auto before = wire.seen().size();
  EXPECT_EQ(before, 24U);
  const auto seventh = send(Method::Get);
  EXPECT_EQ(wire.seen().size(), before + 3);  // the last two tokens
  ASSERT_FALSE(seventh);
  EXPECT_EQ(seventh.error().error.id, "RetryBudgetSpent");
  EXPECT_EQ(seventh.error().error.next, NextMove::RetryLater);
  EXPECT_EQ(seventh.error().error.http_status, 500);
  EXPECT_NE(seventh.error().error.what.find("said why"), std::string::npos);
  EXPECT_TRUE(watcher.events.back().budget_spent);
  send(Method::Get);
  EXPECT_EQ(wire.seen().size(), before + 4);  // once, and final
}

TEST_F(PipelineTest, CallsASilentServerDeadInsteadOfAskingForEverySingleThing) {
  wire.on("GET", "/a", test::not_sent());
  for (int i = 0; i < 200; ++i) {
    const auto outcome = send(Method::Get);
    ASSERT_FALSE(outcome);
    ASSERT_EQ(outcome.error().error.next, NextMove::RetryLater);
  }
  EXPECT_LE(wire.seen().size(), 30U);
  EXPECT_EQ(send(Method::Get).error().error.id, "EndpointDown");
  clock.advance(seconds{6});
  const auto before = wire.seen().size();
  send(Method::Get);
  EXPECT_EQ(wire.seen().size(), before + 1);  // the probe
}

TEST_F(PipelineTest, TakesOneNewTokenAfterA401) {
  wire.on("PUT", "/a", {answer(401), answer(201)});
  EXPECT_EQ(send(Method::Put)->status, 201);
  EXPECT_EQ(authorization(0), "Bearer token-1");
  EXPECT_EQ(authorization(1), "Bearer token-2");
}

TEST_F(PipelineTest, GivesASecond401Back) {
  wire.on("GET", "/a", answer(401));
  EXPECT_EQ(send(Method::Get)->status, 401);
  EXPECT_EQ(wire.seen().size(), 2U);
}

TEST_F(PipelineTest, DoesNotRepeatWithoutAToken) {
  tokens.failure = Error{NextMove::RetryLater, "TokenUnavailable", "down", {}, 0, {}};
  const auto outcome = send(Method::Get);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.id, "TokenUnavailable");
  EXPECT_TRUE(wire.seen().empty());
}

TEST_F(PipelineTest, StopsInAPause) {
  wire.handle("GET", "/a", [&](const Request&) {
    stop.request_stop();
    return answer(503);
  });
  // The answer that is there is given; nothing more is sent.
  EXPECT_EQ(send(Method::Get)->status, 503);
  EXPECT_EQ(wire.seen().size(), 1U);
}

TEST_F(PipelineTest, TellsObserversOfEveryAttemptWithoutSecrets) {
  wire.on("GET", "/a", {answer(500), answer(200, "", {{"x-ms-request-id", "r"}})});
  ASSERT_TRUE(send(Method::Get, "https://arm.example/a?api-version=1&s=hidden"));
  ASSERT_EQ(watcher.events.size(), 2U);
  EXPECT_EQ(watcher.events[0].status, 500);
  EXPECT_TRUE(watcher.events[0].retry_in);
  EXPECT_EQ(watcher.events[1].attempt, 2);
  EXPECT_FALSE(watcher.events[1].retry_in);
  EXPECT_EQ(watcher.events[1].url, "https://arm.example/a?api-version=1&s=[redacted]");
  EXPECT_EQ(watcher.events[1].headers.at("x-ms-request-id"), "r");
}

}  // namespace
}  // namespace dps::http

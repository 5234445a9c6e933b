// web_routes: which request is answered how, without a socket.
#include "reconciler/telemetry/web_routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "reconciler/base/json.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/unit/telemetry/page_control.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

namespace dps::telemetry {
namespace {

using dps::test::ManualClock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kToken = "a-token-of-some-length-0123456789";

class WebRoutes : public testing::Test {
 protected:
  WebRoutes() : folder_(dps::test::new_folder("web-routes")) {
    write_token(kToken + "\n");
    control_.known = test::troubled_fleet();
  }
  ~WebRoutes() override { std::filesystem::remove_all(folder_); }

  std::string token_file() const { return (folder_ / "token").string(); }
  void write_token(const std::string& text) const { std::ofstream(token_file()) << text; }
  Routes routes(const std::string& file) {
    return {{"0.1.0", file}, control_, [] { return std::string("# metrics\n"); }, clock_};
  }

  static WebRequest get(const std::string& path) { return {"GET", path, {}, {}, {}, "10.0.0.1"}; }
  static WebRequest post(const std::string& path,
                         std::vector<std::pair<std::string, std::string>> query = {}) {
    return {"POST",
            path,
            std::move(query),
            {{"Authorization", "Bearer " + kToken}, {"Host", "127.0.0.1:9464"}},
            {},
            "10.0.0.1"};
  }
  static std::string error_of(const WebAnswer& answer) {
    const auto body = parse_json(answer.body);
    return body ? text_member(member(*body, "error"), "id") : "no JSON";
  }

  std::filesystem::path folder_;
  ManualClock clock_;
  test::FakeControl control_;
};

TEST_F(WebRoutes, ReadsWithoutAToken) {
  auto routes = this->routes("");
  const struct {
    std::string path, type, content;
  } cases[] = {
      {"/metrics", "text/plain; version=0.0.4; charset=utf-8", "# metrics"},
      {"/healthz", "text/plain; charset=utf-8", "ok"},
      {"/readyz", "text/plain; charset=utf-8", "ok"},
      {"/status", "application/json", "dps-reconciler/status/v1"},
      {"/", "text/html; charset=utf-8", "<!doctype html>"},
      {"/favicon.svg", "image/svg+xml", "<svg"},
  };
  for (const auto& [path, type, content] : cases) {
    const auto answer = routes.answer(get(path));
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_EQ(answer.headers.at("Content-Type"), type) << path;
    EXPECT_THAT(answer.body, HasSubstr(content)) << path;
    EXPECT_EQ(answer.headers.at("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(answer.headers.at("Cache-Control"), "no-store") << path;
    EXPECT_THAT(answer.headers.at("Content-Security-Policy"), HasSubstr("default-src 'none'"));
    EXPECT_THAT(answer.headers.at("Content-Security-Policy"), HasSubstr("frame-ancestors 'none'"));
  }
}

TEST_F(WebRoutes, TellsWhyItIsNotReadyOrNotAlive) {
  control_.reported = {false, false, {"subscription 1 was not listed yet", "no revision"}};
  auto routes = this->routes("");
  EXPECT_EQ(routes.answer(get("/healthz")).status, 503);
  const auto ready = routes.answer(get("/readyz"));
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "subscription 1 was not listed yet\nno revision\n");
}

TEST_F(WebRoutes, KnowsPathsAndMethods) {
  auto routes = this->routes(token_file());
  EXPECT_EQ(routes.answer(get("/nowhere")).status, 404);
  EXPECT_EQ(routes.answer(get("/../etc/passwd")).status, 404);
  EXPECT_EQ(routes.answer(post("/status")).status, 405);
  const auto refused = routes.answer(get("/-/reconcile"));
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.at("Allow"), "POST");
  auto head = get("/status");
  head.method = "HEAD";
  EXPECT_EQ(routes.answer(head).status, 200);
  EXPECT_THAT(control_.asked(), IsEmpty());
}

TEST_F(WebRoutes, FiltersTheStatus) {
  auto routes = this->routes("");
  const auto ask = [&](std::vector<std::pair<std::string, std::string>> query) {
    auto request = get("/status");
    request.query = std::move(query);
    return routes.answer(request);
  };
  EXPECT_EQ((*parse_json(ask({{"service", "fleet-us-001"}}).body))["services"].size(), 1U);
  EXPECT_EQ((*parse_json(ask({{"state", "drifted"}}).body))["services"].size(), 3U);
  EXPECT_EQ((*parse_json(ask({{"offset", "7"}, {"limit", "9"}}).body))["services"].size(), 2U);
  EXPECT_EQ(ask({{"service", "nobody"}}).status, 404);
  EXPECT_EQ(ask({{"state", "gone"}}).status, 400);
  EXPECT_EQ(ask({{"limit", "-1"}}).status, 400);
  EXPECT_EQ(ask({{"servcie", "fleet-us-001"}}).status, 400);
  EXPECT_EQ(ask({{"state", "failed"}, {"state", "drifted"}}).status, 400);
}

TEST_F(WebRoutes, ActsForTheBearerOfTheToken) {
  auto routes = this->routes(token_file());
  EXPECT_EQ(routes.answer(post("/-/reconcile")).status, 200);
  EXPECT_EQ(routes.answer(post("/-/reconcile", {{"service", "fleet-us-001"}})).status, 200);
  EXPECT_EQ(
      routes.answer(post("/-/suspend", {{"service", "a"}, {"reason", "tea"}, {"until", "2h"}}))
          .status,
      200);
  auto body = post("/-/suspend");
  body.body = R"({"reason": "a night", "until": "2026-12-01T00:00:00Z"})";
  EXPECT_EQ(routes.answer(body).status, 200);
  EXPECT_EQ(routes.answer(post("/-/resume")).status, 200);
  const auto approved = routes.answer(post("/-/approve", {{"digest", "Xk3v"}}));
  EXPECT_EQ(parse_json(approved.body).value(),
            (Json{{"schema", "dps-reconciler/control/v1"},
                  {"action", "approve"},
                  {"service", nullptr},
                  {"count", 2}}));
  EXPECT_THAT(control_.asked(),
              ElementsAre("reconcile ",
                          "reconcile fleet-us-001",
                          "suspend a|tea|2026-11-22T15:00:00Z",
                          "suspend |a night|2026-12-01T00:00:00Z",
                          "resume ",
                          "approve Xk3v"));
}

TEST_F(WebRoutes, RefusesWhatItDoesNotUnderstandRatherThanTakeItForAll) {
  auto routes = this->routes(token_file());
  const std::vector<std::pair<std::string, WebRequest>> cases = {
      {"mistyped", post("/-/suspend", {{"servcie", "a"}})},
      {"empty service", post("/-/suspend", {{"service", ""}})},
      {"twice", post("/-/reconcile", {{"service", "a"}, {"service", "b"}})},
      {"no time", post("/-/suspend", {{"until", "tomorrow"}})},
      {"a bare number", post("/-/suspend", {{"until", "5"}})},
      {"the past", post("/-/suspend", {{"until", "2020-01-01T00:00:00Z"}})},
      {"beyond the calendar", post("/-/suspend", {{"until", "99999999999w"}})},
      {"no digest", post("/-/approve")},
      {"a long reason", post("/-/suspend", {{"reason", std::string(501, 'a')}})},
  };
  for (const auto& [name, request] : cases) {
    EXPECT_EQ(routes.answer(request).status, 400) << name;
  }
  for (const std::string body : {"{",
                                 "[]",
                                 "\"a\"",
                                 R"({"service": 1})",
                                 R"({"service": "a", "x": "b"})",
                                 R"({"service": null})",
                                 "\xff\xfe"}) {
    auto request = post("/-/reconcile");
    request.body = body;
    EXPECT_EQ(routes.answer(request).status, 400) << body;
  }
  EXPECT_THAT(control_.asked(), IsEmpty());
}

TEST_F(WebRoutes, AnswersControlsErrorsByTheirMeaning) {
  auto routes = this->routes(token_file());
  const struct {
    std::string id;
    int status;
  } cases[] = {{"UnknownService", 404},
               {"AmbiguousService", 409},
               {"ApprovalDiffers", 409},
               {"NotLeading", 409},
               {"NotKept", 500}};
  for (const auto& [id, status] : cases) {
    control_.refusal = give_up(id, "because", "do");
    const auto answer = routes.answer(post("/-/reconcile"));
    EXPECT_EQ(answer.status, status) << id;
    EXPECT_EQ(error_of(answer), id);
  }
}

TEST_F(WebRoutes, RefusesToActWithoutATokenOfItsOwn) {
  EXPECT_EQ(error_of(routes("").answer(post("/-/reconcile"))), "TokenNotSet");
  EXPECT_EQ(error_of(routes("/nowhere/token").answer(post("/-/reconcile"))), "TokenNotSet");
  auto routes = this->routes(token_file());
  for (const std::string content : {"", "  \n", "short"}) {
    write_token(content);
    const auto answer = routes.answer(post("/-/reconcile"));
    EXPECT_EQ(answer.status, 403) << content;
    EXPECT_THAT(answer.body, HasSubstr("--control-token-file"));
  }
  EXPECT_THAT(control_.asked(), IsEmpty());
}

TEST_F(WebRoutes, RefusesEveryOtherBearer) {
  const std::vector<std::string> wrong = {"",
                                          "Bearer",
                                          "Bearer ",
                                          "Basic " + kToken,
                                          kToken,
                                          "Bearer " + kToken + "x",
                                          "Bearer " + kToken.substr(1),
                                          "Bearer " + kToken + ", Bearer " + kToken};
  for (const auto& header : wrong) {
    auto routes = this->routes(token_file());
    auto request = post("/-/reconcile");
    request.headers["Authorization"] = header;
    const auto answer = routes.answer(request);
    EXPECT_EQ(answer.status, 401) << header;
    EXPECT_THAT(answer.headers.at("WWW-Authenticate"), HasSubstr("Bearer"));
    EXPECT_THAT(answer.body, Not(HasSubstr(kToken.substr(2)))) << header;
  }
  EXPECT_THAT(control_.asked(), IsEmpty());
}

TEST_F(WebRoutes, TakesARotatedTokenWithoutARestart) {
  auto routes = this->routes(token_file());
  write_token("another-token-of-some-length-9876");
  EXPECT_EQ(routes.answer(post("/-/reconcile")).status, 401);
  auto request = post("/-/reconcile");
  request.headers["Authorization"] = "bearer another-token-of-some-length-9876";
  EXPECT_EQ(routes.answer(request).status, 200);
}

TEST_F(WebRoutes, SlowsDownWhoGuesses) {
  auto routes = this->routes(token_file());
  auto guess = post("/-/reconcile");
  guess.headers["Authorization"] = "Bearer guess";
  int tries = 0;
  while (routes.answer(guess).status == 401) ASSERT_LT(++tries, 100);
  EXPECT_EQ(tries, 10);
  EXPECT_EQ(routes.answer(post("/-/reconcile")).status, 429) << "a right guess must not show";
  auto other = post("/-/reconcile");
  other.peer = "10.0.0.2";
  EXPECT_EQ(routes.answer(other).status, 200);
  clock_.advance(std::chrono::seconds{11});
  EXPECT_EQ(routes.answer(post("/-/reconcile")).status, 200);
}

TEST_F(WebRoutes, RefusesPagesOfOtherSites) {
  const struct {
    std::string name;
    http::Headers headers;
    int status;
  } cases[] = {
      {"a program", {{"Host", "dps.monitoring.svc:9464"}}, 200},
      {"no host", {}, 200},
      {"another site", {{"Host", "127.0.0.1:9464"}, {"Origin", "https://evil.example"}}, 403},
      {"another port", {{"Host", "127.0.0.1:9464"}, {"Origin", "http://127.0.0.1:80"}}, 403},
      {"a sandbox", {{"Host", "127.0.0.1:9464"}, {"Origin", "null"}}, 403},
      {"a name of theirs",
       {{"Host", "evil.example:9464"}, {"Origin", "http://evil.example:9464"}},
       403},
      {"ours", {{"Host", "127.0.0.1:9464"}, {"Origin", "http://127.0.0.1:9464"}}, 200},
      {"ours by IPv6", {{"Host", "[::1]:9464"}, {"Origin", "http://[::1]:9464"}}, 200},
      {"ours by name", {{"Host", "localhost:9464"}, {"Origin", "http://localhost:9464"}}, 200},
      {"said so", {{"Host", "127.0.0.1:9464"}, {"Sec-Fetch-Site", "cross-site"}}, 403},
  };
  auto routes = this->routes(token_file());
  for (const auto& [name, headers, status] : cases) {
    auto request = post("/-/reconcile");
    request.headers = headers;
    request.headers["Authorization"] = "Bearer " + kToken;
    EXPECT_EQ(routes.answer(request).status, status) << name;
  }
}

TEST(FailedTries, RemembersABoundedNumberOfPeers) {
  FailedTries tries;
  for (int i = 0; i < 5000; ++i) tries.failed(std::to_string(i), TimePoint{});
  for (int i = 0; i < 10; ++i) tries.failed("me", TimePoint{});
  EXPECT_FALSE(tries.may_try("me", TimePoint{}));
  EXPECT_TRUE(tries.may_try("me", TimePoint{} + std::chrono::minutes{2}));
}

}  // namespace
}  // namespace dps::telemetry

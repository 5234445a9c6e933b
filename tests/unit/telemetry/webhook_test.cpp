#include "reconciler/telemetry/webhook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <map>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/scripted_exchange.hpp"

namespace dps::telemetry {
namespace {

using controller::EventKind;
using dps::test::answer;
using dps::test::ManualClock;
using dps::test::ScriptedExchange;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

controller::Event failed(const std::string& message = "403: no permission") {
  controller::Event event;
  event.kind = EventKind::Failed;
  event.severity = controller::Severity::Error;
  event.time = *parse_rfc3339("2026-11-22T12:00:00Z");
  event.service = ServiceId{"91d12660-3dec-467a-be2a-213b5544ddc0", "iot-eu", "fleet-eu"};
  event.message = message;
  event.reason = "AuthorizationFailed";
  event.revision = "4f1c";
  event.pass = "s-17";
  return event;
}

controller::Event recovered() {
  auto event = failed("as wanted again");
  event.kind = EventKind::Recovered;
  event.severity = controller::Severity::Info;
  event.reason.clear();
  return event;
}

// ---- what is told ----

TEST(WebhookFilter, TellsTheSameOnceInFiveMinutes) {
  WebhookFilter filter({});
  using Verdict = WebhookFilter::Verdict;
  const TimePoint start{};
  EXPECT_EQ(filter.judge(failed(), start), Verdict::Send);
  EXPECT_EQ(filter.judge(failed(), start + minutes{4}), Verdict::Duplicate);
  EXPECT_EQ(filter.judge(failed("503"), start + minutes{4}), Verdict::Send);
  auto elsewhere = failed();
  elsewhere.service->name = "fleet-us";
  EXPECT_EQ(filter.judge(elsewhere, start + minutes{4}), Verdict::Send);
  EXPECT_EQ(filter.judge(failed(), start + minutes{5}), Verdict::Send);
}

TEST(WebhookFilter, NeverLeavesTheOppositeAsTheLastWord) {
  WebhookFilter filter({});
  using Verdict = WebhookFilter::Verdict;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(filter.judge(failed(), TimePoint{}), Verdict::Send) << round;
    EXPECT_EQ(filter.judge(recovered(), TimePoint{}), Verdict::Send) << round;
  }
  controller::Event leads, stands_by;
  leads.kind = stands_by.kind = EventKind::LeaderChanged;
  leads.message = "leads";
  stands_by.message = "stands by";
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(filter.judge(leads, TimePoint{}), Verdict::Send) << round;
    EXPECT_EQ(filter.judge(leads, TimePoint{}), Verdict::Duplicate) << round;
    EXPECT_EQ(filter.judge(stands_by, TimePoint{}), Verdict::Send) << round;
  }
}

TEST(WebhookFilter, SumsUpWhatIsTooMuch) {
  WebhookFilter filter({});
  using Verdict = WebhookFilter::Verdict;
  const TimePoint start{};
  int sent = 0;
  for (int number = 0; number < 40; ++number) {
    if (filter.judge(failed(std::to_string(number)), start) == Verdict::Send) ++sent;
  }
  EXPECT_EQ(filter.judge(recovered(), start), Verdict::Limited);
  EXPECT_EQ(sent, 30);
  EXPECT_FALSE(filter.summary(start + seconds{59}));
  EXPECT_EQ(filter.summary(start + minutes{1}),
            "11 more events since the last one: 10 failed, 1 recovered");
  EXPECT_FALSE(filter.summary(start + minutes{1})) << "told once";
  EXPECT_EQ(filter.judge(failed("35"), start + minutes{1}), Verdict::Send)
      << "what only a summary told of is no duplicate";
}

// ---- how it is told ----

TEST(WebhookBody, FitsThePublishedSchema) {
  std::ifstream file(DPS_SOURCE_DIR "/docs/event-schema.json");
  auto published = Json::parse(file);
  published["additionalProperties"] = false;
  const valijson::adapters::NlohmannJsonAdapter schema_adapter(published);
  valijson::SchemaParser parser;
  valijson::Schema schema;
  parser.populateSchema(schema_adapter, schema);
  const auto fits = [&](const std::string& body) {
    const auto document = Json::parse(body);
    valijson::Validator validator;
    return validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), nullptr);
  };

  for (int kind = 0; kind <= static_cast<int>(EventKind::Configuration); ++kind) {
    auto event = failed();
    event.kind = static_cast<EventKind>(kind);
    event.details.assign(200, "~ a: 1 → 2");
    const auto body = webhook_body({"id", std::string(word(event.kind)), event}, {"1", "default"});
    EXPECT_TRUE(fits(body)) << body;
  }
  EXPECT_TRUE(fits(webhook_body({"id", "summary", {}}, {"1", "default"})));
  EXPECT_FALSE(fits(webhook_body({"id", "unheard_of", {}}, {"1", "default"})));
}

TEST(WebhookBody, HasATextForChats) {
  auto event = failed("<!channel> is down");
  event.details = {"~ a", "+ b"};
  const auto body = Json::parse(webhook_body({"d-1", "failed", event}, {"1.0", "platform"}));
  EXPECT_EQ(body["text"],
            "[error] failed fleet-eu: ‹!channel› is down (AuthorizationFailed)\n• ~ a\n• + b");
  EXPECT_EQ(body["service"]["name"], "fleet-eu");
  EXPECT_EQ(body["owner"], "platform");
  EXPECT_TRUE(body["request_id"].is_null());
}

TEST(WebhookBody, IsBoundedAndMasksWhatLooksLikeASecret) {
  auto event = failed("HostName=h;SharedAccessKey=canary " + std::string(100000, 'x'));
  event.details.assign(10000, "AccountKey=canary;\xff");
  const auto body = webhook_body({"d-1", "failed", event}, {"1.0", "platform"});
  EXPECT_THAT(body, Not(HasSubstr("canary")));
  EXPECT_LT(body.size(), 20000U);
  EXPECT_EQ(Json::parse(body)["details_count"], 10000);
}

TEST(WebhookRequest, IsSignedOverTimeAndBody) {
  const auto address = *webhook_address("https://hooks.example.com/services/T0/B0/token");
  const auto now = *parse_rfc3339("2026-11-22T12:00:00Z");
  const auto request =
      webhook_request(address, {"d-1", "failed", failed()}, "{}", Secret("s3cret"), now);
  EXPECT_EQ(request.url, "https://hooks.example.com/services/T0/B0/token");
  EXPECT_EQ(request.headers.at("X-Dps-Reconciler-Event"), "failed");
  EXPECT_EQ(request.headers.at("X-Dps-Reconciler-Delivery"), "d-1");
  EXPECT_EQ(request.headers.at("X-Dps-Reconciler-Timestamp"), "1795348800");
  // printf %s '1795348800.{}' | openssl dgst -sha256 -hmac s3cret
  EXPECT_EQ(request.headers.at("X-Dps-Reconciler-Signature"),
            "v1=21b6ba9d97351e66d4d4e3f2904a5ecf88dae70e0deece633704f652a156049f");
  EXPECT_EQ(webhook_request(address, {"d-1", "failed", {}}, "{}", {}, now)
                .headers.count("x-dps-reconciler-signature"),
            0U);
}

TEST(WebhookAddress, TakesUserInformationOutOfTheUrl) {
  const auto address = webhook_address("https://me:p%40ss@hooks.example.com:8443/x?token=t#part");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->url.reveal(), "https://hooks.example.com:8443/x?token=t");
  EXPECT_EQ(address->authorization.reveal(), "Basic " + base64("me:p@ss"));
  EXPECT_EQ(address->origin, "https://hooks.example.com:8443");
  EXPECT_TRUE(webhook_address("http://[::1]:80/a@b")->authorization.empty());
  for (const char* bad : {"", "hooks.example.com/canary", "ftp://h/canary", "https:///canary"}) {
    const auto refused = webhook_address(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().id, "BadWebhook");
    EXPECT_THAT(refused.error().what + refused.error().remedy, Not(HasSubstr("canary")));
  }
}

// ---- sending ----

class Sending : public testing::Test {
 protected:
  void TearDown() override {
    webhook.reset();
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }

  void start() {
    webhook =
        std::make_unique<Webhook>(settings, exchange, clock, log, [this](WebhookResult result) {
          const std::lock_guard lock(mutex);
          ++counts[result];
          changed.notify_all();
        });
  }
  // Waits until so many ended in that way.
  bool reach(WebhookResult result, int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, seconds{10}, [&] { return counts[result] >= count; });
  }
  int counted(WebhookResult result) {
    const std::lock_guard lock(mutex);
    return counts[result];
  }

  ManualClock clock;
  ScriptedExchange exchange;
  Log log{LogForm::Text, LogLevel::Off};
  WebhookSettings settings{*webhook_address("https://hooks.example.com/hook"), {}, {"1", "o"}};
  std::mutex mutex;
  std::condition_variable changed;
  std::map<WebhookResult, int> counts;
  std::filesystem::path folder;
  std::unique_ptr<Webhook> webhook;
};

TEST_F(Sending, PostsEachEventOnce) {
  exchange.on("POST", "/hook", answer(204));
  start();
  webhook->event(failed());
  webhook->event(failed());
  webhook->event(recovered());
  ASSERT_TRUE(reach(WebhookResult::Delivered, 2));
  EXPECT_EQ(counted(WebhookResult::Duplicate), 1);
  const auto requests = exchange.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(Json::parse(requests[0].body)["event"], "failed");
  EXPECT_EQ(Json::parse(requests[1].body)["event"], "recovered");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  EXPECT_LE(requests[0].total_limit, seconds{10});
}

TEST_F(Sending, TriesAgainWithTheSameIdAfterGrowingPauses) {
  exchange.on(
      "POST",
      "/hook",
      {dps::test::lost(), answer(500), answer(429, "", {{"Retry-After", "20"}}), answer(200)});
  start();
  webhook->event(failed());
  ASSERT_TRUE(reach(WebhookResult::Delivered, 1));
  EXPECT_THAT(clock.slept(), ElementsAre(seconds{1}, seconds{2}, seconds{20}));
  const auto requests = exchange.requests();
  ASSERT_THAT(requests, SizeIs(4));
  for (const auto& request : requests) {
    EXPECT_EQ(request.headers.at("x-dps-reconciler-delivery"),
              requests[0].headers.at("x-dps-reconciler-delivery"));
  }
  EXPECT_NE(requests[0].headers.at("x-dps-reconciler-timestamp"),
            requests[3].headers.at("x-dps-reconciler-timestamp"));
}

TEST_F(Sending, GivesUpAfterFiveTriesAndGoesOnWithTheNext) {
  exchange.on("POST",
              "/hook",
              {answer(503), answer(503), answer(503), answer(503), answer(503), answer(200)});
  start();
  webhook->event(failed());
  webhook->event(recovered());
  ASSERT_TRUE(reach(WebhookResult::Delivered, 1));
  EXPECT_EQ(counted(WebhookResult::Failed), 1);
  EXPECT_THAT(exchange.requests(), SizeIs(6));
}

TEST_F(Sending, TakesARefusalOrARedirectForAnAnswer) {
  exchange.on("POST", "/hook", {answer(404), answer(307, "", {{"Location", "https://evil/"}})});
  start();
  webhook->event(failed());
  webhook->event(recovered());
  ASSERT_TRUE(reach(WebhookResult::Failed, 2));
  EXPECT_THAT(exchange.requests(), SizeIs(2));
}

TEST_F(Sending, ReadsTheSecretAnewForEachTry) {
  folder = dps::test::new_folder("webhook");
  settings.secret_file = folder / "secret";
  exchange.on("POST", "/hook", answer(200));
  const auto signed_with = [](const http::Request& request, const std::string& secret) {
    return request.headers.at("x-dps-reconciler-signature") ==
           "v1=" +
               hex(hmac_sha256(
                   secret, request.headers.at("x-dps-reconciler-timestamp") + "." + request.body));
  };
  start();
  webhook->event(failed("nothing there yet"));
  ASSERT_TRUE(reach(WebhookResult::Failed, 1));
  EXPECT_THAT(exchange.requests(), SizeIs(0)) << "unsigned it must not go";
  std::ofstream(folder / "secret") << "one\n";
  webhook->event(failed());
  ASSERT_TRUE(reach(WebhookResult::Delivered, 1));
  std::ofstream(folder / "secret") << "two\n";
  webhook->event(recovered());
  ASSERT_TRUE(reach(WebhookResult::Delivered, 2));
  EXPECT_TRUE(signed_with(exchange.requests()[0], "one"));
  EXPECT_TRUE(signed_with(exchange.requests()[1], "two"));
}

TEST_F(Sending, LetsNobodyWaitAndDropsTheOldest) {
  std::promise<void> entered, go;
  const auto may_go = go.get_future().share();
  bool first = true;
  exchange.handle("POST", "/hook", [&](const http::Request&) {
    if (std::exchange(first, false)) entered.set_value();
    may_go.wait();
    return answer(200);
  });
  settings.most_queued = 2;
  start();
  webhook->event(failed("0"));
  entered.get_future().wait();
  for (int number = 1; number <= 5; ++number) webhook->event(failed(std::to_string(number)));
  EXPECT_EQ(counted(WebhookResult::Dropped), 3);
  go.set_value();
  ASSERT_TRUE(reach(WebhookResult::Delivered, 3));
  EXPECT_EQ(Json::parse(exchange.requests()[1].body)["message"], "4");
  EXPECT_EQ(Json::parse(exchange.requests()[2].body)["message"], "5");
}

TEST_F(Sending, TellsOfTheRestInOneSummary) {
  exchange.on("POST", "/hook", answer(200));
  start();
  for (int number = 0; number < 100; ++number) webhook->event(failed(std::to_string(number)));
  ASSERT_TRUE(reach(WebhookResult::Delivered, 30));
  EXPECT_EQ(counted(WebhookResult::Limited), 70);
  clock.advance(minutes{1});
  ASSERT_TRUE(reach(WebhookResult::Delivered, 31));
  const auto body = Json::parse(exchange.requests().back().body);
  EXPECT_EQ(body["event"], "summary");
  EXPECT_EQ(body["message"], "70 more events since the last one: 70 failed");
}

TEST_F(Sending, SendsWhatWaitsBeforeItEnds) {
  exchange.on("POST", "/hook", answer(200));
  start();
  for (int number = 0; number < 35; ++number) webhook->event(failed(std::to_string(number)));
  webhook->close(seconds{10});
  EXPECT_EQ(counted(WebhookResult::Delivered), 31) << "with the summary";
  webhook->event(failed("too late"));
  EXPECT_EQ(counted(WebhookResult::Dropped), 1);
}

TEST_F(Sending, EndsInTimeWhenNobodyAnswers) {
  // Waits on its own stop token alone, as a hanging server would make it.
  struct Hanging final : http::Exchange {
    http::Answer send(const http::Request&, std::stop_token stop) override {
      std::mutex mine;
      std::condition_variable_any never;
      std::unique_lock lock(mine);
      entered.set_value();
      never.wait(lock, stop, [] { return false; });
      return tl::unexpected(
          http::SendFailure{http::Delivery::MaybeSent, give_up("Cancelled", "cancelled")});
    }
    std::promise<void> entered;
  } hanging;
  Webhook stuck(settings, hanging, clock, log, {});
  stuck.event(failed());
  hanging.entered.get_future().wait();
  stuck.close(std::chrono::milliseconds{20});
}

TEST(WebhookLog, NamesNeitherTokenNorSecretNorUser) {
  testing::internal::CaptureStderr();
  const auto folder = dps::test::new_folder("webhook");
  {
    std::ofstream(folder / "secret") << "canary-secret";
    ManualClock clock;
    ScriptedExchange exchange;
    exchange.on("POST", "/canary-path", {answer(500), answer(403, "canary-body"), answer(200)});
    Log log(LogForm::Text, LogLevel::Trace);
    Webhook webhook({*webhook_address("https://canary-user:canary-password@hooks.example.com/"
                                      "canary-path?token=canary-query"),
                     folder / "secret",
                     {"1", "o"}},
                    exchange,
                    clock,
                    log,
                    {});
    webhook.event(failed());
    webhook.event(recovered());
    webhook.close(seconds{10});
  }
  std::filesystem::remove_all(folder);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("warn the webhook did not take an event"),
                    HasSubstr("to=https://hooks.example.com"),
                    HasSubstr("reason=403"),
                    Not(HasSubstr("canary"))));
}

}  // namespace
}  // namespace dps::telemetry

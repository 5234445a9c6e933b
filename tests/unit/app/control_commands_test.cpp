// control_commands: against the daemon's real web server, and against what is none.
#include "reconciler/app/control_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "reconciler/base/json.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/telemetry/web.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/unit/telemetry/page_control.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

namespace dps::app {
namespace {

using telemetry::test::FakeControl;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string kToken = "a-token-of-some-length-0123456789";

class ControlCommands : public testing::Test {
 protected:
  ControlCommands() : folder_(test::new_folder("control")), exchange_({}) {
    control_.known = telemetry::test::troubled_fleet();
    telemetry::WebSettings settings;
    settings.listen = "127.0.0.1:0";
    settings.version = "0.1.0";
    settings.control_token_file = (folder_ / "token").string();
    std::ofstream(settings.control_token_file) << kToken << "\n";
    web_ = telemetry::Web::start(
               settings, control_, [] { return std::string(); }, clock_)
               .value();
    options_.server = "http://127.0.0.1:" + std::to_string(web_->port()) + "/";
    options_.control_token_file = settings.control_token_file;
  }
  ~ControlCommands() override {
    web_.reset();
    std::filesystem::remove_all(folder_);
  }

  Result<std::string> ask(Command command, const std::string& service = {}) {
    options_.command = command;
    options_.target_service = service;
    return ask_daemon(options_, {}, exchange_, {});
  }
  std::string error_of(Command command, const std::string& service = {}) {
    const auto told = ask(command, service);
    return told ? "none" : told.error().id;
  }

  std::filesystem::path folder_;
  SystemClock clock_;
  FakeControl control_;
  std::unique_ptr<telemetry::Web> web_;
  http::CurlExchange exchange_;
  Options options_;
};

TEST_F(ControlCommands, StatusPutsFirstWhatNeedsAPerson) {
  const auto told = ask(Command::Status);
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_THAT(
      *told,
      AllOf(StartsWith("dps-reconciler 0.1.0, enforcing, owner platform, up 9 days, ready"),
            HasSubstr("revision c0ffee00c0ff is faulty"),
            HasSubstr("fleet-eu-000.yaml:14:7: unknown key"),
            HasSubstr("dps-reconciler approve Xk3vT9q2mZ8w"),
            HasSubstr("9 services: 2 in sync, 1 suspended, 1 pending, 3 drifted, 1 blocked, "
                      "1 failed.")));
  EXPECT_LT(told->find("failed     iot-us/fleet-us-001"),
            told->find("in sync    iot-eu/fleet-eu-000"));
}

TEST_F(ControlCommands, WhyTellsTheReasonTheRemedyAndTheNextTry) {
  const auto told = ask(Command::Why, "fleet-us-001");
  ASSERT_TRUE(told) << told.error().what;
  EXPECT_THAT(
      *told,
      AllOf(
          StartsWith("iot-us/fleet-us-001 is failed\n"),
          HasSubstr("It failed 4 times in a row; it is tried again. The next look is in 8 minutes"),
          HasSubstr("may not perform provisioningServices/write"),
          HasSubstr("give the identity the role"),
          HasSubstr("allocationPolicy: Hashed → GeoLatency"),
          HasSubstr("manifests/iot-us/fleet-us-001.yaml:1"),
          HasSubstr("read 2 minutes ago, written 26 hours ago"),
          HasSubstr("7f3a1c52-6d80-4a53-9a0e-2b1f0c9d8e77"),
          HasSubstr("no first byte within 60 s")));
  EXPECT_THAT(*ask(Command::Status, "fleet-asia-006"),
              HasSubstr("ByPerson: migration of the hubs, until 2026-12-01"));
  EXPECT_THAT(*ask(Command::Why, "fleet-asia-002"), HasSubstr("It is being worked on now."));
}

TEST_F(ControlCommands, JsonIsTheDaemonsOwn) {
  options_.output = OutputForm::Json;
  const auto told = ask(Command::Status);
  ASSERT_TRUE(told);
  EXPECT_EQ((*parse_json(*told))["schema"], "dps-reconciler/status/v1");
}

TEST_F(ControlCommands, CheckPrintsNothing) {
  options_.check = true;
  EXPECT_EQ(ask(Command::Status).value(), "");
  control_.reported = {true, false, {"not yet"}};
  EXPECT_EQ(error_of(Command::Status), "NotReady");
}

TEST_F(ControlCommands, ActWithTheToken) {
  EXPECT_EQ(ask(Command::Reconcile).value(), "Looking at all services now: 3 runs due.\n");
  EXPECT_EQ(ask(Command::Reconcile, "a/b").value(), "Looking at a/b now: 3 runs due.\n");
  options_.reason = "hubs \"move\" & so on";
  options_.until = "2099-12-01T00:00:00Z";
  EXPECT_EQ(ask(Command::Suspend, "fleet").value(), "Suspended fleet.\n");
  EXPECT_EQ(ask(Command::Resume).value(), "Resumed 1 service.\n");
  options_.digest = "Xk3v";
  EXPECT_EQ(ask(Command::Approve).value(), "2 removals let through.\n");
  EXPECT_THAT(control_.asked(),
              ElementsAre("reconcile ",
                          "reconcile a/b",
                          "suspend fleet|hubs \"move\" & so on|2099-12-01T00:00:00Z",
                          "resume ",
                          "approve Xk3v"));
}

TEST_F(ControlCommands, SayWhatTheDaemonRefuses) {
  EXPECT_EQ(error_of(Command::Why, "nobody"), "UnknownService");
  options_.until = "yesterday";
  EXPECT_EQ(error_of(Command::Suspend), "BadRequest");
  control_.refusal = give_up("ApprovalDiffers", "another digest", "status says it");
  options_.digest = "Xk3v";
  const auto told = ask(Command::Approve);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().what, "another digest");
  EXPECT_EQ(told.error().remedy, "status says it");
}

TEST_F(ControlCommands, KeepTheTokenToThemselves) {
  std::ofstream(folder_ / "wrong") << "another-token-of-some-length-0000";
  options_.control_token_file = (folder_ / "wrong").string();
  const auto wrong = ask(Command::Reconcile);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().id, "TokenWrong");
  EXPECT_THAT(wrong.error().what + wrong.error().remedy, Not(HasSubstr("another-token")));
  options_.control_token_file = (folder_ / "missing").string();
  EXPECT_EQ(error_of(Command::Reconcile), "TokenMissing");
  options_.control_token_file.clear();
  EXPECT_EQ(error_of(Command::Reconcile), "TokenMissing");
  options_.control_token_file = (folder_ / "token").string();
  options_.server = "http://dps.example.com:9464";
  EXPECT_EQ(error_of(Command::Reconcile), "TokenInClear");
  EXPECT_THAT(control_.asked(), IsEmpty());
}

TEST_F(ControlCommands, SayWhenThereIsNoDaemon) {
  const auto port = web_->port();
  web_.reset();
  EXPECT_EQ(error_of(Command::Status), "NobodyListens");
  options_.server.clear();
  options_.listen = "0.0.0.0:" + std::to_string(port);
  const auto told = ask(Command::Status);
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().what, HasSubstr("http://127.0.0.1:" + std::to_string(port)));
  for (const std::string listen : {"off", "nonsense", "127.0.0.1:0"}) {
    options_.listen = listen;
    EXPECT_EQ(error_of(Command::Status), "Usage") << listen;
  }
  for (const std::string server : {"dps", "ftp://a", "http://a b", "http://a?x=1"}) {
    options_.server = server;
    EXPECT_EQ(error_of(Command::Status), "Usage") << server;
  }
}

/// Answers everything alike.
class Stranger final : public http::Exchange {
 public:
  explicit Stranger(http::Response response) : response_(std::move(response)) {}
  http::Answer send(const http::Request&, std::stop_token) override { return response_; }

 private:
  http::Response response_;
};

TEST(ControlAnswers, OfStrangersAreToldApart) {
  Options options;
  options.command = Command::Status;
  const std::vector<std::pair<int, std::string>> answers = {{200, "<html>"},
                                                            {200, "{}"},
                                                            {200, R"({"schema": "another/v1"})"},
                                                            {404, "not found"},
                                                            {302, ""},
                                                            {500, R"({"error": "text"})"}};
  for (const auto& [status, body] : answers) {
    Stranger stranger({status, {}, body});
    const auto told = ask_daemon(options, {}, stranger, {});
    ASSERT_FALSE(told) << body;
    EXPECT_EQ(told.error().id, "NotADaemon") << body;
  }
}

TEST(ControlText, OutlivesMembersOfAnotherKindAndHostileText) {
  for (
      const auto* text :
      {R"({})",
       R"({"services": [1, null, {"state": 7, "differences": [1], "history": [{}], "requests": [3]}],
            "summary": 3, "guards": [null, {"removals": [1]}], "queue": [], "source": "x", "now": 5,
            "unreadable_subscriptions": [{}], "certificates": [[]], "notices": [{}]})"}) {
    const auto json = *parse_json(text);
    EXPECT_FALSE(status_text(json, {}).empty());
    EXPECT_FALSE(why_text(json, {}).empty());
    EXPECT_FALSE(acted_text(json).empty());
  }
  const auto hostile = *parse_json(
      R"({"owner": "\u001b[2J", "notices": ["\u001b]0;x\u0007\u202e"], "services": [{"name": "a\nb\u009b", "state": "failed"}]})");
  for (const auto& text : {status_text(hostile, {}), why_text(hostile, {})}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\xc2\x9b")));
    EXPECT_THAT(text, Not(HasSubstr("a\nb")));
    EXPECT_THAT(text, Not(HasSubstr("\u202e")));
  }
}

}  // namespace
}  // namespace dps::app

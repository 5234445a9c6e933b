#include "reconciler/arm/credential.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using std::chrono::seconds;
using test::answer;

class ClientSecretTest : public testing::Test {
 protected:
  static http::Answer token(const std::string& text, const std::string& lifetime = "3599") {
    return answer(200,
                  R"({"token_type":"Bearer","expires_in":)" + lifetime + R"(,"access_token":")" +
                      text + "\"}");
  }
  std::unique_ptr<TokenFetcher> fetcher() {
    return client_secret_fetcher(
        {"tenant", "client", Secret("s&cret=")}, *cloud_named("public"), wire, clock, [] {
          return 0.5;
        });
  }
  test::ScriptedExchange wire;
  test::ManualClock clock;
};

TEST_F(ClientSecretTest, PostsTheFormToTheTenant) {
  wire.on("POST", "/token", token("t1"));
  const auto fetched = fetcher()->fetch({});
  ASSERT_TRUE(fetched);
  EXPECT_EQ(fetched->token.reveal(), "t1");
  EXPECT_EQ(fetched->lifetime, seconds{3599});
  const auto request = wire.requests().at(0);
  EXPECT_EQ(request.url, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&client_id=client&client_secret=s%26cret%3D"
            "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default");
}

TEST_F(ClientSecretTest, TakesLifetimesAsTextToo) {
  wire.on("POST", "/token", token("t1", "\"600\""));
  EXPECT_EQ(fetcher()->fetch({})->lifetime, seconds{600});
}

TEST_F(ClientSecretTest, ShowsARefusalWithoutTheSecret) {
  wire.on(
      "POST",
      "/token",
      answer(
          401,
          R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215],"trace_id":"trace-1"})"));
  const auto refused = fetcher()->fetch({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "TokenRefused");
  EXPECT_EQ(refused.error().next, NextMove::WaitForOthers);
  EXPECT_EQ(refused.error().request_id, "trace-1");
  EXPECT_NE(refused.error().what.find("AADSTS7000215"), std::string::npos);
  EXPECT_EQ(wire.seen().size(), 1U);
}

TEST_F(ClientSecretTest, TriesAgainWhileTheAuthorityIsUnwell) {
  wire.on("POST",
          "/token",
          {answer(429, "", {{"retry-after", "7"}}), answer(503), test::lost(), token("t1")});
  ASSERT_TRUE(fetcher()->fetch({}));
  EXPECT_EQ(wire.seen().size(), 4U);
  EXPECT_GE(clock.slept().at(0), seconds{7});
}

TEST_F(ClientSecretTest, GivesUpAfterTheLastAttempt) {
  wire.on("POST", "/token", answer(500));
  const auto refused = fetcher()->fetch({});
  EXPECT_EQ(refused.error().id, "TokenUnavailable");
  EXPECT_EQ(refused.error().next, NextMove::RetryLater);
  EXPECT_EQ(wire.seen().size(), 6U);
}

TEST_F(ClientSecretTest, TakesNoTokenThatIsNone) {
  for (const auto* body : {"", "{}", R"({"access_token":""})", R"({"access_token":"a\r\nb: c"})"}) {
    test::ScriptedExchange fresh;
    fresh.on("POST", "/token", answer(200, body));
    const auto fetched =
        client_secret_fetcher({"t", "c", Secret("s")}, *cloud_named("public"), fresh, clock, [] {
          return 0.0;
        })->fetch({});
    EXPECT_FALSE(fetched) << body;
  }
}

class CountingFetcher final : public TokenFetcher {
 public:
  explicit CountingFetcher(std::atomic<int>& count) : count_(count) {}
  Result<Fetched> fetch(std::stop_token stop) override {
    const int now = ++count_;
    if (stop.stop_requested()) return fail(give_up("Cancelled", "cancelled"));
    if (failure) return fail(*failure);
    std::this_thread::yield();
    return Fetched{Secret("t" + std::to_string(now)), seconds{1000}};
  }
  std::optional<Error> failure;

 private:
  std::atomic<int>& count_;
};

class CachedTokensTest : public testing::Test {
 protected:
  std::atomic<int> fetched{0};
  test::ManualClock clock;
  CountingFetcher* fetcher = new CountingFetcher(fetched);
  CachedTokens tokens{std::unique_ptr<TokenFetcher>(fetcher), clock};
};

TEST_F(CachedTokensTest, KeepATokenUntilItsMargin) {
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  clock.advance(seconds{799});
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  clock.advance(seconds{2});
  EXPECT_EQ(tokens.token({})->text.reveal(), "t2");
}

TEST_F(CachedTokensTest, ServeTheOldTokenWhileItLivesWhenARefreshFails) {
  ASSERT_TRUE(tokens.token({}));
  clock.advance(seconds{900});
  fetcher->failure = Error{NextMove::RetryLater, "TokenUnavailable", "down", {}, 0, {}};
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  EXPECT_EQ(fetched, 2);
  clock.advance(seconds{101});
  EXPECT_EQ(tokens.token({}).error().id, "TokenUnavailable");
}

TEST_F(CachedTokensTest, RememberAFailureForAMoment) {
  fetcher->failure = Error{NextMove::WaitForOthers, "TokenRefused", "no", {}, 401, {}};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tokens.token({}).error().id, "TokenRefused");
  EXPECT_EQ(fetched, 1);
  fetcher->failure.reset();
  clock.advance(seconds{11});
  EXPECT_TRUE(tokens.token({}));
}

TEST_F(CachedTokensTest, AreRenewedOncePerRejectedGeneration) {
  const auto first = tokens.token({});
  tokens.reject(first->generation);
  const auto second = tokens.token({});
  EXPECT_EQ(second->text.reveal(), "t2");
  tokens.reject(first->generation);  // by a request that was under way
  EXPECT_EQ(tokens.token({})->text.reveal(), "t2");
}

TEST_F(CachedTokensTest, GoOnAfterACancelledRefresh) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(tokens.token(stop.get_token()).error().id, "Cancelled");
  EXPECT_TRUE(tokens.token({}));
}

TEST_F(CachedTokensTest, AreFetchedOnceForManyCallers) {
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&] {
      if (const auto token = tokens.token({}); token && token->text.reveal() == "t1") ++good;
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(good, 16);
  EXPECT_EQ(fetched, 1);
}

class MakeCredential : public testing::Test {
 protected:
  Result<std::unique_ptr<http::TokenSource>> make(const std::string& kind,
                                                  std::map<std::string, std::string> variables) {
    CredentialSettings settings;
    settings.kind = kind;
    settings.cloud = *cloud_named("public");
    settings.variable = [variables](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(std::string(name));
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    return make_credential(settings, wire, clock);
  }
  const std::map<std::string, std::string> secret = {
      {"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_CLIENT_SECRET", "s"}};
  test::ScriptedExchange wire;
  test::ManualClock clock;
};

TEST_F(MakeCredential, TakesWhatIsConfigured) {
  EXPECT_TRUE(make("auto", secret));
  EXPECT_TRUE(make("client-secret", secret));
  const auto token = make("auto", {{"AZURE_ACCESS_TOKEN", "abc"}});
  ASSERT_TRUE(token);
  EXPECT_EQ((*token)->token({})->text.reveal(), "abc");
}

TEST_F(MakeCredential, SaysWhatIsMissing) {
  EXPECT_EQ(make("auto", {}).error().id, "NoCredential");
  const auto partly = make("client-secret", {{"AZURE_CLIENT_ID", "c"}, {"AZURE_TENANT_ID", ""}});
  EXPECT_EQ(partly.error().id, "BadCredential");
  EXPECT_NE(partly.error().what.find("AZURE_TENANT_ID, AZURE_CLIENT_SECRET"), std::string::npos);
  EXPECT_EQ(make("token", {}).error().id, "BadCredential");
}

TEST_F(MakeCredential, NamesWhatIsSupported) {
  for (const auto* kind :
       {"workload-identity", "managed-identity", "client-certificate", "azure-cli"}) {
    const auto refused = make(kind, secret);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, std::string(kind) + " is not available in this version");
  }
  EXPECT_EQ(make("kerberos", secret).error().id, "BadCredential");
  EXPECT_EQ(make("auto", {{"AZURE_FEDERATED_TOKEN_FILE", "/f"}}).error().id, "BadCredential");
}

TEST_F(MakeCredential, HasNoOtherTokenThanTheOneGiven) {
  const auto source = *make("token", {{"AZURE_ACCESS_TOKEN", "abc"}});
  source->reject(1);
  EXPECT_EQ(source->token({}).error().id, "TokenRefused");
}

}  // namespace
}  // namespace dps::arm

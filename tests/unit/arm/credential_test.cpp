#include "reconciler/arm/credential.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "reconciler/arm/credential_routes.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "tests/support/client_identity.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using std::chrono::seconds;
using test::answer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Variables = std::map<std::string, std::string>;

http::Answer token(const std::string& text, const std::string& lifetime = R"("expires_in":3599)") {
  return answer(200,
                R"({"token_type":"Bearer",)" + lifetime + R"(,"access_token":")" + text + "\"}");
}

http::Answer refusal(int number, const std::string& text, int status = 401) {
  return answer(status,
                Json{{"error", "invalid_client"},
                     {"error_description",
                      "AADSTS" + std::to_string(number) + ": " + text +
                          " Trace ID: trace-1 Correlation ID: c Timestamp: 2026"},
                     {"error_codes", {number}},
                     {"trace_id", "trace-1"}}
                    .dump());
}

class CredentialTest : public testing::Test {
 protected:
  CredentialTest() { folder_ = test::new_folder("credential"); }
  ~CredentialTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text, ::mode_t mode = 0600) {
    const auto path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  CredentialSettings settings(const std::string& kind, const Variables& variables) {
    CredentialSettings out;
    out.kind = kind;
    out.cloud = *cloud_named("public");
    out.jitter = [] { return 0.5; };
    out.variable = [variables](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(std::string(name));
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    return out;
  }
  Result<std::unique_ptr<http::TokenSource>> make(const std::string& kind,
                                                  const Variables& variables) {
    return make_credential(settings(kind, variables), wire, clock);
  }
  /// The error of making it or of asking for a token.
  Error error_of(const std::string& kind, const Variables& variables) {
    const auto made = make(kind, variables);
    if (!made) return made.error();
    const auto got = (*made)->token({});
    EXPECT_FALSE(got.has_value());
    return got ? Error{} : got.error();
  }
  std::string token_of(const std::string& kind, const Variables& variables) {
    const auto made = make(kind, variables);
    if (!made) return made.error().what;
    const auto got = (*made)->token({});
    return got ? got->text.reveal() : got.error().what;
  }

  const Variables secret = {
      {"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_CLIENT_SECRET", "s&cret="}};
  std::filesystem::path folder_;
  test::ScriptedExchange wire;
  test::ManualClock clock;
};

// ---- the authority ----

TEST_F(CredentialTest, AClientSecretIsPostedToTheTenant) {
  wire.on("POST", "/token", token("t1"));
  EXPECT_EQ(token_of("client-secret", secret), "t1");
  const auto request = wire.requests().at(0);
  EXPECT_EQ(request.url, "https://login.microsoftonline.com/t/oauth2/v2.0/token");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.body,
            "grant_type=client_credentials&client_id=c&client_secret=s%26cret%3D"
            "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default");
}

TEST_F(CredentialTest, LifetimesAreTakenInEveryFormInWhichTheyCome) {
  struct Case {
    std::string member;
    seconds lifetime;
  };
  for (const Case& one :
       std::vector<Case>{{R"("expires_in":600)", seconds{600}},
                         {R"("expires_in":"600")", seconds{600}},
                         {R"("expires_on":"1795353000")", seconds{600}},
                         {R"("expires_in":"","expires_on":1795353000)", seconds{600}},
                         {R"("expires_in":"soon")", seconds{3599}},
                         {R"("expires_in":-5)", seconds{1}},
                         {R"("expires_in":1e300)", seconds{3599}},
                         {R"("expires_in":99999999999)", seconds{604800}}}) {
    test::ScriptedExchange fresh;
    fresh.on("POST", "/token", token("t", one.member));
    const auto made = make_credential(settings("client-secret", secret), fresh, clock);
    EXPECT_EQ((*made)->token({})->expires, clock.wall() + one.lifetime) << one.member;
  }
}

TEST_F(CredentialTest, WhatTheAuthorityRefusesIsExplainedAndNeverHoldsTheSecret) {
  struct Case {
    int number;
    std::string text;
    std::string what;
    std::string remedy;
  };
  for (const Case& one : std::vector<Case>{
           {7000215,
            "Invalid client secret provided.",
            "the client secret is wrong",
            "value, not its id"},
           {7000222, "The provided client secret keys are expired.", "has expired", "new secret"},
           {700016,
            "Application with identifier 'c' was not found.",
            "does not know",
            "client id and tenant id"},
           {90002, "Tenant 't' not found.", "no such tenant", "--cloud"},
           {700024,
            "Client assertion is not within its valid time range.",
            "not valid at this time",
            "clock (NTP)"},
           {700027,
            "The certificate with identifier is not registered.",
            "not one of the application's",
            "upload"},
           {700213, "No matching federated identity record.", "subject", "serviceaccount"},
           {65001, "The user or administrator has not consented.", "consent", "administrator"},
           {7000112, "Application is disabled.", "disabled", "enabled"},
           {999999, "Something new.", "Something new.", "code=999999"}}) {
    SCOPED_TRACE(one.number);
    test::ScriptedExchange fresh;
    fresh.on("POST", "/token", refusal(one.number, one.text));
    const auto made = make_credential(settings("client-secret", secret), fresh, clock);
    const auto error = (*made)->token({}).error();
    EXPECT_EQ(error.id, "TokenRefused");
    EXPECT_EQ(error.next, NextMove::WaitForOthers);
    EXPECT_EQ(error.request_id, "trace-1");
    EXPECT_EQ(error.http_status, 401);
    EXPECT_THAT(error.what, HasSubstr("no token from login.microsoftonline.com: "));
    EXPECT_THAT(error.what, HasSubstr(one.what));
    EXPECT_THAT(error.what, HasSubstr("AADSTS" + std::to_string(one.number)));
    EXPECT_THAT(error.what, Not(HasSubstr("Timestamp")));
    EXPECT_THAT(error.what, Not(HasSubstr("s&cret")));
    EXPECT_THAT(error.remedy, HasSubstr(one.remedy));
    EXPECT_EQ(fresh.seen().size(), 1U);
  }
}

TEST_F(CredentialTest, AClockThatIsWrongIsSaidWithItsDifference) {
  auto late = refusal(700024, "Client assertion is not within its valid time range.");
  late->headers["date"] = "Sun, 22 Nov 2026 10:45:00 GMT";
  wire.on("POST", "/token", late);
  EXPECT_THAT(error_of("client-secret", secret).what,
              HasSubstr("this machine's clock is 2h15m ahead of the authority's"));
}

TEST_F(CredentialTest, AnAuthorityThatIsUnwellIsAskedAgain) {
  wire.on("POST",
          "/token",
          {answer(429, "", {{"retry-after", "7"}}),
           answer(503),
           refusal(90033, "A transient error has occurred.", 400),
           test::lost(),
           token("t1")});
  EXPECT_EQ(token_of("client-secret", secret), "t1");
  EXPECT_EQ(wire.seen().size(), 5U);
  EXPECT_GE(clock.slept().at(0), seconds{7});
}

TEST_F(CredentialTest, InTheEndAnUnwellAuthorityIsPassingTrouble) {
  wire.on("POST", "/token", answer(502, "<html>Bad gateway of a proxy</html>"));
  const auto error = error_of("client-secret", secret);
  EXPECT_EQ(error.id, "TokenUnavailable");
  EXPECT_EQ(error.next, NextMove::RetryLater);
  EXPECT_EQ(wire.seen().size(), 6U);
}

TEST_F(CredentialTest, WhatIsNoTokenIsNotTaken) {
  for (const auto* body : {"",
                           "{}",
                           "[]",
                           "<html>",
                           R"({"access_token":""})",
                           R"({"access_token":7})",
                           R"({"access_token":"a\r\nb: c"})"}) {
    test::ScriptedExchange fresh;
    fresh.on("POST", "/token", answer(200, body));
    const auto made = make_credential(settings("client-secret", secret), fresh, clock);
    EXPECT_EQ((*made)->token({}).error().id, "TokenUnavailable") << body;
  }
}

TEST_F(CredentialTest, NoSecretGoesOverPlainHttp) {
  auto plain = settings("client-secret", secret);
  plain.cloud.authority = "http://login.example.com";
  const auto made = make_credential(plain, wire, clock);
  EXPECT_EQ((*made)->token({}).error().id, "BadEndpoint");
  EXPECT_TRUE(wire.seen().empty());
}

TEST_F(CredentialTest, ACertificateSignsWhatTheAuthorityChecks) {
  const test::ClientIdentity ca(
      "ca", test::ClientIdentity::KeyType::Rsa2048, nullptr, -400'000'000, 900'000'000);
  const test::ClientIdentity leaf(
      "app", test::ClientIdentity::KeyType::Rsa2048, &ca, -400'000'000, 900'000'000);
  const auto path =
      write("app.pem", ca.certificate_pem() + leaf.key_pem("pass") + leaf.certificate_pem());
  const auto password = write("password", "pass\n");
  wire.on("POST", "/token", token("t1"));
  Variables variables = {{"AZURE_TENANT_ID", "t"},
                         {"AZURE_CLIENT_ID", "c"},
                         {"AZURE_CLIENT_CERTIFICATE_PATH", path},
                         {"AZURE_CLIENT_CERTIFICATE_PASSWORD", "pass"}};
  const auto parts = [&] {
    const auto body = wire.requests().back().body;
    EXPECT_THAT(body,
                HasSubstr("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-"
                          "assertion-type%3Ajwt-bearer&client_assertion=ey"));
    const auto from = body.find("client_assertion=") + 17;
    return split(body.substr(from, body.find('&', from) - from), '.');
  };
  const auto json = [](std::string text) {
    for (auto& one : text) one = one == '-' ? '+' : one == '_' ? '/' : one;
    while (text.size() % 4 != 0) text += '=';
    return *parse_json(*decode_base64(text));
  };
  EXPECT_EQ(token_of("client-certificate", variables), "t1");
  const auto first = parts();
  ASSERT_EQ(first.size(), 3U);
  const auto header = json(first[0]);
  EXPECT_EQ(header.at("alg"), "PS256");
  EXPECT_EQ(header.at("x5t#S256"), base64url(sha256(leaf.der())));
  EXPECT_FALSE(header.contains("x5c"));
  const auto claims = json(first[1]);
  EXPECT_EQ(claims.at("aud"), "https://login.microsoftonline.com/t/oauth2/v2.0/token");
  EXPECT_EQ(claims.at("iss"), "c");
  EXPECT_EQ(claims.at("sub"), "c");
  EXPECT_EQ(claims.at("exp").get<int>() - claims.at("nbf").get<int>(), 300);
  auto signature = first[2];
  for (auto& one : signature) one = one == '-' ? '+' : one == '_' ? '/' : one;
  while (signature.size() % 4 != 0) signature += '=';
  EXPECT_TRUE(leaf.signed_by_this(first[0] + "." + first[1], *decode_base64(signature)));

  variables["AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"] = "true";
  EXPECT_EQ(token_of("client-certificate", variables), "t1");
  const auto with_chain = json(parts()[0]);
  ASSERT_EQ(with_chain.at("x5c").size(), 2U);
  EXPECT_EQ(with_chain.at("x5c")[0], base64(leaf.der()));
  EXPECT_EQ(with_chain.at("x5c")[1], base64(ca.der()));
  EXPECT_NE(json(parts()[1]).at("jti"), claims.at("jti"));
}

TEST_F(CredentialTest, ACertificateThatCannotSignInIsExplained) {
  using Type = test::ClientIdentity::KeyType;
  const test::ClientIdentity good("a", Type::Rsa2048, nullptr, -400'000'000, 900'000'000);
  const test::ClientIdentity old("a", Type::Rsa2048, nullptr, -900'000'000, -400'000'000);
  const test::ClientIdentity early("a", Type::Rsa2048, nullptr, 800'000'000, 900'000'000);
  struct Case {
    std::string content;
    std::string what;
    std::string remedy;
  };
  for (const Case& one : std::vector<Case>{
           {good.key_pem("x") + good.certificate_pem(),
            "is encrypted",
            "AZURE_CLIENT_CERTIFICATE_PASSWORD"},
           {good.certificate_pem(), "no private key", "private key"},
           {old.key_pem() + old.certificate_pem(), "expired at", "renew"},
           {early.key_pem() + early.certificate_pem(), "is valid only from", "clock"}}) {
    const auto path = write("bad.pem", one.content);
    const auto error = error_of("client-certificate",
                                {{"AZURE_TENANT_ID", "t"},
                                 {"AZURE_CLIENT_ID", "c"},
                                 {"AZURE_CLIENT_CERTIFICATE_PATH", path}});
    EXPECT_THAT(error.what, HasSubstr(path));
    EXPECT_THAT(error.what, HasSubstr(one.what));
    EXPECT_THAT(error.remedy, HasSubstr(one.remedy));
    EXPECT_EQ(error.next, NextMove::WaitForOthers);
  }
  EXPECT_TRUE(wire.seen().empty());
}

TEST_F(CredentialTest, AFederatedTokenIsReadForEachRequest) {
  const auto path = write("token", "first.federated.token\n");
  wire.on("POST", "/token", token("t1"));
  const auto made = make(
      "workload-identity",
      {{"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_FEDERATED_TOKEN_FILE", path}});
  ASSERT_TRUE((*made)->token({}));
  EXPECT_THAT(wire.requests().back().body, HasSubstr("&client_assertion=first.federated.token&"));
  write("token", "second.federated.token");
  clock.advance(seconds{3600});
  ASSERT_TRUE((*made)->token({}));
  EXPECT_THAT(wire.requests().back().body, HasSubstr("&client_assertion=second.federated.token&"));
  std::filesystem::remove(path);
  clock.advance(seconds{3600});
  const auto error = (*made)->token({}).error();
  EXPECT_THAT(error.what, HasSubstr(path + " does not exist"));
  write("token", base64url("{}") + "." + base64url(R"({"exp":1700000000})") + ".x");
  clock.advance(seconds{11});
  EXPECT_THAT((*made)->token({}).error().what, HasSubstr("expired at 2023-11-14"));
}

// ---- managed identities ----

TEST_F(CredentialTest, TheMachinesIdentityIsAskedForAsImdsWantsIt) {
  wire.on("GET", "/oauth2/token", token("t1", R"("expires_in":"600","expires_on":"1")"));
  EXPECT_EQ(token_of("managed-identity", {}), "t1");
  const auto request = wire.requests().back();
  EXPECT_EQ(request.url,
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
            "&resource=https%3A%2F%2Fmanagement.azure.com%2F");
  EXPECT_EQ(request.headers.at("metadata"), "true");
  EXPECT_EQ(request.via, http::Via::NoProxy);
  EXPECT_TRUE(request.connect_limit.has_value());
  EXPECT_EQ(token_of("managed-identity",
                     {{"AZURE_CLIENT_ID", "mine"},
                      {"AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:8080/"}}),
            "t1");
  EXPECT_EQ(wire.requests().back().url,
            "http://127.0.0.1:8080/metadata/identity/oauth2/token?api-version=2018-02-01"
            "&resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id=mine");
}

TEST_F(CredentialTest, AnAppsIdentityIsAskedForWithItsHeader) {
  wire.on("GET", "/msi/token", token("t1", R"("expires_on":"1795353000")"));
  EXPECT_EQ(token_of("managed-identity",
                     {{"IDENTITY_ENDPOINT", "http://127.0.0.1:41741/msi/token"},
                      {"IDENTITY_HEADER", "h3ader"},
                      {"AZURE_CLIENT_ID", "mine"}}),
            "t1");
  const auto request = wire.requests().back();
  EXPECT_EQ(request.url,
            "http://127.0.0.1:41741/msi/token?api-version=2019-08-01"
            "&resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id=mine");
  EXPECT_EQ(request.headers.at("x-identity-header"), "h3ader");
  EXPECT_FALSE(request.headers.contains("metadata"));
}

TEST_F(CredentialTest, ImdsHasItsOwnRulesOfPatience) {
  struct Case {
    std::string name;
    http::Answer given;
    std::vector<Duration> pauses;
  };
  for (const Case& one : std::vector<Case>{
           {"404", answer(404), {seconds{2}, seconds{6}, seconds{14}, seconds{30}}},
           {"410", answer(410), {seconds{2}, seconds{6}, seconds{14}, seconds{30}, seconds{18}}},
           {"429", answer(429), {seconds{2}, seconds{6}, seconds{14}, seconds{30}}},
           {"500", answer(500), {seconds{2}, seconds{6}, seconds{14}, seconds{30}}},
           {"no answer", test::not_sent(), {seconds{2}, seconds{6}}},
           {"400", answer(400), {}},
           {"403", answer(403), {}}}) {
    SCOPED_TRACE(one.name);
    test::ScriptedExchange fresh;
    test::ManualClock own;
    fresh.on("GET", "/oauth2/token", one.given);
    const auto made = make_credential(settings("managed-identity", {}), fresh, own);
    EXPECT_FALSE((*made)->token({}));
    EXPECT_EQ(own.slept(), one.pauses);
    EXPECT_EQ(fresh.seen().size(), one.pauses.size() + 1);
  }
}

TEST_F(CredentialTest, ManagedIdentitiesThatAreNotThereAreExplained) {
  wire.on("GET",
          "/oauth2/token",
          answer(400, R"({"error":"invalid_request","error_description":"Identity not found"})"));
  auto error = error_of("managed-identity", {});
  EXPECT_EQ(error.id, "TokenRefused");
  EXPECT_EQ(error.what,
            "no token for the system-assigned managed identity from 169.254.169.254: Identity not "
            "found (HTTP 400)");
  EXPECT_THAT(error.remedy, HasSubstr("AZURE_CLIENT_ID"));
  test::ScriptedExchange nobody;
  nobody.on("GET", "/oauth2/token", test::not_sent());
  const auto made = make_credential(settings("managed-identity", {}), nobody, clock);
  EXPECT_THAT((*made)->token({}).error().remedy, HasSubstr("only inside of Azure"));
}

TEST_F(CredentialTest, EndpointsOfManagedIdentitiesAreNearOrEncrypted) {
  for (const auto* bad :
       {"http://example.com/msi", "ftp://x", "127.0.0.1", "http://127.0.0.1/a?b=c"}) {
    EXPECT_EQ(
        error_of("managed-identity", {{"IDENTITY_ENDPOINT", bad}, {"IDENTITY_HEADER", "h"}}).id,
        "BadCredential")
        << bad;
    EXPECT_EQ(error_of("managed-identity", {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", bad}}).id,
              "BadCredential")
        << bad;
  }
  EXPECT_THAT(error_of("managed-identity",
                       {{"IDENTITY_ENDPOINT", "http://localhost:40342/x"},
                        {"IMDS_ENDPOINT", "http://localhost:40342"}})
                  .what,
              HasSubstr("Arc"));
  EXPECT_TRUE(wire.seen().empty());
}

// ---- the Azure CLI ----

class AzureCli : public CredentialTest {
 protected:
  std::string with(const std::string& script, Variables more = {}) {
    write("az",
          "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + (folder_ / "argv").string() + "\n" + script,
          0700);
    more["PATH"] = folder_.string() + ":/bin:/usr/bin";
    const auto made = make("azure-cli", more);
    const auto got = (*made)->token({});
    if (got) {
      expires_ = got->expires;
      return got->text.reveal();
    }
    error_ = got.error();
    return error_.what;
  }
  WallTime expires_{};
  Error error_;
};

TEST_F(AzureCli, IsAskedForATokenOfThisCloud) {
  EXPECT_EQ(
      with(
          R"(echo '{"accessToken":"cli-1","expiresOn":"2001-01-01 00:00:00.000000","expires_on":1795356000,"tokenType":"Bearer"}')",
          {{"AZURE_TENANT_ID", "contoso.example"}}),
      "cli-1");
  EXPECT_EQ(expires_, clock.wall() + seconds{3600});
  std::ifstream file(folder_ / "argv");
  std::vector<std::string> argv;
  for (std::string line; std::getline(file, line);) argv.push_back(line);
  EXPECT_THAT(argv,
              ElementsAre("account",
                          "get-access-token",
                          "--output",
                          "json",
                          "--scope",
                          "https://management.azure.com/.default",
                          "--tenant",
                          "contoso.example"));
}

TEST_F(AzureCli, LocalTimesOfOlderOnesAreUnderstood) {
  EXPECT_EQ(with(R"(echo '{"accessToken":"cli-1","expiresOn":"2026-11-25 12:00:00.123456"}')"),
            "cli-1");
  EXPECT_GT(expires_, clock.wall() + std::chrono::hours{24});  // whatever zone this machine is in
  EXPECT_LT(expires_, clock.wall() + std::chrono::hours{24 * 5});
}

TEST_F(AzureCli, TellsWhatIsWrongAndWhatToDo) {
  EXPECT_THAT(with("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1"),
              HasSubstr("nobody is logged in to the Azure CLI"));
  EXPECT_EQ(error_.remedy, "run: az login");
  EXPECT_THAT(with("echo 'ERROR: AADSTS700082: The refresh token has expired. Bearer "
                   "eyJabc.eyJdef.sig' >&2; exit 1",
                   {{"AZURE_TENANT_ID", "tenant"}}),
              HasSubstr("the login has expired"));
  EXPECT_EQ(error_.id, "TokenRefused");
  EXPECT_THAT(with("echo nothing"), HasSubstr("no token with its expiry"));
  EXPECT_THAT(with(R"(echo '{"accessToken":"x","expires_on":1600000000}')"),
              HasSubstr("expired at 2020"));
  EXPECT_THAT(with("exit 7"), HasSubstr("exit code 7"));
  const auto made = make("azure-cli", {{"PATH", "/nonexistent"}});
  const auto missing = (*made)->token({}).error();
  EXPECT_THAT(missing.what, HasSubstr("not installed"));
  EXPECT_EQ(missing.next, NextMove::WaitForOthers);
}

// ---- which, and what it lacks ----

TEST_F(CredentialTest, WhatIsMissingIsNamed) {
  struct Case {
    std::string kind;
    Variables variables;
    std::string what;
  };
  for (const Case& one : std::vector<Case>{
           {"client-secret",
            {{"AZURE_CLIENT_ID", "c"}, {"AZURE_TENANT_ID", ""}},
            "client-secret needs AZURE_TENANT_ID, AZURE_CLIENT_SECRET"},
           {"client-certificate",
            {},
            "client-certificate needs AZURE_TENANT_ID, AZURE_CLIENT_ID, "
            "AZURE_CLIENT_CERTIFICATE_PATH"},
           {"workload-identity",
            {{"AZURE_TENANT_ID", "t"}},
            "workload-identity needs AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE"},
           {"token", {}, "token needs AZURE_ACCESS_TOKEN"},
           {"kerberos", {}, "no credential is called \"kerberos\""},
           {"azure-cli", {{"AZURE_TENANT_ID", "--help"}}, "neither a GUID nor a domain"},
           {"token", {{"AZURE_ACCESS_TOKEN", "Bearer abc"}}, "holds no access token"},
           {"auto",
            {{"AZURE_CLIENT_SECRET", "s"}},
            "client-secret needs AZURE_TENANT_ID, AZURE_CLIENT_ID"}}) {
    const auto made = make(one.kind, one.variables);
    ASSERT_FALSE(made.has_value()) << one.what;
    EXPECT_EQ(made.error().id, "BadCredential");
    EXPECT_THAT(made.error().what, HasSubstr(one.what));
  }
  EXPECT_EQ(make("auto", {}).error().id, "NoCredential");
  EXPECT_TRUE(make("auto", secret));
  EXPECT_EQ(token_of("auto", {{"AZURE_ACCESS_TOKEN", "abc"}}), "abc");
}

TEST_F(CredentialTest, AutoTakesTheFirstInItsOrderAndSaysWhy) {
  write("az", "#!/bin/sh\n", 0700);
  Variables all = {{"AZURE_CLIENT_SECRET", "s"},
                   {"AZURE_CLIENT_CERTIFICATE_PATH", "/c"},
                   {"AZURE_ACCESS_TOKEN", "a"},
                   {"AZURE_FEDERATED_TOKEN_FILE", "/f"},
                   {"IDENTITY_ENDPOINT", "http://127.0.0.1/x"},
                   {"IDENTITY_HEADER", "h"},
                   {"PATH", folder_.string()}};
  const std::vector<std::string> first_variables = {"AZURE_CLIENT_SECRET",
                                                    "AZURE_CLIENT_CERTIFICATE_PATH",
                                                    "AZURE_ACCESS_TOKEN",
                                                    "AZURE_FEDERATED_TOKEN_FILE",
                                                    "IDENTITY_ENDPOINT"};
  for (std::size_t i = 0; i < credential_kinds().size(); ++i) {
    const auto choice =
        choose_credential("auto", settings("auto", all).variable, Attendance::Terminal);
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(choice->kind, credential_kinds()[i]);
    EXPECT_EQ(choice->passed_over.size(), credential_kinds().size() - 1);
    if (i < first_variables.size()) all.erase(first_variables[i]);
  }
  const auto variable = settings("auto", {{"PATH", folder_.string()}}).variable;
  EXPECT_EQ(
      sentence(*choose_credential("auto", variable, Attendance::Terminal)),
      "azure-cli: this is a terminal and az is in PATH; passed over: client-secret "
      "(AZURE_CLIENT_SECRET is not set), client-certificate (AZURE_CLIENT_CERTIFICATE_PATH is "
      "not set), token (AZURE_ACCESS_TOKEN is not set), workload-identity "
      "(AZURE_FEDERATED_TOKEN_FILE is not set), managed-identity (IDENTITY_ENDPOINT is not "
      "set; on a virtual machine name it with --auth)");
  EXPECT_EQ(choose_credential("auto", variable, Attendance::Unattended).error().id, "NoCredential");
  EXPECT_EQ(sentence(*choose_credential("managed-identity", variable, Attendance::Unattended)),
            "managed-identity: --auth names it");
}

// ---- subscriptions with credentials of their own ----

http::Request to(const std::string& path) {
  http::Request request;
  request.url = "https://management.azure.com" + path;
  return request;
}

TEST_F(CredentialTest, ASubscriptionIsFoundInThePathOfARequest) {
  EXPECT_EQ(subscription_of(to("/subscriptions/S-1/resourceGroups/x?api-version=1")), "S-1");
  EXPECT_EQ(subscription_of(to("/Subscriptions/S-1?api-version=1")), "S-1");
  EXPECT_EQ(subscription_of(to("/subscriptions?api-version=1")), "");
  EXPECT_EQ(subscription_of(to("/providers/x")), "");
  EXPECT_EQ(subscription_of(to("")), "");
}

TEST_F(CredentialTest, SubscriptionsUseTheirSectionAndTheRestTheDefault) {
  const std::string theirs = "aaaaaaaa-0000-4000-8000-000000000001";
  SubscriptionCredential section;
  section.subscriptions = {theirs};
  section.spec.kind = "token";
  section.spec.access_token = {SecretPlace::Kind::Variable, "OTHER"};
  section.place = "c.yaml:1:3";
  const auto routes =
      make_routes(settings("auto", {{"AZURE_ACCESS_TOKEN", "mine"}, {"OTHER", "theirs"}}),
                  {section},
                  wire,
                  clock);
  ASSERT_TRUE(routes.has_value());
  const auto used = [&](const std::string& path) {
    return (*routes)->source_for(to(path)).token({})->text.reveal();
  };
  EXPECT_EQ(used("/subscriptions/" + theirs + "/providers/x"), "theirs");
  EXPECT_EQ(used("/subscriptions/AAAAAAAA-0000-4000-8000-000000000001"), "theirs");
  EXPECT_EQ(used("/subscriptions/bbbbbbbb-0000-4000-8000-000000000001/x"), "mine");
  EXPECT_EQ(used("/subscriptions"), "mine");
  EXPECT_EQ((*routes)->all().size(), 2U);

  const auto alone = make_routes(settings("auto", {{"OTHER", "theirs"}}), {section}, wire, clock);
  ASSERT_TRUE(alone.has_value());
  const auto none = (*alone)->source_for(to("/subscriptions/x")).token({}).error();
  EXPECT_EQ(none.id, "NoCredential");
  EXPECT_THAT(none.what, HasSubstr("no section of credentials names this subscription"));

  section.spec.access_token.name = "UNSET";
  const auto broken = make_routes(settings("auto", secret), {section}, wire, clock);
  ASSERT_FALSE(broken.has_value());
  EXPECT_THAT(broken.error().what, HasSubstr("c.yaml:1:3: "));
  EXPECT_THAT(broken.error().what, HasSubstr("UNSET"));
}

}  // namespace
}  // namespace dps::arm

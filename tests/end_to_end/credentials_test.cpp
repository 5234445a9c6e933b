// Every way of signing in, by the real program against real endpoints of its kind; what each says
// when it fails; tokens that end in the middle; two tenants in one run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <thread>

#include "reconciler/arm/credential.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "tests/arm_simulator/simulator.hpp"
#include "tests/end_to_end/lab.hpp"
#include "tests/support/client_identity.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::Ended;
using testing_support::Variables;
using Json = nlohmann::ordered_json;
using Arguments = std::vector<std::string>;

constexpr const char* kMine = "11111111-1111-4111-8111-111111111111";
constexpr const char* kTheirs = "22222222-2222-4222-8222-222222222222";
constexpr const char* kOtherTenant = "77777777-7777-4777-8777-777777777777";
constexpr const char* kOtherClient = "88888888-8888-4888-8888-888888888888";
constexpr const char* kOtherSecret = "0ther~Secret~Canary";
constexpr const char* kUserAssigned = "99999999-9999-4999-8999-999999999999";
constexpr const char* kFederated = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwb2QifQ.RkVERVJBVEVE";

const test::ClientIdentity& certificate() {
  static const test::ClientIdentity made("app");
  return made;
}

class Credentials : public testing::Test {
 protected:
  Credentials() {
    folder_ = test::new_folder("credentials");
    std::filesystem::create_directory(folder_ / "manifests");
    std::filesystem::create_directory(folder_ / "bin");
    plant(
        {{"subscriptions", {kMine, {{"subscriptionId", kTheirs}, {"tenantId", kOtherTenant}}}},
         {"resource_groups", {group(kMine), group(kTheirs)}},
         {"identities",
          {{{"tenant", identity().tenant},
            {"client_id", identity().client_id},
            {"certificates", {certificate().certificate_pem()}},
            {"expired_secret", "expired~Secret~Canary"},
            {"federated_tokens", {kFederated}}},
           {{"tenant", kOtherTenant}, {"client_id", kOtherClient}, {"client_secret", kOtherSecret}},
           {{"tenant", identity().tenant},
            {"client_id", kUserAssigned},
            {"managed", "user"},
            {"subscriptions", {kMine}}}}}});
    manifest("fleet", kMine);
  }
  ~Credentials() override { std::filesystem::remove_all(folder_); }

  static Json group(const std::string& subscription) {
    return {{"id", "/subscriptions/" + subscription + "/resourceGroups/rg"},
            {"location", "westeurope"}};
  }
  void plant(const Json& seed) {
    const auto fault = simulator_.world().plant(seed);
    ASSERT_FALSE(fault.has_value()) << *fault;
  }
  void identity_now(const Json& entry) {
    const auto fault = simulator_.world().set_identity(entry);
    ASSERT_FALSE(fault.has_value()) << *fault;
  }
  void set_switch(const std::string& name, const std::string& value) {
    const auto fault = simulator_.world().set_switch(name, value);
    ASSERT_FALSE(fault.has_value()) << *fault;
  }
  const sim::WorldOptions& identity() { return simulator_.world().options(); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text, ::mode_t mode = 0600) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }
  void manifest(const std::string& name, const std::string& subscription) const {
    write("manifests/" + name + ".yaml",
          "apiVersion: dps-reconciler/v1\nkind: ProvisioningService\nmetadata: {name: " + name +
              ", resourceGroup: rg, subscription: " + subscription +
              "}\nspec:\n  location: westeurope\n  sku: {name: S1, capacity: 1}\n");
  }
  std::size_t asked(const std::string& end, int status = 0) {
    std::size_t count = 0;
    for (const auto& one : simulator_.world().requests()) {
      const bool fits = one.at("path").get<std::string>().ends_with(end) &&
                        (status == 0 || one.at("status") == status);
      count += fits ? 1U : 0U;
    }
    return count;
  }
  Ended run(Arguments arguments, const Variables& variables) {
    Variables all = {{"DPS_RECONCILER_ARM_ENDPOINT", simulator_.arm()},
                     {"DPS_RECONCILER_AUTHORITY", simulator_.arm()},
                     {"PATH", path("bin") + ":/usr/bin:/bin"}};
    for (const auto& [name, value] : variables) all[name] = value;
    arguments.insert(arguments.begin(), DPS_RECONCILER);
    arguments.insert(arguments.end(), {"--manifests", path("manifests")});
    return testing_support::run(arguments, all);
  }
  Ended plan(const std::string& kind, const Variables& variables) {
    return run({"plan", "--detailed-exitcode", "--log-level", "trace", "--auth", kind}, variables);
  }

  arm::CredentialSettings settings(const std::string& kind, const Variables& variables) {
    arm::CredentialSettings out;
    out.kind = kind;
    out.cloud =
        *arm::with_endpoints(*arm::cloud_named("public"), simulator_.arm(), simulator_.arm());
    out.jitter = [] { return 0.5; };
    out.variable = [variables](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(std::string(name));
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    return out;
  }
  Variables application() {
    return {{"AZURE_TENANT_ID", identity().tenant}, {"AZURE_CLIENT_ID", identity().client_id}};
  }
  Variables with(Variables base, const Variables& more) {
    for (const auto& [name, value] : more) base[name] = value;
    return base;
  }
  Variables by_secret() {
    return with(application(), {{"AZURE_CLIENT_SECRET", identity().client_secret}});
  }
  Variables by_certificate(const std::string& content, const std::string& password = {}) {
    return with(application(),
                {{"AZURE_CLIENT_CERTIFICATE_PATH", write("app.certificate", content)},
                 {"AZURE_CLIENT_CERTIFICATE_PASSWORD", password}});
  }
  Variables by_federation(const std::string& token) {
    return with(application(), {{"AZURE_FEDERATED_TOKEN_FILE", write("token", token)}});
  }
  Variables by_machine() { return {{"AZURE_POD_IDENTITY_AUTHORITY_HOST", simulator_.arm()}}; }
  Variables by_app() {
    return {{"IDENTITY_ENDPOINT", simulator_.arm() + "/msi/token"},
            {"IDENTITY_HEADER", simulator_.world().identity_header()}};
  }
  /// A token that the simulator gave, as text.
  std::string fetched_token() {
    http::CurlExchange wire{http::CurlSettings{}};
    http::Request request;
    request.url = simulator_.arm() +
                  "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://arm/";
    request.headers["metadata"] = "true";
    const auto answer = wire.send(request, {});
    EXPECT_TRUE(answer.has_value());
    return Json::parse(answer->body).at("access_token").get<std::string>();
  }
  void install_az(const std::string& script) {
    write("bin/az",
          "#!/bin/sh\nprintf '%s\\n' \"$@\" > '" + path("az.argv") + "'\n" + script + "\n",
          0700);
  }

  std::filesystem::path folder_;
  sim::Simulator simulator_;
};

TEST_F(Credentials, EveryKindPlansAndLeavesNoSecretInTheLog) {
  const auto& pem = certificate();
  const auto token = fetched_token();
  install_az("cat '" + path("az.json") + "'");
  write("az.json", R"({"accessToken":")" + token + R"(","expires_on":4102444800})");
  struct Case {
    std::string name;
    std::string kind;
    Variables variables;
    std::string signs_in_with;
    std::string asks;  // the endpoint's path; "": none
  };
  const std::string token_path = "/oauth2/v2.0/token";
  const std::string imds = "/metadata/identity/oauth2/token";
  for (const Case& one : std::vector<Case>{
           {"secret", "auto", by_secret(), "client-secret: AZURE_CLIENT_SECRET is set", token_path},
           {"PEM",
            "auto",
            by_certificate(pem.certificate_pem() + pem.key_pem()),
            "client-certificate",
            token_path},
           {"encrypted PEM",
            "auto",
            by_certificate(pem.key_pem("p4ss~Canary") + pem.certificate_pem(), "p4ss~Canary"),
            "client-certificate",
            token_path},
           {"PFX",
            "client-certificate",
            by_certificate(pem.pfx("p4ss~Canary"), "p4ss~Canary"),
            "client-certificate: --auth names it",
            token_path},
           {"chain",
            "auto",
            with(by_certificate(pem.key_pem() + pem.certificate_pem()),
                 {{"AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "1"}}),
            "client-certificate",
            token_path},
           {"workload identity",
            "auto",
            by_federation(kFederated),
            "workload-identity",
            token_path},
           {"machine", "auto", by_machine(), "managed-identity", imds},
           {"machine, user-assigned",
            "managed-identity",
            with(by_machine(), {{"AZURE_CLIENT_ID", kUserAssigned}}),
            "managed-identity",
            imds},
           {"app", "auto", by_app(), "managed-identity: IDENTITY_ENDPOINT", "/msi/token"},
           {"app, user-assigned",
            "auto",
            with(by_app(), {{"AZURE_CLIENT_ID", kUserAssigned}}),
            "managed-identity",
            "/msi/token"},
           {"CLI", "azure-cli", {}, "azure-cli", ""},
           {"token",
            "auto",
            {{"AZURE_ACCESS_TOKEN", token}},
            "token: AZURE_ACCESS_TOKEN is set",
            ""}}) {
    SCOPED_TRACE(one.name);
    simulator_.world().forget_requests();
    const auto ended = plan(one.kind, one.variables);
    EXPECT_EQ(ended.exit_code, 2) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("signing in with " + one.signs_in_with));
    if (!one.asks.empty()) {
      EXPECT_EQ(asked(one.asks, 200), 1U);
    }
    for (const auto* canary : {identity().client_secret.c_str(),
                               "Canary",
                               kFederated,
                               "eyJ",
                               "PRIVATE",
                               "simulated-identity-header"}) {
      EXPECT_THAT(ended.err + ended.out, Not(HasSubstr(canary)));
    }
  }
  std::ifstream argv(folder_ / "az.argv");
  std::stringstream words;
  words << argv.rdbuf();
  EXPECT_EQ(words.str(),
            "account\nget-access-token\n--output\njson\n--scope\n"
            "https://management.azure.com/.default\n");
}

// ---- what they say when they fail ----

TEST_F(Credentials, EveryFailureIsExplained) {
  using Type = test::ClientIdentity::KeyType;
  const test::ClientIdentity stranger("stranger");
  const test::ClientIdentity expired("app", Type::Rsa2048, nullptr, -7200, -3600);
  const test::ClientIdentity curve("curve", Type::EcP256);
  const auto secret = [&](const std::string& text) {
    return with(application(), {{"AZURE_CLIENT_SECRET", text}});
  };
  const auto& pem = certificate();
  install_az("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
  struct Case {
    std::string name;
    std::string kind;
    Variables variables;
  };
  const auto jwt_expired = base64url("{}") + "." + base64url(R"({"exp":1700000000})") + ".x";
  const std::vector<Case> cases = {
      {"nothing is configured", "auto", {}},
      {"the kind is unknown", "auto-magic", {}},
      {"half of it is configured", "auto", {{"AZURE_CLIENT_SECRET", "x"}}},
      {"wrong secret", "auto", secret("wrong~Canary")},
      {"expired secret", "auto", secret("expired~Secret~Canary")},
      {"unknown application", "auto", with(by_secret(), {{"AZURE_CLIENT_ID", kOtherClient}})},
      {"unknown tenant", "auto", with(by_secret(), {{"AZURE_TENANT_ID", "contoso.example"}})},
      {"malformed tenant", "auto", with(by_secret(), {{"AZURE_TENANT_ID", "../x"}})},
      {"another tenant than the subscription's",
       "auto",
       {{"AZURE_TENANT_ID", kOtherTenant},
        {"AZURE_CLIENT_ID", kOtherClient},
        {"AZURE_CLIENT_SECRET", kOtherSecret}}},
      {"certificate not registered",
       "auto",
       by_certificate(stranger.key_pem() + stranger.certificate_pem())},
      {"certificate missing",
       "auto",
       with(application(), {{"AZURE_CLIENT_CERTIFICATE_PATH", path("none.pem")}})},
      {"certificate file without key", "auto", by_certificate(pem.certificate_pem())},
      {"federated token of another pod", "auto", by_federation("another.federated.token")},
      {"federated token missing",
       "auto",
       with(application(), {{"AZURE_FEDERATED_TOKEN_FILE", path("none")}})},
      {"managed identity not assigned",
       "auto",
       with(by_machine(), {{"AZURE_CLIENT_ID", kOtherClient}})},
      {"app's header wrong", "auto", with(by_app(), {{"IDENTITY_HEADER", "wrong~Canary"}})},
      {"CLI without a login", "azure-cli", {}},
      {"CLI not installed", "azure-cli", {{"PATH", "/nonexistent"}}},
      {"token expired", "auto", {{"AZURE_ACCESS_TOKEN", jwt_expired}}},
      {"token of nobody", "auto", {{"AZURE_ACCESS_TOKEN", "opaque"}}},
      {"authority over plain http",
       "auto",
       with(by_secret(), {{"DPS_RECONCILER_AUTHORITY", "http://login.example.com"}})},
  };
  std::string page;
  for (const auto& one : cases) {
    // The files are shared by the cases: written again for each.
    if (one.name == "certificate not registered") {
      by_certificate(stranger.key_pem() + stranger.certificate_pem());
    }
    if (one.name == "certificate file without key") by_certificate(pem.certificate_pem());
    const auto ended = run({"plan", "--log-level", "error", "--auth", one.kind}, one.variables);
    EXPECT_NE(ended.exit_code, 0) << one.name;
    EXPECT_THAT(ended.err + ended.out, Not(HasSubstr("Canary"))) << one.name;
    page += "== " + one.name + " (" + std::to_string(ended.exit_code) + ")\n" + ended.out +
            ended.err + "\n";
  }
  // As lines were broken depends on the length of the folder's name.
  page = std::regex_replace(page, std::regex("\n    (?!\xE2\x86\x92)"), " ");
  page = std::regex_replace(page, std::regex("127\\.0\\.0\\.1:[0-9]+"), "SIMULATOR");
  page = std::regex_replace(page, std::regex(path("").substr(0, path("").size() - 1)), "FOLDER");
  page = std::regex_replace(page, std::regex("request [0-9a-f-]{36}"), "request ID");
  page = std::regex_replace(page, std::regex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z"), "TIME");
  page = std::regex_replace(page, std::regex("[0-9]+(\\.[0-9]+)? ?m?s\\b"), "DURATION");
  const std::string golden = DPS_SOURCE_DIR "/tests/golden/credentials/errors.txt";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(DPS_SOURCE_DIR "/tests/golden/credentials");
    std::ofstream(golden) << page;
    return;
  }
  std::stringstream known;
  known << std::ifstream(golden).rdbuf();
  EXPECT_EQ(page, known.str()) << "UPDATE_GOLDEN=1 writes it anew";
}

TEST_F(Credentials, AClaimsChallengeIsReportedAndNotAskedAgain) {
  const auto fault = simulator_.faults().set(
      {{{"match", {{"path", "/subscriptions/**"}, {"times", 0U}}},
        {"do",
         {{"kind", "status"},
          {"status", 401},
          {"headers",
           {{"WWW-Authenticate",
             "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4i\""}}},
          {"body",
           R"({"error":{"code":"AuthenticationFailed","message":"Continuous access evaluation resulted in challenge."}})"}}}}});
  ASSERT_FALSE(fault.has_value()) << *fault;
  const auto ended = run({"plan", "--auth", "auto"}, by_secret());
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out + ended.err, HasSubstr("claims challenge"));
  EXPECT_THAT(ended.out + ended.err, HasSubstr("policy of the tenant"));
  EXPECT_EQ(asked("/oauth2/v2.0/token"), 1U);
}

TEST_F(Credentials, ImdsThatIsUnwellIsAskedAgain) {
  const auto fault = simulator_.faults().set({{{"match", {{"path", "/metadata/**"}, {"times", 3U}}},
                                               {"do", {{"kind", "status"}, {"status", 410}}}}});
  ASSERT_FALSE(fault.has_value()) << *fault;
  http::CurlExchange wire{http::CurlSettings{}};
  test::ManualClock clock;
  const auto source =
      *arm::make_credential(settings("managed-identity", by_machine()), wire, clock);
  EXPECT_TRUE(source->token({}));
  EXPECT_EQ(asked("/metadata/identity/oauth2/token"), 4U);
  EXPECT_EQ(clock.slept().size(), 3U);
}

// ---- two tenants ----

TEST_F(Credentials, TwoTenantsInOneRun) {
  manifest("theirs", kTheirs);
  const auto config =
      write("config.yaml",
            std::string("credentials:\n  - subscriptions: [") + kTheirs +
                "]\n    auth: client-secret\n    tenantId: " + kOtherTenant +
                "\n    clientId: " + kOtherClient + "\n    clientSecret: {file: other.secret}\n");
  write("other.secret", std::string(kOtherSecret) + "\n");
  const auto planned = run({"plan", "--detailed-exitcode", "--config", config}, by_secret());
  EXPECT_EQ(planned.exit_code, 2) << planned.out << planned.err;
  const auto applied = run({"apply", "--config", config, "--log-level", "trace"}, by_secret());
  EXPECT_EQ(applied.exit_code, 0) << applied.out << applied.err;
  EXPECT_THAT(applied.err, Not(HasSubstr(kOtherSecret)));
  EXPECT_THAT(applied.err, HasSubstr(std::string("subscriptions=") + kTheirs));
  EXPECT_EQ(simulator_.world().state().at("provisioning_services").size(), 2U);

  // Each alone may not: the other subscription's error is told, the first goes on.
  const auto one = run({"plan"}, by_secret());
  EXPECT_EQ(one.exit_code, 1);
  EXPECT_THAT(one.out + one.err, HasSubstr("another tenant"));
  EXPECT_THAT(one.out + one.err, HasSubstr("section of its own under credentials"));

  // Without a default the section's subscription works all the same.
  const auto alone = run({"plan", "--config", config}, {});
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.out, HasSubstr("NoCredential: listing subscription"));
  EXPECT_THAT(alone.out, HasSubstr("no section of"));
  std::filesystem::remove(folder_ / "manifests/fleet.yaml");
  EXPECT_EQ(run({"plan", "--config", config}, {}).exit_code, 0);
}

TEST_F(Credentials, AHubsKeyInAnotherTenantIsReadWithThatTenantsCredential) {
  const auto hub = std::string("/subscriptions/") + kTheirs +
                   "/resourceGroups/rg/providers/Microsoft.Devices/" + "IotHubs/hub-theirs";
  plant({{"iot_hubs", {{{"id", hub}, {"location", "westeurope"}}}}});
  write("manifests/fleet.yaml",
        std::string("apiVersion: dps-reconciler/v1\nkind: ProvisioningService\nmetadata: {name: "
                    "fleet, resourceGroup: rg, subscription: ") +
            kMine +
            "}\nspec:\n  location: westeurope\n  sku: {name: S1, capacity: 1}\n  linkedHubs:\n"
            "    - hostName: hub-theirs.azure-devices.net\n      location: westeurope\n"
            "      credential: {hub: {subscription: " +
            kTheirs + ", resourceGroup: rg, policy: iothubowner, key: primary}}\n");
  const auto config =
      write("config.yaml",
            std::string("credentials:\n  - subscriptions: [") + kTheirs +
                "]\n    auth: client-secret\n    tenantId: " + kOtherTenant +
                "\n    clientId: " + kOtherClient + "\n    clientSecret: {file: other.secret}\n");
  write("other.secret", std::string(kOtherSecret) + "\n");

  // The default identity alone is of the wrong tenant for it, and nothing is made.
  const auto one = run({"apply"}, by_secret());
  EXPECT_EQ(one.exit_code, 1) << one.out << one.err;
  EXPECT_THAT(one.out + one.err, HasSubstr("another tenant"));
  EXPECT_TRUE(simulator_.world().state().at("provisioning_services").empty());

  const auto applied = run({"apply", "--config", config, "--log-level", "trace"}, by_secret());
  EXPECT_EQ(applied.exit_code, 0) << applied.out << applied.err;
  const auto services = simulator_.world().state().at("provisioning_services");
  ASSERT_EQ(services.size(), 1U);
  const auto linked =
      services[0].at("properties").at("iotHubs")[0].at("connectionString").get<std::string>();
  EXPECT_THAT(linked, HasSubstr("HostName=hub-theirs.azure-devices.net"));
  const auto key = linked.substr(linked.find("SharedAccessKey=") + 16);
  EXPECT_THAT(applied.out + applied.err, Not(HasSubstr(key)));
  EXPECT_THAT(applied.out + applied.err, Not(HasSubstr(kOtherSecret)));
  // Only the hub is asked with the other credential, and only the service with the first.
  for (const auto& request : simulator_.world().requests()) {
    if (request.at("status") != 401) continue;
    EXPECT_THAT(request.at("path").get<std::string>(), HasSubstr(kTheirs));
  }
  const auto planned = run({"plan", "--detailed-exitcode", "--config", config}, by_secret());
  EXPECT_EQ(planned.exit_code, 0) << planned.out << planned.err;
}

TEST_F(Credentials, AnIdentityWithoutARoleIsToldSo) {
  manifest("theirs", kTheirs);
  plant({{"subscriptions", {kMine, kTheirs}}});
  const auto ended = run({"plan", "--auth", "managed-identity"},
                         with(by_machine(), {{"AZURE_CLIENT_ID", kUserAssigned}}));
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.out + ended.err, HasSubstr("does not have authorization"));
}

// ---- while it works ----

TEST_F(Credentials, AFleetCostsOneToken) {
  for (int i = 0; i < 64; ++i) manifest("fleet-" + std::to_string(i), kMine);
  const auto ended = run({"plan", "--concurrency", "64"}, by_secret());
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(asked("/oauth2/v2.0/token"), 1U);
}

TEST(CredentialsInALab, TokensThatEndInTheMiddleOfAPassAreRenewed) {
  lab::Lab lab;
  lab.set_switch("token-lifetime", "60s");
  lab.set_switch("operation-time", "5m");
  lab.manifest("fleet.yaml",
               std::string("apiVersion: dps-reconciler/v1\nkind: ProvisioningService\nmetadata: "
                           "{name: fleet, resourceGroup: rg, subscription: ") +
                   lab::kSubscription +
                   "}\nspec:\n  location: westeurope\n  sku: {name: S1, capacity: 1}\n"
                   "  linkedHubs:\n    - hostName: hub-1.azure-devices.net\n      location: "
                   "westeurope\n      credential: {hub: {resourceGroup: rg, policy: iothubowner, "
                   "key: primary}}\n");
  const auto report = lab.apply();
  std::size_t tokens = 0;
  for (const auto& one : lab.requests()) {
    tokens += one.path.ends_with("/token") ? 1U : 0U;
    EXPECT_NE(one.status, 401) << one.method << " " << one.path;
  }
  EXPECT_GT(tokens, 3U);
  lab.expect_nothing_to_do();
}

TEST_F(Credentials, SixtyFourCallersOverTheNetworkBringOneRefresh) {
  set_switch("latency", "50ms");
  http::CurlExchange wire{http::CurlSettings{}};
  SystemClock clock;
  const auto source = *arm::make_credential(settings("client-secret", by_secret()), wire, clock);
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&] { good += source->token({}) ? 1 : 0; });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(good, 64);
  EXPECT_EQ(asked("/oauth2/v2.0/token"), 1U);
}

}  // namespace
}  // namespace dps

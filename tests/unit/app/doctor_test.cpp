// doctor: what it says of a sound and of each kind of ailing installation. The golden texts are
// what a person reads; UPDATE_GOLDEN=1 writes them anew.
#include "reconciler/app/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "reconciler/arm/client_memory.hpp"
#include "reconciler/arm/cloud.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/scripted_exchange.hpp"

namespace dps::app {
namespace {

using test::answer;

constexpr const char* kSubscription = "11111111-1111-4111-8111-111111111111";
constexpr const char* kTenant = "5f0d3c4e-9b1a-4c6e-8d57-2f6f0a1b7c11";

class OneToken final : public http::TokenSource {
 public:
  Result<http::Token> token(std::stop_token) override {
    if (refused) return fail(*refused);
    const auto part = [](const char* text) { return base64url(text); };
    http::Token token;
    token.text = Secret(part(R"({"alg":"RS256"})") + "." + part(claims.c_str()) + ".c2lnbmVk");
    return token;
  }
  void reject(std::uint64_t) override {}
  std::optional<Error> refused;
  std::string claims =
      R"({"tid":"5f0d3c4e-9b1a-4c6e-8d57-2f6f0a1b7c11","appid":"0b6f2f7a-4a57-4b0e-9d7c-6f1d5a3e2c22","oid":"00000000-0000-4000-8000-00000000000a","aud":"https://management.azure.com","exp":1795356000})";
};

class NoSecrets final : public manifest::SecretSource {
 public:
  Result<Secret> read(const SecretReference& reference, std::stop_token) override {
    if (missing.empty()) return Secret("x");
    return fail(Error{NextMove::WaitForOthers,
                      "SecretMissing",
                      describe(reference) + ": " + missing,
                      "set it",
                      0,
                      {}});
  }
  std::string missing;
};

/// A sound installation; tests spoil it.
struct Ward {
  Ward() {
    patient.cloud = *arm::cloud_named("public");
    patient.tenant = kTenant;
    patient.api_version = kDefaultVersion;
    patient.credential = arm::CredentialChoice{"client-secret", "AZURE_CLIENT_SECRET is set", {}};
    patient.clock = &clock;
    patient.bare = &bare;
    patient.tokens = &tokens;
    patient.exchange = &arm;
    patient.client = &client;
    patient.manifests = &loaded;
    patient.secrets = &secrets;
    patient.peer = [this](const std::string& url) -> Result<http::Peer> {
      return url.find("login") == std::string::npos
                 ? http::Peer{"20.36.1.2", "Microsoft Azure RSA TLS Issuing CA 03", soon}
                 : http::Peer{"20.190.1.2", "DigiCert Global G2", soon};
    };
    bare.on("GET", "/metadata/endpoints", arm_says("{}"));
    bare.on("GET", "/.well-known/openid-configuration", answer(200, "{}"));
    const std::string scope = std::string("/subscriptions/") + kSubscription;
    arm.on("GET", scope, arm_says(R"({"displayName":"Fleets","state":"Enabled"})"));
    arm.on(
        "GET",
        "/providers/Microsoft.Devices",
        arm_says(
            R"({"registrationState":"Registered","resourceTypes":[{"resourceType":"ProvisioningServices","apiVersions":["2020-03-01","2022-12-12"]}]})"));
    arm.on("GET", "/permissions", allowed(""));
    arm.on("GET", "/locks", arm_says(R"({"value":[]})"));
    arm.on(
        "GET",
        "/provisioningServices",
        arm_says(
            R"({"value":[{"id":"/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/iot-eu/providers/Microsoft.Devices/provisioningServices/fleet-eu","name":"fleet-eu","location":"westeurope","etag":"AAA=","properties":{"state":"Active","iotHubs":[]},"sku":{"name":"S1","capacity":1}}]})"));
    DesiredService service;
    service.id = {kSubscription, "iot-eu", "fleet-eu"};
    service.location = "westeurope";
    service.policies.emplace();
    DesiredHub hub;
    hub.host_name = "hub-eu.azure-devices.net";
    hub.credential =
        HubKeyReference{kSubscription, "iot-hubs", "hub-eu", "iothubowner", KeyKind::Primary};
    DesiredHub other;
    other.host_name = "hub-us.azure-devices.net";
    other.credential = SecretReference(EnvironmentReference{"HUB_US"});
    service.linked_hubs = std::vector<DesiredHub>{hub, other};
    loaded.desired.services[service.id] = service;
    loaded.files = 1;
    loaded.documents = 1;
  }

  static http::Answer arm_says(const std::string& body, int status = 200) {
    return answer(status,
                  body,
                  {{"x-ms-request-id", "r-1"},
                   {"date", "Sun, 22 Nov 2026 13:00:00 GMT"},
                   {"x-ms-ratelimit-remaining-subscription-reads", "11998"}});
  }
  static http::Answer allowed(const std::string& but) {
    return arm_says(R"({"value":[{"actions":["*"],"notActions":[)" +
                    (but.empty() ? "" : "\"" + but + "\"") + "]}]}");
  }

  std::string text() { return render_text(examine(patient, {}), DoctorColor::Off); }

  test::ManualClock clock;
  WallTime soon = clock.wall() + std::chrono::hours{24 * 60};
  test::ScriptedExchange bare, arm;
  OneToken tokens;
  NoSecrets secrets;
  manifest::Loaded loaded;
  arm::ClientMemory memory;
  arm::Client client{arm, clock, memory, [] {
                       arm::ClientSettings settings;
                       settings.cloud = *arm::cloud_named("public");
                       return settings;
                     }()};
  Patient patient;
};

struct Case {
  std::string name;
  Mark worst;
  std::function<void(Ward&)> spoil;
};

std::vector<Case> cases() {
  const auto failure =
      [](const std::string& id, const std::string& what, const std::string& remedy) {
        return http::Answer(tl::unexpected(http::SendFailure{
            http::Delivery::NotSent, {NextMove::RetryLater, id, what, remedy, 0, {}}}));
      };
  return {
      {"all-well", Mark::Ok, [](Ward&) {}},
      {"no-credential",
       Mark::Fail,
       [](Ward& ward) {
         ward.patient.credential = fail(give_up("NoCredential",
                                                "no credential is configured",
                                                "set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                                                "AZURE_CLIENT_SECRET"));
         ward.patient.tokens = nullptr;
         ward.patient.exchange = nullptr;
         ward.patient.client = nullptr;
       }},
      {"wrong-secret",
       Mark::Fail,
       [](Ward& ward) {
         ward.tokens.refused = Error{NextMove::WaitForOthers,
                                     "TokenRefused",
                                     "no token: HTTP 401 AADSTS7000215: Invalid client secret "
                                     "provided.",
                                     "check AZURE_CLIENT_SECRET: the value, not its id",
                                     401,
                                     {}};
       }},
      {"missing-listkeys",
       Mark::Fail,
       [](Ward& ward) {
         ward.arm.on("GET",
                     "/iot-eu/providers/Microsoft.Authorization/permissions",
                     Ward::allowed("Microsoft.Devices/provisioningServices/listKeys/*"));
       }},
      {"reader-only",
       Mark::Fail,
       [](Ward& ward) {
         ward.arm.on("GET",
                     "/permissions",
                     Ward::arm_says(R"({"value":[{"actions":["*/read"],"notActions":[]}]})"));
       }},
      {"clock-behind",
       Mark::Fail,
       [](Ward& ward) {
         ward.bare.on(
             "GET",
             "/metadata/endpoints",
             answer(
                 200, "{}", {{"x-ms-request-id", "r"}, {"date", "Sun, 22 Nov 2026 13:07:00 GMT"}}));
       }},
      {"clock-ahead",
       Mark::Warn,
       [](Ward& ward) {
         ward.bare.on(
             "GET",
             "/metadata/endpoints",
             answer(
                 200, "{}", {{"x-ms-request-id", "r"}, {"date", "Sun, 22 Nov 2026 12:58:00 GMT"}}));
       }},
      {"not-registered",
       Mark::Fail,
       [](Ward& ward) {
         ward.arm.on("GET",
                     "/providers/Microsoft.Devices",
                     Ward::arm_says(R"({"registrationState":"NotRegistered"})"));
       }},
      {"tls-not-trusted",
       Mark::Fail,
       [=](Ward& ward) {
         const auto refused = failure("TlsError",
                                      "the certificate of management.azure.com:443 is not trusted: "
                                      "unable to get local issuer certificate",
                                      "SSL_CERT_FILE must name the CA of the proxy that opens TLS");
         ward.bare.on("GET", "/metadata/endpoints", refused);
         ward.bare.on("GET", "/.well-known/openid-configuration", refused);
       }},
      {"nothing-listens",
       Mark::Fail,
       [=](Ward& ward) {
         ward.bare.on("GET",
                      "/metadata/endpoints",
                      failure("ConnectionRefused",
                              "management.azure.com:443 refuses the connection",
                              "check host and port of the endpoint"));
       }},
      {"group-missing",
       Mark::Fail,
       [](Ward& ward) {
         ward.arm.on(
             "GET",
             "/iot-eu/providers/Microsoft.Authorization/permissions",
             Ward::arm_says(
                 R"({"error":{"code":"ResourceGroupNotFound","message":"Resource group 'iot-eu' could not be found."}})",
                 404));
       }},
      {"role-on-group-only",
       Mark::Warn,
       [](Ward& ward) {
         ward.arm.on(
             "GET",
             std::string("/subscriptions/") + kSubscription,
             Ward::arm_says(
                 R"({"error":{"code":"AuthorizationFailed","message":"The client does not have authorization."}})",
                 403));
       }},
      {"read-only-lock",
       Mark::Fail,
       [](Ward& ward) {
         ward.arm.on(
             "GET",
             "/iot-eu/providers/Microsoft.Authorization/locks",
             Ward::arm_says(R"({"value":[{"name":"freeze","properties":{"level":"ReadOnly"}}]})"));
       }},
      {"secret-missing",
       Mark::Fail,
       [](Ward& ward) { ward.secrets.missing = "the variable is not set"; }},
      {"sign-in-page",
       Mark::Warn,
       [](Ward& ward) {
         ward.bare.on("GET",
                      "/metadata/endpoints",
                      answer(200, "<html>", {{"date", "Sun, 22 Nov 2026 13:00:00 GMT"}}));
       }},
      {"older-versions",
       Mark::Fail,
       [](Ward& ward) {
         ward.arm.on(
             "GET",
             "/providers/Microsoft.Devices",
             Ward::arm_says(
                 R"({"registrationState":"Registered","resourceTypes":[{"resourceType":"provisioningServices","apiVersions":["2020-03-01","2017-11-15"]}]})"));
       }},
      {"no-manifests",
       Mark::Ok,
       [](Ward& ward) {
         ward.patient.manifests = nullptr;
         ward.patient.secrets = nullptr;
       }},
  };
}

class Doctor : public testing::TestWithParam<Case> {};

TEST_P(Doctor, SaysWhatItFoundWhatItMeansAndWhatToDo) {
  Ward ward;
  GetParam().spoil(ward);
  const auto diagnosis = examine(ward.patient, {});
  EXPECT_EQ(diagnosis.failed(), GetParam().worst == Mark::Fail);
  EXPECT_EQ(diagnosis.count(Mark::Warn) > 0 || diagnosis.failed(), GetParam().worst != Mark::Ok);
  for (const auto& finding : diagnosis.findings) {
    EXPECT_FALSE(finding.said.empty()) << finding.check;
    const bool ails = finding.mark == Mark::Warn || finding.mark == Mark::Fail;
    EXPECT_EQ(ails, !finding.means.empty()) << finding.check << ": " << finding.said;
    EXPECT_EQ(ails, !finding.remedy.empty()) << finding.check << ": " << finding.said;
  }
  const auto path =
      std::string(DPS_SOURCE_DIR) + "/tests/golden/doctor/" + GetParam().name + ".txt";
  const auto text = render_text(diagnosis, DoctorColor::Off);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ostringstream wanted;
  wanted << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, wanted.str()) << path;
  for (const auto* exchange : {&ward.bare, &ward.arm}) {
    for (const auto& request : exchange->requests()) {
      EXPECT_EQ(request.method, http::Method::Get) << request.url;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ailments, Doctor, testing::ValuesIn(cases()), [](const auto& one) {
  auto name = one.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(DoctorJson, IsARecordWithEveryFinding) {
  Ward ward;
  const auto diagnosis = examine(ward.patient, {});
  const auto json = parse_json(render_json(diagnosis));
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->at("schema"), "dps-reconciler/doctor/v1");
  EXPECT_EQ(json->at("findings").size(), diagnosis.findings.size());
  EXPECT_EQ(json->at("summary").at("fail"), 0);
  EXPECT_EQ(json->at("at"), "2026-11-22T13:00:00Z");
}

TEST(DoctorText, NeverShowsTheToken) {
  Ward ward;
  const auto diagnosis = examine(ward.patient, {});
  EXPECT_EQ((render_text(diagnosis, DoctorColor::On) + render_json(diagnosis)).find("c2lnbmVk"),
            std::string::npos);
}

TEST(DoctorTime, EndsWhenItIsStopped) {
  Ward ward;
  std::stop_source stop;
  stop.request_stop();
  const auto diagnosis = examine(ward.patient, stop.get_token());
  EXPECT_TRUE(diagnosis.failed());
  EXPECT_GT(diagnosis.count(Mark::Skip), 0U);
}

}  // namespace
}  // namespace dps::app

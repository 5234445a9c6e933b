// Signing in: what each endpoint takes and what it refuses; who may what with the token.
#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/arm_simulator/tests/driver.hpp"
#include "tests/support/client_identity.hpp"

namespace dps::sim {
namespace {

using testing::HasSubstr;

constexpr const char* kOtherTenant = "77777777-7777-4777-8777-777777777777";
constexpr const char* kUserAssigned = "99999999-9999-4999-8999-999999999999";
constexpr const char* kFederated = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwb2QifQ.c2ln";

const test::ClientIdentity& registered() {
  static const test::ClientIdentity made("app");
  return made;
}
const test::ClientIdentity& stranger() {
  static const test::ClientIdentity made("stranger");
  return made;
}
const test::ClientIdentity& expired() {
  static const test::ClientIdentity made(
      "expired", test::ClientIdentity::KeyType::Rsa2048, nullptr, -7200, -3600);
  return made;
}

std::string digest(const std::string& der, const EVP_MD* kind) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(der.data(), der.size(), out, &length, kind, nullptr);
  return base64_url({reinterpret_cast<const char*>(out), length});
}

std::string signature(const test::ClientIdentity& by, const std::string& text, bool pss) {
  const auto pem = by.key_pem();
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* settings = nullptr;
  EVP_DigestSignInit(context, &settings, EVP_sha256(), nullptr, key);
  if (pss) {
    EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST);
  }
  std::string out(512, '\0');
  std::size_t length = out.size();
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  EXPECT_EQ(EVP_DigestSign(
                context, reinterpret_cast<unsigned char*>(out.data()), &length, bytes, text.size()),
            1);
  out.resize(length);
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

class SigningIn : public testing::Test {
 protected:
  SigningIn() {
    const auto fault = driver.world.plant(
        {{"identities",
          {{{"tenant", identity().tenant},
            {"client_id", identity().client_id},
            {"certificates", {registered().certificate_pem(), expired().certificate_pem()}},
            {"expired_secret", "old"},
            {"federated_tokens", {kFederated}}},
           {{"tenant", identity().tenant},
            {"client_id", kUserAssigned},
            {"managed", "user"},
            {"object_id", "object-1"},
            {"resource_id", "/subscriptions/s/identity-1"},
            {"subscriptions", {"00000000-0000-4000-8000-000000000001"}}},
           {{"tenant", kOtherTenant}, {"client_id", "other"}, {"client_secret", "x"}}}}});
    EXPECT_FALSE(fault.has_value()) << *fault;
  }
  const WorldOptions& identity() { return driver.world.options(); }
  std::string path() { return "/" + identity().tenant + "/oauth2/v2.0/token"; }
  std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(driver.world.now().time_since_epoch())
        .count();
  }
  Json claims() {
    return {{"aud", "http://arm.test" + path()},
            {"iss", identity().client_id},
            {"sub", identity().client_id},
            {"jti", fmt::format("id-{}", ++ids_)},
            {"nbf", now()},
            {"exp", now() + 300}};
  }
  static Json header(const test::ClientIdentity& of) {
    return {{"typ", "JWT"}, {"alg", "PS256"}, {"x5t#S256", digest(of.der(), EVP_sha256())}};
  }
  static std::string assertion(const Json& header,
                               const Json& claims,
                               const test::ClientIdentity& by,
                               bool pss = true) {
    const auto text = base64_url(header.dump()) + "." + base64_url(claims.dump());
    return text + "." + base64_url(signature(by, text, pss));
  }
  Answer post(const std::string& form, const std::string& to = {}) {
    Request request;
    request.method = "POST";
    request.path = to.empty() ? path() : to;
    request.base_url = "http://arm.test";
    request.body = "grant_type=client_credentials&client_id=" + identity().client_id +
                   "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default" + form;
    return Driver::wrap(driver.world.handle(request));
  }
  Answer sign_in(const std::string& assertion) {
    return post(
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
        "&client_assertion=" +
        escaped(assertion));
  }
  Answer get(const std::string& target, Headers headers) {
    Request request;
    request.method = "GET";
    const auto question = target.find('?');
    request.path = target.substr(0, question);
    request.query = question == std::string::npos ? "" : target.substr(question + 1);
    request.base_url = "http://arm.test";
    request.headers = std::move(headers);
    return Driver::wrap(driver.world.handle(request));
  }
  /// The status of a GET of the subscription's services with this token.
  int use(const Answer& token, const std::string& subscription = kSubscription) {
    return get("/subscriptions/" + subscription +
                   "/providers/Microsoft.Devices/provisioningServices?api-version=2022-12-12",
               {{"Authorization", "Bearer " + token.json.value("access_token", std::string())}})
        .status;
  }
  static int code(const Answer& answer) {
    return answer.json.contains("error_codes") ? answer.json["error_codes"][0].get<int>() : 0;
  }

  Driver driver;

 private:
  int ids_ = 0;
};

TEST_F(SigningIn, TakesAnAssertionOfARegisteredCertificateInBothForms) {
  const auto pss = sign_in(assertion(header(registered()), claims(), registered()));
  EXPECT_EQ(pss.status, 200) << pss.raw.body;
  EXPECT_EQ(use(pss), 200);
  const Json old = {{"alg", "RS256"}, {"x5t", digest(registered().der(), EVP_sha1())}};
  EXPECT_EQ(sign_in(assertion(old, claims(), registered(), false)).status, 200);
}

TEST_F(SigningIn, RefusesEveryFaultOfAnAssertionByItsNumber) {
  const auto changed = [&](const char* name, const Json& value) {
    auto all = claims();
    if (value.is_null()) {
      all.erase(name);
    } else {
      all[name] = value;
    }
    return assertion(header(registered()), all, registered());
  };
  auto none = header(registered());
  none["alg"] = "none";
  auto rs256 = header(registered());
  rs256["alg"] = "RS256";
  const auto good = assertion(header(registered()), claims(), registered());
  auto bent = good;
  bent[good.find('.') + 10] = bent[good.find('.') + 10] == 'A' ? 'B' : 'A';
  struct Case {
    std::string name;
    std::string assertion;
    int number;
  };
  const std::vector<Case> cases = {
      {"signed by another", assertion(header(registered()), claims(), stranger()), 700027},
      {"PSS said to be PKCS1", assertion(rs256, claims(), registered()), 700027},
      {"not registered", assertion(header(stranger()), claims(), stranger()), 700027},
      {"expired certificate", assertion(header(expired()), claims(), expired()), 700030},
      {"no algorithm", assertion(none, claims(), registered()), 5002730},
      {"another audience", changed("aud", "https://login.example/token"), 700023},
      {"audience missing", changed("aud", nullptr), 700023},
      {"another issuer", changed("iss", "somebody"), 700021},
      {"another subject", changed("sub", "somebody"), 700021},
      {"over", changed("exp", now() - 3600), 700024},
      {"not begun", changed("nbf", now() + 3600), 700024},
      {"for ever", changed("exp", now() + 100 * 3600), 700024},
      {"no end", changed("exp", nullptr), 700024},
      {"no jti", changed("jti", nullptr), 50027},
      {"not a token", "a.b", 70021},
      {"claims bent after signing", bent, 0},
  };
  for (const auto& one : cases) {
    const auto answer = sign_in(one.assertion);
    EXPECT_EQ(answer.status, 401) << one.name << answer.raw.body;
    if (one.number != 0) {
      EXPECT_EQ(code(answer), one.number) << one.name << answer.raw.body;
    }
    EXPECT_FALSE(answer.json.contains("access_token")) << one.name;
  }
}

TEST_F(SigningIn, ForgivesFiveMinutesOfSkew) {
  auto late = claims();
  late["nbf"] = now() + 240;
  late["exp"] = now() + 600;
  EXPECT_EQ(sign_in(assertion(header(registered()), late, registered())).status, 200);
}

TEST_F(SigningIn, TakesAnAssertionOnce) {
  const auto once = assertion(header(registered()), claims(), registered());
  EXPECT_EQ(sign_in(once).status, 200);
  EXPECT_EQ(code(sign_in(once)), 50013);
}

TEST_F(SigningIn, WantsTheTypeOfTheAssertion) {
  const auto good = assertion(header(registered()), claims(), registered());
  EXPECT_EQ(code(post("&client_assertion=" + escaped(good))), 90014);
}

TEST_F(SigningIn, TakesTheFederatedTokensThatItKnows) {
  EXPECT_EQ(use(sign_in(kFederated)), 200);
  EXPECT_EQ(use(sign_in(kFederated)), 200);  // it rotates, but is no single ticket
  EXPECT_EQ(code(sign_in("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwb2QyIn0.c2ln")), 70021);
}

TEST_F(SigningIn, TellsWrongAndExpiredSecretsApart) {
  EXPECT_EQ(code(post("&client_secret=wrong")), 7000215);
  EXPECT_EQ(code(post("&client_secret=old")), 7000222);
  EXPECT_EQ(code(post("&client_secret=")), 7000215);
  EXPECT_EQ(code(post("")), 7000218);
  EXPECT_EQ(code(post("&client_secret=x", "/nowhere.example/oauth2/v2.0/token")), 90002);
  EXPECT_EQ(code(post("&client_secret=x", std::string("/") + kOtherTenant + "/oauth2/v2.0/token")),
            700016);
}

// ---- managed identities ----

TEST_F(SigningIn, AtTheMachineWantsTheHeaderTheVersionAndTheResource) {
  const std::string imds = "/metadata/identity/oauth2/token";
  const std::string whole = imds + "?api-version=2018-02-01&resource=https://arm/";
  const Headers metadata = {{"Metadata", "true"}};
  const auto good = get(whole, metadata);
  EXPECT_EQ(good.status, 200);
  EXPECT_TRUE(good.json.at("expires_in").is_string());
  EXPECT_TRUE(good.json.at("expires_on").is_string());
  EXPECT_EQ(use(good), 200);
  EXPECT_EQ(get(whole, {}).json.at("error"), "bad_request_102");
  EXPECT_EQ(get(whole, {{"Metadata", "false"}}).status, 400);
  EXPECT_EQ(get(whole, {{"Metadata", "true"}, {"X-Forwarded-For", "10.0.0.1"}}).status, 400);
  EXPECT_EQ(get(imds + "?resource=https://arm/", metadata).status, 400);
  EXPECT_EQ(get(imds + "?api-version=2018-02-01", metadata).status, 400);
}

TEST_F(SigningIn, AtTheMachineFindsAUserAssignedIdentityByAnyOfItsIds) {
  const std::string whole =
      "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://arm/";
  const Headers metadata = {{"Metadata", "true"}};
  for (const std::string& by : {std::string("&client_id=") + kUserAssigned,
                                std::string("&object_id=object-1"),
                                std::string("&msi_res_id=/subscriptions/s/identity-1")}) {
    const auto answer = get(whole + by, metadata);
    EXPECT_EQ(answer.status, 200) << by << answer.raw.body;
    EXPECT_EQ(answer.json.at("client_id"), kUserAssigned) << by;
    EXPECT_EQ(use(answer), 403) << by;  // its role is in another subscription
  }
  const auto unknown = get(whole + "&client_id=nobody", metadata);
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json.at("error_description"), "Identity not found");
}

TEST_F(SigningIn, AtTheAppWantsItsHeader) {
  const std::string whole = "/msi/token?api-version=2019-08-01&resource=https://arm/";
  const auto header = driver.world.identity_header();
  const auto good = get(whole, {{"X-IDENTITY-HEADER", header}});
  EXPECT_EQ(good.status, 200) << good.raw.body;
  EXPECT_FALSE(good.json.contains("expires_in"));
  EXPECT_EQ(use(good), 200);
  EXPECT_EQ(get(whole, {}).status, 401);
  EXPECT_EQ(get(whole, {{"X-IDENTITY-HEADER", header + "x"}}).status, 401);
  EXPECT_EQ(
      get("/msi/token?api-version=2017-09-01&resource=x", {{"X-IDENTITY-HEADER", header}}).status,
      400);
  EXPECT_EQ(get(whole + "&client_id=nobody", {{"X-IDENTITY-HEADER", header}}).status, 400);
}

// ---- the seed of identities ----

TEST_F(SigningIn, RefusesASeedOfIdentitiesThatCannotBe) {
  for (const Json& entry : std::vector<Json>{
           Json::object(),
           {{"tenant", "t"}},
           {{"tenant", "t"}, {"client_id", "c"}, {"managed", "half"}},
           {{"tenant", "t"}, {"client_id", "c"}, {"certificates", {"no certificate"}}},
           {{"tenant", "t"}, {"client_id", "c"}, {"colour", "red"}}}) {
    const auto before = driver.world.identities();
    EXPECT_TRUE(driver.world.set_identity(entry).has_value()) << entry.dump();
    EXPECT_EQ(driver.world.identities(), before) << entry.dump();
  }
}

TEST_F(SigningIn, TokensOfAnotherTenantAreNotTakenAndSayWhose) {
  Request request;
  request.method = "POST";
  request.path = std::string("/") + kOtherTenant + "/oauth2/v2.0/token";
  request.base_url = "http://arm.test";
  request.body =
      "grant_type=client_credentials&client_id=other&client_secret=x&scope=https%3A%2F%2Farm%2F."
      "default";
  const auto token = Driver::wrap(driver.world.handle(request));
  ASSERT_EQ(token.status, 200) << token.raw.body;
  EXPECT_EQ(use(token), 401);
}

// ---- what may be done, and what is in the way ----

TEST_F(SigningIn, PermissionsTellWhatIsDenied) {
  const std::string of_group = kGroup + "/providers/Microsoft.Authorization/permissions";
  const auto all = driver.send("GET", of_group + "?api-version=2022-04-01");
  ASSERT_EQ(all.status, 200) << all.raw.body;
  EXPECT_EQ(all.json["value"][0]["actions"][0], "*");
  EXPECT_TRUE(all.json["value"][0]["notActions"].empty());
  driver.set("deny", "listkeys,write-certificates");
  const auto some = driver.send("GET", of_group + "?api-version=2022-04-01");
  EXPECT_THAT(some.raw.body, HasSubstr("provisioningServices/listkeys/Action"));
  EXPECT_THAT(some.raw.body, HasSubstr("provisioningServices/certificates/verify/Action"));
  EXPECT_EQ(driver
                .send("GET",
                      "/subscriptions/" + kSubscription +
                          "/resourceGroups/none/providers/Microsoft.Authorization/"
                          "permissions?api-version=2022-04-01")
                .status,
            404);
}

TEST_F(SigningIn, LocksAreListedWhereTheyAreSet) {
  const auto locks = kGroup + "/providers/Microsoft.Authorization/locks?api-version=2016-09-01";
  EXPECT_TRUE(driver.send("GET", locks).json.at("value").empty());
  driver.set("lock", "delete");
  EXPECT_EQ(driver.send("GET", locks).json["value"][0]["properties"]["level"], "CanNotDelete");
  driver.set("lock", "read-only");
  EXPECT_EQ(driver.send("GET", locks).json["value"][0]["properties"]["level"], "ReadOnly");
}

TEST_F(SigningIn, TheProviderTellsWhetherItIsRegistered) {
  const auto provider =
      "/subscriptions/" + kSubscription + "/providers/Microsoft.Devices?api-version=2021-04-01";
  EXPECT_EQ(driver.send("GET", provider).json.at("registrationState"), "Registered");
  driver.set("provider-registered", "no");
  EXPECT_EQ(driver.send("GET", provider).json.at("registrationState"), "NotRegistered");
}

}  // namespace
}  // namespace dps::sim

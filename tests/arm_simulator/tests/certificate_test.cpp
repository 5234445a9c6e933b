#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

const std::string kCertificate = kService + "/certificates/ca-1";

Json upload(const std::string& content) {
  return {{"properties", {{"certificate", content}}}};
}
Headers if_match(const Json& answer) {
  return {{"If-Match", answer["etag"].get<std::string>()}};
}

/// A service with the CA uploaded.
struct Uploaded {
  Driver arm;
  TestAuthority ca;
  Answer answer;
  Uploaded() {
    arm.create();
    answer = arm.send("PUT", kCertificate, upload(base64(ca.pem)));
  }
};

TEST(CertificateUpload, AnswersFactsOfTheCertificate) {
  Uploaded test;
  ASSERT_EQ(test.answer.status, 200) << test.answer.raw.body;
  const auto& properties = test.answer.json["properties"];
  const auto facts = read_certificate(test.ca.pem);
  EXPECT_EQ(properties["subject"], "Test CA");
  EXPECT_EQ(properties["thumbprint"], facts->thumbprint);
  EXPECT_EQ(properties["expiry"], rfc1123(facts->not_after));
  EXPECT_EQ(properties["isVerified"], false);
  EXPECT_EQ(properties["created"], "Mon, 01 Jan 0001 00:00:00 GMT");
  EXPECT_EQ(properties["certificate"], base64(test.ca.pem)) << "2022-12-12 echoes";
  EXPECT_EQ(test.answer.json["type"], "Microsoft.Devices/provisioningServices/Certificates");
  EXPECT_EQ(test.answer.header("x-ms-ratelimit-remaining-subscription-writes"), "1199");
  const auto etag = from_base64(test.answer.json["etag"].get<std::string>());
  ASSERT_TRUE(etag.has_value());
  EXPECT_EQ(etag->front(), '"');
}

TEST(CertificateUpload, TakesPemDerAndBase64OfPem) {
  Driver arm;
  arm.create();
  const TestAuthority ca;
  const auto facts = read_certificate(ca.pem);
  int number = 0;
  for (const auto& content : {ca.pem, base64(ca.pem), base64(facts->der)}) {
    const auto answer =
        arm.send("PUT", fmt::format("{}/certificates/c{}", kService, ++number), upload(content));
    EXPECT_EQ(answer.json["properties"]["thumbprint"], facts->thumbprint) << number;
  }
  EXPECT_EQ(arm.send("GET", kService + "/certificates").json["value"].size(), 3U);
  for (const std::string content :
       {"", "hello", "aGVsbG8=", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})
    EXPECT_EQ(arm.send("PUT", kCertificate, upload(content)).status, 400) << content;
}

TEST(CertificateUpload, HasItsBodyFlatUpTo2021) {
  Driver arm;
  arm.create();
  const TestAuthority ca;
  arm.version = "2021-10-15";
  EXPECT_EQ(arm.send("PUT", kCertificate, upload(ca.pem)).status, 400);
  const auto flat = arm.send("PUT", kCertificate, {{"certificate", ca.pem}, {"isVerified", true}});
  EXPECT_EQ(flat.status, 200);
  EXPECT_EQ(flat.json["properties"]["isVerified"], true);
  EXPECT_TRUE(flat.json["properties"]["certificate"].is_null());
  arm.version = "2017-11-15";
  const auto old = arm.send(
      "PUT", kService + "/certificates/c2", {{"certificate", ca.pem}, {"isVerified", true}});
  EXPECT_EQ(old.json["properties"]["isVerified"], false) << "not settable that early";
  EXPECT_FALSE(old.json["properties"].contains("certificate"));
}

TEST(CertificateUpload, LeavesTheEtagOfTheService) {
  Uploaded test;
  const auto before = test.arm.send("GET", kService).json["etag"];
  test.arm.send("PUT", kService + "/certificates/c2", upload(test.ca.pem));
  EXPECT_EQ(test.arm.send("GET", kService).json["etag"], before);
}

TEST(CertificateProof, VerifiesWithTheEtagOfEachStep) {
  Uploaded test;
  auto& arm = test.arm;
  const auto code = arm.send(
      "POST", kCertificate + "/generateVerificationCode", nullptr, if_match(test.answer.json));
  ASSERT_EQ(code.status, 200) << code.raw.body;
  const auto text = code.json["properties"]["verificationCode"].get<std::string>();
  EXPECT_EQ(text.size(), 48U);
  EXPECT_EQ(text.find_first_not_of("0123456789ABCDEF"), std::string::npos);
  const Json proof = {{"certificate", test.ca.leaf(text)}};

  const auto stale = arm.send("POST", kCertificate + "/verify", proof, if_match(test.answer.json));
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.json["code"], 412001);
  const auto verified = arm.send("POST", kCertificate + "/verify", proof, if_match(code.json));
  ASSERT_EQ(verified.status, 200) << verified.raw.body;
  EXPECT_EQ(verified.json["properties"]["isVerified"], true);
  EXPECT_NE(verified.json["etag"], code.json["etag"]);
}

TEST(CertificateProof, RefusesLeavesThatProveNothing) {
  Uploaded test;
  auto& arm = test.arm;
  const auto code = arm.send(
      "POST", kCertificate + "/generateVerificationCode", nullptr, if_match(test.answer.json));
  const auto text = code.json["properties"]["verificationCode"].get<std::string>();
  const TestAuthority stranger;  // the same name, another key
  const auto long_ago = TestAuthority::from() - std::chrono::hours(48);
  struct Case {
    const char* name;
    std::string leaf;
  };
  for (const auto& wrong : {Case{"another key", stranger.leaf(text)},
                            Case{"another issuer", TestAuthority("Other CA").leaf(text)},
                            Case{"another code", test.ca.leaf("0000")},
                            Case{"expired", test.ca.leaf(text, long_ago, TestAuthority::from())},
                            Case{"garbage", "garbage"}}) {
    const auto refused = arm.send(
        "POST", kCertificate + "/verify", {{"certificate", wrong.leaf}}, if_match(code.json));
    EXPECT_EQ(refused.status, 400) << wrong.name;
    EXPECT_EQ(refused.json["code"], 400053) << wrong.name;
  }
  EXPECT_EQ(arm.send("GET", kCertificate).json["properties"]["isVerified"], false);
}

TEST(CertificateProof, JudgesByTheSimulatorsClock) {
  Uploaded test;
  const auto code = test.arm.send(
      "POST", kCertificate + "/generateVerificationCode", nullptr, if_match(test.answer.json));
  const auto leaf = test.ca.leaf(code.json["properties"]["verificationCode"]);
  test.arm.set("token-lifetime", "100d");
  test.arm.world.advance(std::chrono::hours(24 * 60));
  const auto request = [&] {
    Request verify;
    verify.method = "POST";
    verify.path = kCertificate + "/verify";
    verify.query = "api-version=2022-12-12";
    verify.base_url = "http://arm.test";
    verify.headers = {{"Authorization", "Bearer " + test.arm.token()},
                      {"If-Match", code.json["etag"].get<std::string>()}};
    verify.body = Json({{"certificate", leaf}}).dump();
    return test.arm.world.handle(verify);
  };
  EXPECT_EQ(request().status, 400);
}

TEST(CertificateSteps, DemandIfMatch) {
  Uploaded test;
  auto& arm = test.arm;
  EXPECT_EQ(arm.send("DELETE", kCertificate).status, 400);
  EXPECT_EQ(arm.send("POST", kCertificate + "/generateVerificationCode").status, 400);
  EXPECT_EQ(arm.send("POST", kCertificate + "/verify", {{"certificate", "x"}}).status, 400);
  EXPECT_EQ(arm.send("DELETE", kCertificate, nullptr, {{"If-Match", "x"}}).status, 412);
  const auto deleted = arm.send("DELETE", kCertificate, nullptr, {{"If-Match", "*"}});
  EXPECT_EQ(deleted.status, 200);
  EXPECT_TRUE(deleted.raw.body.empty());
  EXPECT_EQ(arm.send("GET", kCertificate).json["code"], 404015);
}

TEST(CertificateUpdate, NeedsItsEtag) {
  Uploaded test;
  auto& arm = test.arm;
  EXPECT_EQ(arm.send("PUT", kCertificate, upload(test.ca.pem)).status, 412);
  EXPECT_EQ(arm.send("PUT", kCertificate, upload(test.ca.pem), {{"If-Match", "x"}}).status, 412);
  const auto again = arm.send("PUT", kCertificate, upload(test.ca.pem), if_match(test.answer.json));
  EXPECT_EQ(again.status, 200);
  EXPECT_NE(again.json["etag"], test.answer.json["etag"]);
  arm.set("certificate-put-without-if-match", "accepted");
  EXPECT_EQ(arm.send("PUT", kCertificate, upload(test.ca.pem)).status, 200);
}

TEST(CertificateUpdate, LosesOrKeepsVerificationAsTheSwitchSays) {
  for (const bool kept : {false, true}) {
    Driver arm;
    arm.create();
    const TestAuthority ca;
    arm.set("reput-verified", kept ? "kept" : "reset");
    Json body = upload(ca.pem);
    body["properties"]["isVerified"] = true;
    const auto first = arm.send("PUT", kCertificate, body);
    ASSERT_EQ(first.json["properties"]["isVerified"], true);
    const auto second = arm.send("PUT", kCertificate, upload(ca.pem), if_match(first.json));
    EXPECT_EQ(second.json["properties"]["isVerified"], kept);
  }
}

TEST(CertificateSwitches, ChangeTheLook) {
  Uploaded test;
  auto& arm = test.arm;
  arm.set("certificate-subject", "cn");
  arm.set("certificate-created", "real");
  arm.set("certificate-echo", "null");
  arm.set("certificate-etag", "counter");
  auto shown = arm.send("GET", kCertificate).json["properties"];
  EXPECT_EQ(shown["subject"], "CN=Test CA");
  EXPECT_NE(shown["created"], "Mon, 01 Jan 0001 00:00:00 GMT");
  EXPECT_TRUE(shown["certificate"].is_null());
  const auto other = arm.send("PUT", kService + "/certificates/c2", upload(test.ca.pem));
  EXPECT_TRUE(from_counter_etag(other.json["etag"].get<std::string>()).has_value());
  arm.set("certificate-echo", "echo");
  arm.version = "2021-10-15";
  EXPECT_EQ(arm.send("GET", kCertificate).json["properties"]["certificate"], base64(test.ca.pem));
  arm.set("delete-missing-certificate", "204");
  EXPECT_EQ(
      arm.send("DELETE", kService + "/certificates/none", nullptr, {{"If-Match", "*"}}).status,
      204);
  arm.set("delete-missing-certificate", "404");
  EXPECT_EQ(arm.send("DELETE", kService + "/certificates/none", nullptr, {{"If-Match", "*"}})
                .json["code"],
            404015);
}

}  // namespace
}  // namespace dps::sim

#include <gtest/gtest.h>

#include <algorithm>

#include "reconciler/arm/proof.hpp"
#include "reconciler/base/crypto.hpp"
#include "tests/unit/arm/authority.hpp"
#include "tests/unit/arm/documents.hpp"
#include "tests/unit/arm/simulated_arm.hpp"

namespace dps::arm {
namespace {

using test::answer;

const std::string kCode = "FC5FE5693A68BF4D557D9A232014894A52EAD8F5430119A0";
const std::string kPath = "/certificates/factory-ca";

class CertificateCalls : public testing::Test, public test::ScriptedArm {
 protected:
  // As ARM shows the authority's certificate.
  Json shown(const std::string& etag, bool verified = false) const {
    return Json{{"properties",
                 {{"subject", "factory"},
                  {"expiry", "Tue, 01 Jan 2036 00:00:00 GMT"},
                  {"thumbprint", authority.facts.thumbprint},
                  {"isVerified", verified},
                  {"created", "Mon, 01 Jan 0001 00:00:00 GMT"},
                  {"updated", "Sun, 22 Nov 2026 11:00:00 GMT"},
                  {"certificate", nullptr}}},
                {"id", test::kFleet.path() + kPath},
                {"name", "factory-ca"},
                {"type", "Microsoft.Devices/provisioningServices/Certificates"},
                {"etag", etag}};
  }
  http::Answer shows(const std::string& etag, bool verified = false) const {
    return answer(200, shown(etag, verified).dump());
  }
  http::Answer gives_code(const std::string& etag, const std::string& code = kCode) const {
    auto document = shown(etag);
    document["properties"]["verificationCode"] = code;
    return answer(200, document.dump());
  }
  CertificateUpload upload(bool verified = false, std::optional<Etag> etag = {}) const {
    return {"factory-ca", authority.facts.der, verified, std::move(etag)};
  }
  Result<LiveCertificate> prove() {
    return prove_possession(client,
                            test::kFleet,
                            test::kVersion,
                            "factory-ca",
                            authority.desired(),
                            Etag{"E1"},
                            signer,
                            {});
  }

  test::Authority authority;
  test::SignerInHand signer{authority};
};

TEST_F(CertificateCalls, UploadIsDerInTheShapeOfTheVersion) {
  wire.on("PUT", kPath, shows("E1"));
  struct Case {
    const char* version;
    bool verified;
    Json body;
  };
  const auto text = base64(authority.facts.der.text());
  const Case cases[] = {
      {"2017-11-15", true, {{"certificate", text}}},
      {"2018-01-22", false, {{"certificate", text}}},
      {"2020-03-01", false, {{"certificate", text}, {"isVerified", false}}},
      {"2021-10-15", true, {{"certificate", text}, {"isVerified", true}}},
      {"2021-10-15", false, {{"certificate", text}, {"isVerified", false}}},
      {"2022-12-12", true, {{"properties", {{"certificate", text}, {"isVerified", true}}}}},
      {"2022-12-12", false, {{"properties", {{"certificate", text}, {"isVerified", false}}}}},
  };
  for (const auto& one : cases) {
    ASSERT_TRUE(client.put_certificate(
        test::kFleet, *capabilities_of(one.version), upload(one.verified), {}))
        << one.version;
    const auto sent = wire.last("PUT");
    EXPECT_EQ(Json::parse(sent.body), one.body) << one.version;
    EXPECT_TRUE(sent.url.ends_with("api-version=" + std::string(one.version))) << sent.url;
    EXPECT_EQ(sent.headers.count("if-match"), 0U);
  }
}

TEST_F(CertificateCalls, EachWriteSendsTheEtagAsItIs) {
  const Etag etag{"Ijg3MDAyYjAzLTAwMDAtMDcwMC0wMDAwLTY2M2E3YmZjMDAwMCI="};
  wire.on("PUT", kPath, shows("E2"));
  wire.on("POST", kPath + "/generateVerificationCode", gives_code("E3"));
  wire.on("POST", kPath + "/verify", shows("E4", true));
  wire.on("DELETE", kPath, answer(200));
  const auto put = client.put_certificate(
      test::kFleet, *capabilities_of(test::kVersion), upload(false, etag), {});
  EXPECT_EQ(put->etag.text, "E2");
  EXPECT_EQ(put->updated, parse_rfc3339("2026-11-22T11:00:00Z"));
  const auto code =
      client.generate_verification_code(test::kFleet, test::kVersion, "factory-ca", etag, {});
  EXPECT_EQ(code->code, kCode);
  EXPECT_EQ(code->certificate.etag.text, "E3");
  const auto verified =
      client.verify_certificate(test::kFleet, test::kVersion, "factory-ca", "PEM", etag, {});
  EXPECT_TRUE(verified->verified);
  EXPECT_EQ(wire.last("POST").body, R"({"certificate":"UEVN"})");  // base64 of the PEM
  EXPECT_TRUE(client.delete_certificate(test::kFleet, test::kVersion, "factory-ca", etag, {}));
  for (const auto& request : wire.requests()) {
    EXPECT_EQ(request.headers.at("if-match"), etag.text) << http::word(request.method);
  }
}

TEST_F(CertificateCalls, WhatArmRefusesHasItsName) {
  struct Case {
    const char* name;
    http::Answer given;
    const char* id;
    NextMove next;
  };
  const Case cases[] = {
      {"no such certificate",
       answer(404, test::provider_error(404015, "Certificate 'factory-ca' not found.")),
       "CertificateNotFound",
       NextMove::WaitForOthers},
      {"no such certificate, says the front door",
       answer(404,
              test::gateway_error("ResourceNotFound",
                                  "The Resource 'Microsoft.Devices/provisioningServices/fleet-eu/"
                                  "certificates/factory-ca' was not found.")),
       "CertificateNotFound",
       NextMove::WaitForOthers},
      {"no such service", test::missing(), "ServiceNotFound", NextMove::WaitForOthers},
      {"no such service, says the front door",
       answer(404,
              test::gateway_error("ParentResourceNotFound",
                                  "Failed to perform 'write' on resource(s) of type "
                                  "'provisioningServices/certificates', because the parent "
                                  "resource '/subscriptions/s/fleet-eu' could not be found.")),
       "ServiceNotFound",
       NextMove::WaitForOthers},
      {"another etag",
       answer(412, test::provider_error(412001, "Invalid ETag supplied")),
       "PreconditionFailed",
       NextMove::ReadAgain},
      {"in transition",
       answer(409, test::provider_error(409301, "IotDpsState is invalid")),
       "InTransition",
       NextMove::ReadAgain},
      {"proof refused",
       answer(400, test::provider_error(400053, "issuer not found in chain")),
       "ProofRefused",
       NextMove::GiveUp},
      {"no etag",
       answer(200, R"({"properties":{"thumbprint":"AB"}})"),
       "BadAnswer",
       NextMove::ReadAgain},
      {"no thumbprint",
       answer(200, R"({"etag":"E","properties":{}})"),
       "BadAnswer",
       NextMove::ReadAgain},
      {"null", answer(200, "null"), "BadAnswer", NextMove::ReadAgain},
      {"a page of a proxy", answer(200, "<html>"), "BadAnswer", NextMove::ReadAgain},
      {"throttled", answer(429), "Throttled", NextMove::RetryLater},
      {"unclear", answer(503, "<html>"), "ServerError", NextMove::RetryLater},
  };
  for (const auto& one : cases) {
    test::ScriptedArm arm;
    for (const auto* method : {"GET", "PUT", "POST"}) {
      arm.wire.on(method, kPath, one.given);
      arm.wire.on(method, kPath + "/verify", one.given);
      arm.wire.on(method, kPath + "/generateVerificationCode", one.given);
    }
    const Error seen[] = {
        arm.client.put_certificate(test::kFleet, *capabilities_of(test::kVersion), upload(), {})
            .error(),
        arm.client.generate_verification_code(test::kFleet, test::kVersion, "factory-ca", {}, {})
            .error(),
        arm.client.verify_certificate(test::kFleet, test::kVersion, "factory-ca", "PEM", {}, {})
            .error()};
    for (const auto& error : seen) {
      EXPECT_EQ(error.id, one.id) << one.name;
      EXPECT_EQ(error.next, one.next) << one.name;
    }
    // Nothing was written by a read: it can be asked again.
    const auto read = arm.client.get_certificate(test::kFleet, "factory-ca", {}).error();
    EXPECT_EQ(read.id, one.id) << one.name;
    EXPECT_EQ(read.next, read.id == "BadAnswer" ? NextMove::RetryLater : one.next) << one.name;
    EXPECT_TRUE(arm.wire.unexpected().empty());
  }
}

TEST_F(CertificateCalls, ACodeThatCannotBeACommonNameIsNeverSigned) {
  for (const std::string& code :
       {std::string(), std::string("a\nb"), std::string("CN=x,O=y"), std::string(65, 'A')}) {
    test::ScriptedArm arm;
    arm.wire.on("POST", kPath + "/generateVerificationCode", gives_code("E2", code));
    const auto given =
        arm.client.generate_verification_code(test::kFleet, test::kVersion, "factory-ca", {}, {});
    ASSERT_FALSE(given) << code;
    EXPECT_EQ(given.error().id, "BadAnswer");
    EXPECT_EQ(given.error().next, NextMove::ReadAgain);
  }
}

TEST_F(CertificateCalls, RemovingWhatIsNotThereSucceeds) {
  wire.on("DELETE",
          kPath,
          {answer(200),
           answer(204),
           answer(404, test::provider_error(404015, "Certificate 'factory-ca' not found.")),
           answer(404, test::gateway_error("ResourceGroupNotFound")),
           answer(412, test::provider_error(412001, "Invalid ETag supplied"))});
  const auto remove = [&] {
    return client.delete_certificate(test::kFleet, test::kVersion, "factory-ca", Etag{"E"}, {});
  };
  EXPECT_TRUE(remove());
  EXPECT_TRUE(remove());
  EXPECT_TRUE(remove());
  EXPECT_EQ(remove().error().id, "ResourceGroupNotFound");
  EXPECT_EQ(remove().error().id, "PreconditionFailed");
}

using Proof = CertificateCalls;

TEST_F(Proof, EachStepSendsTheEtagOfTheAnswerBefore) {
  wire.on("POST", kPath + "/generateVerificationCode", gives_code("E2"));
  wire.on("POST", kPath + "/verify", shows("E3", true));
  const auto proven = prove();
  ASSERT_TRUE(proven) << proven.error().what;
  EXPECT_EQ(proven->etag.text, "E3");
  EXPECT_TRUE(proven->verified);
  ASSERT_EQ(wire.requests().size(), 2U);
  EXPECT_EQ(wire.requests()[0].headers.at("if-match"), "E1");
  EXPECT_EQ(wire.requests()[0].body, "");
  EXPECT_EQ(wire.requests()[1].headers.at("if-match"), "E2");
  EXPECT_EQ(signer.codes, std::vector<std::string>{kCode});
  const auto leaf =
      decode_base64(Json::parse(wire.requests()[1].body).at("certificate").get<std::string>());
  const auto ca = sim::read_certificate(authority.pem);
  EXPECT_EQ(
      sim::proof_fault(
          *ca, *leaf, kCode, std::chrono::time_point_cast<sim::TimePoint::duration>(clock.wall())),
      std::nullopt);
}

TEST_F(Proof, ALeafThatWouldBeRefusedIsNotSent) {
  const test::Authority other("factory");
  test::SignerInHand stranger(other);
  wire.on("POST", kPath + "/generateVerificationCode", gives_code("E2"));
  const auto proven = prove_possession(client,
                                       test::kFleet,
                                       test::kVersion,
                                       "factory-ca",
                                       authority.desired(),
                                       Etag{"E1"},
                                       stranger,
                                       {});
  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error().id, "ProofRefused");
  EXPECT_NE(proven.error().what.find("not made with the key of the CA"), std::string::npos);
  EXPECT_EQ(wire.requests().size(), 1U);
}

TEST_F(Proof, ALeafIsHeldAgainstTheTimeOfArm) {
  // Our clock is three days behind: the leaf that it makes has expired where ARM is.
  auto code = gives_code("E2");
  code->headers.emplace("Date", "Wed, 25 Nov 2026 14:00:00 GMT");
  wire.on("POST", kPath + "/generateVerificationCode", code);
  const auto proven = prove();
  ASSERT_FALSE(proven);
  EXPECT_NE(proven.error().what.find("expired at 2026-11-24T12:00:00Z, and it is 2026-11-25"),
            std::string::npos)
      << proven.error().what;
}

TEST_F(Proof, ALeafOfASecondAheadIsSentWhenItIsValid) {
  struct Case {
    std::chrono::seconds ahead;
    bool sent;
  };
  for (const auto& one :
       {Case{std::chrono::seconds{90}, true}, {std::chrono::seconds{150}, false}}) {
    test::ScriptedArm arm;
    arm.wire.on("POST", kPath + "/generateVerificationCode", gives_code("E2"));
    arm.wire.on("POST", kPath + "/verify", shows("E3", true));
    signer.now = arm.clock.wall() + std::chrono::hours{1} + one.ahead;  // valid from an hour before
    const auto proven = prove_possession(arm.client,
                                         test::kFleet,
                                         test::kVersion,
                                         "factory-ca",
                                         authority.desired(),
                                         Etag{"E1"},
                                         signer,
                                         {});
    EXPECT_EQ(proven.has_value(), one.sent);
    const auto slept = arm.clock.slept();
    EXPECT_EQ(slept,
              one.sent ? std::vector<Duration>{std::chrono::seconds{91}} : std::vector<Duration>{});
  }
}

TEST_F(Proof, ANewCaUnderTheNameIsLookedAtFirst) {
  auto moved = shown("E2");
  moved["properties"]["thumbprint"] = std::string(40, '0');
  moved["properties"]["verificationCode"] = kCode;
  wire.on("POST", kPath + "/generateVerificationCode", answer(200, moved.dump()));
  const auto proven = prove();
  EXPECT_EQ(proven.error().next, NextMove::ReadAgain);
  EXPECT_TRUE(signer.codes.empty());
}

TEST_F(Proof, A200ThatDoesNotShowItVerifiedIsLookedAtAgain) {
  wire.on("POST", kPath + "/generateVerificationCode", gives_code("E2"));
  wire.on("POST", kPath + "/verify", shows("E3", false));
  EXPECT_EQ(prove().error().next, NextMove::ReadAgain);
}

TEST_F(Proof, EachStepPassesItsRefusalOn) {
  const http::Answer refusals[] = {
      answer(412, test::provider_error(412001, "Invalid ETag supplied")),
      answer(409, test::provider_error(409301, "IotDpsState is invalid")),
      tl::unexpected(http::SendFailure{http::Delivery::MaybeSent,
                                       {NextMove::ReadAgain, "LostAnswer", "lost", {}, 0, {}}})};
  for (const auto& refusal : refusals) {
    test::ScriptedArm first;
    first.wire.on("POST", kPath + "/generateVerificationCode", refusal);
    test::ScriptedArm second;
    second.wire.on("POST", kPath + "/generateVerificationCode", gives_code("E2"));
    second.wire.on("POST", kPath + "/verify", refusal);
    for (auto* arm : {&first, &second}) {
      const auto proven = prove_possession(arm->client,
                                           test::kFleet,
                                           test::kVersion,
                                           "factory-ca",
                                           authority.desired(),
                                           Etag{"E1"},
                                           signer,
                                           {});
      ASSERT_FALSE(proven);
      EXPECT_EQ(proven.error().next, NextMove::ReadAgain) << proven.error().what;
      EXPECT_TRUE(arm->wire.unexpected().empty());
    }
  }
}

TEST_F(Proof, ASignerIsTriedWithARandomCodeAndNoRequest) {
  EXPECT_TRUE(try_signer(authority.desired(), signer, clock.wall(), {}));
  EXPECT_TRUE(try_signer(authority.desired(), signer, clock.wall(), {}));
  ASSERT_EQ(signer.codes.size(), 2U);
  EXPECT_EQ(signer.codes[0].size(), 48U);
  EXPECT_NE(signer.codes[0], signer.codes[1]);
  EXPECT_TRUE(wire.requests().empty());

  signer.said = "12345";
  const auto wrong = try_signer(authority.desired(), signer, clock.wall(), {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().id, "ProofRefused");
  EXPECT_NE(wrong.error().what.find("its common name is 12345"), std::string::npos);

  auto thumbprint_alone = authority.desired();
  thumbprint_alone.content.reset();
  EXPECT_EQ(try_signer(thumbprint_alone, signer, clock.wall(), {}).error().id, "ProofRefused");
}

TEST(CertificatesOverSimulator, AreUploadedProvenReplacedAndRemovedInEveryVersion) {
  test::SimulatedArm arm;
  arm.plant_fleet("subs=1,services=1,hubs=0,policies=1,certificates=1");
  const auto id = *parse_service_id(
      arm.simulator.world().state()["provisioning_services"][0]["id"].get<std::string>());
  for (const auto& version : known_versions()) {
    const test::Authority authority;
    test::SignerInHand signer(authority);
    SCOPED_TRACE(std::string(version.version));
    const auto put =
        arm.client.put_certificate(id, version, {"factory-ca", authority.facts.der, false, {}}, {});
    ASSERT_TRUE(put) << put.error().what;
    EXPECT_EQ(put->thumbprint, authority.facts.thumbprint);
    EXPECT_FALSE(put->verified);
    const auto proven = prove_possession(
        arm.client, id, version.version, "factory-ca", authority.desired(), put->etag, signer, {});
    ASSERT_TRUE(proven) << proven.error().what;
    EXPECT_TRUE(proven->verified);
    EXPECT_EQ(arm.client.get_certificate(id, "factory-ca", {})->etag, proven->etag);

    const auto stale = arm.client.put_certificate(
        id, version, {"factory-ca", authority.facts.der, true, put->etag}, {});
    EXPECT_EQ(stale.error().id, "PreconditionFailed");
    EXPECT_EQ(arm.client
                  .put_certificate(
                      id, version, {"factory-ca", authority.facts.der, true, proven->etag}, {})
                  ->verified,
              version.verified_at_upload);
    const auto live = arm.client.get_certificate(id, "factory-ca", {});
    EXPECT_EQ(
        arm.client.delete_certificate(id, version.version, "factory-ca", put->etag, {}).error().id,
        "PreconditionFailed");
    ASSERT_TRUE(arm.client.delete_certificate(id, version.version, "factory-ca", live->etag, {}));
    EXPECT_TRUE(arm.client.delete_certificate(id, version.version, "factory-ca", live->etag, {}));
    EXPECT_EQ(arm.client.get_certificate(id, "factory-ca", {}).error().id, "CertificateNotFound");
  }
}

}  // namespace
}  // namespace dps::arm

#include "reconciler/arm/fault.hpp"

#include <gtest/gtest.h>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using test::gateway_error;
using test::provider_error;

struct Case {
  const char* name;
  int status;
  std::string body;
  const char* id;
  NextMove next;
};

class Faults : public testing::TestWithParam<Case> {};

TEST_P(Faults, BecomeErrorsWithANextMove) {
  const auto& tested = GetParam();
  const auto error =
      to_error(http::Response{tested.status, {{"x-ms-request-id", "r-1"}}, tested.body});
  EXPECT_EQ(error.id, tested.id);
  EXPECT_EQ(error.next, tested.next);
  EXPECT_EQ(error.http_status, tested.status);
  EXPECT_EQ(error.request_id, "r-1");
  EXPECT_FALSE(error.what.empty());
}

constexpr auto kRetry = NextMove::RetryLater;
constexpr auto kRead = NextMove::ReadAgain;
constexpr auto kWait = NextMove::WaitForOthers;
constexpr auto kGiveUp = NextMove::GiveUp;

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    Faults,
    testing::Values(
        Case{"provider_number", 404, provider_error(404002, "gone"), "ServiceNotFound", kWait},
        Case{"provider_string",
             404,
             R"({"code":"404002","message":"gone"})",
             "ServiceNotFound",
             kWait},
        Case{"pascal_case",
             404,
             R"({"Code":"404002","HttpStatusCode":"NotFound","Message":"gone","Details":""})",
             "ServiceNotFound",
             kWait},
        Case{"wrapped_number",
             404,
             R"({"error":{"code":404015,"message":"m"}})",
             "CertificateNotFound",
             kWait},
        Case{"status_as_number",
             409,
             R"({"code":409301,"httpStatusCode":409,"message":"IotDpsState is Transitioning"})",
             "InTransition",
             kRead},
        Case{"html", 503, "<!DOCTYPE HTML><BODY>Service Unavailable</BODY>", "ServerError", kRetry},
        Case{"empty", 404, "", "NotFound", kWait},
        Case{"null", 403, "null", "AuthorizationFailed", kWait},
        Case{"array", 400, "[1]", "BadRequest", kGiveUp},
        Case{
            "nested_details",
            400,
            R"({"error":{"code":"InvalidTemplate","message":"m","details":[{"code":"RequestDisallowedByPolicy","message":"policy p"}]}})",
            "RequestDisallowedByPolicy",
            kGiveUp},
        Case{"quoted_provider",
             404,
             R"({"error":{"code":"NotFound","message":"{\"code\":404002,\"message\":\"gone\"}"}})",
             "ServiceNotFound",
             kWait}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Codes,
    Faults,
    testing::Values(
        Case{"hub",
             404,
             provider_error(404002, "Unable to find the IoThub hub-1"),
             "HubNotFound",
             kWait},
        Case{"resource", 404, gateway_error("ResourceNotFound"), "ServiceNotFound", kWait},
        Case{"parent", 404, gateway_error("ParentResourceNotFound"), "ServiceNotFound", kWait},
        Case{"group", 404, gateway_error("ResourceGroupNotFound"), "ResourceGroupNotFound", kWait},
        Case{"subscription",
             404,
             gateway_error("SubscriptionNotFound"),
             "SubscriptionNotFound",
             kWait},
        Case{"denied", 403, gateway_error("AuthorizationFailed"), "AuthorizationFailed", kWait},
        Case{"policy",
             403,
             gateway_error("RequestDisallowedByPolicy"),
             "RequestDisallowedByPolicy",
             kGiveUp},
        Case{"token", 401, gateway_error("ExpiredAuthenticationToken"), "Unauthorized", kWait},
        Case{"lock", 409, gateway_error("ScopeLocked"), "ScopeLocked", kWait},
        Case{"namespace_",
             409,
             gateway_error("MissingSubscriptionRegistration"),
             "MissingSubscriptionRegistration",
             kWait},
        Case{"etag",
             412,
             provider_error(412001, "Invalid ETag supplied"),
             "PreconditionFailed",
             kRead},
        Case{"throttled", 429, gateway_error("SubscriptionRequestsThrottled"), "Throttled", kRetry},
        Case{"bad_name", 400, provider_error(400305, "bad"), "BadRequest", kGiveUp},
        Case{"duplicate",
             400,
             provider_error(400303, "Cannot have duplicate"),
             "DuplicateHub",
             kGiveUp},
        Case{"name_taken", 409, provider_error(409004, "taken"), "NameTaken", kGiveUp},
        Case{"version",
             400,
             gateway_error("NoRegisteredProviderFound"),
             "InvalidApiVersion",
             kGiveUp},
        Case{"type", 404, gateway_error("InvalidResourceType"), "InvalidApiVersion", kGiveUp},
        Case{"server", 500, provider_error(500019, "oops"), "ServerError", kRetry},
        Case{"gateway", 504, gateway_error("GatewayTimeout"), "ServerError", kRetry},
        Case{"unknown_409", 409, gateway_error("Whatever"), "Conflict", kRead},
        Case{"unknown_400", 400, gateway_error("Whatever"), "BadRequest", kGiveUp}),
    [](const auto& tested) { return tested.param.name; });

TEST(Fault, NeverQuotesASecret) {
  const auto error = to_error(http::Response{
      400,
      {},
      provider_error(400309,
                     "bad string HostName=h;SharedAccessKeyName=k;SharedAccessKey=abc123=")});
  EXPECT_EQ(error.what.find("abc123"), std::string::npos);
  EXPECT_NE(error.what.find("[secret]"), std::string::npos);
  EXPECT_NE(error.what.find("(400309)"), std::string::npos);
}

TEST(Fault, MasksASecretThatStandsWhereTheTextIsCut) {
  const auto message = std::string(390, 'x') + " SharedAccessKey=abc123abc123abc123abc123=";
  const auto error = to_error(http::Response{400, {}, provider_error(400309, message)});
  EXPECT_EQ(error.what.find("abc1"), std::string::npos);
}

TEST(Fault, EscapesControlCharacters) {
  const auto error =
      to_error(http::Response{400, {}, R"({"code":400,"message":"red \u001b[31m text"})"});
  EXPECT_EQ(error.what.find('\x1b'), std::string::npos);
}

TEST(Fault, BoundsTheMessage) {
  const auto error =
      to_error(http::Response{400, {}, provider_error(400001, std::string(100'000, 'x'))});
  EXPECT_LT(error.what.size(), 600U);
}

TEST(Fault, SurvivesBodiesMadeToHurt) {
  EXPECT_EQ(to_error(http::Response{400, {}, std::string(100'000, '[')}).id, "BadRequest");
  EXPECT_EQ(
      to_error(
          http::Response{
              400,
              {},
              R"({"error":{"code":{},"message":[],"details":{"details":{"details":{"details":{"details":{"details":{}}}}}}}})"})
          .id,
      "BadRequest");
  EXPECT_EQ(to_error(http::Response{400, {}, "{\"message\":\"\xff\xfe\"}"}).id, "BadRequest");
}

TEST(Accepted, RefusesWhatIsNoAnswerOfArm) {
  EXPECT_TRUE(accepted(test::answer(202)));
  EXPECT_EQ(accepted(test::answer(302)).error().id, "BadAnswer");
  EXPECT_EQ(accepted(test::answer(404, gateway_error("ResourceNotFound"))).error().id,
            "ServiceNotFound");
  EXPECT_EQ(accepted(test::lost()).error().id, "NetworkError");
}

TEST(SupportedVersions, AreThoseAfterTheRefusedOne) {
  const auto body = gateway_error(
      "NoRegisteredProviderFound",
      "No registered resource provider found for location 'westeurope' and API version "
      "'2022-12-12' for type 'provisioningServices'. The supported api-versions are '2017-11-15, "
      "2020-03-01, 2023-03-01-preview'. The supported locations are 'eastus'.");
  const std::vector<std::string> expected = {"2017-11-15", "2020-03-01", "2023-03-01-preview"};
  EXPECT_EQ(supported_versions(http::Response{400, {}, body}), expected);
  EXPECT_TRUE(supported_versions(http::Response{400, {}, gateway_error("X", "no list")}).empty());
}

}  // namespace
}  // namespace dps::arm

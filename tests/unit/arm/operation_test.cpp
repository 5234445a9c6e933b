#include "reconciler/arm/operation.hpp"

#include <gtest/gtest.h>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using std::chrono::seconds;
using test::answer;

const WallTime kNow = *parse_rfc3339("2026-11-22T12:00:00Z");
const std::string kUrl = "https://h/op?api-version=V&asyncinfo&t=1&s=a%2b==";

std::string shape(const Progress& progress) {
  if (std::holds_alternative<Running>(progress)) return "running";
  if (std::holds_alternative<Succeeded>(progress)) return "succeeded";
  if (const auto* failed = std::get_if<Failed>(&progress)) return "failed " + failed->error.id;
  return "unclear " + std::get<Unclear>(progress).why.id;
}

TEST(Begun, PrefersTheAsyncHeaderAndKeepsItByteForByte) {
  const auto progress =
      begun(Deed::Put,
            {201, {{"Azure-AsyncOperation", kUrl}, {"Location", "https://h/other"}}, "{}"},
            kNow);
  EXPECT_EQ(progress, Progress(Running{PollBy::AsyncOperation, kUrl, seconds{1}}));
}

TEST(Begun, TakesTheLocationNext) {
  const auto progress = begun(
      Deed::Delete, {202, {{"Location", "https://h/l"}, {"Retry-After", "15"}}, "null"}, kNow);
  EXPECT_EQ(progress, Progress(Running{PollBy::Location, "https://h/l", seconds{15}}));
}

TEST(Begun, LooksAtTheStateWithoutHeaders) {
  auto document = test::document();
  EXPECT_EQ(shape(begun(Deed::Put, {200, {}, document.dump()}, kNow)), "succeeded");
  document["properties"]["state"] = "Transitioning";
  EXPECT_EQ(begun(Deed::Put, {201, {}, document.dump()}, kNow),
            Progress(Running{PollBy::State, "", seconds{1}}));
  EXPECT_EQ(shape(begun(Deed::Put, {202, {}, ""}, kNow)), "running");
}

TEST(Begun, EndsAtOnceForASynchronousPatchOrDelete) {
  EXPECT_EQ(shape(begun(Deed::Patch, {200, {}, "{}"}, kNow)), "succeeded");
  EXPECT_EQ(shape(begun(Deed::Delete, {204, {}, ""}, kNow)), "succeeded");
  EXPECT_EQ(shape(begun(Deed::Delete, {202, {}, "null"}, kNow)), "running");
}

TEST(ForeignAnswer, IsWhatNeitherCarriesAResourceNorSaysWhereToAsk) {
  const std::string page = "<html>Welcome</html>";
  const http::Headers html = {{"Content-Type", "text/html"}};
  const http::Headers async = {{"Azure-AsyncOperation", kUrl}};
  const auto resource = test::document().dump();
  struct Case {
    std::string name;
    Deed deed;
    http::Response answer;
    bool foreign;
  };
  const std::vector<Case> cases = {
      {"page to a put", Deed::Put, {200, html, page}, true},
      {"page to a patch", Deed::Patch, {200, html, page}, true},
      {"page to a delete", Deed::Delete, {200, html, page}, true},
      {"page with 202", Deed::Put, {202, html, page}, true},
      {"nothing to a put", Deed::Put, {200, {}, ""}, true},
      {"blanks to a put", Deed::Put, {201, {}, " \r\n"}, true},
      {"no content to a put", Deed::Put, {204, {}, ""}, true},
      {"word to a put", Deed::Put, {200, {}, R"({"status":"ok"})"}, true},
      {"error to a put", Deed::Put, {200, {}, R"({"error":{"code":"X"}})"}, true},
      {"null to a put", Deed::Put, {200, {}, "null"}, true},
      {"list to a put", Deed::Put, {200, {}, "[]"}, true},
      {"half a resource", Deed::Put, {200, {}, resource.substr(0, 100)}, true},
      {"resource", Deed::Put, {201, {}, resource}, false},
      {"resource called a page", Deed::Put, {200, html, resource}, false},
      {"async and nothing else", Deed::Put, {201, async, ""}, false},
      {"async and a page", Deed::Put, {201, async, page}, false},
      {"accepted", Deed::Put, {202, {}, ""}, false},
      {"location", Deed::Put, {201, {{"Location", "https://h/l"}}, ""}, false},
      {"nothing to a patch", Deed::Patch, {200, {}, ""}, false},
      {"nothing to a delete", Deed::Delete, {200, {}, ""}, false},
      {"no content to a delete", Deed::Delete, {204, {}, ""}, false},
      {"recorded delete", Deed::Delete, {202, {}, "null"}, false},
  };
  for (const auto& tested : cases) {
    const auto found = foreign_answer(tested.deed, tested.answer);
    ASSERT_EQ(found.has_value(), tested.foreign) << tested.name;
    if (!found) continue;
    EXPECT_EQ(found->id, "BadAnswer") << tested.name;
    EXPECT_EQ(found->next, NextMove::ReadAgain) << tested.name;
    EXPECT_EQ(found->what.find("Welcome"), std::string::npos) << tested.name;
  }
  EXPECT_NE(foreign_answer(Deed::Put, cases.front().answer)->what.find("20 bytes of text/html"),
            std::string::npos);
}

TEST(PollDelay, GrowsToTenSecondsWithTheServersFloor) {
  EXPECT_EQ(poll_delay(1, {}), seconds{1});
  EXPECT_EQ(poll_delay(3, {}), seconds{3});
  EXPECT_EQ(poll_delay(99, {}), seconds{10});
  EXPECT_EQ(poll_delay(1, seconds{15}), seconds{15});
  EXPECT_EQ(poll_delay(9, seconds{2}), seconds{9});
}

struct PollCase {
  const char* name;
  Deed deed;
  PollBy by;
  http::Answer answer;
  const char* expected;
};

class Polled : public testing::TestWithParam<PollCase> {};

TEST_P(Polled, SaysHowItGoes) {
  const auto& tested = GetParam();
  const Running running{tested.by, kUrl, seconds{1}};
  EXPECT_EQ(shape(polled(tested.deed, running, tested.answer, 1, kNow)), tested.expected);
}

http::Answer state(const char* name, const char* provisioning) {
  auto document = test::document();
  document["properties"]["state"] = name;
  document["properties"]["provisioningState"] = provisioning;
  return answer(200, document.dump());
}

const auto kGateway404 = answer(404, test::gateway_error("ResourceNotFound"));
const auto kHub404 = answer(404, test::provider_error(404002, "Unable to find the IoThub x"));

INSTANTIATE_TEST_SUITE_P(
    Async,
    Polled,
    testing::Values(
        PollCase{"running",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Running"})"),
                 "running"},
        PollCase{"pending",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Pending"})"),
                 "running"},
        PollCase{"unknown_word",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Dreaming"})"),
                 "running"},
        PollCase{"succeeded",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Succeeded"})"),
                 "succeeded"},
        PollCase{"any_case",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"succeeded"})"),
                 "succeeded"},
        PollCase{"failed",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Failed","error":{"code":"500019","message":"m"}})"),
                 "failed OperationFailed"},
        PollCase{
            "failed_by_hub",
            Deed::Put,
            PollBy::AsyncOperation,
            answer(
                200,
                R"({"status":"Failed","error":{"code":"404002","message":"Unable to find the IoThub x"}})"),
            "failed HubNotFound"},
        PollCase{"failed_without_words",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Failed"})"),
                 "failed OperationFailed"},
        PollCase{"canceled",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(200, R"({"status":"Canceled"})"),
                 "failed OperationFailed"},
        PollCase{"gateway_404_of_a_put",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 kGateway404,
                 "unclear ServiceNotFound"},
        PollCase{"gateway_404_of_a_delete",
                 Deed::Delete,
                 PollBy::AsyncOperation,
                 kGateway404,
                 "succeeded"},
        PollCase{"provider_404_of_a_put",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 kHub404,
                 "failed HubNotFound"},
        PollCase{"provider_404_of_a_delete",
                 Deed::Delete,
                 PollBy::AsyncOperation,
                 test::missing(),
                 "succeeded"},
        PollCase{"empty_200", Deed::Put, PollBy::AsyncOperation, answer(200), "unclear BadAnswer"},
        PollCase{
            "html", Deed::Put, PollBy::AsyncOperation, answer(200, "<html>"), "unclear BadAnswer"},
        PollCase{"the_resource_itself",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 state("Active", "Succeeded"),
                 "succeeded"},
        PollCase{"server_trouble",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(500),
                 "unclear ServerError"},
        PollCase{"denied",
                 Deed::Put,
                 PollBy::AsyncOperation,
                 answer(403),
                 "unclear AuthorizationFailed"},
        PollCase{"lost", Deed::Put, PollBy::AsyncOperation, test::lost(), "unclear NetworkError"}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Location,
    Polled,
    testing::Values(PollCase{"running", Deed::Delete, PollBy::Location, answer(202), "running"},
                    PollCase{"ended", Deed::Delete, PollBy::Location, answer(200), "succeeded"},
                    PollCase{
                        "no_content", Deed::Delete, PollBy::Location, answer(204), "succeeded"},
                    PollCase{"gone", Deed::Delete, PollBy::Location, test::missing(), "succeeded"},
                    PollCase{"resource_of_a_put",
                             Deed::Put,
                             PollBy::Location,
                             state("Transitioning", "Accepted"),
                             "running"},
                    PollCase{"status_of_a_put",
                             Deed::Put,
                             PollBy::Location,
                             answer(200, R"({"status":"Failed"})"),
                             "failed OperationFailed"}),
    [](const auto& tested) { return tested.param.name; });

INSTANTIATE_TEST_SUITE_P(
    State,
    Polled,
    testing::Values(
        PollCase{"active", Deed::Put, PollBy::State, state("Active", "Succeeded"), "succeeded"},
        PollCase{
            "suspended", Deed::Put, PollBy::State, state("Suspended", "Succeeded"), "succeeded"},
        PollCase{"oldest_version", Deed::Put, PollBy::State, state("Active", ""), "succeeded"},
        PollCase{"accepted", Deed::Put, PollBy::State, state("Active", "Accepted"), "running"},
        PollCase{"transitioning",
                 Deed::Put,
                 PollBy::State,
                 state("Transitioning", "Accepted"),
                 "running"},
        PollCase{"activation_failed",
                 Deed::Put,
                 PollBy::State,
                 state("ActivationFailed", "Failed"),
                 "failed OperationFailed"},
        PollCase{"provisioning_failed",
                 Deed::Put,
                 PollBy::State,
                 state("Active", "Failed"),
                 "failed OperationFailed"},
        PollCase{
            "still_there", Deed::Delete, PollBy::State, state("Active", "Succeeded"), "running"},
        PollCase{"deletion_failed",
                 Deed::Delete,
                 PollBy::State,
                 state("DeletionFailed", "Failed"),
                 "failed OperationFailed"},
        PollCase{"gone", Deed::Delete, PollBy::State, test::missing(), "succeeded"},
        PollCase{"hub_missing", Deed::Put, PollBy::State, kHub404, "failed HubNotFound"},
        PollCase{"service_missing",
                 Deed::Put,
                 PollBy::State,
                 test::missing(),
                 "unclear ServiceNotFound"}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace dps::arm

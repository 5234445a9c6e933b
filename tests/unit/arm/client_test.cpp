#include "reconciler/arm/client.hpp"

#include <gtest/gtest.h>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::answer;
using test::page;

class ClientTest : public testing::Test, public test::ScriptedArm {
 protected:
  static std::string next(const std::string& token) {
    return "https://management.azure.com/subscriptions/" + test::kSubscription +
           "/next?$skipToken=" + token;
  }
};

ServiceId named(const std::string& name) {
  return {test::kSubscription, "iot-eu", name};
}

TEST_F(ClientTest, ListsAllPages) {
  wire.on("GET",
          "/provisioningServices",
          page({test::document(named("a")), test::document(named("b"))}, next("1")));
  wire.on("GET",
          "/next",
          {page(Json::array({test::document(named("c"))}), next("2")), page(Json::array())});
  const auto services = client.list_services(test::kSubscription, {});
  ASSERT_TRUE(services);
  ASSERT_EQ(services->size(), 3U);
  EXPECT_EQ(services->at(2).id.name, "c");
  EXPECT_EQ(wire.requests().at(1).url, next("1"));
  EXPECT_EQ(wire.requests().at(0).headers.at("x-ms-correlation-request-id"), "pass-1");
}

TEST_F(ClientTest, EndsWhenPagesLeadInACircle) {
  wire.on("GET", "/provisioningServices", page(Json::array(), next("1")));
  wire.on("GET", "/next", page(Json::array(), next("1")));
  EXPECT_EQ(client.list_services(test::kSubscription, {}).error().id, "BadAnswer");
  EXPECT_LE(wire.seen().size(), 3U);
}

TEST_F(ClientTest, IsAnErrorWhenAPageFails) {
  wire.on("GET", "/provisioningServices", page(Json::array({test::document()}), next("1")));
  wire.on("GET", "/next", answer(500));
  EXPECT_EQ(client.list_services(test::kSubscription, {}).error().id, "ServerError");
}

TEST_F(ClientTest, NeverTakesAnotherAnswerForAnEmptyList) {
  for (const auto* body : {"{}", "null", "", "<html>", R"({"value":null})", R"({"value":{}})"}) {
    test::ScriptedArm fresh;
    fresh.wire.on("GET", "/provisioningServices", answer(200, body));
    EXPECT_EQ(fresh.client.list_services(test::kSubscription, {}).error().id, "BadAnswer") << body;
  }
}

TEST_F(ClientTest, GetsAServiceInTheVersionAskedFor) {
  wire.on("GET", "/fleet-eu", answer(200, test::document().dump()));
  const auto live = client.get_service(test::kFleet, "2018-01-22", {});
  ASSERT_TRUE(live);
  EXPECT_EQ(live->api_version, "2018-01-22");
  EXPECT_TRUE(wire.requests().at(0).url.ends_with("?api-version=2018-01-22"));
}

TEST_F(ClientTest, FallsBackToTheNewestVersionThatArmHasAndSaysSoOnce) {
  const auto refused =
      answer(400,
             test::gateway_error(
                 "NoRegisteredProviderFound",
                 "No registered resource provider found for API version '2022-12-12'. The "
                 "supported api-versions are '2017-11-15, 2020-03-01, 2023-03-01-preview'."));
  wire.handle("GET", "/fleet-eu", [&](const http::Request& request) {
    if (request.url.find("2022-12-12") != std::string::npos) return refused;
    return answer(200, test::document().dump());
  });
  EXPECT_EQ(client.get_service(test::kFleet, "", {})->api_version, "2020-03-01");
  EXPECT_EQ(client.get_service(test::kFleet, "", {})->api_version, "2020-03-01");
  EXPECT_EQ(wire.seen().size(), 3U);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].id, "ReadVersion");
  // A version that was asked for by name is not replaced.
  EXPECT_EQ(client.get_service(test::kFleet, "2022-12-12", {}).error().id, "InvalidApiVersion");
}

TEST_F(ClientTest, DoesNotFallBackToWhatNobodyKnows) {
  wire.on("GET",
          "/fleet-eu",
          answer(400,
                 test::gateway_error("InvalidResourceType",
                                     "The supported api-versions are '1999-01-01'")));
  EXPECT_EQ(client.get_service(test::kFleet, "", {}).error().id, "InvalidApiVersion");
  EXPECT_EQ(wire.seen().size(), 1U);
}

TEST_F(ClientTest, ListsKeysByPostAndFurtherPagesByGet) {
  auto first = test::policies();
  first["nextLink"] = next("k");
  wire.on("POST", "/fleet-eu/listkeys", answer(200, first.dump()));
  wire.on(
      "GET",
      "/next",
      page(Json::array({Json{{"keyName", "third"}, {"primaryKey", "a"}, {"secondaryKey", "b"}}})));
  const auto keys = client.list_keys(test::kFleet, test::kVersion, {});
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 3U);
  EXPECT_EQ(keys->at(0).primary.reveal(), "b3duZXIx");
}

TEST_F(ClientTest, SaysThatAHubIsMissing) {
  const HubKeyReference reference{test::kSubscription, "iot-eu", "hub-1", "iothubowner"};
  wire.on("POST",
          "/IotHubKeys/iothubowner/listkeys",
          answer(404, test::gateway_error("ResourceNotFound")));
  EXPECT_EQ(client.hub_keys(reference, {}).error().id, "HubNotFound");
}

TEST_F(ClientTest, BelievesOnlyNameAvailable) {
  wire.on("POST",
          "/checkProvisioningServiceNameAvailability",
          {answer(200, R"({"nameAvailable":true,"reason":"Invalid","message":null})"),
           answer(200, R"({"nameAvailable":false,"reason":"AlreadyExists","message":"taken"})"),
           answer(200, R"({"reason":"Invalid"})")});
  EXPECT_TRUE(client.check_name(test::kSubscription, "n", {})->available);
  const auto taken = client.check_name(test::kSubscription, "n", {});
  EXPECT_FALSE(taken->available);
  EXPECT_EQ(taken->message, "taken");
  EXPECT_EQ(client.check_name(test::kSubscription, "n", {}).error().id, "BadAnswer");
  EXPECT_EQ(wire.requests().at(0).body, R"({"name":"n"})");
}

TEST_F(ClientTest, SendsIfMatchAndTheBody) {
  wire.on("PUT", "/fleet-eu", answer(201, "{}", {{"azure-asyncoperation", "https://h/op"}}));
  const auto operation =
      client.put_service(test::kFleet, test::kVersion, Secret("{\"a\":1}"), Etag{"AAA="}, {});
  ASSERT_TRUE(operation);
  EXPECT_EQ(wire.last("PUT").headers.at("if-match"), "AAA=");
  EXPECT_EQ(wire.last("PUT").body, "{\"a\":1}");
  EXPECT_EQ(operation->progress,
            Progress(Running{PollBy::AsyncOperation, "https://h/op", seconds{1}}));
}

TEST_F(ClientTest, PatchesAllTags) {
  wire.on("PATCH", "/fleet-eu", answer(200, test::document().dump()));
  const auto operation = client.patch_tags(test::kFleet, test::kVersion, {{"a", "b"}}, {}, {});
  EXPECT_EQ(operation->progress, Progress(Succeeded{}));
  EXPECT_EQ(wire.last("PATCH").body, R"({"tags":{"a":"b"}})");
  EXPECT_EQ(wire.last("PATCH").headers.count("if-match"), 0U);
}

TEST_F(ClientTest, DeletesWhatIsGoneAlready) {
  wire.on("DELETE", "/fleet-eu", test::missing());
  EXPECT_EQ(client.delete_service(test::kFleet, test::kVersion, {}, {})->progress,
            Progress(Succeeded{}));
  test::ScriptedArm other;
  other.wire.on("DELETE", "/fleet-eu", answer(404, test::gateway_error("SubscriptionNotFound")));
  EXPECT_EQ(other.client.delete_service(test::kFleet, test::kVersion, {}, {}).error().id,
            "SubscriptionNotFound");
}

TEST_F(ClientTest, LearnsTheTimeOfArm) {
  EXPECT_EQ(memory.server_time(clock.wall()), clock.wall());
  wire.on("GET",
          "/fleet-eu",
          answer(200, test::document().dump(), {{"Date", "Sun, 22 Nov 2026 14:00:30 GMT"}}));
  ASSERT_TRUE(client.get_service(test::kFleet, "", {}));  // our clock: 13:00:00
  EXPECT_EQ(memory.server_time(clock.wall()), parse_rfc3339("2026-11-22T14:00:30Z"));
  clock.advance(seconds{10});
  EXPECT_EQ(memory.server_time(clock.wall()), parse_rfc3339("2026-11-22T14:00:40Z"));
}

class FollowTest : public ClientTest {
 protected:
  Result<Ended> follow(Deed deed = Deed::Put) {
    return client.follow({deed,
                          test::kFleet,
                          test::kVersion,
                          Running{PollBy::AsyncOperation, kOperation, seconds{1}}},
                         {});
  }
  const std::string kOperation = "https://management.azure.com/op?api-version=V&asyncinfo&s=a%2B";
  const http::Answer running = answer(200, R"({"status":"Running"})");
  const http::Answer succeeded = answer(200, R"({"status":"Succeeded"})");
};

TEST_F(FollowTest, PollsTheUrlAsItIsAtAGrowingPace) {
  wire.on("GET", "/op", {running, running, running, succeeded});
  ASSERT_TRUE(follow());
  for (const auto& request : wire.requests()) EXPECT_EQ(request.url, kOperation);
  const std::vector<Duration> expected = {seconds{1}, seconds{2}, seconds{3}, seconds{4}};
  EXPECT_EQ(clock.slept(), expected);
}

TEST_F(FollowTest, GivesTheReasonOfAFailure) {
  wire.on("GET",
          "/op",
          {running,
           answer(200, R"({"status":"Failed","error":{"code":"500019","message":"bad string"}})")});
  const auto failed = follow();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().id, "OperationFailed");
  EXPECT_NE(failed.error().what.find("bad string"), std::string::npos);
}

TEST_F(FollowTest, EndsAfterItsTime) {
  wire.on("GET", "/op", running);
  const auto failed = follow();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().id, "OperationTimeout");
  EXPECT_EQ(failed.error().next, NextMove::ReadAgain);
  EXPECT_LE(clock.passed(), std::chrono::hours{1} + minutes{5});
}

TEST_F(FollowTest, LooksAtTheStateWhenThePollIsNotFound) {
  auto busy = test::document();
  busy["properties"]["state"] = "Transitioning";
  wire.on("GET", "/op", answer(404, test::gateway_error("ResourceNotFound")));
  wire.on("GET", "/fleet-eu", {answer(200, busy.dump()), answer(200, test::document().dump())});
  ASSERT_TRUE(follow());
  EXPECT_EQ(wire.count("GET", "/op"), 1U);
  EXPECT_EQ(wire.count("GET", "/fleet-eu"), 2U);
}

TEST_F(FollowTest, GoesOnAskingAfterALostPollWhileTheStateIsBusy) {
  auto busy = test::document();
  busy["properties"]["state"] = "Transitioning";
  wire.on("GET", "/op", {test::lost(), answer(503), running, succeeded});
  wire.on("GET", "/fleet-eu", answer(200, busy.dump()));
  ASSERT_TRUE(follow());
  EXPECT_EQ(wire.count("GET", "/op"), 4U);
}

TEST_F(FollowTest, FailsWhenTheServiceGoesMeanwhile) {
  wire.on("GET", "/op", answer(404, test::gateway_error("ResourceNotFound")));
  wire.on("GET", "/fleet-eu", test::missing());
  EXPECT_EQ(follow().error().id, "ServiceNotFound");
}

TEST_F(FollowTest, TakesANotFoundPollForTheEndOfADelete) {
  wire.on("GET", "/op", {running, answer(404, test::gateway_error("ResourceNotFound"))});
  EXPECT_TRUE(follow(Deed::Delete));
}

TEST_F(FollowTest, StopsWhenToldTo) {
  std::stop_source stop;
  wire.handle("GET", "/op", [&](const http::Request&) {
    stop.request_stop();
    return running;
  });
  const auto stopped = client.follow({Deed::Put,
                                      test::kFleet,
                                      test::kVersion,
                                      Running{PollBy::AsyncOperation, kOperation, seconds{1}}},
                                     stop.get_token());
  EXPECT_EQ(stopped.error().id, "Cancelled");
}

TEST_F(FollowTest, TellsThatItBeganAndHowLongItTookHoweverItEnds) {
  using Stage = OperationNews::Stage;
  std::vector<OperationNews> news;
  ClientSettings settings;
  settings.cloud = *cloud_named("public");
  settings.operation_timeout = seconds{5};
  settings.operation_news = [&](const OperationNews& one) { news.push_back(one); };
  Client watched(wire, clock, memory, settings);
  const Operation long_one{Deed::Delete,
                           test::kFleet,
                           test::kVersion,
                           Running{PollBy::AsyncOperation, kOperation, seconds{1}}};

  wire.on("GET", "/op", {running, succeeded, running});
  ASSERT_TRUE(watched.follow(long_one, {}));
  ASSERT_FALSE(watched.follow(long_one, {}));
  ASSERT_TRUE(watched.follow({Deed::Put, test::kFleet, test::kVersion, Succeeded{}}, {}));

  ASSERT_EQ(news.size(), 4U) << "what was done at once is no news";
  EXPECT_EQ(news[0].stage, Stage::Began);
  EXPECT_EQ(news[1].stage, Stage::Ended);
  EXPECT_EQ(news[1].deed, Deed::Delete);
  EXPECT_EQ(news[1].took, seconds{3});
  EXPECT_EQ(news[2].stage, Stage::Began);
  EXPECT_EQ(news[3].stage, Stage::Ended);
}

TEST_F(ClientTest, WaitsUntilAServiceIsSettled) {
  auto busy = test::document();
  busy["properties"]["state"] = "Activating";
  wire.on(
      "GET",
      "/fleet-eu",
      {answer(200, busy.dump()), answer(200, busy.dump()), answer(200, test::document().dump())});
  EXPECT_EQ(client.wait_until_settled(test::kFleet, "", minutes{1}, {})->state, "Active");
  test::ScriptedArm stuck;
  stuck.wire.on("GET", "/fleet-eu", answer(200, busy.dump()));
  EXPECT_EQ(stuck.client.wait_until_settled(test::kFleet, "", minutes{1}, {}).error().id,
            "InTransition");
}

}  // namespace
}  // namespace dps::arm

// The life of a service as it was recorded.
#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

TEST(ServiceCreate, AnswersActivatingWithoutEtagAndHostNames) {
  Driver arm;
  arm.set("operation-time", "10s");

  const auto created = arm.send("PUT", kService, Driver::service_body());

  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.json["properties"]["state"], "Activating");
  EXPECT_EQ(created.json["properties"]["provisioningState"], "Accepted");
  EXPECT_TRUE(created.json["properties"]["idScope"].is_null());
  EXPECT_EQ(created.json["properties"]["allocationPolicy"], "Hashed");
  EXPECT_FALSE(created.json["properties"].contains("iotHubs"));
  EXPECT_FALSE(created.json["properties"].contains("serviceOperationsHostName"));
  EXPECT_FALSE(created.json.contains("etag"));
  EXPECT_FALSE(created.header("Azure-AsyncOperation").empty());
  EXPECT_TRUE(created.header("Location").empty());
  EXPECT_TRUE(created.header("Retry-After").empty());
  EXPECT_EQ(created.header("x-ms-ratelimit-remaining-subscription-resource-requests"), "4999");
}

TEST(ServiceCreate, RunsUntilTheClockPassesItsEnd) {
  Driver arm;
  arm.set("operation-time", "10s");
  const auto created = arm.send("PUT", kService, Driver::service_body());
  const auto url = created.header("Azure-AsyncOperation");

  EXPECT_EQ(arm.follow(url).raw.body, R"({"status":"Running"})");
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["state"], "Activating");
  arm.world.advance(Milliseconds(10'000));
  EXPECT_EQ(arm.follow(url).raw.body, R"({"status":"Succeeded"})");

  const auto live = arm.send("GET", kService).json;
  EXPECT_EQ(live["properties"]["state"], "Active");
  EXPECT_EQ(live["properties"]["provisioningState"], "Succeeded");
  EXPECT_EQ(live["properties"]["serviceOperationsHostName"],
            "dps-one.azure-devices-provisioning.net");
  EXPECT_EQ(live["properties"]["deviceProvisioningHostName"],
            "global.azure-devices-provisioning.net");
  EXPECT_TRUE(live["properties"]["idScope"].get<std::string>().starts_with("0ne00"));
  EXPECT_EQ(live["properties"]["iotHubs"], Json::array());
  EXPECT_EQ(live["tags"], Json::object());
  EXPECT_FALSE(live["properties"].contains("authorizationPolicies"));
  EXPECT_EQ(live["sku"]["tier"], "Standard");
  EXPECT_EQ(live["resourcegroup"], "rg");
  EXPECT_TRUE(from_counter_etag(live["etag"].get<std::string>()).has_value());
}

TEST(ServiceCreate, KeepsLocationAsWrittenAndCapacityAbsent) {
  Driver arm;
  Json body = Driver::service_body();
  body["location"] = "West US";
  body["sku"] = {{"name", "S1"}};
  EXPECT_EQ(arm.send("PUT", kService, body).status, 201);

  const auto live = arm.send("GET", kService).json;
  EXPECT_EQ(live["location"], "West US");
  EXPECT_FALSE(live["sku"].contains("capacity"));
  EXPECT_EQ(live["sku"]["tier"], "Standard");
}

TEST(ServiceCreate, MakesTheDefaultPolicy) {
  Driver arm;
  arm.create();

  const auto keys = arm.keys();
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0]["keyName"], "provisioningserviceowner");
  EXPECT_EQ(keys[0]["rights"], "ServiceConfig, EnrollmentWrite, DeviceConnect");
  EXPECT_NE(keys[0]["primaryKey"], keys[0]["secondaryKey"]);
}

TEST(ServiceCreate, RefusesBadNamesAtOnce) {
  Driver arm;
  const auto base = kGroup + "/providers/Microsoft.Devices/provisioningServices/";
  for (const std::string name : {"ab", "-abc", "abc-", "a_b_c", "global", "1%C3%B1name!!!"}) {
    const auto refused = arm.send("PUT", base + name, Driver::service_body());
    EXPECT_EQ(refused.status, 400) << name;
    EXPECT_EQ(refused.json["code"], 400305) << name;
    EXPECT_EQ(refused.json["httpStatusCode"], "BadRequest");
    EXPECT_NE(refused.json["message"].get<std::string>().find("errorcode: IH400305."),
              std::string::npos);
  }
}

TEST(ServiceCreate, RefusesWhatIsMissingOrMalformed) {
  Driver arm;
  Json without_location = Driver::service_body();
  without_location.erase("location");
  Json wrong_sku = Driver::service_body();
  wrong_sku["sku"]["name"] = "S2";
  Json no_properties = Driver::service_body();
  no_properties.erase("properties");
  EXPECT_EQ(arm.send("PUT", kService, without_location).json["error"]["code"], "LocationRequired");
  EXPECT_EQ(arm.send("PUT", kService, wrong_sku).status, 400);
  EXPECT_EQ(arm.send("PUT", kService, no_properties).status, 400);
  EXPECT_EQ(arm.send("PUT", kService, Json("{broken")).json["error"]["code"],
            "InvalidRequestContent");
  EXPECT_EQ(arm.send("PUT", kService, Json("[1]")).status, 400);
  EXPECT_EQ(arm.send("GET", kService).status, 404);
}

TEST(ServiceCreate, RefusesDataResidencyOutsideItsRegions) {
  Driver arm;
  Json body = Driver::service_body({{"enableDataResidency", true}});
  EXPECT_EQ(arm.send("PUT", kService, body).json["code"], 400309);
  body["location"] = "Southeast Asia";
  EXPECT_EQ(arm.send("PUT", kService, body).status, 201);
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["enableDataResidency"], true);
}

TEST(ServiceUpdate, AnswersTransitioningWithTheEtagOfTheRequest) {
  Driver arm;
  arm.create();
  arm.set("operation-time", "10s");
  Json body = Driver::service_body();
  body["etag"] = "AAAAAAAAAAE=";  // stale, and accepted all the same

  const auto updated = arm.send("PUT", kService, body);

  EXPECT_EQ(updated.status, 201);
  EXPECT_EQ(updated.json["etag"], "AAAAAAAAAAE=");
  EXPECT_EQ(updated.json["properties"]["state"], "Transitioning");
  EXPECT_TRUE(updated.json["properties"]["idScope"].is_null());
  body.erase("etag");
  arm.world.advance(Milliseconds(10'000));
  EXPECT_FALSE(arm.send("PUT", kService, body).json.contains("etag"));
}

TEST(ServiceUpdate, ChangesTheEtagEvenWhenNothingElseChanges) {
  Driver arm;
  const auto first = arm.create();
  arm.send("PUT", kService, first);
  const auto second = arm.send("GET", kService).json;
  arm.send("PATCH", kService, Json::object());
  const auto third = arm.send("GET", kService).json;

  EXPECT_NE(first["etag"], second["etag"]);
  EXPECT_NE(second["etag"], third["etag"]);
  EXPECT_EQ(first["properties"], third["properties"]);
}

TEST(ServiceUpdate, WipesTagsThatAreNotSent) {
  Driver arm;
  Json body = Driver::service_body();
  body["tags"] = {{"a", "1"}};
  arm.send("PUT", kService, body);
  EXPECT_EQ(arm.send("GET", kService).json["tags"]["a"], "1");
  body.erase("tags");
  arm.send("PUT", kService, body);
  EXPECT_EQ(arm.send("GET", kService).json["tags"], Json::object());
}

TEST(ServiceUpdate, RefusesAnotherLocation) {
  Driver arm;
  arm.create();
  Json body = Driver::service_body();
  body["location"] = "East US";
  const auto refused = arm.send("PUT", kService, body);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.json["error"]["code"], "InvalidResourceLocation");
  body["location"] = "West US";  // the same region, spelled otherwise
  EXPECT_EQ(arm.send("PUT", kService, body).status, 201);
}

TEST(ServicePatch, ReplacesTagsAtOnceAndAnswersAnUselessEtag) {
  Driver arm;
  const auto before = arm.create();
  const auto first = arm.send("PATCH", kService, {{"tags", {{"a", "1"}, {"b", "2"}}}});
  EXPECT_EQ(first.status, 200);
  EXPECT_TRUE(first.header("Azure-AsyncOperation").empty());
  EXPECT_EQ(first.json["etag"], before["etag"]) << "the etag before the change";
  arm.send("PATCH", kService, {{"tags", {{"b", "3"}}}});
  EXPECT_EQ(arm.send("GET", kService).json["tags"], Json({{"b", "3"}}));
  arm.version = "2018-01-22";
  EXPECT_EQ(arm.send("PATCH", kService, Json::object()).json["etag"], "");
  EXPECT_EQ(arm.send("GET", kService).json["tags"], Json({{"b", "3"}}))
      << "an empty PATCH changes nothing";
}

TEST(ServiceDelete, AnswersNullAndThreeHeaders) {
  Driver arm;
  arm.create();
  arm.set("operation-time", "10s");

  const auto deleted = arm.send("DELETE", kService);

  EXPECT_EQ(deleted.status, 202);
  EXPECT_EQ(deleted.raw.body, "null");
  EXPECT_EQ(deleted.header("Retry-After"), "15");
  EXPECT_NE(deleted.header("Azure-AsyncOperation").find("&asyncinfo"), std::string::npos);
  EXPECT_EQ(deleted.header("Location").find("asyncinfo"), std::string::npos);
  const auto list =
      "/subscriptions/" + kSubscription + "/providers/Microsoft.Devices/provisioningServices";
  EXPECT_EQ(arm.send("GET", list).json["value"], Json::array()) << "a list drops it at once";
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["state"], "Deleting");
  arm.world.advance(Milliseconds(10'000));
  EXPECT_EQ(arm.follow(deleted.header("Azure-AsyncOperation")).json["status"], "Succeeded");
  EXPECT_EQ(arm.send("GET", kService).json["code"], 404002);
}

TEST(ServiceDelete, GivesADoubledLocationAfterItsEnd) {
  Driver arm;
  arm.set("async-url", "resource");
  arm.set("deleted-resource-poll", "succeeded");
  arm.create();
  const auto location = arm.send("DELETE", kService).header("Location");

  const auto ended = arm.follow(location);

  EXPECT_EQ(ended.status, 200);
  EXPECT_TRUE(ended.raw.body.empty());
  const auto path = location.substr(0, location.find('?'));
  const auto part = path.substr(path.find("/operationResults/"));
  EXPECT_NE(ended.header("Location").find(part + part), std::string::npos);
}

TEST(Transition, RefusesEveryWriteWith409301) {
  Driver arm;
  arm.create();
  const TestAuthority ca;
  arm.set("operation-time", "10s");
  arm.send("PUT", kService, Driver::service_body());
  const auto certificate = kService + "/certificates/c1";
  const Json upload = {{"properties", {{"certificate", ca.pem}}}};
  struct Case {
    std::string method;
    std::string target;
    Json body;
  };
  for (const auto& write : {Case{"PUT", kService, Driver::service_body()},
                            Case{"PATCH", kService, Json::object()},
                            Case{"DELETE", kService, nullptr},
                            Case{"PUT", certificate, upload},
                            Case{"DELETE", certificate, nullptr}}) {
    const auto early = arm.send(write.method, write.target, write.body);
    EXPECT_EQ(early.status, 409) << write.method << write.target;
    EXPECT_EQ(early.json["code"], 409301);
    EXPECT_NE(early.json["message"].get<std::string>().find("Transitioning"), std::string::npos);
  }
  EXPECT_EQ(arm.send("POST", kService + "/listkeys").status, 200);
  EXPECT_EQ(arm.send("GET", kService + "/certificates").status, 200);
}

TEST(Paths, HaveNoCaseAndAnswerTheStoredSpelling) {
  Driver arm;
  arm.create();
  const auto shouted = arm.send("GET", upper(kService));
  EXPECT_EQ(shouted.status, 200);
  EXPECT_EQ(shouted.json["id"], kService);
  EXPECT_EQ(shouted.json["name"], "dps-one");
}

TEST(Lists, ComeInPagesWithNextLinks) {
  Driver arm;
  const auto base = kGroup + "/providers/Microsoft.Devices/provisioningServices";
  for (int i = 0; i < 5; ++i)
    arm.send("PUT", fmt::format("{}/svc-{}", base, i), Driver::service_body());
  arm.set("page-size", "2");
  std::vector<std::string> names;
  std::string url = base + "?api-version=2022-12-12";
  for (int pages = 0; !url.empty() && pages < 9; ++pages) {
    const auto page = pages == 0 ? arm.send("GET", url) : arm.follow(url);
    for (const auto& service : page.json["value"]) names.push_back(service["name"]);
    // Gone between two pages: the next one starts where this one ended all the same.
    if (pages == 0) arm.send("DELETE", base + "/svc-1");
    url = page.json.value("nextLink", std::string());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"svc-0", "svc-1", "svc-2", "svc-3", "svc-4"}));
  EXPECT_EQ(arm.send("GET", base + "?api-version=2022-12-12&$skipToken=bad!").status, 400);
}

TEST(NameCheck, SaysInvalidEvenForFreeNames) {
  Driver arm;
  const auto path = "/subscriptions/" + kSubscription +
                    "/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability";
  EXPECT_EQ(arm.send("POST", path, {{"name", "dps-one"}}).raw.body,
            R"({"nameAvailable":true,"reason":"Invalid","message":null})");
  arm.create();
  EXPECT_EQ(arm.send("POST", path, {{"name", "DPS-one"}}).json["nameAvailable"], false);
}

TEST(Hubs, AreMaskedInReadsAndClearInThePutAnswer) {
  Driver arm;
  Json hub = Driver::hub_entry(kHubString + ";");
  hub["allocationWeight"] = 870084357;
  const auto created =
      arm.send("PUT", kService, Driver::service_body({{"iotHubs", Json::array({hub})}}));
  EXPECT_EQ(created.json["properties"]["iotHubs"][0]["connectionString"], kHubString);
  EXPECT_EQ(created.json["properties"]["iotHubs"][0]["name"], "hub-one.azure-devices.net");
  const auto live = arm.send("GET", kService).json["properties"]["iotHubs"][0];
  EXPECT_EQ(
      live["connectionString"],
      "HostName=hub-one.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****");
  EXPECT_EQ(live["allocationWeight"], 870084357);
  EXPECT_FALSE(live.contains("applyAllocationPolicy"));
}

TEST(Hubs, KeepTheirKeyWhenTheMaskedStringIsSentBack) {
  Driver arm;
  arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  Json body = arm.read_back();
  body["properties"]["iotHubs"][0]["allocationWeight"] = 5;
  EXPECT_EQ(arm.send("PUT", kService, body).status, 201);
  EXPECT_EQ(arm.stored_hub(), kHubString);
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["iotHubs"][0]["allocationWeight"], 5);
}

TEST(Hubs, AreUnlinkedByAnEmptyListAndRefusedTwice) {
  Driver arm;
  const auto twice = Json::array({Driver::hub_entry(), Driver::hub_entry()});
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body({{"iotHubs", twice}})).json["code"],
            400303);
  arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  arm.send("PUT", kService, Driver::service_body({{"iotHubs", Json::array()}}));
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["iotHubs"], Json::array());
}

TEST(Hubs, FailTheOperationWhenTheyDoNotExist) {
  Driver arm;
  arm.create();
  const auto missing =
      Driver::hub_entry("HostName=no.azure-devices.net;SharedAccessKeyName=a;SharedAccessKey=Yg==");
  const auto put =
      arm.send("PUT", kService, Driver::service_body({{"iotHubs", Json::array({missing})}}));
  EXPECT_EQ(put.status, 201);
  const auto poll = arm.follow(put.header("Azure-AsyncOperation"));
  EXPECT_EQ(poll.status, 404);
  EXPECT_EQ(poll.json["code"], 404002);
  EXPECT_NE(poll.json["message"].get<std::string>().find("Unable to find the IoThub"),
            std::string::npos);
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["iotHubs"], Json::array());
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["state"], "Active");
}

}  // namespace
}  // namespace dps::sim

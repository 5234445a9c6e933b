// Each switch answers both ways. What is unknown about ARM must not look known.
#include "tests/arm_simulator/switches.hpp"
#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

const std::string kNameCheck =
    "/subscriptions/" + kSubscription +
    "/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability";

/// A service with a policy, a hub and settings of its own; then a PUT that sends only `properties`.
Json after_sparse_put(Driver& arm) {
  Json properties = {{"allocationPolicy", "Static"}, {"publicNetworkAccess", "Disabled"}};
  properties["iotHubs"] = Json::array({Driver::hub_entry()});
  properties["ipFilterRules"] =
      Json::array({{{"filterName", "f"}, {"action", "Accept"}, {"ipMask", "10.0.0.0/8"}}});
  properties["authorizationPolicies"] =
      Json::array({{{"keyName", "mine"}, {"rights", "DeviceConnect"}}});
  arm.create(properties);
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).status, 201);
  return arm.send("GET", kService).json["properties"];
}

TEST(SwitchTable, RefusesUnknownNamesAndValues) {
  Switches switches;
  EXPECT_TRUE(switches.set("nonsense", "x").has_value());
  EXPECT_TRUE(switches.set("if-match", "maybe").has_value());
  EXPECT_TRUE(switches.set("operation-time", "10").has_value());
  EXPECT_TRUE(switches.set("page-size", "-1").has_value());
  EXPECT_TRUE(switches.set("deny", "listkeys,everything").has_value());
  EXPECT_TRUE(switches.set("quota-reads", "many").has_value());
  EXPECT_FALSE(switches.set("deny", "listkeys,list").has_value());
  EXPECT_TRUE(switches.holds("deny", "list"));
  EXPECT_FALSE(switches.holds("deny", "read"));
}

TEST(SwitchTable, HasInitialValuesThatItWouldTake) {
  for (const auto& row : switch_table()) {
    Switches switches;
    EXPECT_FALSE(switches.set(row.name, row.initial).has_value()) << row.name;
    EXPECT_FALSE(row.meaning.empty()) << row.name;
  }
}

TEST(SwitchOmitted, KeepsByDefault) {
  Driver arm;
  const auto live = after_sparse_put(arm);
  EXPECT_EQ(live["allocationPolicy"], "Static");
  EXPECT_EQ(live["publicNetworkAccess"], "Disabled");
  EXPECT_EQ(live["ipFilterRules"].size(), 1U);
  EXPECT_EQ(live["iotHubs"].size(), 1U);
  EXPECT_EQ(arm.keys().size(), 2U);
}

TEST(SwitchOmitted, DropsWhenAsked) {
  Driver arm;
  arm.set("policies-omitted", "dropped");
  arm.set("hubs-omitted", "dropped");
  arm.set("allocation-policy-omitted", "default");
  arm.set("network-omitted", "dropped");
  const auto live = after_sparse_put(arm);
  EXPECT_EQ(live["allocationPolicy"], "Hashed");
  EXPECT_FALSE(live.contains("publicNetworkAccess"));
  EXPECT_FALSE(live.contains("ipFilterRules"));
  EXPECT_EQ(live["iotHubs"], Json::array());
  ASSERT_EQ(arm.keys().size(), 1U);
  EXPECT_EQ(arm.keys()[0]["keyName"], "provisioningserviceowner");
}

TEST(SwitchPrivateEndpoints, KeepsOrDrops) {
  for (const bool kept : {true, false}) {
    Driver arm;
    arm.set("private-endpoints-omitted", kept ? "kept" : "dropped");
    arm.create({{"privateEndpointConnections", Json::array({{{"name", "pe"}}})}});
    arm.send("PUT", kService, Driver::service_body());
    EXPECT_EQ(arm.send("GET", kService).json["properties"].contains("privateEndpointConnections"),
              kept);
  }
}

TEST(SwitchIfMatch, IsIgnoredEnforcedOrRefused) {
  struct Case {
    const char* value;
    int stale;
    int current;
  };
  for (const auto& expected :
       {Case{"ignored", 201, 201}, Case{"enforced", 412, 201}, Case{"refused", 412, 412}}) {
    Driver arm;
    const auto live = arm.create();
    arm.set("if-match", expected.value);
    EXPECT_EQ(
        arm.send("PUT", kService, Driver::service_body(), {{"If-Match", "AAAAAAAAAAE="}}).status,
        expected.stale);
    const auto etag = arm.send("GET", kService).json["etag"].get<std::string>();
    EXPECT_EQ(arm.send("PUT", kService, Driver::service_body(), {{"If-Match", etag}}).status,
              expected.current);
    EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).status, 201)
        << "without the header";
  }
}

TEST(SwitchIfMatch, GuardsPatchDeleteAndCreateToo) {
  Driver arm;
  arm.set("if-match", "enforced");
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body(), {{"If-Match", "*"}}).status, 412);
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body(), {{"If-None-Match", "*"}}).status,
            201);
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body(), {{"If-None-Match", "*"}}).status,
            412);
  EXPECT_EQ(arm.send("PATCH", kService, Json::object(), {{"If-Match", "x"}}).status, 412);
  EXPECT_EQ(arm.send("DELETE", kService, nullptr, {{"If-Match", "x"}}).json["code"], 412001);
}

TEST(SwitchBodyEtag, IsIgnoredOrEnforced) {
  for (const bool enforced : {false, true}) {
    Driver arm;
    arm.create();
    arm.set("body-etag", enforced ? "enforced" : "ignored");
    Json body = Driver::service_body();
    body["etag"] = "AAAAAAAAAAE=";
    EXPECT_EQ(arm.send("PUT", kService, body).status, enforced ? 412 : 201);
    body["etag"] = arm.send("GET", kService).json["etag"];
    EXPECT_EQ(arm.send("PUT", kService, body).status, 201);
  }
}

TEST(SwitchUnknownMembers, AreDroppedOrKept) {
  for (const bool kept : {false, true}) {
    Driver arm;
    arm.set("unknown-members", kept ? "kept" : "dropped");
    Json body = Driver::service_body({{"future", 1}});
    body["identity"] = {{"type", "None"}};
    arm.send("PUT", kService, body);
    const auto live = arm.send("GET", kService).json;
    EXPECT_EQ(live["properties"].contains("future"), kept);
    EXPECT_EQ(live.contains("identity"), kept);
  }
}

TEST(SwitchUnknownMembers, OfASeedSurviveAPutThatSendsThemBack) {
  Driver arm;
  arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  const Json newer = {{"properties", {{"disableLocalAuth", true}}},
                      {"identity", {{"type", "SystemAssigned"}}}};
  ASSERT_FALSE(arm.world.edit(kService, newer));
  EXPECT_EQ(arm.send("PUT", kService, arm.read_back()).status, 201);
  auto live = arm.send("GET", kService).json;
  EXPECT_EQ(live["properties"]["disableLocalAuth"], true);
  EXPECT_EQ(live["identity"]["type"], "SystemAssigned");

  arm.set("newer-members-omitted", "kept");
  arm.send("PUT", kService, Driver::service_body());
  EXPECT_TRUE(arm.send("GET", kService).json.contains("identity"));
  arm.set("newer-members-omitted", "dropped");
  arm.send("PUT", kService, Driver::service_body());
  EXPECT_FALSE(arm.send("GET", kService).json.contains("identity"));
}

TEST(SwitchTransitionView, ShowsNewOrOldValues) {
  for (const bool old : {false, true}) {
    Driver arm;
    const auto before = arm.create();
    arm.set("operation-time", "5s");
    arm.set("transition-view", old ? "old" : "transitioning");
    arm.send("PUT", kService, Driver::service_body({{"allocationPolicy", "Static"}}));
    const auto during = arm.send("GET", kService).json;
    EXPECT_EQ(during["properties"]["state"], old ? "Active" : "Transitioning");
    EXPECT_EQ(during["properties"]["allocationPolicy"], old ? "Hashed" : "Static");
    if (old) {
      EXPECT_EQ(during["etag"], before["etag"]);
    }
    EXPECT_EQ(arm.send("PATCH", kService, Json::object()).json["code"], 409301);
  }
}

TEST(SwitchLocationPoll, AnswersWhileItRuns) {
  for (const int status : {202, 200}) {
    Driver arm;
    arm.create();
    arm.set("operation-time", "5s");
    arm.set("location-poll", std::to_string(status));
    const auto location = arm.send("DELETE", kService).header("Location");
    EXPECT_EQ(arm.follow(location).status, status);
    arm.world.advance(Milliseconds(5000));
    EXPECT_EQ(arm.follow(location).status, 200);
  }
}

TEST(SwitchFailedOperation, ShowsIn404OrInStatus) {
  Driver arm;
  arm.create();
  const auto missing =
      Driver::hub_entry("HostName=no.azure-devices.net;SharedAccessKeyName=a;SharedAccessKey=Yg==");
  arm.set("failed-operation", "status-failed");
  const auto put =
      arm.send("PUT", kService, Driver::service_body({{"iotHubs", Json::array({missing})}}));
  const auto poll = arm.follow(put.header("Azure-AsyncOperation"));
  EXPECT_EQ(poll.status, 200);
  EXPECT_EQ(poll.json["status"], "Failed");
  EXPECT_EQ(poll.json["error"]["code"], "404002") << "a text here";
}

TEST(SwitchFailedCreate, LeavesNothingOrAFailedService) {
  for (const bool leaves : {false, true}) {
    Driver arm;
    arm.set("failed-create", leaves ? "activation-failed" : "removed");
    arm.set("operation-outcome", "failed");
    EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).status, 201);
    const auto live = arm.send("GET", kService);
    EXPECT_EQ(live.status, leaves ? 200 : 404);
    if (!leaves) continue;
    EXPECT_EQ(live.json["properties"]["state"], "ActivationFailed");
    EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).json["code"], 409301);
    arm.set("operation-outcome", "succeeded");
    EXPECT_EQ(arm.send("DELETE", kService).status, 202);
  }
}

TEST(SwitchMasked, UnlinkedAndChangedStringsAreRefusedOrTaken) {
  const std::string masked =
      "HostName=hub-one.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****";
  const std::string renamed =
      "HostName=hub-one.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey=****";
  const auto body = [](const std::string& text) {
    return Driver::service_body({{"iotHubs", Json::array({Driver::hub_entry(text)})}});
  };
  Driver arm;
  EXPECT_EQ(arm.send("PUT", kService, body(masked)).status, 400);
  arm.send("PUT", kService, body(kHubString));
  EXPECT_EQ(arm.send("PUT", kService, body(renamed)).status, 400);
  arm.set("masked-changed", "kept");
  EXPECT_EQ(arm.send("PUT", kService, body(renamed)).status, 201);
  EXPECT_TRUE(arm.stored_hub().ends_with("SharedAccessKeyName=service;SharedAccessKey=aHVib25l"));
  arm.send("PUT", kService, Driver::service_body({{"iotHubs", Json::array()}}));
  arm.set("masked-unlinked", "stored");
  EXPECT_EQ(arm.send("PUT", kService, body(masked)).status, 201);
  EXPECT_TRUE(arm.stored_hub().ends_with("SharedAccessKey=****"));
}

TEST(SwitchHubChecks, AcceptOrFail) {
  const auto wrong_key = Driver::hub_entry(
      "HostName=hub-one.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey="
      "d3Jvbmc=");
  const auto no_hub =
      Driver::hub_entry("HostName=no.azure-devices.net;SharedAccessKeyName=a;SharedAccessKey=Yg==");
  const auto status = [](Driver& arm, const Json& hub) {
    const auto put =
        arm.send("PUT", kService, Driver::service_body({{"iotHubs", Json::array({hub})}}));
    return arm.follow(put.header("Azure-AsyncOperation")).status;
  };
  Driver arm;
  EXPECT_EQ(status(arm, wrong_key), 200);
  EXPECT_EQ(status(arm, no_hub), 404);
  Driver other;
  other.set("wrong-hub-key", "operation-fails");
  other.set("unknown-hub", "accepted");
  EXPECT_EQ(status(other, wrong_key), 400);
  EXPECT_EQ(status(other, no_hub), 200);
  EXPECT_EQ(status(other, Driver::hub_entry()), 200) << "the right key";
}

TEST(SwitchNames, OfAnotherGroupConflictOrFailLater) {
  const auto elsewhere =
      "/subscriptions/" + kSubscription +
      "/resourceGroups/rg2/providers/Microsoft.Devices/provisioningServices/DPS-one";
  for (const bool later : {false, true}) {
    Driver arm;
    arm.create();
    arm.send(
        "PUT", "/subscriptions/" + kSubscription + "/resourceGroups/rg2", {{"location", "westus"}});
    arm.set("name-owned-elsewhere", later ? "operation-fails" : "conflict");
    arm.set("name-taken-reason", later ? "Invalid" : "AlreadyExists");
    const auto put = arm.send("PUT", elsewhere, Driver::service_body());
    EXPECT_EQ(put.status, later ? 201 : 409);
    if (later) {
      EXPECT_EQ(arm.follow(put.header("Azure-AsyncOperation")).json["code"], 409004);
    }
    EXPECT_EQ(arm.send("GET", elsewhere).status, 404);
    EXPECT_EQ(arm.send("POST", kNameCheck, {{"name", "dps-one"}}).json["reason"],
              later ? "Invalid" : "AlreadyExists");
    EXPECT_EQ(arm.send("GET", kService).status, 200);
  }
}

TEST(SwitchLimits, AreOffOrRefuseTheEleventhService) {
  const auto base = kGroup + "/providers/Microsoft.Devices/provisioningServices/svc-";
  for (const auto& [value, status] :
       {std::pair{"off", 201}, std::pair{"bad-request", 400}, std::pair{"forbidden", 403}}) {
    Driver arm;
    arm.set("limits", value);
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(arm.send("PUT", base + std::to_string(i), Driver::service_body()).status, 201);
    EXPECT_EQ(arm.send("PUT", base + "10", Driver::service_body()).status, status) << value;
    EXPECT_EQ(arm.send("PUT", base + "3", Driver::service_body()).status, 201)
        << "an update is no eleventh";
  }
}

TEST(SwitchDeleteMissing, Is404Or204) {
  Driver arm;
  EXPECT_EQ(arm.send("DELETE", kService).json["code"], 404002);
  arm.set("delete-missing-service", "204");
  EXPECT_EQ(arm.send("DELETE", kService).status, 204);
}

TEST(SwitchUnauthorizedBody, IsAnErrorOrEmpty) {
  for (const bool empty : {false, true}) {
    Driver arm;
    arm.set("unauthorized-body", empty ? "empty" : "error");
    Request request;
    request.method = "GET";
    request.path = kService;
    request.query = "api-version=2022-12-12";
    const auto refused = Driver::wrap(arm.world.handle(request));
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.raw.body.empty(), empty);
    EXPECT_NE(refused.header("WWW-Authenticate").find("Bearer"), std::string::npos);
  }
}

TEST(SwitchAsyncUrl, HasThreeForms) {
  for (const std::string form : {"signed", "location", "resource"}) {
    Driver arm;
    arm.set("async-url", form);
    const auto url =
        arm.send("PUT", kService, Driver::service_body()).header("Azure-AsyncOperation");
    EXPECT_NE(url.find("?api-version=2022-12-12&asyncinfo"), std::string::npos);
    EXPECT_EQ(
        url.find("/locations/westus/provisioningserviceoperationresults/") != std::string::npos,
        form != "resource");
    EXPECT_EQ(url.find(kService + "/operationResults/") != std::string::npos, form == "resource");
    EXPECT_EQ(url.size() > 2500, form == "signed") << url.size();
    EXPECT_EQ(arm.follow(url).json["status"], "Succeeded");
  }
}

TEST(SwitchAsyncUrl, ComparesASignedQueryByteForByte) {
  Driver arm;
  const auto url = arm.send("PUT", kService, Driver::service_body()).header("Azure-AsyncOperation");
  auto with_equals = url;
  with_equals.replace(with_equals.find("&asyncinfo&"), 11, "&asyncinfo=&");
  EXPECT_EQ(arm.follow(with_equals).status, 403);
  auto undefined = url;
  undefined.replace(undefined.find("&asyncinfo&"), 11, "&asyncinfo=undefined&");
  EXPECT_EQ(arm.follow(undefined).status, 200) << "what Azure's JavaScript SDK makes of it";
  arm.set("asyncinfo-undefined", "refused");
  EXPECT_EQ(arm.follow(undefined).status, 403);
  EXPECT_EQ(arm.follow(url + "x").status, 403);
  arm.set("signed-url-mismatch", "400");
  EXPECT_EQ(arm.follow(url + "x").status, 400);
  EXPECT_EQ(arm.follow(url).status, 200);
}

TEST(SwitchDeletedResourcePoll, Is404OrSucceeded) {
  for (const bool found : {false, true}) {
    Driver arm;
    arm.set("async-url", "resource");
    arm.set("deleted-resource-poll", found ? "succeeded" : "not-found");
    arm.create();
    const auto poll = arm.follow(arm.send("DELETE", kService).header("Azure-AsyncOperation"));
    EXPECT_EQ(poll.status, found ? 200 : 404);
    if (!found) {
      EXPECT_EQ(poll.json["error"]["code"], "ResourceNotFound");
      EXPECT_EQ(poll.header("x-ms-failure-cause"), "gateway");
    }
  }
}

TEST(SwitchPutAnswer, VariesStatusAndHeader) {
  Driver arm;
  arm.set("put-status", "202");
  arm.set("put-async-header", "location");
  const auto put = arm.send("PUT", kService, Driver::service_body());
  EXPECT_EQ(put.status, 202);
  EXPECT_TRUE(put.header("Azure-AsyncOperation").empty());
  EXPECT_EQ(arm.follow(put.header("Location")).status, 200);
  arm.set("put-async-header", "none");
  EXPECT_TRUE(arm.send("PUT", kService, Driver::service_body()).header("Location").empty());
}

TEST(SwitchLooks, AddMembersToReads) {
  Driver arm;
  arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  EXPECT_FALSE(arm.read_back()["properties"]["iotHubs"][0].contains("authenticationType"));
  EXPECT_FALSE(arm.read_back()["properties"].contains("portalOperationsHostName"));
  arm.set("hub-authentication-type", "shown");
  arm.set("portal-host", "shown");
  EXPECT_EQ(arm.read_back()["properties"]["iotHubs"][0]["authenticationType"], "KeyBased");
  EXPECT_EQ(arm.read_back()["properties"]["portalOperationsHostName"],
            "dps-one.services.azure-devices-provisioning.net");
}

TEST(SwitchDeny, ForbidsChosenActions) {
  struct Case {
    const char* name;
    const char* method;
    std::string target;
  };
  const auto below = "/providers/Microsoft.Devices/provisioningServices";
  const std::string subscription = "/subscriptions/" + kSubscription;
  for (const auto& denied :
       {Case{"read", "GET", kService},
        Case{"list", "GET", subscription + below},
        Case{"list-group", "GET", kGroup + below},
        Case{"listkeys", "POST", kService + "/listkeys"},
        Case{"listkeys", "POST", kService + "/keys/provisioningserviceowner/listkeys"},
        Case{"hub-read", "GET", kHub},
        Case{"hub-listkeys", "POST", kHub + "/listkeys"},
        Case{"hub-listkeys", "POST", kHub + "/IotHubKeys/iothubowner/listkeys"},
        Case{"name-check", "POST", kNameCheck},
        Case{"read-group", "GET", kGroup},
        Case{"write-group", "PUT", kGroup},
        Case{"read-subscription", "GET", subscription},
        Case{"skus", "GET", kService + "/skus"},
        Case{"write", "PUT", kService},
        Case{"patch", "PATCH", kService},
        Case{"delete", "DELETE", kService},
        Case{"read-certificates", "GET", kService + "/certificates"},
        Case{"write-certificates", "PUT", kService + "/certificates/c"}}) {
    Driver arm;
    arm.create();
    EXPECT_NE(arm.send(denied.method, denied.target, {{"name", "x"}}).status, 403) << denied.name;
    arm.set("deny", denied.name);
    const auto refused = arm.send(denied.method, denied.target, {{"name", "x"}});
    EXPECT_EQ(refused.status, 403) << denied.name << " " << denied.target;
    EXPECT_EQ(refused.json["error"]["code"], "AuthorizationFailed");
    EXPECT_NE(
        refused.json["error"]["message"].get<std::string>().find("over scope '/subscriptions/"),
        std::string::npos);
  }
}

TEST(SwitchLock, StopsDeletesOrEveryWrite) {
  Driver arm;
  arm.create();
  arm.set("lock", "delete");
  EXPECT_EQ(arm.send("DELETE", kService).json["error"]["code"], "ScopeLocked");
  EXPECT_EQ(arm.send("PATCH", kService, Json::object()).status, 200);
  arm.set("lock", "read-only");
  EXPECT_EQ(arm.send("PATCH", kService, Json::object()).status, 409);
  EXPECT_EQ(arm.send("POST", kService + "/listkeys").status, 409);
  EXPECT_EQ(arm.send("GET", kService).status, 200);
}

TEST(SwitchProvider, MayBeUnregisteredUntilRegistered) {
  Driver arm;
  arm.set("provider-registered", "no");
  const auto provider = "/subscriptions/" + kSubscription + "/providers/Microsoft.Devices";
  EXPECT_EQ(arm.send("GET", provider).json["registrationState"], "NotRegistered");
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).json["error"]["code"],
            "MissingSubscriptionRegistration");
  EXPECT_EQ(arm.send("POST", provider + "/register").json["registrationState"], "Registered");
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).status, 201);
}

TEST(SwitchDeny, ShowsInThePermissionsOfAScope) {
  Driver arm;
  const auto denied = [&](const std::string& scope) {
    const auto answer = arm.send("GET", scope + "/providers/Microsoft.Authorization/permissions");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.json["value"][0]["actions"], Json::array({"*"}));
    return answer.json["value"][0]["notActions"];
  };
  EXPECT_EQ(denied(kGroup), Json::array());
  arm.set("deny", "list,name-check,listkeys");
  const Json keys = {"Microsoft.Devices/provisioningServices/listkeys/Action",
                     "Microsoft.Devices/provisioningServices/keys/listkeys/Action",
                     "Microsoft.Devices/checkProvisioningServiceNameAvailability/Action"};
  EXPECT_EQ(denied(kGroup), keys);
  EXPECT_EQ(denied("/subscriptions/" + kSubscription).size(), 4U);  // services, too
  EXPECT_EQ(arm.send("GET", kGroup + "x/providers/Microsoft.Authorization/permissions").status,
            404);
}

TEST(SwitchLock, ShowsInTheLocksOfAScope) {
  Driver arm;
  const auto locks = kGroup + "/providers/Microsoft.Authorization/locks";
  EXPECT_EQ(arm.send("GET", locks).json["value"], Json::array());
  arm.set("lock", "delete");
  EXPECT_EQ(arm.send("GET", locks).json["value"][0]["properties"]["level"], "CanNotDelete");
  arm.set("lock", "read-only");
  EXPECT_EQ(arm.send("GET", locks).json["value"][0]["properties"]["level"], "ReadOnly");
}

TEST(SwitchVersions, LimitsWhatIsKnown) {
  Driver arm;
  arm.create();
  EXPECT_EQ(arm.send("GET", kService + "?x=1").json["error"]["code"], "MissingApiVersionParameter");
  EXPECT_EQ(arm.send("GET", kService + "?api-version=2010-01-01").json["error"]["code"],
            "NoRegisteredProviderFound");
  arm.set("supported-api-versions", "2017-11-15,2020-03-01");
  const auto refused = arm.send("GET", kService);
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.json["error"]["message"].get<std::string>().find("2017-11-15, 2020-03-01"),
            std::string::npos);
  EXPECT_EQ(arm.send("GET", kService + "?api-version=2020-03-01").status, 200);
  arm.set("unsupported-version", "invalid-resource-type");
  EXPECT_EQ(arm.send("GET", kService).json["error"]["code"], "InvalidResourceType");
  EXPECT_EQ(arm.send("GET", kHub + "?api-version=2023-06-30").status, 200)
      << "hubs have versions of their own";
}

TEST(SwitchQuotas, Answer429UntilTheClockRefillsThem) {
  Driver arm;
  arm.create();
  arm.set("quota-reads", "2/1");
  EXPECT_EQ(arm.send("GET", kService).header("x-ms-ratelimit-remaining-subscription-reads"), "1");
  EXPECT_EQ(arm.send("GET", kService).status, 200);
  const auto refused = arm.send("GET", kService);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.json["error"]["code"], "SubscriptionRequestsThrottled");
  EXPECT_EQ(arm.send("POST", kService + "/listkeys").status, 200) << "another bucket";
  arm.world.advance(Milliseconds(1000));
  EXPECT_EQ(arm.send("GET", kService).status, 200);
  arm.set("quota-resource-requests", "0");
  EXPECT_EQ(arm.send("PUT", kService, Driver::service_body()).header("Retry-After"), "3600");
}

TEST(Versions, HideAndIgnoreWhatTheyDoNotKnow) {
  Driver arm;
  Json properties = {{"publicNetworkAccess", "Disabled"}, {"enableDataResidency", false}};
  properties["ipFilterRules"] =
      Json::array({{{"filterName", "f"}, {"action", "Accept"}, {"ipMask", "10.0.0.0/8"}}});
  properties["iotHubs"] = Json::array({Driver::hub_entry()});
  arm.create(properties);
  struct Case {
    const char* version;
    bool state, rules, access, residency;
  };
  for (const auto& shown : {Case{"2017-11-15", false, false, false, false},
                            Case{"2018-01-22", true, false, false, false},
                            Case{"2020-01-01", true, true, false, false},
                            Case{"2020-03-01", true, true, true, false},
                            Case{"2021-10-15", true, true, true, true},
                            Case{"2022-12-12", true, true, true, true}}) {
    arm.version = shown.version;
    const auto live = arm.send("GET", kService).json["properties"];
    EXPECT_EQ(live.contains("provisioningState"), shown.state) << shown.version;
    EXPECT_EQ(live.contains("ipFilterRules"), shown.rules) << shown.version;
    EXPECT_EQ(live.contains("publicNetworkAccess"), shown.access) << shown.version;
    EXPECT_EQ(live.contains("enableDataResidency"), shown.residency) << shown.version;
  }
  arm.version = "2017-11-15";
  Json sent = Driver::service_body({{"publicNetworkAccess", "Enabled"}});
  sent["properties"]["iotHubs"] = Json::array({Driver::hub_entry()});
  const auto answer = arm.send("PUT", kService, sent);
  EXPECT_FALSE(answer.json["properties"]["iotHubs"][0].contains("name"));
  arm.version = "2022-12-12";
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["publicNetworkAccess"], "Disabled");
}

}  // namespace
}  // namespace dps::sim

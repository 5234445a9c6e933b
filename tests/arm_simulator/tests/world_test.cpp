// What is not of one service: tokens, groups, hubs, seeds, edits, history, fleets.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/arm_simulator/fleet.hpp"
#include "tests/arm_simulator/switches.hpp"
#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

Answer sign_in(World& world, const std::string& body, std::string tenant = {}) {
  if (tenant.empty()) tenant = world.options().tenant;
  Request request;
  request.method = "POST";
  request.path = "/" + tenant + "/oauth2/v2.0/token";
  request.base_url = "https://127.0.0.1:1";
  request.body = body;
  return Driver::wrap(world.handle(request));
}

TEST(SignIn, AnswersAsTheIdentityPlatform) {
  World world;
  const auto id = world.options().client_id;
  const std::string scope = "&scope=https%3A%2F%2Fmanagement.azure.com%2F%2F.default";
  const std::string secret = "&client_secret=s3cret~of%2Bthe%2Fsimulator%26co%3D1";
  const auto good =
      sign_in(world, "grant_type=client_credentials&client_id=" + id + secret + scope);
  ASSERT_EQ(good.status, 200) << good.raw.body;
  EXPECT_EQ(good.json["token_type"], "Bearer");
  EXPECT_EQ(good.json["expires_in"], 3599);
  struct Case {
    const char* name;
    std::string body;
    int status;
    const char* error;
    int code;
  };
  for (const auto& bad :
       {Case{"secret",
             "grant_type=client_credentials&client_id=" + id + "&client_secret=x" + scope,
             401,
             "invalid_client",
             7000215},
        Case{"client",
             "grant_type=client_credentials&client_id=x" + secret + scope,
             400,
             "unauthorized_client",
             700016},
        Case{"grant",
             "grant_type=password&client_id=" + id + secret + scope,
             400,
             "unsupported_grant_type",
             70003},
        Case{"scope",
             "grant_type=client_credentials&client_id=" + id + secret + "&scope=all",
             400,
             "invalid_scope",
             1002012},
        Case{"nothing", "", 400, "invalid_request", 900144},
        Case{"no proof",
             "grant_type=client_credentials&client_id=" + id + scope,
             401,
             "invalid_client",
             7000218}}) {
    const auto refused = sign_in(world, bad.body);
    EXPECT_EQ(refused.status, bad.status) << bad.name;
    EXPECT_EQ(refused.json["error"], bad.error) << bad.name;
    EXPECT_EQ(refused.json["error_codes"][0], bad.code) << bad.name;
    EXPECT_TRUE(refused.json["error_description"].get<std::string>().starts_with(
        fmt::format("AADSTS{}:", bad.code)));
  }
  EXPECT_EQ(
      sign_in(world, "grant_type=client_credentials&client_id=" + id + secret + scope, "other")
          .json["error_codes"][0],
      90002);
}

TEST(SignIn, GivesTokensThatExpire) {
  Driver arm;
  EXPECT_EQ(arm.send("GET", kGroup).status, 200);
  arm.world.advance(Milliseconds(3'601'000));
  const auto expired = arm.send("GET", kGroup);
  EXPECT_EQ(expired.status, 401);
  EXPECT_EQ(expired.json["error"]["code"], "ExpiredAuthenticationToken");
}

TEST(SignIn, IsFoundByDiscovery) {
  Driver arm;
  Request request;
  request.method = "GET";
  request.base_url = "https://127.0.0.1:1";
  request.path = "/" + arm.world.options().tenant + "/v2.0/.well-known/openid-configuration";
  const auto found = Driver::wrap(arm.world.handle(request)).json;
  EXPECT_EQ(found["token_endpoint"],
            "https://127.0.0.1:1/" + arm.world.options().tenant + "/oauth2/v2.0/token");
  request.path = "/common/discovery/instance";
  EXPECT_EQ(Driver::wrap(arm.world.handle(request)).json["metadata"][0]["aliases"][0],
            "127.0.0.1:1");
}

TEST(FrontDoor, NamesWhatIsMissing) {
  Driver arm;
  const std::string strange = "/subscriptions/99999999-0000-0000-0000-000000000000";
  EXPECT_EQ(arm.send("GET", strange + "/resourceGroups").json["error"]["code"],
            "SubscriptionNotFound");
  const auto other = "/subscriptions/" + kSubscription +
                     "/resourceGroups/none/providers/Microsoft.Devices/provisioningServices/x-y";
  EXPECT_EQ(arm.send("GET", other).json["error"]["code"], "ResourceGroupNotFound");
  EXPECT_EQ(arm.send("PUT", other, Driver::service_body()).json["error"]["code"],
            "ResourceGroupNotFound");
  EXPECT_EQ(arm.send("GET", kService).json["code"], 404002);
  EXPECT_EQ(arm.send("GET", "/nonsense").status, 404);
  EXPECT_EQ(arm.send("GET", "/").status, 404);
  EXPECT_EQ(arm.send("GET", kService + "/nonsense").status, 404);
}

TEST(FrontDoor, AddsTheUsualHeaders) {
  Driver arm;
  const auto answer = arm.send("GET", kGroup, nullptr, {{"x-ms-correlation-request-id", "mine"}});
  EXPECT_EQ(answer.header("x-ms-correlation-request-id"), "mine");
  EXPECT_FALSE(answer.header("x-ms-request-id").empty());
  EXPECT_TRUE(answer.header("Date").ends_with("GMT"));
  EXPECT_EQ(answer.header("x-ms-ratelimit-remaining-subscription-reads"), "11999");
}

TEST(Groups, AreMadeReadAndDeletedWithWhatIsInThem) {
  Driver arm;
  arm.create();
  const auto fresh = "/subscriptions/" + kSubscription + "/resourceGroups/fresh";
  EXPECT_EQ(arm.send("HEAD", fresh).status, 404);
  EXPECT_EQ(arm.send("PUT", fresh, {{"location", "westus"}}).status, 201);
  EXPECT_EQ(arm.send("HEAD", fresh).status, 204);
  EXPECT_EQ(
      arm.send("GET", "/subscriptions/" + kSubscription + "/resourceGroups").json["value"].size(),
      2U);
  EXPECT_EQ(arm.send("DELETE", kGroup).status, 200);
  EXPECT_EQ(arm.send("GET", kService).json["error"]["code"], "ResourceGroupNotFound");
}

TEST(OtherReads, AnswerInTheirShapes) {
  Driver arm;
  arm.create();
  EXPECT_EQ(
      arm.send("GET", "/subscriptions?api-version=2022-12-01").json["value"][0]["subscriptionId"],
      kSubscription);
  EXPECT_EQ(arm.send("GET", "/tenants?api-version=2022-12-01").json["value"][0]["tenantId"],
            arm.world.options().tenant);
  EXPECT_EQ(
      arm.send("GET", "/subscriptions/" + kSubscription + "?api-version=2022-12-01").json["state"],
      "Enabled");
  EXPECT_EQ(arm.send("GET", kService + "/skus").json["value"][0]["name"], "S1");
  EXPECT_EQ(arm.send("GET", kService + "/privateLinkResources").json["value"], Json::array());
  EXPECT_EQ(arm.send("GET", kService + "/privateEndpointConnections").json, Json::array());
  EXPECT_EQ(arm.send("GET", kService + "/privateEndpointConnections/x").status, 404);
  EXPECT_FALSE(arm.send("GET", "/providers/Microsoft.Devices/operations").json["value"].empty());
}

TEST(IotHubs, AreCreatedReadAndAskedForKeys) {
  Driver arm;
  arm.set("operation-time", "5s");
  const auto path = kGroup + "/providers/Microsoft.Devices/IotHubs/hub-two";
  const auto created =
      arm.send("PUT", path, {{"location", "westus"}, {"sku", {{"name", "S1"}, {"capacity", 1}}}});
  EXPECT_EQ(created.status, 201);
  EXPECT_FALSE(created.json.contains("etag"));
  EXPECT_FALSE(created.json["properties"].contains("hostName"));
  EXPECT_EQ(arm.send("GET", path).json["properties"]["state"], "Activating");
  arm.world.advance(Milliseconds(5000));
  EXPECT_EQ(arm.follow(created.header("Azure-AsyncOperation")).json["status"], "Succeeded");
  EXPECT_EQ(arm.send("GET", path).json["properties"]["hostName"], "hub-two.azure-devices.net");
  const auto keys = arm.send("POST", path + "/listkeys").json["value"];
  ASSERT_EQ(keys.size(), 5U);
  EXPECT_EQ(keys[0]["rights"], "RegistryWrite, ServiceConnect, DeviceConnect");
  EXPECT_EQ(arm.send("POST", path + "/IotHubKeys/service/listkeys").json, keys[1]);
  EXPECT_EQ(arm.send("DELETE", path).status, 202);
  arm.world.advance(Milliseconds(5000));
  const auto missing = arm.send("POST", path + "/listkeys");
  EXPECT_EQ(missing.json["httpStatusCode"], 404) << "a number, unlike DPS";
}

TEST(Seeds, AreWhatStateGives) {
  Driver arm;
  const TestAuthority ca;
  arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  arm.send("PUT",
           kService + "/certificates/c1",
           {{"properties", {{"certificate", ca.pem}, {"isVerified", true}}}});
  const auto state = arm.world.state();
  const auto before = arm.send("GET", kService).json;
  ASSERT_FALSE(arm.world.set_state(state).has_value());
  EXPECT_EQ(arm.world.state(), state);
  EXPECT_EQ(arm.send("GET", kService).json, before);
  EXPECT_NE(state.dump().find("SharedAccessKey=aHVib25l"), std::string::npos) << "secrets in clear";
}

TEST(Seeds, FillInWhatTheyLeaveOut) {
  Driver arm;
  Json service = {{"id", kService}};
  ASSERT_FALSE(
      arm.world.set_state({{"provisioning_services", Json::array({service})}}).has_value());
  const auto live = arm.send("GET", kService).json;
  EXPECT_EQ(live["properties"]["state"], "Active");
  EXPECT_EQ(live["sku"]["name"], "S1");
  EXPECT_FALSE(live["properties"]["idScope"].get<std::string>().empty());
  EXPECT_EQ(arm.keys().size(), 1U);
}

TEST(Seeds, AreRefusedAsAWholeWithTheirPlace) {
  Driver arm;
  arm.create();
  const auto before = arm.world.state();
  struct Case {
    const char* name;
    Json seed;
    const char* says;
  };
  Json bad_hub = {{"id", kService}};
  bad_hub["properties"] = {{"iotHubs", Json::array({{{"connectionString", "x"}}})}};
  Json bad_certificate = {{"id", kService}};
  bad_certificate["certificates"] = Json::array({{{"name", "c"}, {"certificate", "x"}}});
  for (const auto& bad :
       {Case{"unknown member", {{"services", Json::array()}}, "services"},
        Case{"no list", {{"iot_hubs", 1}}, "iot_hubs"},
        Case{"no id", {{"iot_hubs", Json::array({Json::object()})}}, "iot_hubs[0]"},
        Case{"hub", {{"provisioning_services", Json::array({bad_hub})}}, "connectionString"},
        Case{"certificate", {{"provisioning_services", Json::array({bad_certificate})}}, "'c'"}}) {
    const auto fault = arm.world.set_state(bad.seed);
    ASSERT_TRUE(fault.has_value()) << bad.name;
    EXPECT_NE(fault->find(bad.says), std::string::npos) << *fault;
  }
  EXPECT_EQ(arm.world.state(), before);
}

TEST(Seeds, KeepAServiceStuckInItsState) {
  Driver arm;
  Json service = {{"id", kService}};
  service["properties"] = {{"state", "FailingOver"}};
  ASSERT_FALSE(arm.world.plant({{"provisioning_services", Json::array({service})}}).has_value());
  EXPECT_EQ(arm.send("GET", kService).json["properties"]["state"], "FailingOver");
  EXPECT_EQ(arm.send("PATCH", kService, Json::object()).json["code"], 409301);
}

TEST(Edits, AreASecondWriter) {
  Driver arm;
  const TestAuthority ca;
  const auto before = arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  const auto owner = arm.keys()[0];
  ASSERT_FALSE(arm.world.edit(upper(kService), {{"tags", {{"by", "other"}}}}).has_value());
  const auto after = arm.send("GET", kService).json;
  EXPECT_NE(after["etag"], before["etag"]);
  EXPECT_EQ(after["tags"]["by"], "other");
  EXPECT_EQ(after["properties"], before["properties"]);
  EXPECT_EQ(arm.keys()[0], owner);
  EXPECT_EQ(arm.stored_hub(), kHubString);

  arm.send("PUT", kService + "/certificates/c1", {{"properties", {{"certificate", ca.pem}}}});
  const auto certificate = arm.send("GET", kService + "/certificates/c1").json;
  ASSERT_FALSE(
      arm.world.edit(kService + "/certificates/c1", {{"properties", {{"isVerified", true}}}})
          .has_value());
  EXPECT_NE(arm.send("GET", kService + "/certificates/c1").json["etag"], certificate["etag"]);
  ASSERT_FALSE(arm.world.edit(kService + "/certificates/c1", nullptr).has_value());
  EXPECT_EQ(arm.send("GET", kService + "/certificates/c1").status, 404);

  Json policies = Json::array(
      {{{"keyName", "iothubowner"}, {"primaryKey", "bmV3"}, {"rights", "ServiceConnect"}}});
  ASSERT_FALSE(
      arm.world.edit(kHub, {{"properties", {{"authorizationPolicies", policies}}}}).has_value());
  EXPECT_EQ(arm.send("POST", kHub + "/listkeys").json["value"][0]["primaryKey"], "bmV3");
  EXPECT_TRUE(arm.world.edit("/nonsense", Json::object()).has_value());
  EXPECT_TRUE(arm.world.edit(kService, "text").has_value());
  ASSERT_FALSE(arm.world.edit(kService, nullptr).has_value());
  EXPECT_EQ(arm.send("GET", kService).status, 404);
}

TEST(History, HasEveryStateAResourceWasIn) {
  Driver arm;
  const TestAuthority ca;
  const auto start = arm.world.history().size();
  arm.create();
  arm.send("PATCH", kService, {{"tags", {{"a", "1"}}}});
  const auto uploaded =
      arm.send("PUT", kService + "/certificates/c1", {{"properties", {{"certificate", ca.pem}}}});
  arm.send("POST",
           kService + "/certificates/c1/generateVerificationCode",
           nullptr,
           {{"If-Match", uploaded.json["etag"]}});
  arm.send("DELETE", kService);
  const auto history = arm.world.history();
  std::vector<std::string> events;
  for (std::size_t i = start; i < history.size(); ++i) events.push_back(history[i]["event"]);
  EXPECT_EQ(events,
            (std::vector<std::string>{"create-accepted",
                                      "created",
                                      "patched",
                                      "uploaded",
                                      "code-generated",
                                      "delete-accepted",
                                      "deleted"}));
  EXPECT_TRUE(history.back()["document"].is_null());
  EXPECT_FALSE(history[start + 1]["document"]["properties"]["authorizationPolicies"].empty());
  EXPECT_EQ(arm.world.history(history.back()["seq"].get<std::uint64_t>()), Json::array());
}

TEST(RequestLog, RemembersWhatMattersAndNotTheBody) {
  World world;
  Request request;
  request.method = "PUT";
  request.path = kService;
  request.query = "api-version=2022-12-12";
  request.headers = {{"if-match", "E1"}, {"X-MS-Client-Request-Id", "C1"}};
  request.body = R"({"etag":"E2","secret":"hunter2"})";
  request.connection = 4;
  world.log(request, world.now(), 201, "reset/after");
  const auto record = world.requests()[0];
  EXPECT_EQ(record["seq"], 1);
  EXPECT_EQ(record["method"], "PUT");
  EXPECT_EQ(record["status"], 201);
  EXPECT_EQ(record["if_match"], "E1");
  EXPECT_EQ(record["body_etag"], "E2");
  EXPECT_EQ(record["client_request_id"], "C1");
  EXPECT_EQ(record["connection"], 4);
  EXPECT_EQ(record["fault"], "reset/after");
  EXPECT_EQ(record.dump().find("hunter2"), std::string::npos);
  EXPECT_EQ(world.requests(1), Json::array());
  world.forget_requests();
  world.log(request, world.now(), 200, "");
  EXPECT_EQ(world.requests()[0]["seq"], 2) << "numbers go on";
}

TEST(Fleets, AreTheSameForTheSameNumbers) {
  const auto spec = parse_fleet("subs=2,services=3,hubs=2,policies=2,certificates=2,seed=7");
  ASSERT_TRUE(std::holds_alternative<FleetSpec>(spec));
  auto one = make_fleet(std::get<FleetSpec>(spec));
  const auto two = make_fleet(std::get<FleetSpec>(spec));
  EXPECT_EQ(one["iot_hubs"], two["iot_hubs"])
      << "all but the certificates, whose signatures differ";
  EXPECT_EQ(one["provisioning_services"].size(), 6U);
  World world;
  ASSERT_FALSE(world.plant(one).has_value());
  const auto state = world.state();
  EXPECT_EQ(state["subscriptions"].size(), 2U);
  EXPECT_EQ(state["iot_hubs"].size(), 12U);
  EXPECT_EQ(state["provisioning_services"][0]["certificates"].size(), 2U);
  // Links match the hubs' keys.
  const auto text =
      state["provisioning_services"][0]["properties"]["iotHubs"][0]["connectionString"]
          .get<std::string>();
  bool found = false;
  for (const auto& hub : state["iot_hubs"])
    found = found ||
            text.ends_with(
                "SharedAccessKey=" +
                hub["properties"]["authorizationPolicies"][0]["primaryKey"].get<std::string>());
  EXPECT_TRUE(found);
}

TEST(Fleets, AreRefusedWhenMisspelled) {
  for (const char* text : {"", "subs", "subs=x", "clouds=1", "hubs=51", "subs=-1"})
    EXPECT_TRUE(std::holds_alternative<std::string>(parse_fleet(text))) << text;
}

TEST(Fleets, AreWrittenAsManifests) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("simulator-manifests-{}", ::getpid());
  World world;
  ASSERT_FALSE(world.plant(make_fleet({1, 2, 1, 1, 1, 3})).has_value());
  ASSERT_FALSE(write_manifests(world.state(), folder.string()).has_value());
  std::size_t manifests = 0;
  std::size_t certificates = 0;
  std::string text;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") {
      ++manifests;
      std::ifstream file(entry.path());
      std::stringstream all;
      all << file.rdbuf();
      text = all.str();
    }
    if (entry.path().extension() == ".pem") ++certificates;
  }
  std::filesystem::remove_all(folder);
  EXPECT_EQ(manifests, 2U);
  EXPECT_EQ(certificates, 2U);
  EXPECT_NE(text.find("hub: {resourceGroup: iot-"), std::string::npos);
  EXPECT_EQ(text.find("SharedAccessKey="), std::string::npos) << "no secret in a manifest";
}

TEST(Document, DescribesEverySwitch) {
  std::ifstream file(SIMULATOR_DOCUMENT);
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty()) << SIMULATOR_DOCUMENT;
  for (const auto& row : switch_table()) {
    const auto line = fmt::format(
        "| `{}` | `{}` |", row.name, row.name == "supported-api-versions" ? "all" : row.initial);
    EXPECT_NE(text.str().find(line), std::string::npos)
        << "docs/simulator.md lacks the row " << line;
  }
}

}  // namespace
}  // namespace dps::sim

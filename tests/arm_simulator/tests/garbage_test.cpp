// Whatever comes, the world answers with a status below 500 and goes on.
#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

/// Random JSON out of the words that the operations look for.
class Babble {
 public:
  explicit Babble(std::uint64_t seed) : random_(seed) {}

  Json value(int depth) {
    switch (random_.next() % (depth > 3 ? 6 : 9)) {
      case 0:
        return nullptr;
      case 1:
        return true;
      case 2:
        return static_cast<std::int64_t>(random_.next()) % 100;
      case 3:
        return word();
      case 4:
        return kHubString;
      case 5:
        return "";
      case 6: {
        Json list = Json::array();
        for (std::uint64_t i = random_.next() % 3; i > 0; --i) list.push_back(value(depth + 1));
        return list;
      }
      default:
        return object(depth);
    }
  }
  Json object(int depth) {
    Json result = Json::object();
    for (std::uint64_t i = random_.next() % 8; i > 0; --i) result[word()] = value(depth + 1);
    return result;
  }
  std::string word() {
    static const std::vector<std::string> words = {"location",
                                                   "westus",
                                                   "tags",
                                                   "sku",
                                                   "name",
                                                   "S1",
                                                   "capacity",
                                                   "properties",
                                                   "iotHubs",
                                                   "connectionString",
                                                   "hostName",
                                                   "authorizationPolicies",
                                                   "keyName",
                                                   "primaryKey",
                                                   "rights",
                                                   "EnrollmentRead",
                                                   "ipFilterRules",
                                                   "filterName",
                                                   "action",
                                                   "Accept",
                                                   "ipMask",
                                                   "publicNetworkAccess",
                                                   "Enabled",
                                                   "enableDataResidency",
                                                   "etag",
                                                   "certificate",
                                                   "isVerified",
                                                   "allocationWeight",
                                                   "identity",
                                                   "state",
                                                   "privateEndpointConnections",

                                                   "authenticationType"};
    return words[random_.next() % words.size()];
  }
  std::uint64_t pick(std::uint64_t count) { return random_.next() % count; }

 private:
  Random random_;
};

/// A sound body with a piece of it replaced.
Json damaged(Babble& babble) {
  Json body = Driver::service_body({{"iotHubs", Json::array({Driver::hub_entry()})}});
  body["properties"]["authorizationPolicies"] =
      Json::array({{{"keyName", "a"}, {"rights", "DeviceConnect"}}});
  switch (babble.pick(5)) {
    case 0:
      body[babble.word()] = babble.value(0);
      break;
    case 1:
      body["properties"][babble.word()] = babble.value(0);
      break;
    case 2:
      body["properties"]["iotHubs"][0][babble.word()] = babble.value(0);
      break;
    case 3:
      body["properties"]["authorizationPolicies"][0][babble.word()] = babble.value(0);
      break;
    default:
      body = babble.object(0);
      break;
  }
  return body;
}

TEST(Garbage, IsAnsweredBelow500) {
  Driver arm;
  arm.create();
  Babble babble(42);
  const std::vector<std::string> methods = {
      "GET", "PUT", "PATCH", "POST", "DELETE", "HEAD", "BREW"};
  const std::vector<std::string> versions = {
      "2017-11-15", "2020-03-01", "2021-10-15", "2022-12-12"};
  const std::vector<std::string> targets = {
      kService,
      kService + "/certificates/c1",
      kService + "/certificates/c1/verify",
      kHub,
      kGroup,
      kService + "/listkeys",
      kService + "/keys/x/listkeys",
      kService + "/operationresults/x",
      "/subscriptions/" + kSubscription +
          "/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability",
      "/subscriptions/" + kSubscription +
          "/providers/Microsoft.Devices/locations/x/operationResults/y",
      kService + "/certificates",
      kService + "/a/b/c/d/e",
      "//",
      "/subscriptions//x",
      "/providers"};
  for (int i = 0; i < 4000; ++i) {
    arm.version = versions[babble.pick(versions.size())];
    const auto answer = arm.send(i % 2 == 0 ? "PUT" : methods[babble.pick(methods.size())],
                                 i % 4 == 0 ? kService : targets[babble.pick(targets.size())],
                                 damaged(babble));
    ASSERT_GE(answer.status, 200);
    ASSERT_LT(answer.status, 500) << answer.raw.body;
    if (arm.send("GET", kGroup).status == 404) arm.send("PUT", kGroup, {{"location", "westus"}});
  }
  EXPECT_EQ(arm.send("GET",
                     "/subscriptions/" + kSubscription +
                         "/providers/Microsoft.Devices/provisioningServices")
                .status,
            200);
}

TEST(Garbage, InSeedsAndEditsIsRefusedOrTaken) {
  Driver arm;
  arm.create({{"iotHubs", Json::array({Driver::hub_entry()})}});
  Babble babble(43);
  for (int i = 0; i < 2000; ++i) {
    const Json patch = i % 2 == 0 ? damaged(babble) : babble.object(0);
    static_cast<void>(arm.world.edit(i % 3 == 0 ? kHub : kService, patch));
    const auto live = arm.send("GET", kService);
    ASSERT_LT(live.status, 500);
    ASSERT_EQ(arm.world.state()["provisioning_services"].size(), 1U);
  }
}

TEST(Garbage, InNamesIsRefused) {
  Driver arm;
  const std::string subscription = "/subscriptions/" + kSubscription;
  const Json body = {{"location", "westus"}};
  for (const std::string name : {"%FF%FE", "a%2Fb", "a%00b", "dot.", "%C3%A9"}) {
    EXPECT_EQ(arm.send("PUT", subscription + "/resourceGroups/" + name, body).status, 400) << name;
    const auto below = kGroup + "/providers/Microsoft.Devices/";
    EXPECT_EQ(arm.send("PUT", below + "IotHubs/" + name, body).status, 400) << name;
    EXPECT_EQ(arm.send("PUT", below + "provisioningServices/" + name, body).status, 400) << name;
  }
}

TEST(Garbage, NestedDeepIsRefused) {
  Driver arm;
  std::string deep = R"({"location":"westus","properties":)";
  deep += std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_EQ(arm.send("PUT", kService, Json(deep)).status, 400);
}

}  // namespace
}  // namespace dps::sim

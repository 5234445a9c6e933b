#include "reconciler/arm/overlay.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

std::vector<PolicyWithKeys> all_policies() {
  std::vector<PolicyWithKeys> out;
  const auto policies = test::policies();
  for (const auto& policy : policies["value"]) out.push_back(decode_policy(policy));
  return out;
}

LiveService live_service(const Json& document = test::document()) {
  return *decode_service(document, test::kVersion);
}

Json body_of(const ServiceWrite& write, const Json& document = test::document()) {
  const auto body = overlay(live_service(document), all_policies(), write);
  EXPECT_TRUE(body) << (body ? "" : body.error().what);
  return body ? *parse_json(body->reveal()) : Json();
}

// What goes back when nothing changes: the document without the server's own members.
Json untouched() {
  auto out = test::document();
  for (const auto* name : {"id", "name", "type", "systemData", "resourcegroup", "subscriptionid"}) {
    out.erase(name);
  }
  auto& properties = out["properties"];
  for (const auto* name : {"state",
                           "provisioningState",
                           "serviceOperationsHostName",
                           "deviceProvisioningHostName",
                           "portalOperationsHostName",
                           "idScope"}) {
    properties.erase(name);
  }
  for (auto& hub : properties["iotHubs"]) hub.erase("name");
  out["sku"].erase("tier");
  properties["authorizationPolicies"] = test::policies()["value"];
  return out;
}

TEST(Overlay, SendsEverythingBackThatTheServiceDidNotMake) {
  EXPECT_EQ(body_of({}), untouched());
}

TEST(Overlay, KeepsTheEtagInTheBody) {
  EXPECT_EQ(body_of({})["etag"], "AAAA1=");
}

TEST(Overlay, SendsTagsEvenWhenThereAreNone) {
  auto document = test::document();
  document["tags"] = Json::object();
  EXPECT_EQ(body_of({}, document)["tags"], Json::object());
  document.erase("tags");
  EXPECT_EQ(body_of({}, document)["tags"], Json::object());
}

struct FieldCase {
  const char* name;
  std::function<void(ServiceWrite&)> wish;
  std::function<void(Json&)> effect;  // on the untouched body
};

class OverlayField : public testing::TestWithParam<FieldCase> {};

TEST_P(OverlayField, ChangesItsMemberAndNoOther) {
  ServiceWrite write;
  GetParam().wish(write);
  auto expected = untouched();
  GetParam().effect(expected);
  EXPECT_EQ(body_of(write), expected);
}

HubWrite hub(const std::string& host) {
  HubWrite out;
  out.host = host;
  return out;
}
PolicyWrite policy(const std::string& name) {
  PolicyWrite out;
  out.name = name;
  return out;
}
const std::string kHub1 = "Hub-1.azure-devices.net";
const std::string kHub3 = "hub-3.azure-devices.net";

INSTANTIATE_TEST_SUITE_P(
    Fields,
    OverlayField,
    testing::Values(
        FieldCase{"sku_name",
                  [](auto& w) { w.sku_name = "S2"; },
                  [](auto& j) { j["sku"]["name"] = "S2"; }},
        FieldCase{"sku_capacity",
                  [](auto& w) { w.sku_capacity = 3; },
                  [](auto& j) { j["sku"]["capacity"] = 3; }},
        FieldCase{"allocation_policy",
                  [](auto& w) { w.allocation_policy = "Static"; },
                  [](auto& j) { j["properties"]["allocationPolicy"] = "Static"; }},
        FieldCase{"public_network_access",
                  [](auto& w) { w.public_network_access = "Disabled"; },
                  [](auto& j) { j["properties"]["publicNetworkAccess"] = "Disabled"; }},
        FieldCase{"rules_emptied",
                  [](auto& w) { w.ip_filter_rules.emplace(); },
                  [](auto& j) { j["properties"]["ipFilterRules"] = Json::array(); }},
        FieldCase{"rules_in_order_keeping_unknown_members",
                  [](auto& w) {
                    w.ip_filter_rules = {{"lab", "Reject", "1.2.3.0/24", {}},
                                         {"office", "Accept", "10.0.0.0/9", "all"}};
                  },
                  [](auto& j) {
                    j["properties"]["ipFilterRules"] = {
                        {{"filterName", "lab"}, {"action", "Reject"}, {"ipMask", "1.2.3.0/24"}},
                        {{"filterName", "office"},
                         {"action", "Accept"},
                         {"ipMask", "10.0.0.0/9"},
                         {"target", "all"},
                         {"futureRuleMember", "x"}}};
                  }},
        FieldCase{"hub_weight",
                  [](auto& w) {
                    w.hubs = {hub(kHub1)};
                    w.hubs[0].weight = 0;
                  },
                  [](auto& j) { j["properties"]["iotHubs"][0]["allocationWeight"] = 0; }},
        FieldCase{"hub_apply",
                  [](auto& w) {
                    w.hubs = {hub(kHub1)};
                    w.hubs[0].apply = false;
                  },
                  [](auto& j) { j["properties"]["iotHubs"][0]["applyAllocationPolicy"] = false; }},
        FieldCase{"hub_location",
                  [](auto& w) {
                    w.hubs = {hub(kHub1)};
                    w.hubs[0].location = "eastus";
                  },
                  [](auto& j) { j["properties"]["iotHubs"][0]["location"] = "eastus"; }},
        FieldCase{"hub_key",
                  [](auto& w) {
                    w.hubs = {hub(kHub1)};
                    w.hubs[0].connection_string = Secret(test::full(kHub1, "bmV3"));
                  },
                  [](auto& j) {
                    j["properties"]["iotHubs"][0]["connectionString"] = test::full(kHub1, "bmV3");
                  }},
        FieldCase{"hub_removed",
                  [](auto& w) {
                    w.hubs = {hub(kHub1)};
                    w.hubs[0].remove = true;
                  },
                  [](auto& j) { j["properties"]["iotHubs"].erase(0); }},
        FieldCase{"hub_removed_that_is_not_there",
                  [](auto& w) {
                    w.hubs = {hub(kHub3)};
                    w.hubs[0].remove = true;
                  },
                  [](auto&) {}},
        FieldCase{"hub_linked",
                  [](auto& w) {
                    w.hubs = {hub(kHub3)};
                    w.hubs[0].connection_string = Secret(test::full(kHub3, "bmV3"));
                    w.hubs[0].location = "eastus";
                    w.hubs[0].weight = 5;
                  },
                  [](auto& j) {
                    j["properties"]["iotHubs"].push_back(
                        {{"connectionString", test::full(kHub3, "bmV3")},
                         {"location", "eastus"},
                         {"allocationWeight", 5}});
                  }},
        FieldCase{"policy_rights",
                  [](auto& w) {
                    w.policies = {policy("reader")};
                    w.policies[0].rights = lenient_rights("EnrollmentWrite");
                  },
                  [](auto& j) {
                    j["properties"]["authorizationPolicies"][1]["rights"] = "EnrollmentWrite";
                  }},
        FieldCase{
            "policy_key",
            [](auto& w) {
              w.policies = {policy("reader")};
              w.policies[0].secondary = Secret("bmV3");
            },
            [](auto& j) { j["properties"]["authorizationPolicies"][1]["secondaryKey"] = "bmV3"; }},
        FieldCase{"policy_removed",
                  [](auto& w) {
                    w.policies = {policy("reader")};
                    w.policies[0].remove = true;
                  },
                  [](auto& j) { j["properties"]["authorizationPolicies"].erase(1); }},
        FieldCase{"policy_added",
                  [](auto& w) {
                    w.policies = {policy("writer")};
                    w.policies[0].rights = lenient_rights("EnrollmentWrite");
                  },
                  [](auto& j) {
                    j["properties"]["authorizationPolicies"].push_back(
                        {{"keyName", "writer"}, {"rights", "EnrollmentWrite"}});
                  }},
        FieldCase{"tags",
                  [](auto& w) {
                    w.tags_set = {{"ENV", "stage"}, {"new", "1"}};
                    w.tags_removed = {"owner", "not-there"};
                  },
                  [](auto& j) {
                    j["tags"] = {{"env", "stage"}, {"new", "1"}};
                  }}),
    [](const auto& tested) { return tested.param.name; });

TEST(Overlay, LinksTheFirstHub) {
  auto document = test::document();
  document["properties"].erase("iotHubs");
  ServiceWrite write;
  write.hubs = {hub(kHub3)};
  write.hubs[0].connection_string = Secret(test::full(kHub3, "bmV3"));
  write.hubs[0].location = "eastus";
  EXPECT_EQ(body_of(write, document)["properties"]["iotHubs"].size(), 1U);
}

TEST(Overlay, SendsNothingThatTheDocumentOfAnOldVersionLacks) {
  auto document = test::document();
  for (const auto* name : {"ipFilterRules", "publicNetworkAccess", "privateEndpointConnections"}) {
    document["properties"].erase(name);
  }
  const auto body = body_of({}, document);
  EXPECT_FALSE(body["properties"].contains("ipFilterRules"));
  EXPECT_FALSE(body["properties"].contains("publicNetworkAccess"));
}

TEST(Overlay, RefusesWithoutEveryKey) {
  const ServiceWrite write;
  EXPECT_EQ(overlay(live_service(), std::nullopt, write).error().id, "KeysUnreadable");
  for (auto PolicyWithKeys::*key : {&PolicyWithKeys::primary, &PolicyWithKeys::secondary}) {
    auto some = all_policies();
    some[1].*key = Secret();
    const auto refused = overlay(live_service(), some, write);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().id, "KeysUnreadable");
  }
}

TEST(Overlay, NeedsNoKeysOfWhatIsRemovedOrReplaced) {
  auto some = all_policies();
  some[1].primary = Secret();
  ServiceWrite write;
  write.policies = {policy("reader")};
  write.policies[0].remove = true;
  EXPECT_TRUE(overlay(live_service(), some, write));
  write.policies[0].remove = false;
  write.policies[0].primary = Secret("bmV3");
  EXPECT_TRUE(overlay(live_service(), some, write));
}

struct RefusalCase {
  const char* name;
  HubWrite write;
  const char* id;
};

class OverlayRefuses : public testing::TestWithParam<RefusalCase> {};

TEST_P(OverlayRefuses, HubsThatCannotBeLinked) {
  ServiceWrite write;
  write.hubs = {GetParam().write};
  const auto refused = overlay(live_service(), all_policies(), write);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, GetParam().id);
  EXPECT_EQ(refused.error().what.find("bmV3"), std::string::npos);
}

HubWrite link(const std::string& host, const std::string& text, bool location = true) {
  auto out = hub(host);
  out.connection_string = Secret(text);
  if (location) out.location = "eastus";
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Hubs,
    OverlayRefuses,
    testing::Values(
        RefusalCase{"no_credential", hub(kHub3), "HubCredentialMissing"},
        RefusalCase{
            "no_location", link(kHub3, test::full(kHub3, "bmV3"), false), "HubLocationMissing"},
        RefusalCase{"another_host", link(kHub3, test::full("evil", "bmV3")), "BadConnectionString"},
        RefusalCase{"another_host_of_a_linked_one",
                    link(kHub1, test::full("evil", "bmV3")),
                    "BadConnectionString"},
        RefusalCase{"masked", link(kHub3, test::masked(kHub3)), "BadConnectionString"},
        RefusalCase{"nonsense", link(kHub3, "bmV3"), "BadConnectionString"}),
    [](const auto& tested) { return tested.param.name; });

TEST(Overlay, RefusesANewPolicyWithoutRights) {
  ServiceWrite write;
  write.policies = {policy("writer")};
  EXPECT_EQ(overlay(live_service(), all_policies(), write).error().id, "PolicyRightsMissing");
}

TEST(ServiceWrite, KnowsWhenItIsOnlyTags) {
  ServiceWrite write;
  EXPECT_TRUE(write.empty());
  write.tags_set = {{"a", "b"}};
  EXPECT_TRUE(write.only_tags());
  EXPECT_FALSE(write.empty());
  write.sku_capacity = 1;
  EXPECT_FALSE(write.only_tags());
}

ServiceCreate creation() {
  ServiceCreate create;
  create.id = test::kFleet;
  create.location = "westeurope";
  create.sku = {"S1", 1};
  return create;
}

TEST(CreationBody, IsAsSmallAsCanBe) {
  const Json expected = {{"location", "westeurope"},
                         {"properties", Json::object()},
                         {"sku", {{"name", "S1"}, {"capacity", 1}}},
                         {"tags", Json::object()}};
  EXPECT_EQ(*parse_json(creation_body(creation())->reveal()), expected);
}

TEST(CreationBody, CarriesEverything) {
  auto create = creation();
  create.allocation_policy = "GeoLatency";
  create.public_network_access = "Disabled";
  create.ip_filter_rules = {{{"office", "Accept", "10.0.0.0/8", {}}}};
  create.data_residency = true;
  create.hubs = {link(kHub3, test::full(kHub3, "bmV3"))};
  create.policies = {policy("writer")};
  create.policies[0].rights = lenient_rights("EnrollmentWrite");
  create.policies[0].primary = Secret("cDE=");
  create.tags = {{"env", "prod"}};
  const Json expected = {
      {"location", "westeurope"},
      {"properties",
       {{"allocationPolicy", "GeoLatency"},
        {"publicNetworkAccess", "Disabled"},
        {"ipFilterRules",
         {{{"filterName", "office"}, {"action", "Accept"}, {"ipMask", "10.0.0.0/8"}}}},
        {"enableDataResidency", true},
        {"iotHubs", {{{"connectionString", test::full(kHub3, "bmV3")}, {"location", "eastus"}}}},
        {"authorizationPolicies",
         {{{"keyName", "provisioningserviceowner"},
           {"rights", "ServiceConfig, EnrollmentWrite, DeviceConnect"}},
          {{"keyName", "writer"}, {"rights", "EnrollmentWrite"}, {"primaryKey", "cDE="}}}}}},
      {"sku", {{"name", "S1"}, {"capacity", 1}}},
      {"tags", {{"env", "prod"}}}};
  EXPECT_EQ(*parse_json(creation_body(create)->reveal()), expected);
}

}  // namespace
}  // namespace dps::arm

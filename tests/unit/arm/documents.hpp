// documents: ARM documents of one made-up service, for the tests of this folder.
#pragma once

#include <string>

#include "reconciler/arm/client.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/model/service_id.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/scripted_exchange.hpp"

namespace dps::test {

inline const std::string kSubscription = "11111111-2222-3333-4444-555555555555";
inline const ServiceId kFleet{kSubscription, "iot-eu", "fleet-eu"};
inline const std::string kVersion = "2022-12-12";

inline std::string masked(const std::string& host) {
  return "HostName=" + host + ";SharedAccessKeyName=iothubowner;SharedAccessKey=****";
}
inline std::string full(const std::string& host, const std::string& key) {
  return "HostName=" + host + ";SharedAccessKeyName=iothubowner;SharedAccessKey=" + key;
}

/// As a GET shows it: two hubs, tags, members that nobody knows at every depth.
inline Json document(const ServiceId& id = kFleet, const std::string& etag = "AAAA1=") {
  return Json{
      {"etag", etag},
      {"name", id.name},
      {"location", "West Europe"},
      {"properties",
       {{"state", "Active"},
        {"provisioningState", "Succeeded"},
        {"iotHubs",
         {{{"applyAllocationPolicy", true},
           {"allocationWeight", 10},
           {"name", "hub-1.azure-devices.net"},
           {"connectionString", masked("hub-1.azure-devices.net")},
           {"location", "westeurope"},
           {"authenticationType", "KeyBased"},
           {"futureHubMember", {{"deep", 1}}}},
          {{"name", "hub-2.azure-devices.net"},
           {"connectionString", masked("hub-2.azure-devices.net")},
           {"location", "North Europe"}}}},
        {"allocationPolicy", "Hashed"},
        {"serviceOperationsHostName", id.name + ".azure-devices-provisioning.net"},
        {"deviceProvisioningHostName", "global.azure-devices-provisioning.net"},
        {"portalOperationsHostName", id.name + ".services.azure-devices-provisioning.net"},
        {"idScope", "0ne00000001"},
        {"ipFilterRules",
         {{{"filterName", "office"},
           {"action", "Accept"},
           {"ipMask", "10.0.0.0/8"},
           {"target", "all"},
           {"futureRuleMember", "x"}}}},
        {"publicNetworkAccess", "Enabled"},
        {"privateEndpointConnections",
         {{{"name", "endpoint"}, {"properties", {{"futureEndpointMember", true}}}}}},
        {"futureProperty", {{"list", {1, 2, {{"deeper", nullptr}}}}}}}},
      {"resourcegroup", id.resource_group},
      {"type", "Microsoft.Devices/provisioningServices"},
      {"id", id.path()},
      {"subscriptionid", id.subscription},
      {"tags", {{"env", "prod"}, {"Owner", "team"}}},
      {"sku", {{"name", "S1"}, {"tier", "Standard"}, {"capacity", 1}, {"futureSkuMember", "y"}}},
      {"systemData", {{"createdBy", "someone"}}},
      {"futureTopMember", "z"}};
}

inline Json policies() {
  return Json{{"value",
               {{{"keyName", "provisioningserviceowner"},
                 {"primaryKey", "b3duZXIx"},
                 {"secondaryKey", "b3duZXIy"},
                 {"rights", "ServiceConfig, EnrollmentWrite, DeviceConnect"},
                 {"futurePolicyMember", 7}},
                {{"keyName", "reader"},
                 {"primaryKey", "cmVhZGVyMQ=="},
                 {"secondaryKey", "cmVhZGVyMg=="},
                 {"rights", "EnrollmentRead"}}}}};
}

inline std::string provider_error(int code, const std::string& message) {
  return Json{{"code", code}, {"httpStatusCode", "Whatever"}, {"message", message}}.dump();
}
inline std::string gateway_error(const std::string& code, const std::string& message = "no") {
  return Json{{"error", {{"code", code}, {"message", message}}}}.dump();
}
inline http::Answer missing() {
  return answer(404, provider_error(404002, "IotHub 'fleet-eu' not found under ResourceGroup"));
}
inline http::Answer page(const Json& values, const std::string& next = {}) {
  Json body{{"value", values}};
  if (!next.empty()) body["nextLink"] = next;
  return answer(200, body.dump());
}

/// A client over a script: no pipeline, no network, no time.
struct ScriptedArm {
  ScriptedExchange wire;
  ManualClock clock;
  arm::ClientMemory memory;
  std::vector<arm::Notice> notices;
  arm::Client client{wire,
                     clock,
                     memory,
                     {*arm::cloud_named("public"),
                      "pass-1",
                      std::chrono::minutes{5},
                      [this](const arm::Notice& notice) { notices.push_back(notice); }}};
};

}  // namespace dps::test

// A client for tests of the World without sockets: signs in by itself, sends, gives answers as
// JSON.
#pragma once

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/arm_simulator/text.hpp"
#include "tests/arm_simulator/world.hpp"
#include "tests/arm_simulator/x509.hpp"

namespace dps::sim {

using Json = nlohmann::ordered_json;

struct Answer {
  int status = 0;
  Response raw;
  Json json;
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(raw.header(name));
  }
};

inline const std::string kSubscription = "11111111-2222-3333-4444-555555555555";
inline const std::string kGroup = "/subscriptions/" + kSubscription + "/resourceGroups/rg";
inline const std::string kService =
    kGroup + "/providers/Microsoft.Devices/provisioningServices/dps-one";
inline const std::string kHub = kGroup + "/providers/Microsoft.Devices/IotHubs/hub-one";
inline const std::string kHubString =
    "HostName=hub-one.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=aHVib25l";

class Driver {
 public:
  /// A subscription with a group and an IoT hub; no service.
  Driver() {
    Json seed;
    seed["subscriptions"] = Json::array({kSubscription});
    seed["resource_groups"] = Json::array({{{"id", kGroup}, {"location", "westus"}}});
    Json policy = {
        {"keyName", "iothubowner"}, {"primaryKey", "aHVib25l"}, {"secondaryKey", "aHVidHdv"}};
    policy["rights"] = "RegistryWrite, ServiceConnect, DeviceConnect";
    Json hub = {{"id", kHub}, {"location", "westus"}};
    hub["properties"] = {{"authorizationPolicies", Json::array({policy})}};
    seed["iot_hubs"] = Json::array({hub});
    const auto fault = world.set_state(seed);
    EXPECT_FALSE(fault.has_value()) << fault.value_or("");
  }

  void set(std::string_view name, std::string_view value) {
    const auto fault = world.set_switch(name, value);
    ASSERT_FALSE(fault.has_value()) << fault.value_or("");
  }

  std::string token() {
    const auto& identity = world.options();
    Request request;
    request.method = "POST";
    request.path = "/" + identity.tenant + "/oauth2/v2.0/token";
    request.base_url = "http://arm.test";
    request.body =
        fmt::format("grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
                    identity.client_id,
                    "s3cret~of%2Bthe%2Fsimulator%26co%3D1",
                    "https%3A%2F%2Fmanagement.azure.com%2F.default");
    return Json::parse(world.handle(request).body).at("access_token").get<std::string>();
  }

  /// `target`: path with or without query; api-version is added where it lacks.
  Answer send(const std::string& method,
              const std::string& target,
              const Json& body = nullptr,
              Headers headers = {}) {
    if (token_.empty()) token_ = token();
    Request request;
    request.method = method;
    const auto question = target.find('?');
    request.path = target.substr(0, question);
    request.query =
        question == std::string::npos ? "api-version=" + version : target.substr(question + 1);
    request.base_url = "http://arm.test";
    request.headers = std::move(headers);
    request.headers.emplace_back("Authorization", "Bearer " + token_);
    if (!body.is_null()) request.body = body.is_string() ? body.get<std::string>() : body.dump();
    return wrap(world.handle(request));
  }

  /// GET of an absolute URL that an answer gave.
  Answer follow(const std::string& url) {
    EXPECT_TRUE(url.starts_with("http://arm.test/")) << url;
    return send("GET", url.substr(std::string("http://arm.test").size()));
  }

  static Answer wrap(Response response) {
    Answer answer;
    answer.status = response.status;
    answer.json =
        response.body.empty() ? Json(nullptr) : Json::parse(response.body, nullptr, false);
    answer.raw = std::move(response);
    return answer;
  }

  static Json service_body(Json properties = Json::object()) {
    Json body = {{"location", "westus"}};
    body["properties"] = std::move(properties);
    body["sku"] = {{"name", "S1"}, {"capacity", 1}};
    return body;
  }

  static Json hub_entry(const std::string& text = kHubString) {
    return {{"connectionString", text}, {"location", "westus"}};
  }

  /// Creates the service (at rest afterwards when operation-time is 0s) and gives its GET.
  Json create(Json properties = Json::object()) {
    const auto created = send("PUT", kService, service_body(std::move(properties)));
    EXPECT_EQ(created.status, 201) << created.raw.body;
    return send("GET", kService).json;
  }

  Json keys() { return send("POST", kService + "/listkeys").json.at("value"); }
  /// Its hub's connection string with the secret, as GET /state shows it.
  std::string stored_hub() {
    return world.state()["provisioning_services"][0]["properties"]["iotHubs"][0]["connectionString"]
        .get<std::string>();
  }
  /// What a PUT of everything that GET shows would send.
  Json read_back() {
    Json body = send("GET", kService).json;
    return body;
  }

  World world;
  std::string version = "2022-12-12";

 private:
  std::string token_;
};

/// A CA and leaves of it, made once for all tests.
struct TestAuthority {
  KeyPair key;
  std::string pem;
  explicit TestAuthority(const std::string& name = "Test CA") {
    pem = issue({name, Purpose::Authority, 7, from(), until(), {}}, key, key);
    name_ = name;
  }
  [[nodiscard]] std::string leaf(const std::string& common_name,
                                 TimePoint not_before,
                                 TimePoint not_after) const {
    const KeyPair leaf_key;
    return issue({common_name, Purpose::Leaf, 8, not_before, not_after, name_}, leaf_key, key);
  }
  [[nodiscard]] std::string leaf(const std::string& common_name) const {
    return leaf(common_name, from(), until());
  }
  static TimePoint from() { return std::chrono::system_clock::now() - std::chrono::hours(24); }
  static TimePoint until() {
    return std::chrono::system_clock::now() + std::chrono::hours(24 * 30);
  }

 private:
  std::string name_;
};

}  // namespace dps::sim

#include "tests/end_to_end/walk_scene.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reconciler/model/bookkeeping.hpp"
#include "tests/arm_simulator/rights.hpp"
#include "tests/arm_simulator/x509.hpp"

namespace dps::lab {
namespace {

// Base64 of 32 bytes, as ARM makes them.
std::string made_key(char letter) {
  return std::string(42, letter) + "A=";
}

SimJson base_manifest(bool network) {
  SimJson spec = {
      {"location", "westeurope"},
      {"sku", {{"name", "S1"}, {"capacity", 1}}},
      {"allocationPolicy", "GeoLatency"},
      {"tags", {{"env", "prod"}, {"Team", "iot"}}},
      {"linkedHubs",
       {{{"hostName", kHub1},
         {"location", "westeurope"},
         {"allocationWeight", 10},
         {"applyAllocationPolicy", true},
         {"credential",
          {{"hub", {{"resourceGroup", "rg"}, {"policy", "iothubowner"}, {"key", "primary"}}}}}},
        {{"hostName", kHub2},
         {"location", "North Europe"},
         {"allocationWeight", 5},
         {"credential", {{"connectionString", {{"env", "HUB_2"}}}}}}}},
      {"sharedAccessPolicies",
       {{{"name", "writer"}, {"rights", {"EnrollmentRead"}}},
        {{"name", "reader"},
         {"rights", {"RegistrationStatusRead"}},
         {"keys", {{"primary", {{"env", "READER_1"}}}, {"secondary", {{"env", "READER_2"}}}}}}}}};
  if (network) {
    spec["publicNetworkAccess"] = "Enabled";
    spec["ipFilterRules"] = {
        {{"name", "office"}, {"action", "Accept"}, {"mask", "10.0.0.0/8"}, {"target", "all"}},
        {{"name", "plant"}, {"action", "Accept"}, {"mask", "192.168.0.0/16"}},
        {{"name", "rest"}, {"action", "Reject"}, {"mask", "0.0.0.0/0"}, {"target", "deviceApi"}}};
    spec["dataResidency"] = false;
  }
  return {
      {"apiVersion", "dps-reconciler/v1"},
      {"kind", "ProvisioningService"},
      {"metadata", {{"name", "fleet"}, {"resourceGroup", "rg"}, {"subscription", kSubscription}}},
      {"spec", spec},
      {"lifecycle", {{"unlisted", {{"linkedHubs", "keep"}, {"sharedAccessPolicies", "keep"}}}}}};
}

const std::string& a_ca() {
  static const std::string pem = [] {
    const sim::KeyPair key;
    sim::Issue wish;
    wish.common_name = "Factory CA";
    wish.not_before = sim::TimePoint(std::chrono::seconds(1'600'000'000));
    wish.not_after = sim::TimePoint(std::chrono::seconds(2'600'000'000));
    return sim::issue(wish, key, key);
  }();
  return pem;
}

void gather(const SimJson& value, std::set<std::string>& into) {
  if (value.is_object()) {
    for (const auto& [name, child] : value.items()) {
      if ((name == "primaryKey" || name == "secondaryKey") && child.is_string()) {
        into.insert(child.get<std::string>());
      } else {
        gather(child, into);
      }
    }
  } else if (value.is_array()) {
    for (const auto& child : value) gather(child, into);
  } else if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (const auto at = text.find("SharedAccessKey="); at != text.npos) {
      into.insert(text.substr(at + std::string_view("SharedAccessKey=").size()));
    }
  }
}

std::string host_of(const SimJson& hub) {
  const auto text = hub.value("connectionString", std::string());
  return text.substr(std::string_view("HostName=").size(),
                     text.find(';') - std::string_view("HostName=").size());
}

void sort_by(SimJson& list, const std::function<std::string(const SimJson&)>& key) {
  std::vector<SimJson> all(list.begin(), list.end());
  std::stable_sort(all.begin(), all.end(), [&](const SimJson& left, const SimJson& right) {
    return key(left) < key(right);
  });
  list = all;
}

void differ(const SimJson& expected,
            const SimJson& actual,
            const std::string& path,
            std::vector<std::string>& out) {
  if (expected == actual) return;
  if (expected.is_object() && actual.is_object()) {
    std::set<std::string> names;
    for (const auto& [name, value] : expected.items()) names.insert(name);
    for (const auto& [name, value] : actual.items()) names.insert(name);
    for (const auto& name : names) {
      const auto below = path + "/" + name;
      if (!actual.contains(name)) {
        out.push_back(below + " is lost, was " + expected.at(name).dump());
      } else if (!expected.contains(name)) {
        out.push_back(below + " appeared: " + actual.at(name).dump());
      } else {
        differ(expected.at(name), actual.at(name), below, out);
      }
    }
    return;
  }
  if (expected.is_array() && actual.is_array() && expected.size() == actual.size()) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      differ(expected[i], actual[i], fmt::format("{}/{}", path, i), out);
    }
    return;
  }
  if (expected == "*" && actual.is_string() && !actual.get<std::string>().empty()) return;
  out.push_back(fmt::format("{}: {} expected, {} found", path, expected.dump(), actual.dump()));
}

}  // namespace

std::string text_of(const Settings& settings) {
  std::string out;
  for (const auto& [name, value] : settings) {
    out += (out.empty() ? "" : " ") + name + "=" + value;
  }
  return out.empty() ? "as they come" : out;
}

bool has(const Settings& settings, std::string_view name, std::string_view value) {
  return std::any_of(settings.begin(), settings.end(), [&](const Setting& one) {
    return one.name == name && one.value == value;
  });
}

Scene::Scene(std::string version, const Settings& settings, const Change& base)
    : version_(std::move(version)), manifest_(base_manifest(version_ >= "2020-03-01")) {
  lab.settings.capabilities = *capabilities_of(version_);
  for (const auto& [name, value] : settings) lab.set_switch(name, value);
  lab.plant(
      {{"iot_hubs", SimJson::array({{{"id", hub_path("hub-4")}, {"location", "westeurope"}}})}});
  set_variable("HUB_2", connection("hub-2"));
  set_variable("READER_1", made_key('r'));
  set_variable("READER_2", made_key('s'));
  if (base) base(manifest_);
  rewrite({});
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Created), 1U) << "the service could not be made";
  furnish();
  snapshot_ = document();
  lab.forget_requests();
}

// What a service has beside what the manifest says: other people's, and newer than we are.
void Scene::furnish() {
  auto now = document();
  SimJson hubs = now.at("properties").at("iotHubs");
  hubs[0]["newerHubMember"] = {{"list", {1, 2.5, nullptr}}, {"text", "ä\u2028"}};
  hubs.push_back({{"connectionString", connection("hub-3", "service", "secondaryKey")},
                  {"location", "East US 2"},
                  {"newerHubMember", "of others"}});
  SimJson policies = now.at("properties").at("authorizationPolicies");
  entry(policies, "keyName", "reader")["newerPolicyMember"] = {1, nullptr};
  policies.push_back({{"keyName", "legacy"},
                      {"newerPolicyMember", {{"a", true}}},
                      {"primaryKey", made_key('l')},
                      {"secondaryKey", made_key('m')},
                      {"rights", "ServiceConfig, DeviceConnect"}});
  SimJson properties = {{"iotHubs", hubs},
                        {"authorizationPolicies", policies},
                        {"newerSetting", {{"deep", {{"list", {1, -2, 0.125, "x", true}}}}}}};
  if (can("2020-03-01")) {
    properties["privateEndpointConnections"] = {
        {{"id", service_path("fleet") + "/privateEndpointConnections/pe-1"},
         {"name", "pe-1"},
         {"properties",
          {{"privateEndpoint", {{"id", "/subscriptions/s/x"}}},
           {"privateLinkServiceConnectionState", {{"status", "Approved"}}}}}}};
  }
  lab.edit(
      service_path("fleet"),
      {{"tags", {{"created-by", "policy"}, {"hidden-title", "Fleet"}, {"Cost-Center", "4711"}}},
       {"zones", {"1", "2"}},
       {"newerTopMember", {{"a", 1}}},
       {"properties", properties},
       {"certificates",
        {{{"name", "factory-ca"},
          {"properties", {{"certificate", a_ca()}, {"isVerified", true}}}}}}});
}

void Scene::rewrite(const Change& change) {
  if (change) change(manifest_);
  lab.manifest("fleet.yaml", manifest_.dump(2) + "\n");
}

void Scene::meddle(const Change& change) {
  auto wanted = document();
  change(wanted);
  SimJson patch = {{"properties", wanted.at("properties")}, {"sku", wanted.at("sku")}};
  patch["location"] = wanted.at("location");
  patch["tags"] = wanted.at("tags");
  const auto now = document();
  const auto gone = [](const SimJson& from, const SimJson& to, SimJson& into) {
    for (const auto& [name, value] : from.items()) {
      if (!to.contains(name)) into[name] = nullptr;
    }
  };
  gone(now.at("tags"), wanted.at("tags"), patch["tags"]);
  gone(now.at("properties"), wanted.at("properties"), patch["properties"]);
  secrets();  // the keys of the past are secrets as well
  lab.edit(service_path("fleet"), patch);
}

void Scene::rotate_hub_keys(const std::string& hub) {
  secrets();
  auto policies = lab.hub(hub).at("properties").at("authorizationPolicies");
  for (auto& policy : policies) {
    policy["primaryKey"] = "";
    policy["secondaryKey"] = "";
  }
  lab.edit(hub_path(hub), {{"properties", {{"authorizationPolicies", policies}}}});
}

std::string Scene::connection(const std::string& hub,
                              const std::string& policy,
                              const std::string& which) {
  const auto found = lab.hub(hub);
  for (const auto& key : found.at("properties").at("authorizationPolicies")) {
    if (key.at("keyName") != policy) continue;
    return fmt::format("HostName={}.azure-devices.net;SharedAccessKeyName={};SharedAccessKey={}",
                       hub,
                       policy,
                       key.at(which).get<std::string>());
  }
  ADD_FAILURE() << hub << " has no policy " << policy;
  return {};
}

void Scene::set_variable(const std::string& name, const std::string& value) {
  variables_[name] = value;
  gather(value, secrets_);
  if (value.find('=') == value.size() - 1) secrets_.insert(value);
  lab.variable(name, value);
}

std::set<std::string> Scene::secrets() {
  gather(lab.state(), secrets_);
  return secrets_;
}

SimJson comparable(SimJson document) {
  document.erase("etag");
  auto& tags = document["tags"];
  SimJson kept = SimJson::object();
  for (const auto& [name, value] : tags.items()) {
    if (!is_bookkeeping_tag(name)) kept[name] = value;
  }
  tags = kept;
  auto& properties = document["properties"];
  sort_by(properties["iotHubs"], host_of);
  for (auto& hub : properties["iotHubs"]) {
    // Shown by the simulator in every hub, and kept by it when it comes back.
    if (hub.value("authenticationType", std::string()) == "KeyBased") {
      hub.erase("authenticationType");
    }
  }
  sort_by(properties["authorizationPolicies"],
          [](const SimJson& policy) { return policy.at("keyName").get<std::string>(); });
  for (auto& policy : properties["authorizationPolicies"]) {
    const auto rights = sim::parse_rights(policy.at("rights").get<std::string>());
    policy["rights"] = sim::rights_text(rights.value_or(0), sim::Switches());
  }
  return document;
}

std::string difference(const SimJson& expected, const SimJson& actual) {
  std::vector<std::string> all;
  differ(comparable(expected), comparable(actual), "", all);
  std::string out;
  for (std::size_t i = 0; i < all.size() && i < 6; ++i) out += all[i] + "\n";
  return out;
}

SimJson& entry(SimJson& list, const char* member, const std::string& name) {
  for (auto& one : list) {
    if (one.at(member) == name) return one;
  }
  ADD_FAILURE() << "no entry is named " << name;
  static SimJson nothing;
  return nothing;
}

void remove_entry(SimJson& list, const char* member, const std::string& name) {
  SimJson kept = SimJson::array();
  for (const auto& one : list) {
    if (one.at(member) != name) kept.push_back(one);
  }
  EXPECT_LT(kept.size(), list.size()) << "no entry is named " << name;
  list = kept;
}

SimJson& hub_in(SimJson& document, const std::string& host) {
  for (auto& hub : document["properties"]["iotHubs"]) {
    if (host_of(hub) == host) return hub;
  }
  ADD_FAILURE() << "hub " << host << " is not linked";
  static SimJson nothing;
  return nothing;
}

SimJson& policy_in(SimJson& document, const std::string& name) {
  return entry(document["properties"]["authorizationPolicies"], "keyName", name);
}

void remove_hub(SimJson& document, const std::string& host) {
  auto& hubs = document["properties"]["iotHubs"];
  SimJson kept = SimJson::array();
  for (const auto& hub : hubs) {
    if (host_of(hub) != host) kept.push_back(hub);
  }
  EXPECT_LT(kept.size(), hubs.size()) << "hub " << host << " is not linked";
  hubs = kept;
}

void remove_policy(SimJson& document, const std::string& name) {
  remove_entry(document["properties"]["authorizationPolicies"], "keyName", name);
}

}  // namespace dps::lab

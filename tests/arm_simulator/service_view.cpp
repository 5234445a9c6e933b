#include "tests/arm_simulator/service_view.hpp"

#include "tests/arm_simulator/policies.hpp"

namespace dps::sim {

namespace {
constexpr std::string_view kDeviceHost = "global.azure-devices-provisioning.net";

const Json* find_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool known_property(std::string_view name) {
  return name == "iotHubs" || name == "allocationPolicy" || name == "ipFilterRules" ||
         name == "publicNetworkAccess" || name == "privateEndpointConnections" ||
         name == "enableDataResidency";
}

Json hub_view(const Json& hub, bool with_name, bool in_clear, bool with_authentication) {
  Json view = Json::object();
  for (const char* first : {"applyAllocationPolicy", "allocationWeight"})
    if (const auto* value = find_in(hub, first)) view[first] = *value;
  const auto* text = find_in(hub, "connectionString");
  if (text != nullptr && text->is_string()) {
    const auto whole = text->get<std::string>();
    const auto parts = parse_connection_string(whole);
    if (with_name && parts) view["name"] = parts->host_name;
    view["connectionString"] = in_clear ? whole : masked(whole);
  } else if (const auto* host = find_in(hub, "hostName"); host != nullptr && with_name) {
    view["name"] = *host;
  }
  for (const auto& [name, value] : hub.items())
    if (!view.contains(name)) view[name] = value;
  if (with_authentication && !view.contains("authenticationType"))
    view["authenticationType"] = "KeyBased";
  return view;
}

Json hubs_view(const Json& hubs, bool with_name, bool in_clear, bool with_authentication) {
  Json list = Json::array();
  for (const auto& hub : hubs)
    list.push_back(hub_view(hub, with_name, in_clear, with_authentication));
  return list;
}

/// The members that a version shows beside the ones that every version has.
void add_network(Json& view, const Json& properties, const Version& version) {
  const auto add = [&](bool known, const char* name) {
    const auto* value = find_in(properties, name);
    if (known && value != nullptr) view[name] = *value;
  };
  add(version.network, "publicNetworkAccess");
  add(version.ip_filter, "ipFilterRules");
  add(version.network, "privateEndpointConnections");
}

void add_tail(Json& view, const Service& service, const Json& document) {
  view["resourcegroup"] = service.group;
  view["type"] = "Microsoft.Devices/provisioningServices";
  view["id"] = service_id(service);
  view["subscriptionid"] = service.subscription;
  view["tags"] = document.at("tags");
  view["sku"] = document.at("sku");
}

enum class Shown { New, Old };

Json view_of(const State& state, const Service& service, const Version& version, Shown shown) {
  const bool old = shown == Shown::Old;
  const auto& content = old && service.previous ? *service.previous : service.content;
  const auto& document = content.document;
  const auto& properties = document.at("properties");
  const bool activating = service.state == "Activating";
  Json view = Json::object();
  if (!activating) view["etag"] = counter_etag(content.etag);
  view["name"] = service.name;
  view["location"] = document.at("location");
  Json inner = Json::object();
  inner["state"] = old && !activating ? "Active" : service.state;
  if (version.provisioning_state)
    inner["provisioningState"] = old && !activating ? "Succeeded" : service.provisioning_state;
  add_network(inner, properties, version);
  inner["iotHubs"] = hubs_view(
      properties.at("iotHubs"), true, false, state.switches.is("hub-authentication-type", "shown"));
  inner["allocationPolicy"] = properties.at("allocationPolicy");
  if (activating) {
    inner["idScope"] = nullptr;
  } else {
    inner["serviceOperationsHostName"] = service.name + ".azure-devices-provisioning.net";
    inner["deviceProvisioningHostName"] = kDeviceHost;
    inner["idScope"] = service.id_scope;
    if (version.name >= "2022-12-12" && state.switches.is("portal-host", "shown"))
      inner["portalOperationsHostName"] = service.name + ".services.azure-devices-provisioning.net";
  }
  if (const auto* residency = find_in(properties, "enableDataResidency");
      residency != nullptr && version.data_residency)
    inner["enableDataResidency"] = *residency;
  for (const auto& [name, value] : properties.items())
    if (!known_property(name)) inner[name] = value;
  view["properties"] = std::move(inner);
  add_tail(view, service, document);
  for (const auto& [name, value] : document.items())
    if (!view.contains(name)) view[name] = value;
  return view;
}
}  // namespace

Json service_view(const State& state, const Service& service, const Version& version) {
  const bool old = !service.operation.empty() && state.switches.is("transition-view", "old");
  return view_of(state, service, version, old ? Shown::Old : Shown::New);
}

Json put_answer(const Service& service, const Json& body, const Call& call, const State& state) {
  const auto& document = service.content.document;
  const auto& properties = document.at("properties");
  const auto& sent = body.at("properties");
  Json view = Json::object();
  if (const auto* etag = find_in(body, "etag"); etag != nullptr && etag->is_string())
    view["etag"] = *etag;
  view["name"] = service.name;
  view["location"] = document.at("location");
  Json inner = {{"state", service.state}, {"provisioningState", "Accepted"}};
  add_network(inner, properties, *call.version);
  if (const auto* hubs = find_in(sent, "iotHubs"); hubs != nullptr && hubs->is_array())
    inner["iotHubs"] =
        hubs_view(properties.at("iotHubs"), call.version->hub_name_in_put_answer, true, false);
  inner["allocationPolicy"] = properties.at("allocationPolicy");
  inner["idScope"] = nullptr;
  if (const auto* residency = find_in(properties, "enableDataResidency");
      residency != nullptr && call.version->data_residency)
    inner["enableDataResidency"] = *residency;
  // Masked strings come back masked: the answer knows what was sent, not what is stored.
  if (const auto hubs = inner.find("iotHubs"); hubs != inner.end())
    for (std::size_t i = 0; i < hubs->size() && i < sent.at("iotHubs").size(); ++i) {
      const auto* text = find_in(sent.at("iotHubs")[i], "connectionString");
      if (text == nullptr || !text->is_string()) continue;
      const auto parts = parse_connection_string(text->get<std::string>());
      if (parts && parts->key == kStars)
        (*hubs)[i]["connectionString"] = masked(text->get<std::string>());
    }
  if (const auto* policies = find_in(sent, "authorizationPolicies");
      policies != nullptr && policies->is_array())
    inner["authorizationPolicies"] = policies_json(service.content.policies, state.switches);
  view["properties"] = std::move(inner);
  add_tail(view, service, document);
  return view;
}

}  // namespace dps::sim

#include "tests/arm_simulator/hubs.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/operations.hpp"

namespace dps::sim {

namespace {
Json hub_view(const Hub& hub, const State& state) {
  Json view = {{"id", hub_id(hub)},
               {"name", hub.name},
               {"type", "Microsoft.Devices/IotHubs"},
               {"location", hub.document.at("location")},
               {"tags", hub.document.at("tags")},
               {"subscriptionid", hub.subscription},
               {"resourcegroup", hub.group},
               {"etag", counter_etag(hub.etag)}};
  const auto running = state.operations.find(hub.operation);
  const bool deleting =
      running != state.operations.end() && running->second.kind == OperationKind::DeleteHub;
  const bool busy = !hub.operation.empty();
  Json properties = {
      {"locations",
       Json::array({{{"location", hub.document.at("location")}, {"role", "primary"}}})},
      {"state",
       deleting ? "Deleting"
       : busy   ? "Activating"
                : "Active"},
      {"provisioningState",
       deleting ? "Deleting"
       : busy   ? "Accepted"
                : "Succeeded"},
      {"hostName", hub.host_name}};
  for (const auto& [name, value] : hub.document.at("properties").items())
    if (!properties.contains(name)) properties[name] = value;
  view["properties"] = std::move(properties);
  for (const auto& [name, value] : hub.document.items())
    if (!view.contains(name)) view[name] = value;
  return view;
}

Json policy_json(const HubPolicy& policy) {
  return {{"keyName", policy.name},
          {"primaryKey", policy.primary},
          {"secondaryKey", policy.secondary},
          {"rights", policy.rights}};
}

/// IoT hub says its HTTP status as a number, unlike DPS.
Response hub_error(State& state, int status, int code, std::string_view message) {
  return json_answer(status,
                     {{"code", code},
                      {"httpStatusCode", status},
                      {"message", provider_message(state, code, message)}});
}

Response hub_missing(State& state, const Call& call) {
  return hub_error(
      state,
      404,
      404002,
      fmt::format("IotHub '{}' not found under ResourceGroup '{}' and Subscription '{}'.",
                  call.name(),
                  call.group(),
                  call.subscription()));
}

Response list_hubs(State& state, const std::string& prefix) {
  Json value = Json::array();
  for (auto at = state.hubs.lower_bound(prefix + "/");
       at != state.hubs.end() && at->first.starts_with(prefix + "/");
       ++at)
    value.push_back(hub_view(at->second, state));
  return json_answer(200, {{"value", std::move(value)}});
}

bool hub_name_is_sound(std::string_view name) {
  return name.size() >= 3 && name.size() <= 50 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-';
         });
}

Response put_hub(State& state, const Call& call) {
  if (!hub_name_is_sound(call.name()))
    return hub_error(state, 400, 400305, "The name of the IoT hub is not valid.");
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  const auto location = body.json.find("location");
  if (location == body.json.end() || !location->is_string())
    return gateway_error(
        400, "LocationRequired", "The location property is required for this definition.");
  const auto key = call.resource_key();
  const auto found = state.hubs.find(key);
  const bool created = found == state.hubs.end();
  Hub hub;
  if (found != state.hubs.end()) {
    hub = found->second;
    if (!hub.operation.empty())
      return hub_error(state, 409, 409002, "The IoT hub is not currently in Active state.");
    const auto wanted = trim(call.request.header("If-Match"));
    if (!wanted.empty() && wanted != "*" && wanted != counter_etag(hub.etag))
      return hub_error(state, 412, 412001, "Precondition failed: Invalid ETag supplied.");
  } else {
    const auto host = lower(call.name()) + ".azure-devices.net";
    if (state.hub_hosts.contains(host))
      return hub_error(
          state, 409, 409004, fmt::format("IotHub name '{}' is not available.", call.name()));
    const auto& group = state.groups.at(group_key(call.subscription(), call.group()));
    hub.subscription = group.subscription;
    hub.group = group.name;
    hub.name = call.name();
    hub.host_name = call.name() + ".azure-devices.net";
    hub.policies = default_hub_policies(state);
  }
  Json properties = Json::object();
  if (const auto sent = body.json.find("properties"); sent != body.json.end() && sent->is_object())
    properties = *sent;
  if (const auto policies = properties.find("authorizationPolicies");
      policies != properties.end() && policies->is_array()) {
    std::vector<HubPolicy> replaced;
    for (const auto& policy : *policies) {
      if (!policy.is_object()) return hub_error(state, 400, 400004, "A policy must be an object.");
      const auto text = [&policy](const char* name) {
        const auto at = policy.find(name);
        return at != policy.end() && at->is_string() ? at->get<std::string>() : std::string();
      };
      HubPolicy parsed{text("keyName"), text("primaryKey"), text("secondaryKey"), text("rights")};
      if (parsed.name.empty()) return hub_error(state, 400, 400004, "keyName is missing.");
      if (parsed.primary.empty()) parsed.primary = state.random.key();
      if (parsed.secondary.empty()) parsed.secondary = state.random.key();
      replaced.push_back(std::move(parsed));
    }
    hub.policies = std::move(replaced);
  }
  for (const char* own :
       {"authorizationPolicies", "hostName", "state", "provisioningState", "locations"})
    properties.erase(own);
  Json document = {{"location", *location}, {"tags", Json::object()}};
  if (const auto tags = body.json.find("tags"); tags != body.json.end() && tags->is_object())
    document["tags"] = *tags;
  document["sku"] = {{"name", "S1"}, {"tier", "Standard"}, {"capacity", 1}};
  if (const auto sku = body.json.find("sku"); sku != body.json.end() && sku->is_object()) {
    document["sku"] = *sku;
    document["sku"]["tier"] = "Standard";
  }
  document["properties"] = std::move(properties);
  hub.document = std::move(document);
  hub.etag = state.next_counter();
  auto& stored = add_hub(state, std::move(hub));
  const auto started = start_operation(state,
                                       call,
                                       OperationKind::PutHub,
                                       key,
                                       hub_id(stored),
                                       location->get<std::string>(),
                                       std::nullopt);
  stored.operation = started.id;
  auto view = hub_view(stored, state);
  for (const char* later : {"locations", "hostName"}) view["properties"].erase(later);
  if (created) view.erase("etag");
  auto response = json_answer(201, view);
  response.set("Azure-AsyncOperation", started.status_url);
  settle(state, call.now);
  return response;
}

Response delete_hub(State& state, const Call& call) {
  const auto found = state.hubs.find(call.resource_key());
  if (found == state.hubs.end()) return empty_answer(204);
  if (!found->second.operation.empty())
    return hub_error(state, 409, 409002, "The IoT hub is not currently in Active state.");
  const auto started = start_operation(state,
                                       call,
                                       OperationKind::DeleteHub,
                                       found->first,
                                       hub_id(found->second),
                                       found->second.document.at("location").get<std::string>(),
                                       std::nullopt);
  found->second.operation = started.id;
  auto response = json_answer(202, nullptr);
  response.set("Azure-AsyncOperation", started.status_url);
  response.set("Location", started.location_url);
  response.set("Retry-After", "15");
  settle(state, call.now);
  return response;
}

Response one_key(State& state, const Hub& hub, std::string_view name) {
  for (const auto& policy : hub.policies)
    if (equal_ignoring_case(policy.name, name)) return json_answer(200, policy_json(policy));
  return hub_error(state, 404, 404003, fmt::format("Key '{}' not found in '{}'.", name, hub.name));
}
}  // namespace

std::vector<HubPolicy> default_hub_policies(State& state) {
  const auto policy = [&state](const char* name, const char* rights) {
    return HubPolicy{name, state.random.key(), state.random.key(), rights};
  };
  return {policy("iothubowner", "RegistryWrite, ServiceConnect, DeviceConnect"),
          policy("service", "ServiceConnect"),
          policy("device", "DeviceConnect"),
          policy("registryRead", "RegistryRead"),
          policy("registryReadWrite", "RegistryWrite")};
}

Response serve_hubs(State& state, const Call& call) {
  const auto& segments = call.segments;
  const auto& method = call.request.method;
  const auto no_such = [] {
    return gateway_error(404, "InvalidResourceType", "The resource type could not be found.");
  };
  if (segments.size() == 5 && method == "GET")
    return list_hubs(state, subscription_key(call.subscription()));
  if (segments.size() == 7 && method == "GET")
    return list_hubs(state, group_key(call.subscription(), call.group()));
  if (segments.size() == 8 && method == "PUT") return put_hub(state, call);
  if (segments.size() == 8 && method == "DELETE") return delete_hub(state, call);
  if (segments.size() < 8) return no_such();
  const auto found = state.hubs.find(call.resource_key());
  if (found == state.hubs.end()) return hub_missing(state, call);
  const auto& hub = found->second;
  if (segments.size() == 8 && method == "GET") return json_answer(200, hub_view(hub, state));
  if (segments.size() == 9 && segments[8] == "listkeys" && method == "POST") {
    Json value = Json::array();
    for (const auto& policy : hub.policies) value.push_back(policy_json(policy));
    return json_answer(200, {{"value", std::move(value)}});
  }
  if (segments.size() == 11 && segments[8] == "iothubkeys" && segments[10] == "listkeys" &&
      method == "POST")
    return one_key(state, hub, call.at(9));
  return no_such();
}

}  // namespace dps::sim

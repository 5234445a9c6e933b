#include "tests/arm_simulator/resources.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/seed.hpp"

namespace dps::sim {

namespace {
Json subscription_view(const State& state, const Subscription& subscription) {
  return {{"id", "/subscriptions/" + subscription.id},
          {"subscriptionId", subscription.id},
          {"tenantId", state.identity().tenant},
          {"displayName", subscription.display_name},
          {"state", "Enabled"},
          {"subscriptionPolicies",
           {{"locationPlacementId", "Public_2014-09-01"},
            {"quotaId", "PayAsYouGo_2014-09-01"},
            {"spendingLimit", "Off"}}},
          {"authorizationSource", "RoleBased"}};
}

Json group_view(const ResourceGroup& group) {
  return {{"id", group_id(group)},
          {"name", group.name},
          {"type", "Microsoft.Resources/resourceGroups"},
          {"location", group.location},
          {"tags", group.tags},
          {"properties", {{"provisioningState", "Succeeded"}}}};
}

bool group_name_is_sound(std::string_view name) {
  return !name.empty() && name.size() <= 90 && name.back() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.' || c == '(' || c == ')';
         });
}

Response put_group(State& state, const Call& call) {
  if (!group_name_is_sound(call.group()))
    return gateway_error(400, "InvalidResourceGroup", "The name of the group is not valid.");
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  const auto location = body.json.find("location");
  if (location == body.json.end() || !location->is_string())
    return gateway_error(
        400, "LocationRequired", "The location property is required for this definition.");
  const auto key = group_key(call.subscription(), call.group());
  const auto found = state.groups.find(key);
  ResourceGroup group;
  if (found != state.groups.end()) {
    group = found->second;
  } else {
    group.subscription = state.subscriptions.at(subscription_key(call.subscription())).id;
    group.name = call.group();
    group.location = region(location->get<std::string>());
  }
  group.tags = Json::object();
  if (const auto tags = body.json.find("tags"); tags != body.json.end() && tags->is_object())
    group.tags = *tags;
  state.groups.insert_or_assign(key, group);
  return json_answer(found == state.groups.end() ? 201 : 200, group_view(group));
}

Response delete_group(State& state, const std::string& key) {
  std::vector<std::string> inside;
  for (const auto& [at, service] : state.services)
    if (at.starts_with(key + "/")) inside.push_back(at);
  for (const auto& at : inside) {
    remember_gone(state, service_id(state.services.at(at)), "deleted");
    remove_service(state, at);
  }
  inside.clear();
  for (const auto& [at, hub] : state.hubs)
    if (at.starts_with(key + "/")) inside.push_back(at);
  for (const auto& at : inside) remove_hub(state, at);
  state.groups.erase(key);
  return empty_answer(200);
}
}  // namespace

Response subscription_missing(std::string_view subscription) {
  return gateway_error(404,
                       "SubscriptionNotFound",
                       fmt::format("The subscription '{}' could not be found.", subscription));
}

Response group_missing(std::string_view group) {
  return gateway_error(
      404, "ResourceGroupNotFound", fmt::format("Resource group '{}' could not be found.", group));
}

Response serve_tenants(const State& state) {
  return json_answer(200,
                     {{"value",
                       Json::array({{{"id", "/tenants/" + state.identity().tenant},
                                     {"tenantId", state.identity().tenant},
                                     {"displayName", "Simulated tenant"}}})}});
}

Response list_subscriptions(const State& state) {
  Json value = Json::array();
  for (const auto& [key, subscription] : state.subscriptions)
    value.push_back(subscription_view(state, subscription));
  const auto count = value.size();
  return json_answer(
      200, {{"value", std::move(value)}, {"count", {{"type", "Total"}, {"value", count}}}});
}

Response get_subscription(const State& state, const Call& call) {
  return json_answer(
      200, subscription_view(state, state.subscriptions.at(subscription_key(call.subscription()))));
}

Response serve_groups(State& state, const Call& call) {
  const auto& method = call.request.method;
  if (call.segments.size() == 3) {
    if (method != "GET") return gateway_error(405, "MethodNotAllowed", "Only GET is allowed here.");
    const auto prefix = subscription_key(call.subscription()) + "/";
    Json value = Json::array();
    for (auto at = state.groups.lower_bound(prefix);
         at != state.groups.end() && at->first.starts_with(prefix);
         ++at)
      value.push_back(group_view(at->second));
    return json_answer(200, {{"value", std::move(value)}});
  }
  if (method == "PUT") return put_group(state, call);
  const auto key = group_key(call.subscription(), call.group());
  const auto found = state.groups.find(key);
  if (found == state.groups.end()) return group_missing(call.group());
  if (method == "GET") return json_answer(200, group_view(found->second));
  if (method == "HEAD") return empty_answer(204);
  if (method == "DELETE") return delete_group(state, key);
  return gateway_error(405, "MethodNotAllowed", "The method is not allowed here.");
}

Response serve_provider(State& state, const Call& call) {
  auto& subscription = state.subscriptions.at(subscription_key(call.subscription()));
  if (call.segments.size() == 5 && call.segments[4] == "register" &&
      call.request.method == "POST") {
    subscription.registered = true;
    if (state.switches.is("provider-registered", "no"))
      static_cast<void>(state.switches.set("provider-registered", "yes"));
  }
  Json api_versions = Json::array();
  for (const auto& version : versions())
    if (state.switches.holds("supported-api-versions", version.name))
      api_versions.push_back(version.name);
  const bool registered =
      subscription.registered && state.switches.is("provider-registered", "yes");
  return json_answer(
      200,
      {{"id", "/subscriptions/" + subscription.id + "/providers/Microsoft.Devices"},
       {"namespace", "Microsoft.Devices"},
       {"resourceTypes",
        Json::array({{{"resourceType", "ProvisioningServices"},
                      {"locations", Json::array({"West US", "East US", "West Europe"})},
                      {"apiVersions", api_versions}},
                     {{"resourceType", "IotHubs"},
                      {"locations", Json::array({"West US", "East US", "West Europe"})},
                      {"apiVersions", Json::array({"2023-06-30"})}}})},
       {"registrationState", registered ? "Registered" : "NotRegistered"}});
}

Response list_operations() {
  Json value = Json::array();
  for (const char* name : {"read", "write", "delete", "listkeys/action"})
    value.push_back({{"name", fmt::format("Microsoft.Devices/provisioningServices/{}", name)},
                     {"display",
                      {{"provider", "Microsoft Devices"},
                       {"resource", "ProvisioningServices"},
                       {"operation", name}}}});
  return json_answer(200, {{"value", std::move(value)}});
}

Response cloud_metadata(const State& state, const Call& call) {
  const auto& base = call.request.base_url;
  const Json cloud = {{"name", "Simulated"},
                      {"resourceManager", base},
                      {"authentication",
                       {{"loginEndpoint", base},
                        {"audiences", Json::array({base, "https://management.azure.com/"})},
                        {"tenant", state.identity().tenant},
                        {"identityProvider", "AAD"}}},
                      {"suffixes", Json::object()}};
  if (call.api_version >= "2019-05-01") return json_answer(200, Json::array({cloud}));
  return json_answer(200, cloud);
}

}  // namespace dps::sim

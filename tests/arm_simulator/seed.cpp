#include "tests/arm_simulator/seed.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/hubs.hpp"
#include "tests/arm_simulator/identities.hpp"
#include "tests/arm_simulator/policies.hpp"

namespace dps::sim {

namespace {
std::string text_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json object_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

struct Place {
  std::string subscription;
  std::string group;
  std::string name;
};

/// From `id`, or from subscriptionid, resourcegroup and name.
std::optional<Place> place_of(const Json& entry) {
  const auto parts = split(text_at(entry, "id"), '/');
  if (parts.size() >= 9 && equal_ignoring_case(parts[1], "subscriptions") &&
      equal_ignoring_case(parts[3], "resourceGroups"))
    return Place{parts[2], parts[4], parts[8]};
  Place place{
      text_at(entry, "subscriptionid"), text_at(entry, "resourcegroup"), text_at(entry, "name")};
  if (place.subscription.empty() || place.group.empty() || place.name.empty()) return std::nullopt;
  return place;
}

std::optional<std::string> plant_subscription(State& state, const Json& entry) {
  Subscription subscription;
  if (entry.is_string()) {
    subscription.id = entry.get<std::string>();
  } else if (entry.is_object()) {
    subscription.id = text_at(entry, "subscriptionId");
    if (subscription.id.empty()) subscription.id = text_at(entry, "id");
    if (subscription.id.starts_with("/subscriptions/")) subscription.id.erase(0, 15);
    subscription.display_name = text_at(entry, "displayName");
    subscription.tenant = text_at(entry, "tenantId");
    if (const auto found = entry.find("registered"); found != entry.end() && found->is_boolean())
      subscription.registered = found->get<bool>();
  }
  if (subscription.id.empty()) return "a subscription needs a subscriptionId";
  if (subscription.display_name.empty()) subscription.display_name = "Simulated subscription";
  state.subscriptions.insert_or_assign(subscription_key(subscription.id), subscription);
  return std::nullopt;
}

}  // namespace

Json certificate_seed(const Certificate& certificate) {
  Json properties = {{"certificate", certificate.content},
                     {"isVerified", certificate.verified},
                     {"created", rfc1123(certificate.created)},
                     {"updated", rfc1123(certificate.updated)},
                     {"thumbprint", certificate.facts.thumbprint},
                     {"subject", certificate.facts.common_name},
                     {"expiry", rfc1123(certificate.facts.not_after)}};
  if (!certificate.verification_code.empty())
    properties["verificationCode"] = certificate.verification_code;
  return {{"name", certificate.name}, {"etag", certificate.etag}, {"properties", properties}};
}

Json service_seed(const Service& service, const Switches& switches) {
  const auto& document = service.content.document;
  Json seed = {{"id", service_id(service)},
               {"name", service.name},
               {"type", "Microsoft.Devices/provisioningServices"},
               {"subscriptionid", service.subscription},
               {"resourcegroup", service.group},
               {"etag", counter_etag(service.content.etag)}};
  for (const auto& [name, value] : document.items())
    if (name != "properties") seed[name] = value;
  Json properties = {{"state", service.state}, {"provisioningState", service.provisioning_state}};
  for (const auto& [name, value] : document.at("properties").items()) properties[name] = value;
  properties["idScope"] = service.id_scope;
  Json policies = Json::array();
  for (const auto& policy : service.content.policies)
    policies.push_back(policy_json(policy, switches));
  properties["authorizationPolicies"] = std::move(policies);
  seed["properties"] = std::move(properties);
  Json certificates = Json::array();
  for (const auto& certificate : service.certificates)
    certificates.push_back(certificate_seed(certificate));
  seed["certificates"] = std::move(certificates);
  return seed;
}

Json hub_seed(const Hub& hub) {
  Json seed = {{"id", hub_id(hub)},
               {"name", hub.name},
               {"type", "Microsoft.Devices/IotHubs"},
               {"subscriptionid", hub.subscription},
               {"resourcegroup", hub.group},
               {"etag", counter_etag(hub.etag)}};
  for (const auto& [name, value] : hub.document.items())
    if (name != "properties") seed[name] = value;
  Json properties = {{"hostName", hub.host_name}};
  const auto own = hub.document.find("properties");
  if (own != hub.document.end())
    for (const auto& [name, value] : own->items()) properties[name] = value;
  Json policies = Json::array();
  for (const auto& policy : hub.policies)
    policies.push_back({{"keyName", policy.name},
                        {"primaryKey", policy.primary},
                        {"secondaryKey", policy.secondary},
                        {"rights", policy.rights}});
  properties["authorizationPolicies"] = std::move(policies);
  seed["properties"] = std::move(properties);
  return seed;
}

Json group_seed(const ResourceGroup& group) {
  return {{"id", group_id(group)},
          {"name", group.name},
          {"location", group.location},
          {"tags", group.tags}};
}

Json world_seed(const State& state) {
  Json subscriptions = Json::array();
  for (const auto& [key, subscription] : state.subscriptions) {
    subscriptions.push_back({{"subscriptionId", subscription.id},
                             {"displayName", subscription.display_name},
                             {"registered", subscription.registered}});
    if (!subscription.tenant.empty()) subscriptions.back()["tenantId"] = subscription.tenant;
  }
  Json groups = Json::array();
  for (const auto& [key, group] : state.groups) groups.push_back(group_seed(group));
  Json hubs = Json::array();
  for (const auto& [key, hub] : state.hubs) hubs.push_back(hub_seed(hub));
  Json services = Json::array();
  for (const auto& [key, service] : state.services)
    services.push_back(service_seed(service, state.switches));
  Json seed = {{"subscriptions", std::move(subscriptions)},
               {"resource_groups", std::move(groups)},
               {"iot_hubs", std::move(hubs)},
               {"provisioning_services", std::move(services)}};
  // The one of the greeting, as it is from the start, needs no mention.
  constexpr std::size_t kPlain = 3;
  const bool plain =
      state.identities.size() == 1 && identity_seed(state.identity()).size() == kPlain;
  if (!plain) {
    seed["identities"] = Json::array();
    for (const auto& identity : state.identities)
      seed["identities"].push_back(identity_seed(identity));
  }
  return seed;
}

std::optional<std::string> plant_group(State& state, const Json& entry) {
  if (!entry.is_object()) return "a resource group must be an object";
  const auto parts = split(text_at(entry, "id"), '/');
  ResourceGroup group;
  if (parts.size() >= 5) {
    group.subscription = parts[2];
    group.name = parts[4];
  } else {
    group.subscription = text_at(entry, "subscription");
    if (group.subscription.empty()) group.subscription = text_at(entry, "subscriptionid");
    group.name = text_at(entry, "name");
  }
  if (group.subscription.empty() || group.name.empty())
    return "a resource group needs an id, or subscription and name";
  group.location = text_at(entry, "location");
  if (group.location.empty()) group.location = "westeurope";
  group.tags = object_at(entry, "tags");
  if (!state.subscriptions.contains(subscription_key(group.subscription)))
    if (auto fault = plant_subscription(state, Json(group.subscription))) return fault;
  state.groups.insert_or_assign(group_key(group.subscription, group.name), group);
  return std::nullopt;
}
std::optional<std::string> plant_certificate(State& state, Service& service, const Json& entry) {
  if (!entry.is_object()) return "a certificate must be an object";
  Certificate certificate;
  certificate.name = text_at(entry, "name");
  if (certificate.name.empty()) {
    const auto parts = split(text_at(entry, "id"), '/');
    certificate.name = parts.back();
  }
  if (certificate.name.empty()) return "a certificate needs a name";
  const Json properties = entry.contains("properties") ? object_at(entry, "properties") : entry;
  certificate.content = text_at(properties, "certificate");
  auto known = state.read_certificates.find(certificate.content);
  if (known == state.read_certificates.end()) {
    const auto facts = read_certificate(certificate.content);
    if (!facts) return fmt::format("certificate '{}' cannot be read", certificate.name);
    if (state.read_certificates.size() > 1000) state.read_certificates.clear();
    known = state.read_certificates.emplace(certificate.content, *facts).first;
  }
  certificate.facts = known->second;
  if (const auto found = properties.find("isVerified");
      found != properties.end() && found->is_boolean())
    certificate.verified = found->get<bool>();
  certificate.created = from_rfc1123(text_at(properties, "created")).value_or(state.now());
  certificate.updated = from_rfc1123(text_at(properties, "updated")).value_or(state.now());
  certificate.verification_code = text_at(properties, "verificationCode");
  certificate.etag = text_at(entry, "etag");
  if (certificate.etag.empty()) certificate.etag = new_certificate_etag(state);
  auto& all = service.certificates;
  const auto same = std::find_if(all.begin(), all.end(), [&](const Certificate& other) {
    return equal_ignoring_case(other.name, certificate.name);
  });
  if (same != all.end())
    *same = std::move(certificate);
  else
    all.push_back(std::move(certificate));
  return std::nullopt;
}

std::optional<std::string> plant_service(State& state, const Json& entry) {
  if (!entry.is_object()) return "a provisioning service must be an object";
  const auto place = place_of(entry);
  if (!place)
    return "a provisioning service needs an id, or subscriptionid, resourcegroup and name";
  if (const auto taken = state.service_names.find(lower(place->name));
      taken != state.service_names.end()) {
    const auto& other = state.services.at(taken->second);
    if (!equal_ignoring_case(other.subscription, place->subscription) ||
        !equal_ignoring_case(other.group, place->group))
      return fmt::format("two provisioning services are named '{}'; names are global", place->name);
  }
  Service service;
  service.subscription = place->subscription;
  service.group = place->group;
  service.name = place->name;
  Json properties = object_at(entry, "properties");

  Json document = Json::object();
  for (const auto& [name, value] : entry.items())
    if (name != "id" && name != "name" && name != "type" && name != "subscriptionid" &&
        name != "resourcegroup" && name != "etag" && name != "properties" && name != "certificates")
      document[name] = value;
  if (text_at(document, "location").empty()) document["location"] = "westeurope";
  if (!document.contains("tags") || !document["tags"].is_object())
    document["tags"] = Json::object();
  if (!document.contains("sku") || !document["sku"].is_object())
    document["sku"] = {{"name", "S1"}, {"tier", "Standard"}, {"capacity", 1}};

  if (const auto text = text_at(properties, "state"); !text.empty()) service.state = text;
  if (const auto text = text_at(properties, "provisioningState"); !text.empty())
    service.provisioning_state = text;
  service.id_scope = text_at(properties, "idScope");
  if (service.id_scope.empty()) service.id_scope = new_id_scope(state);

  Json policies = Json::array();
  if (const auto found = properties.find("authorizationPolicies"); found != properties.end())
    policies = *found;
  for (const char* own : {"state",
                          "provisioningState",
                          "idScope",
                          "authorizationPolicies",
                          "serviceOperationsHostName",
                          "deviceProvisioningHostName",
                          "portalOperationsHostName"})
    properties.erase(own);
  if (!properties.contains("iotHubs") || !properties["iotHubs"].is_array())
    properties["iotHubs"] = Json::array();
  for (auto& hub : properties["iotHubs"]) {
    const auto parts =
        hub.is_object() ? parse_connection_string(text_at(hub, "connectionString")) : std::nullopt;
    const bool keyless = hub.is_object() && !text_at(hub, "hostName").empty();
    if (!parts && !keyless)
      return fmt::format("a hub of '{}' lacks a whole connectionString", place->name);
    hub.erase("name");
    if (text_at(hub, "location").empty()) hub["location"] = text_at(document, "location");
  }
  if (text_at(properties, "allocationPolicy").empty()) properties["allocationPolicy"] = "Hashed";
  document["properties"] = std::move(properties);
  service.content.document = std::move(document);

  if (!policies.is_array())
    return fmt::format("authorizationPolicies of '{}' must be a list", place->name);
  for (const auto& policy : policies) {
    if (!policy.is_object() || text_at(policy, "keyName").empty())
      return fmt::format("a policy of '{}' lacks its keyName", place->name);
    const auto rights = parse_rights(text_at(policy, "rights"));
    if (!rights) return fmt::format("policy '{}' has unknown rights", text_at(policy, "keyName"));
    Policy parsed{text_at(policy, "keyName"),
                  text_at(policy, "primaryKey"),
                  text_at(policy, "secondaryKey"),
                  *rights,
                  other_members(policy)};
    if (parsed.primary.empty()) parsed.primary = state.random.key();
    if (parsed.secondary.empty()) parsed.secondary = state.random.key();
    service.content.policies.push_back(std::move(parsed));
  }
  if (policies.empty() && !object_at(entry, "properties").contains("authorizationPolicies"))
    service.content.policies.push_back(default_policy(state));

  const auto etag = from_counter_etag(text_at(entry, "etag"));
  service.content.etag = etag ? *etag : state.next_counter();
  state.last_counter = std::max(state.last_counter, service.content.etag);

  if (const auto certificates = entry.find("certificates"); certificates != entry.end()) {
    if (!certificates->is_array())
      return fmt::format("certificates of '{}' must be a list", place->name);
    for (const auto& certificate : *certificates)
      if (auto fault = plant_certificate(state, service, certificate))
        return fmt::format("{} (of '{}')", *fault, place->name);
  }
  ensure_group(
      state, service.subscription, service.group, text_at(service.content.document, "location"));
  add_service(state, std::move(service));
  return std::nullopt;
}

std::optional<std::string> plant_hub(State& state, const Json& entry) {
  if (!entry.is_object()) return "an IoT hub must be an object";
  const auto place = place_of(entry);
  if (!place) return "an IoT hub needs an id, or subscriptionid, resourcegroup and name";
  Hub hub;
  hub.subscription = place->subscription;
  hub.group = place->group;
  hub.name = place->name;
  Json properties = object_at(entry, "properties");
  hub.host_name = text_at(properties, "hostName");
  if (hub.host_name.empty()) hub.host_name = place->name + ".azure-devices.net";
  Json policies = Json::array();
  if (const auto found = properties.find("authorizationPolicies"); found != properties.end())
    policies = *found;
  if (!policies.is_array())
    return fmt::format("authorizationPolicies of hub '{}' must be a list", place->name);
  for (const auto& policy : policies) {
    if (!policy.is_object() || text_at(policy, "keyName").empty())
      return fmt::format("a policy of hub '{}' lacks its keyName", place->name);
    HubPolicy parsed{text_at(policy, "keyName"),
                     text_at(policy, "primaryKey"),
                     text_at(policy, "secondaryKey"),
                     text_at(policy, "rights")};
    if (parsed.primary.empty()) parsed.primary = state.random.key();
    if (parsed.secondary.empty()) parsed.secondary = state.random.key();
    if (parsed.rights.empty()) parsed.rights = "ServiceConnect";
    hub.policies.push_back(std::move(parsed));
  }
  if (hub.policies.empty()) hub.policies = default_hub_policies(state);
  for (const char* own : {"hostName", "authorizationPolicies", "state", "provisioningState"})
    properties.erase(own);
  Json document = Json::object();
  for (const auto& [name, value] : entry.items())
    if (name != "id" && name != "name" && name != "type" && name != "subscriptionid" &&
        name != "resourcegroup" && name != "etag" && name != "properties")
      document[name] = value;
  if (text_at(document, "location").empty()) document["location"] = "westeurope";
  if (!document.contains("tags") || !document["tags"].is_object())
    document["tags"] = Json::object();
  if (!document.contains("sku"))
    document["sku"] = {{"name", "S1"}, {"tier", "Standard"}, {"capacity", 1}};
  document["properties"] = std::move(properties);
  hub.document = std::move(document);
  const auto etag = from_counter_etag(text_at(entry, "etag"));
  hub.etag = etag ? *etag : state.next_counter();
  state.last_counter = std::max(state.last_counter, hub.etag);
  ensure_group(state, hub.subscription, hub.group, text_at(hub.document, "location"));
  add_hub(state, std::move(hub));
  return std::nullopt;
}

std::optional<std::string> plant(State& state, const Json& seed) {
  if (!seed.is_object()) return "a seed must be a JSON object";
  using Planter = std::optional<std::string> (*)(State&, const Json&);
  const std::pair<const char*, Planter> lists[] = {{"identities", plant_identity},
                                                   {"subscriptions", plant_subscription},
                                                   {"resource_groups", plant_group},
                                                   {"iot_hubs", plant_hub},
                                                   {"provisioning_services", plant_service}};
  for (const auto& [name, value] : seed.items())
    if (std::none_of(std::begin(lists), std::end(lists), [&](const auto& list) {
          return name == list.first;
        }))
      return fmt::format(
          "a seed has no '{}'; it has identities, subscriptions, resource_groups, iot_hubs and "
          "provisioning_services",
          name);
  for (const auto& [name, planter] : lists) {
    const auto list = seed.find(name);
    if (list == seed.end()) continue;
    if (!list->is_array()) return fmt::format("{} must be a list", name);
    for (std::size_t i = 0; i < list->size(); ++i)
      if (auto fault = planter(state, (*list)[i]))
        return fmt::format("{}[{}]: {}", name, i, *fault);
  }
  constexpr std::size_t kRemembered = 2000;  // a benchmark's fleet would only fill the memory
  if (state.services.size() + state.hubs.size() <= kRemembered) {
    for (const auto& [key, hub] : state.hubs) remember(state, hub, "seeded");
    for (const auto& [key, service] : state.services) {
      remember(state, service, "seeded");
      for (const auto& certificate : service.certificates)
        remember(state, service, certificate, "seeded");
    }
  }
  return std::nullopt;
}

void clear_world(State& state) {
  const auto& own = state.identities.front();
  state.identities = {
      Identity{own.tenant, own.client_id, own.client_secret, {}, {}, {}, {}, {}, {}, {}}};
  state.subscriptions.clear();
  state.groups.clear();
  state.hubs.clear();
  state.services.clear();
  state.service_names.clear();
  state.hub_hosts.clear();
  state.operations.clear();
  state.running.clear();
  state.ended.clear();
  state.history.clear();
}

}  // namespace dps::sim

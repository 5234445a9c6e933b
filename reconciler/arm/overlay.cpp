#include "reconciler/arm/overlay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/connection_string.hpp"

namespace dps::arm {
namespace {

constexpr std::string_view kBuiltInPolicy = "provisioningserviceowner";
constexpr std::string_view kBuiltInRights = "ServiceConfig, EnrollmentWrite, DeviceConnect";

template <std::size_t size>
void drop(Json& object, const std::array<std::string_view, size>& names) {
  if (!object.is_object()) return;
  for (auto at = object.begin(); at != object.end();) {
    const bool dropped = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return equal_ignoring_case(name, at.key());
    });
    at = dropped ? object.erase(at) : std::next(at);
  }
}

void drop_what_the_server_makes(Json& document) {
  constexpr std::array<std::string_view, 6> kTop = {
      "id", "name", "type", "systemData", "resourcegroup", "subscriptionid"};
  constexpr std::array<std::string_view, 7> kProperties = {"state",
                                                           "provisioningState",
                                                           "serviceOperationsHostName",
                                                           "deviceProvisioningHostName",
                                                           "portalOperationsHostName",
                                                           "idScope",
                                                           "deviceRegistryNamespaces"};
  constexpr std::array<std::string_view, 1> kSku = {"tier"};
  constexpr std::array<std::string_view, 1> kHub = {"name"};
  constexpr std::array<std::string_view, 3> kIdentity = {"principalId", "tenantId", "clientId"};
  drop(document, kTop);
  if (document.contains("sku")) drop(document["sku"], kSku);
  if (document.contains("identity")) {
    auto& identity = document["identity"];
    drop(identity, kIdentity);
    if (identity.is_object() && identity.contains("userAssignedIdentities")) {
      auto& assigned = identity["userAssignedIdentities"];
      if (assigned.is_object()) {
        for (auto& [id, value] : assigned.items()) drop(value, kIdentity);
      }
    }
  }
  auto& properties = document["properties"];
  drop(properties, kProperties);
  if (properties.contains("iotHubs") && properties["iotHubs"].is_array()) {
    for (auto& hub : properties["iotHubs"]) {
      // Were it all that tells which hub this is, it would be the service's own fault; it stays.
      if (hub.contains("connectionString") || hub.contains("hostName")) drop(hub, kHub);
    }
  }
}

// By the name that GET shows, else by what the connection string or the keyless link says.
std::string host_of(const Json& hub) {
  if (auto name = text_member(hub, "name"); !name.empty()) return name;
  if (const auto connection = parse_connection_string(text_member(hub, "connectionString"))) {
    return connection->host_name;
  }
  return text_member(hub, "hostName");
}

Json rule_json(const IpFilterRule& rule) {
  Json out = {{"filterName", rule.name}, {"action", rule.action}, {"ipMask", rule.mask}};
  if (rule.target) out["target"] = *rule.target;
  return out;
}

// A rule that stays keeps the members that we do not know, and a target that is not managed.
Json rules_json(const std::vector<IpFilterRule>& rules, const Json& live) {
  Json out = Json::array();
  for (const auto& rule : rules) {
    Json entry = Json::object();
    for (const auto& old : live) {
      if (text_member(old, "filterName") == rule.name) entry = old;
    }
    entry.update(rule_json(rule));
    out.push_back(std::move(entry));
  }
  return out;
}

Result<void> check_connection(const HubWrite& write) {
  const auto connection = parse_connection_string(write.connection_string->reveal());
  if (!connection) return fail(in_context("hub " + printable(write.host, 100), connection.error()));
  if (!equal_ignoring_case(connection->host_name, write.host)) {
    return fail(give_up("BadConnectionString",
                        fmt::format("the connection string of hub {} is that of another host",
                                    printable(write.host, 100)),
                        "let the credential name a connection string of this hub"));
  }
  if (connection->masked()) {
    return fail(give_up(
        "BadConnectionString",
        fmt::format("the connection string of hub {} has no key in it", printable(write.host, 100)),
        "a masked one cannot be sent as a new one"));
  }
  return {};
}

Result<void> lay_hub(Json& entry, const HubWrite& write) {
  if (write.connection_string) {
    if (auto fits = check_connection(write); !fits) return fits;
    entry["connectionString"] = write.connection_string->reveal();
  }
  if (write.location) entry["location"] = *write.location;
  if (write.weight) entry["allocationWeight"] = *write.weight;
  if (write.apply) entry["applyAllocationPolicy"] = *write.apply;
  return {};
}

Result<Json> new_hub(const HubWrite& write) {
  if (!write.connection_string) {
    return fail(give_up(
        "HubCredentialMissing",
        fmt::format("hub {} is not linked and has no credential", printable(write.host, 100)),
        "give the hub a credential in the manifest"));
  }
  if (!write.location) {
    return fail(
        give_up("HubLocationMissing",
                fmt::format("hub {} is not linked and has no location", printable(write.host, 100)),
                "give the hub a location in the manifest"));
  }
  Json entry = Json::object();
  if (auto laid = lay_hub(entry, write); !laid) return fail(laid.error());
  return entry;
}

// Runs while the hubs still have their names.
Result<void> lay_hubs(Json& properties, const std::vector<HubWrite>& writes) {
  for (const auto& write : writes) {
    auto& hubs = properties["iotHubs"];
    if (!hubs.is_array()) hubs = Json::array();
    const auto found = std::find_if(hubs.begin(), hubs.end(), [&](const Json& hub) {
      return equal_ignoring_case(host_of(hub), write.host);
    });
    if (write.remove) {
      if (found != hubs.end()) hubs.erase(found);
    } else if (found != hubs.end()) {
      if (auto laid = lay_hub(*found, write); !laid) return laid;
    } else {
      auto fresh = new_hub(write);
      if (!fresh) return fail(fresh.error());
      hubs.push_back(*std::move(fresh));
    }
  }
  return {};
}

Json policy_json(const PolicyWithKeys& policy) {
  auto others = parse_json(policy.others);
  Json out = others && others->is_object() ? *std::move(others) : Json::object();
  out["keyName"] = policy.name;
  out["rights"] = policy.rights;
  if (!policy.primary.empty()) out["primaryKey"] = policy.primary.reveal();
  if (!policy.secondary.empty()) out["secondaryKey"] = policy.secondary.reveal();
  return out;
}

Result<PolicyWithKeys> new_policy(const PolicyWrite& write) {
  if (!write.rights) {
    return fail(
        give_up("PolicyRightsMissing",
                fmt::format("policy {} is not there and has no rights", printable(write.name, 64)),
                "give the policy its rights in the manifest"));
  }
  PolicyWithKeys policy;
  policy.name = write.name;
  policy.rights = write.rights->text();
  if (write.primary) policy.primary = *write.primary;
  if (write.secondary) policy.secondary = *write.secondary;
  return policy;
}

Error keys_unreadable(std::string what) {
  return Error{NextMove::WaitForOthers,
               "KeysUnreadable",
               std::move(what),
               "let the identity list the service's keys (…/provisioningServices/listkeys/action): "
               "a write without them would make them anew",
               0,
               {}};
}

Result<Json> policies_json(const std::vector<PolicyWithKeys>& live,
                           const std::vector<PolicyWrite>& writes) {
  Json out = Json::array();
  for (auto policy : live) {
    const auto write = std::find_if(writes.begin(), writes.end(), [&](const PolicyWrite& one) {
      return equal_ignoring_case(one.name, policy.name);
    });
    if (write != writes.end()) {
      if (write->remove) continue;
      if (write->rights) policy.rights = write->rights->text();
      if (write->primary) policy.primary = *write->primary;
      if (write->secondary) policy.secondary = *write->secondary;
    }
    if (policy.primary.empty() || policy.secondary.empty()) {
      return fail(keys_unreadable(
          fmt::format("a key of policy {} could not be read", printable(policy.name, 64))));
    }
    out.push_back(policy_json(policy));
  }
  for (const auto& write : writes) {
    const bool known = std::any_of(live.begin(), live.end(), [&](const PolicyWithKeys& policy) {
      return equal_ignoring_case(policy.name, write.name);
    });
    if (known || write.remove) continue;
    const auto policy = new_policy(write);
    if (!policy) return fail(policy.error());
    out.push_back(policy_json(*policy));
  }
  return out;
}

Json tags_json(const Tags& tags) {
  Json out = Json::object();
  for (const auto& [name, value] : tags) out[name] = value;
  return out;
}

// The text leaves as a Secret; the tree's own strings are wiped on the way.
void wipe_tree(Json& value) {
  if (value.is_string()) {
    wipe(value.get_ref<std::string&>());
  } else if (value.is_structured()) {
    for (auto& child : value) wipe_tree(child);
  }
}

Secret sealed(Json& body) {
  Secret text(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  wipe_tree(body);
  return text;
}

}  // namespace

bool ServiceWrite::only_tags() const {
  return !sku_name && !sku_capacity && !allocation_policy && !public_network_access &&
         !ip_filter_rules && hubs.empty() && policies.empty();
}

bool ServiceWrite::empty() const {
  return only_tags() && tags_set.empty() && tags_removed.empty();
}

Tags overlay_tags(const Tags& live, const ServiceWrite& write) {
  Tags tags = live;
  for (const auto& name : write.tags_removed) {
    if (const auto found = tags.find(name); found != tags.end()) tags.erase(found);
  }
  for (const auto& [name, value] : write.tags_set) tags[name] = value;
  return tags;
}

Result<Secret> overlay(const LiveService& live,
                       const std::optional<std::vector<PolicyWithKeys>>& policies,
                       const ServiceWrite& write) {
  if (!policies) return fail(keys_unreadable("the keys of the service were not read"));
  auto parsed = parse_json(live.document);
  if (!parsed || !member(*parsed, "properties").is_object()) {
    return fail(give_up("BadAnswer", "the live document has no properties"));
  }
  auto& document = *parsed;
  auto& properties = document["properties"];
  if (auto laid = lay_hubs(properties, write.hubs); !laid) return fail(laid.error());
  drop_what_the_server_makes(document);

  if (write.sku_name) document["sku"]["name"] = *write.sku_name;
  if (write.sku_capacity) document["sku"]["capacity"] = *write.sku_capacity;
  if (write.allocation_policy) properties["allocationPolicy"] = *write.allocation_policy;
  if (write.public_network_access) {
    properties["publicNetworkAccess"] = *write.public_network_access;
  }
  if (write.ip_filter_rules) {
    properties["ipFilterRules"] =
        rules_json(*write.ip_filter_rules, member(properties, "ipFilterRules"));
  }
  document["tags"] = tags_json(overlay_tags(live.tags, write));

  auto all = policies_json(*policies, write.policies);
  if (!all) return fail(all.error());
  // A service without any policy has nothing to lose by leaving the member out.
  if (!all->empty() || !write.policies.empty()) {
    properties["authorizationPolicies"] = *std::move(all);
  }
  return sealed(document);
}

Result<Secret> creation_body(const ServiceCreate& create) {
  Json properties = Json::object();
  if (create.allocation_policy) properties["allocationPolicy"] = *create.allocation_policy;
  if (create.public_network_access) {
    properties["publicNetworkAccess"] = *create.public_network_access;
  }
  if (create.ip_filter_rules) {
    properties["ipFilterRules"] = rules_json(*create.ip_filter_rules, Json::array());
  }
  if (create.data_residency) properties["enableDataResidency"] = *create.data_residency;
  if (auto laid = lay_hubs(properties, create.hubs); !laid) return fail(laid.error());

  auto policies = policies_json({}, create.policies);
  if (!policies) return fail(policies.error());
  if (!policies->empty()) {
    const bool built_in =
        std::any_of(create.policies.begin(), create.policies.end(), [](const PolicyWrite& policy) {
          return equal_ignoring_case(policy.name, kBuiltInPolicy);
        });
    if (!built_in) {
      policies->insert(policies->begin(),
                       Json{{"keyName", kBuiltInPolicy}, {"rights", kBuiltInRights}});
    }
    properties["authorizationPolicies"] = *std::move(policies);
  }

  Json sku = {{"name", create.sku.name}};
  if (create.sku.capacity) sku["capacity"] = *create.sku.capacity;
  Json body = {{"location", create.location},
               {"properties", std::move(properties)},
               {"sku", std::move(sku)},
               {"tags", tags_json(create.tags)}};
  return sealed(body);
}

}  // namespace dps::arm

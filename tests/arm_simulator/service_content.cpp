#include "tests/arm_simulator/service_content.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "tests/arm_simulator/policies.hpp"

namespace dps::sim {

namespace {
constexpr int kBadArgument = 400004;

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Present and not null: a null member means the same as none.
const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<std::string> canonical(std::string_view value,
                                     std::initializer_list<std::string_view> names) {
  for (const auto name : names)
    if (equal_ignoring_case(name, value)) return std::string(name);
  return std::nullopt;
}

class Replacing {
 public:
  Replacing(State& state, const Call& call, const Json& body, const Service* current)
      : state_(state), call_(call), body_(body), current_(current) {}

  std::variant<Replacement, Response> run() {
    if (auto refusal = top()) return *refusal;
    if (auto refusal = hubs()) return *refusal;
    if (auto refusal = settings()) return *refusal;
    if (auto refusal = policies()) return *refusal;
    unknown_members();
    auto& document = result_.content.document;
    document["properties"] = std::move(properties_);
    return std::move(result_);
  }

 private:
  using Refusal = std::optional<Response>;

  Response bad(std::string_view message) {
    return provider_error(state_, 400, kBadArgument, message);
  }

  const Json* old_property(const char* name) const {
    return current_ == nullptr ? nullptr
                               : member(current_->content.document.at("properties"), name);
  }

  Refusal top() {
    auto& document = result_.content.document;
    document = Json::object();
    const auto location = text_of(member(body_, "location"));
    if (trim(location).empty())
      return gateway_error(
          400, "LocationRequired", "The location property is required for this definition.");
    if (current_ != nullptr) {
      const auto stored = text_of(member(current_->content.document, "location"));
      if (region(stored) != region(location))
        return gateway_error(
            409,
            "InvalidResourceLocation",
            fmt::format("The resource '{}' already exists in location '{}' in resource group '{}'. "
                        "A resource with the same name cannot be created in location '{}'. Please "
                        "select a new resource name.",
                        current_->name,
                        region(stored),
                        current_->group,
                        location));
    }
    document["location"] = location;
    document["tags"] = Json::object();
    if (const auto* tags = member(body_, "tags")) {
      if (auto refusal = tags_refused(*tags)) return refusal;
      document["tags"] = *tags;
    }
    const auto* sku = member(body_, "sku");
    if (sku == nullptr || !sku->is_object() || text_of(member(*sku, "name")) != "S1")
      return bad("The sku is missing or unknown; its name must be S1.");
    document["sku"] = {{"name", "S1"}, {"tier", "Standard"}};
    if (const auto* capacity = member(*sku, "capacity")) {
      if (!capacity->is_number_integer() || capacity->get<std::int64_t>() < 1)
        return bad("The capacity of the sku must be a whole number from 1 on.");
      document["sku"]["capacity"] = *capacity;
    }
    newer_of(*sku,
             current_ == nullptr ? nullptr : member(current_->content.document, "sku"),
             document["sku"],
             {"name", "tier", "capacity"});
    const auto* properties = member(body_, "properties");
    if (properties == nullptr || !properties->is_object()) return bad("properties are missing.");
    sent_ = properties;
    return std::nullopt;
  }

  Refusal tags_refused(const Json& tags) {
    if (!tags.is_object())
      return gateway_error(400, "InvalidRequestContent", "The tags must be an object.");
    if (tags.size() > 50)
      return gateway_error(400, "InvalidTagsCount", "A resource can have at most 50 tags.");
    std::set<std::string> names;
    for (const auto& [name, value] : tags.items()) {
      if (!value.is_string() || name.empty() || name.size() > 512 ||
          value.get_ref<const std::string&>().size() > 256)
        return gateway_error(400, "InvalidTag", fmt::format("The tag '{}' is not allowed.", name));
      if (!names.insert(lower(name)).second)
        return gateway_error(
            400, "InvalidTag", fmt::format("The tag '{}' stands twice in different case.", name));
    }
    return std::nullopt;
  }

  const Json* linked(std::string_view host) const {
    const auto* hubs = old_property("iotHubs");
    if (hubs == nullptr) return nullptr;
    for (const auto& hub : *hubs) {
      const auto parts = parse_connection_string(text_of(member(hub, "connectionString")));
      if (parts && equal_ignoring_case(parts->host_name, host)) return &hub;
      if (equal_ignoring_case(text_of(member(hub, "hostName")), host)) return &hub;
    }
    return nullptr;
  }

  Refusal hubs() {
    const auto* sent = member(*sent_, "iotHubs");
    if (sent == nullptr) {
      const auto* kept = old_property("iotHubs");
      const bool keep = kept != nullptr && state_.switches.is("hubs-omitted", "kept");
      properties_["iotHubs"] = keep ? *kept : Json::array();
      return std::nullopt;
    }
    if (!sent->is_array()) return bad("iotHubs must be a list.");
    Json list = Json::array();
    std::set<std::string> hosts;
    for (const auto& entry : *sent) {
      if (!entry.is_object()) return bad("An entry of iotHubs must be an object.");
      Json hub = Json::object();
      std::string host;
      if (auto refusal = one_hub(entry, hub, host)) return refusal;
      if (!hosts.insert(lower(host)).second)
        return provider_error(
            state_, 400, 400303, "Cannot have duplicate iot hubs in description.");
      list.push_back(std::move(hub));
    }
    if (list.size() > 50 && !state_.switches.is("limits", "off"))
      return limit("The number of linked IoT hubs exceeds 50.");
    properties_["iotHubs"] = std::move(list);
    return std::nullopt;
  }

  Response limit(std::string_view message) {
    if (state_.switches.is("limits", "forbidden"))
      return gateway_error(403, "QuotaExceeded", message);
    return provider_error(state_, 400, 400308, message);
  }

  Refusal one_hub(const Json& entry, Json& hub, std::string& host) {
    if (const auto* apply = member(entry, "applyAllocationPolicy")) {
      if (!apply->is_boolean()) return bad("applyAllocationPolicy must be true or false.");
      hub["applyAllocationPolicy"] = *apply;
    }
    if (const auto* weight = member(entry, "allocationWeight")) {
      if (!weight->is_number_integer()) return bad("allocationWeight must be a whole number.");
      hub["allocationWeight"] = *weight;
    }
    auto text = trim(text_of(member(entry, "connectionString")));
    while (text.ends_with(';')) text.pop_back();
    auto parts = parse_connection_string(text);
    if (!parts) return keyless(entry, hub, host);
    host = parts->host_name;
    const auto* old = linked(host);
    if (parts->key == kStars) {
      const auto stored = old == nullptr
                              ? std::nullopt
                              : parse_connection_string(text_of(member(*old, "connectionString")));
      if (!stored) {
        if (state_.switches.is("masked-unlinked", "rejected"))
          return bad("The connection string of a hub that is not linked has no key.");
      } else {
        if (stored->key_name != parts->key_name && state_.switches.is("masked-changed", "rejected"))
          return bad("The connection string names another key and carries none.");
        text = fmt::format("HostName={};SharedAccessKeyName={};SharedAccessKey={}",
                           parts->host_name,
                           parts->key_name,
                           stored->key);
      }
    } else {
      check_link(*parts, old);
    }
    hub["connectionString"] = text;
    if (const auto location = text_of(member(entry, "location")); !location.empty())
      hub["location"] = location;
    else
      return bad("The location of a linked hub is missing.");
    newer_of(entry,
             old,
             hub,
             {"connectionString", "location", "name", "applyAllocationPolicy", "allocationWeight"});
    return std::nullopt;
  }

  /// A hub without a key is of newer versions: only one that a seed linked so may come back.
  Refusal keyless(const Json& entry, Json& hub, std::string& host) {
    host = text_of(member(entry, "hostName"));
    const auto* old = host.empty() ? nullptr : linked(host);
    if (old == nullptr || member(*old, "connectionString") != nullptr)
      return bad("The connection string of a linked hub is missing or malformed.");
    hub["location"] = text_of(member(entry, "location"));
    newer_of(entry, old, hub, {"location", "name", "applyAllocationPolicy", "allocationWeight"});
    return std::nullopt;
  }

  void check_link(const ConnectionString& parts, const Json* old) {
    const auto found = state_.hub_hosts.find(lower(parts.host_name));
    if (found == state_.hub_hosts.end()) {
      // A hub that is linked already stays linked, wherever its seed took it from.
      if (old == nullptr && state_.switches.is("unknown-hub", "operation-fails"))
        fail(404, 404002, fmt::format("Unable to find the IoThub {}.", parts.host_name));
      return;
    }
    if (state_.switches.is("wrong-hub-key", "accepted")) return;
    for (const auto& policy : state_.hubs.at(found->second).policies)
      if (policy.name == parts.key_name &&
          (policy.primary == parts.key || policy.secondary == parts.key))
        return;
    fail(400, 400302, fmt::format("Unauthorized to access the IoThub {}.", parts.host_name));
  }

  void fail(int status, int code, const std::string& message) {
    if (!result_.failure)
      result_.failure = Failure{code, status, provider_message(state_, code, message)};
  }

  Refusal settings() {
    const auto& version = *call_.version;
    if (const auto* policy = member(*sent_, "allocationPolicy")) {
      const auto known = canonical(text_of(policy), {"Hashed", "GeoLatency", "Static"});
      if (!known) return bad("allocationPolicy must be Hashed, GeoLatency or Static.");
      properties_["allocationPolicy"] = *known;
    } else {
      const auto* kept = old_property("allocationPolicy");
      const bool keep = kept != nullptr && state_.switches.is("allocation-policy-omitted", "kept");
      properties_["allocationPolicy"] = keep ? *kept : Json("Hashed");
    }
    const bool network_kept = state_.switches.is("network-omitted", "kept");
    const auto* rules = version.ip_filter ? member(*sent_, "ipFilterRules") : nullptr;
    if (rules != nullptr) {
      if (auto refusal = rules_refused(*rules)) return refusal;
      properties_["ipFilterRules"] = *rules;
    } else if (const auto* old = old_property("ipFilterRules"); old != nullptr && network_kept) {
      properties_["ipFilterRules"] = *old;
    }
    const auto* access = version.network ? member(*sent_, "publicNetworkAccess") : nullptr;
    if (access != nullptr) {
      const auto known = canonical(text_of(access), {"Enabled", "Disabled"});
      if (!known) return bad("publicNetworkAccess must be Enabled or Disabled.");
      properties_["publicNetworkAccess"] = *known;
    } else if (const auto* old = old_property("publicNetworkAccess");
               old != nullptr && network_kept) {
      properties_["publicNetworkAccess"] = *old;
    }
    const auto* endpoints =
        version.network ? member(*sent_, "privateEndpointConnections") : nullptr;
    if (endpoints != nullptr && endpoints->is_array()) {
      properties_["privateEndpointConnections"] = *endpoints;
    } else if (const auto* old = old_property("privateEndpointConnections");
               old != nullptr && state_.switches.is("private-endpoints-omitted", "kept")) {
      properties_["privateEndpointConnections"] = *old;
    }
    return residency();
  }

  Refusal rules_refused(const Json& rules) {
    if (!rules.is_array()) return bad("ipFilterRules must be a list.");
    for (const auto& rule : rules) {
      const bool sound =
          rule.is_object() && !text_of(member(rule, "filterName")).empty() &&
          canonical(text_of(member(rule, "action")), {"Accept", "Reject"}) &&
          !text_of(member(rule, "ipMask")).empty() &&
          (member(rule, "target") == nullptr ||
           canonical(text_of(member(rule, "target")), {"all", "serviceApi", "deviceApi"}));
      if (!sound) return bad("A rule of ipFilterRules lacks its name, action or mask.");
    }
    return std::nullopt;
  }

  Refusal residency() {
    const auto* wanted =
        call_.version->data_residency ? member(*sent_, "enableDataResidency") : nullptr;
    const auto* old = old_property("enableDataResidency");
    if (wanted == nullptr) {
      if (old != nullptr) properties_["enableDataResidency"] = *old;
      return std::nullopt;
    }
    if (!wanted->is_boolean()) return bad("enableDataResidency must be true or false.");
    const bool on = wanted->get<bool>();
    const bool was = old != nullptr && old->is_boolean() && old->get<bool>();
    if (current_ != nullptr && on != was)
      return provider_error(
          state_, 400, 400309, "DataResidency cannot be changed after the DPS was created.");
    const auto where = result_.content.document["location"].get<std::string>();
    if (on && !is_one_of(region(where), {"eastus2euap", "brazilsouth", "southeastasia"}))
      return provider_error(
          state_,
          400,
          400309,
          fmt::format("DataResidency is not supported in {} for DPS. Supported regions are \"East "
                      "US 2 EUAP\", \"Brazil South\", and \"Southeast Asia\".",
                      where));
    properties_["enableDataResidency"] = on;
    return std::nullopt;
  }

  Refusal policies() {
    auto& policies = result_.content.policies;
    const auto* sent = member(*sent_, "authorizationPolicies");
    if (sent == nullptr) {
      if (current_ != nullptr && state_.switches.is("policies-omitted", "kept"))
        policies = current_->content.policies;
      else
        policies = {default_policy(state_)};
      return std::nullopt;
    }
    auto replaced = replaced_policies(
        state_, *sent, current_ == nullptr ? std::vector<Policy>() : current_->content.policies);
    if (auto* refusal = std::get_if<Response>(&replaced)) return *refusal;
    policies = std::move(std::get<std::vector<Policy>>(replaced));
    const bool owned = std::any_of(policies.begin(), policies.end(), [](const Policy& policy) {
      return policy.name == kOwnerPolicy;
    });
    if (current_ == nullptr && !owned) policies.insert(policies.begin(), default_policy(state_));
    return std::nullopt;
  }

  /// Members that no version here knows: what was there already is newer than this version and
  /// comes back when it is sent; anything else is dropped or kept as the switch says.
  void newer_of(const Json& sent,
                const Json* old,
                Json& target,
                std::initializer_list<std::string_view> known) {
    const bool keep_all = state_.switches.is("unknown-members", "kept");
    for (const auto& [name, value] : sent.items()) {
      if (is_one_of(name, known)) continue;
      if (keep_all || (old != nullptr && old->contains(name))) target[name] = value;
    }
    if (old == nullptr || state_.switches.is("newer-members-omitted", "dropped")) return;
    for (const auto& [name, value] : old->items())
      if (!is_one_of(name, known) && !sent.contains(name)) target[name] = value;
  }

  void unknown_members() {
    const auto* old = current_ == nullptr ? nullptr : &current_->content.document;
    newer_of(body_,
             old,
             result_.content.document,
             {"id",
              "name",
              "type",
              "location",
              "tags",
              "etag",
              "sku",
              "properties",
              "resourcegroup",
              "subscriptionid",
              "systemData"});
    newer_of(*sent_,
             old == nullptr ? nullptr : &old->at("properties"),
             properties_,
             {"state",
              "provisioningState",
              "iotHubs",
              "allocationPolicy",
              "serviceOperationsHostName",
              "deviceProvisioningHostName",
              "idScope",
              "authorizationPolicies",
              "ipFilterRules",
              "publicNetworkAccess",
              "privateEndpointConnections",
              "enableDataResidency",
              "portalOperationsHostName"});
  }

  State& state_;
  const Call& call_;
  const Json& body_;
  const Service* current_;
  const Json* sent_ = nullptr;  // properties of the body
  Json properties_ = Json::object();
  Replacement result_;
};
}  // namespace

std::variant<Replacement, Response> replacement(State& state,
                                                const Call& call,
                                                const Json& body,
                                                const Service* current) {
  return Replacing(state, call, body, current).run();
}

}  // namespace dps::sim

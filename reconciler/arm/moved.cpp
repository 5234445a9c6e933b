#include "reconciler/arm/moved.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/field_path.hpp"

namespace dps::arm {
namespace {

std::string plain_location(std::string_view text) {
  auto out = lower(text);
  out.erase(std::remove(out.begin(), out.end(), ' '), out.end());
  return out;
}

template <std::size_t size>
bool one_of(std::string_view name, const std::array<std::string_view, size>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Json* hub_of(const Json& document, std::string_view host) {
  for (const auto& hub : member(member(document, "properties"), "iotHubs")) {
    // A body leaves the name out; then the connection string, of any form, begins with the host.
    const auto name = text_member(hub, "name");
    const auto shown = name.empty() ? text_member(hub, "hostName") : name;
    if (equal_ignoring_case(shown, host)) return &hub;
    if (shown.empty() &&
        lower(text_member(hub, "connectionString")).find("hostname=" + lower(host)) !=
            std::string::npos) {
      return &hub;
    }
  }
  return nullptr;
}

class Comparison {
 public:
  Comparison(const Json& expected, const LiveService& after, const ServiceWrite& write)
      : expected_document_(expected), after_(after), write_(write) {}

  Moved run() {
    auto decoded = decode_service(expected_document_, after_.api_version);
    const auto after_document = parse_json(after_.document);
    if (!decoded || !after_document) {
      moved_.fields.emplace_back("document");
      return std::move(moved_);
    }
    expected_ = *std::move(decoded);
    after_document_ = *after_document;
    fields();
    tags();
    hubs();
    unknown_members();
    return std::move(moved_);
  }

 private:
  void note(bool equal, bool ours, std::string path) {
    if (equal) return;
    (ours ? moved_.not_taken : moved_.fields).push_back(std::move(path));
  }

  void fields() {
    const auto& e = expected_;
    const auto& a = after_;
    // Another id scope is another service: this one was deleted and made anew meanwhile.
    note(e.id_scope == a.id_scope, false, "idScope");
    note(plain_location(e.location) == plain_location(a.location), false, "location");
    note(equal_ignoring_case(e.sku_name, a.sku_name), write_.sku_name.has_value(), "sku.name");
    note(e.sku_capacity == a.sku_capacity, write_.sku_capacity.has_value(), "sku.capacity");
    note(equal_ignoring_case(e.allocation_policy, a.allocation_policy),
         write_.allocation_policy.has_value(),
         "allocationPolicy");
    note(equal_ignoring_case(e.public_network_access.value_or("Enabled"),
                             a.public_network_access.value_or("Enabled")),
         write_.public_network_access.has_value(),
         "publicNetworkAccess");
    note(e.ip_filter_rules == a.ip_filter_rules,
         write_.ip_filter_rules.has_value(),
         "ipFilterRules");
    note(e.data_residency.value_or(false) == a.data_residency.value_or(false),
         false,
         "dataResidency");
    note(e.local_auth_disabled == a.local_auth_disabled, false, "disableLocalAuth");
    note(!e.private_endpoints || a.private_endpoints, false, "privateEndpointConnections");
  }

  bool our_tag(const std::string& name) const {
    return write_.tags_set.count(name) > 0 ||
           std::any_of(
               write_.tags_removed.begin(),
               write_.tags_removed.end(),
               [&](const std::string& removed) { return equal_ignoring_case(removed, name); });
  }

  void tag(const std::string& name) {
    if (is_hidden_tag(name)) return;
    const auto expected = expected_.tags.find(name);
    const auto after = after_.tags.find(name);
    const bool here = expected != expected_.tags.end();
    const bool there = after != after_.tags.end();
    if (here == there && (!here || expected->second == after->second)) return;
    if (!our_tag(name) && is_bookkeeping_tag(name)) {
      moved_.fields.push_back(tag_path(name));
      return;
    }
    (our_tag(name) ? moved_.not_taken : moved_.foreign_tags).push_back(tag_path(name));
  }

  void tags() {
    for (const auto& [name, value] : expected_.tags) tag(name);
    for (const auto& [name, value] : after_.tags) {
      if (expected_.tags.count(name) == 0) tag(name);
    }
  }

  const HubWrite* our_hub(std::string_view host) const {
    const auto found =
        std::find_if(write_.hubs.begin(), write_.hubs.end(), [&](const HubWrite& one) {
          return equal_ignoring_case(one.host, host);
        });
    return found == write_.hubs.end() ? nullptr : &*found;
  }

  static const LiveHub* find(const LiveService& service, std::string_view host) {
    for (const auto& hub : service.linked_hubs) {
      if (equal_ignoring_case(hub.host_name, host)) return &hub;
    }
    return nullptr;
  }

  void hubs() {
    for (const auto& expected : expected_.linked_hubs) {
      const auto& host = expected.host_name;
      const auto path = [&](std::string_view field) {
        return entry_path("linkedHubs", host, field);
      };
      const auto* ours = our_hub(host);
      const auto* after = find(after_, host);
      note(after != nullptr, ours != nullptr, path(""));
      if (after == nullptr) continue;
      note(plain_location(expected.location) == plain_location(after->location),
           ours != nullptr && ours->location,
           path("location"));
      // What a hub that we write does not say, the service may fill in.
      const auto equal = [&](const auto& sent, const auto& now) {
        return sent == now || (ours != nullptr && !sent);
      };
      note(equal(expected.allocation_weight, after->allocation_weight),
           ours != nullptr && ours->weight,
           path("allocationWeight"));
      note(equal(expected.apply_allocation_policy, after->apply_allocation_policy),
           ours != nullptr && ours->apply,
           path("applyAllocationPolicy"));
      note(expected.key_name == after->key_name,
           ours != nullptr && ours->connection_string,
           path("credential"));
      unknown_hub_members(host, path(""));
    }
    for (const auto& after : after_.linked_hubs) {
      if (find(expected_, after.host_name) != nullptr) continue;
      note(false,
           our_hub(after.host_name) != nullptr,
           entry_path("linkedHubs", after.host_name, ""));
    }
  }

  void unknown_hub_members(const std::string& host, const std::string& path) {
    constexpr std::array<std::string_view, 6> kKnown = {"name",
                                                        "hostName",
                                                        "connectionString",
                                                        "location",
                                                        "allocationWeight",
                                                        "applyAllocationPolicy"};
    const auto* expected = hub_of(expected_document_, host);
    const auto* after = hub_of(after_document_, host);
    if (expected == nullptr || after == nullptr) return;
    for (const auto& [name, value] : expected->items()) {
      if (!one_of(name, kKnown) && !value.is_null() && member(*after, name) != value) {
        moved_.fields.push_back(fmt::format("{}.{}", path, name));
      }
    }
  }

  void unknown_members() {
    constexpr std::array<std::string_view, 12> kTop = {"id",
                                                       "name",
                                                       "type",
                                                       "systemData",
                                                       "resourcegroup",
                                                       "subscriptionid",
                                                       "etag",
                                                       "location",
                                                       "tags",
                                                       "sku",
                                                       "properties",
                                                       "identity"};
    constexpr std::array<std::string_view, 14> kProperties = {"state",
                                                              "provisioningState",
                                                              "serviceOperationsHostName",
                                                              "deviceProvisioningHostName",
                                                              "portalOperationsHostName",
                                                              "idScope",
                                                              "iotHubs",
                                                              "allocationPolicy",
                                                              "publicNetworkAccess",
                                                              "ipFilterRules",
                                                              "enableDataResidency",
                                                              "disableLocalAuth",
                                                              "privateEndpointConnections",
                                                              "authorizationPolicies"};
    note(equal_ignoring_case(expected_.identity_type, after_.identity_type), false, "identity");
    for (const auto& [name, value] : expected_document_.items()) {
      if (!one_of(name, kTop) && !value.is_null()) {
        note(member(after_document_, name) == value, false, name);
      }
    }
    const auto& properties = member(after_document_, "properties");
    for (const auto& [name, value] : member(expected_document_, "properties").items()) {
      if (!one_of(name, kProperties) && !value.is_null()) {
        note(member(properties, name) == value, false, "properties." + name);
      }
    }
  }

  const Json& expected_document_;
  const LiveService& after_;
  const ServiceWrite& write_;
  LiveService expected_;
  Json after_document_;
  Moved moved_;
};

}  // namespace

Result<Json> expected_after(const LiveService& before, std::string_view body) {
  auto document = parse_json(before.document);
  if (!document) return document;
  auto sent = parse_json(body);
  if (!sent) return sent;
  for (auto& [name, value] : sent->items()) {
    if (name != "properties") (*document)[name] = std::move(value);
  }
  auto& properties = (*document)["properties"];
  for (auto& [name, value] : (*sent)["properties"].items()) {
    if (name != "authorizationPolicies") properties[name] = std::move(value);
  }
  return document;
}

Result<Json> expected_after(const LiveService& before, const Tags& tags) {
  auto document = parse_json(before.document);
  if (!document) return document;
  Json all = Json::object();
  for (const auto& [name, value] : tags) all[name] = value;
  (*document)["tags"] = std::move(all);
  return document;
}

Moved compare(const Json& expected, const LiveService& after, const ServiceWrite& write) {
  return Comparison(expected, after, write).run();
}

void compare_policies(const std::vector<PolicyWithKeys>& before,
                      const std::vector<PolicyWithKeys>& after,
                      const ServiceWrite& write,
                      Moved& moved) {
  const auto find = [](const std::vector<PolicyWithKeys>& policies, const std::string& name) {
    return std::find_if(policies.begin(), policies.end(), [&](const PolicyWithKeys& policy) {
      return equal_ignoring_case(policy.name, name);
    });
  };
  const auto ours = [&](const std::string& name) {
    return std::find_if(write.policies.begin(), write.policies.end(), [&](const PolicyWrite& one) {
      return equal_ignoring_case(one.name, name);
    });
  };
  const auto path = [](const std::string& name, std::string_view field) {
    return entry_path("sharedAccessPolicies", name, field);
  };

  for (const auto& policy : before) {
    const auto now = find(after, policy.name);
    const auto wanted = ours(policy.name);
    const bool named = wanted != write.policies.end();
    if (now == after.end()) {
      if (!named) moved.fields.push_back(path(policy.name, ""));
      continue;
    }
    const auto& primary = named && wanted->primary ? *wanted->primary : policy.primary;
    const auto& secondary = named && wanted->secondary ? *wanted->secondary : policy.secondary;
    if (named && wanted->remove) continue;
    if (now->primary != primary || now->secondary != secondary) {
      const bool asked = named && (wanted->primary || wanted->secondary);
      (asked ? moved.not_taken : moved.fields).push_back(path(policy.name, "keys"));
    }
    if (!named && lenient_rights(now->rights) != lenient_rights(policy.rights)) {
      moved.fields.push_back(path(policy.name, "rights"));
    }
  }
  for (const auto& policy : after) {
    if (find(before, policy.name) == before.end() && ours(policy.name) == write.policies.end()) {
      moved.fields.push_back(path(policy.name, ""));
    }
  }
  for (const auto& wanted : write.policies) {
    const auto now = find(after, wanted.name);
    if ((now == after.end()) != wanted.remove) {
      moved.not_taken.push_back(path(wanted.name, ""));
    } else if (now != after.end() && wanted.rights &&
               lenient_rights(now->rights) != *wanted.rights) {
      moved.not_taken.push_back(path(wanted.name, "rights"));
    }
  }
}

}  // namespace dps::arm

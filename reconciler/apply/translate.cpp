#include "reconciler/apply/translate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/key_facts.hpp"

namespace dps::apply {
namespace {

using plan::Action;
using plan::Change;
using plan::Kind;

const DesiredHub* hub_named(const DesiredService& desired, std::string_view host) {
  if (!desired.linked_hubs) return nullptr;
  for (const auto& hub : *desired.linked_hubs) {
    if (hub.presence == Presence::Present && equal_ignoring_case(hub.host_name, host)) return &hub;
  }
  return nullptr;
}

const DesiredPolicy* policy_named(const DesiredService& desired, std::string_view name) {
  if (!desired.policies) return nullptr;
  for (const auto& policy : *desired.policies) {
    if (policy.presence == Presence::Present && equal_ignoring_case(policy.name, name))
      return &policy;
  }
  return nullptr;
}

// The rules as planned: members that the manifest leaves out are there as they are live.
std::vector<IpFilterRule> rules_of(const Json& list) {
  std::vector<IpFilterRule> rules;
  for (const auto& item : list) {
    IpFilterRule rule{text_member(item, "name"),
                      text_member(item, "action"),
                      text_member(item, "mask"),
                      std::nullopt};
    if (const auto& target = member(item, "target"); target.is_string()) {
      rule.target = target.get<std::string>();
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

Failure not_in_manifest(const Change& change) {
  return fail(
      give_up("Internal",
              fmt::format("the plan changes {} and the manifest does not name it", change.path),
              "this is a fault of dps-reconciler; please report it"));
}

/// One write in the making: of each hub and each policy there is one entry, however many changes.
class Builder {
 public:
  Builder(const ServiceId& id, const DesiredService& desired, const Secrets& secrets)
      : id_(id), desired_(desired), secrets_(secrets) {}

  arm::HubWrite& hub(const std::string& host) {
    for (auto& one : write.hubs) {
      if (equal_ignoring_case(one.host, host)) return one;
    }
    write.hubs.push_back({});
    write.hubs.back().host = host;
    return write.hubs.back();
  }

  arm::PolicyWrite& policy(const std::string& name) {
    for (auto& one : write.policies) {
      if (equal_ignoring_case(one.name, name)) return one;
    }
    write.policies.push_back({});
    write.policies.back().name = name;
    return write.policies.back();
  }

  [[nodiscard]] Result<void> lay(const Change& change) {
    switch (change.kind) {
      case Kind::ProvisioningService:
        return lay_field(change);
      case Kind::Tag:
        if (change.action == Action::Delete) {
          write.tags_removed.push_back(change.name);
        } else {
          write.tags_set[change.name] =
              change.after.is_string() ? change.after.get<std::string>() : "";
        }
        return {};
      case Kind::LinkedHub:
        return lay_hub(change);
      case Kind::SharedAccessPolicy:
        return lay_policy(change);
      case Kind::Certificate:
        return {};  // flows of their own
    }
    return {};
  }

  [[nodiscard]] Result<void> send_credential(const DesiredHub& wanted, arm::HubWrite& out) {
    const auto connection = secrets_.hub(id_, wanted);
    if (!connection) return fail(connection.error());
    out.connection_string = connection->text();
    fingerprints[host_digest(wanted.host_name)] = hub_fingerprint(id_, *connection);
    return {};
  }

  [[nodiscard]] Result<void> send_keys(const DesiredPolicy& wanted,
                                       arm::PolicyWrite& out,
                                       bool primary,
                                       bool secondary) {
    if (primary && wanted.primary_key) {
      auto key = secrets_.key(*wanted.primary_key);
      if (!key) return fail(key.error());
      out.primary = std::move(*key);
    }
    if (secondary && wanted.secondary_key) {
      auto key = secrets_.key(*wanted.secondary_key);
      if (!key) return fail(key.error());
      out.secondary = std::move(*key);
    }
    return {};
  }

  arm::ServiceWrite write;
  std::map<std::string, std::string> fingerprints;
  std::vector<std::string> unlinked;  // hosts

 private:
  [[nodiscard]] Result<void> lay_field(const Change& change) {
    if (change.field == "sku.capacity" && desired_.sku) {
      write.sku_capacity = desired_.sku->capacity;
    } else if (change.field == "sku.name" && desired_.sku) {
      write.sku_name = desired_.sku->name;
    } else if (change.field == "allocationPolicy") {
      write.allocation_policy = desired_.allocation_policy;
    } else if (change.field == "publicNetworkAccess") {
      write.public_network_access = desired_.public_network_access;
    } else if (change.field == "ipFilterRules") {
      write.ip_filter_rules = rules_of(change.after);
    } else if (change.field != "lifecycle.protect" && change.action != Action::Adopt) {
      return not_in_manifest(change);
    }
    return {};
  }

  [[nodiscard]] Result<void> lay_hub(const Change& change) {
    auto& out = hub(change.name);
    if (change.action == Action::Delete) {
      out.remove = true;
      unlinked.push_back(change.name);
      return {};
    }
    const auto* wanted = hub_named(desired_, change.name);
    if (wanted == nullptr) return not_in_manifest(change);
    const bool whole = change.action == Action::Create;
    if (whole || change.field == "location") out.location = wanted->location;
    if (whole || change.field == "allocationWeight") out.weight = wanted->allocation_weight;
    if (whole || change.field == "applyAllocationPolicy")
      out.apply = wanted->apply_allocation_policy;
    if (whole || change.field == "credential") return send_credential(*wanted, out);
    return {};
  }

  [[nodiscard]] Result<void> lay_policy(const Change& change) {
    auto& out = policy(change.name);
    if (change.action == Action::Delete) {
      out.remove = true;
      return {};
    }
    const auto* wanted = policy_named(desired_, change.name);
    if (wanted == nullptr) return not_in_manifest(change);
    const bool whole = change.action == Action::Create;
    if (whole || change.field == "rights") out.rights = wanted->rights;
    return send_keys(*wanted,
                     out,
                     whole || change.field == "keys.primary",
                     whole || change.field == "keys.secondary");
  }

  const ServiceId& id_;
  const DesiredService& desired_;
  const Secrets& secrets_;
};

/// Sets and removes so that the live bookkeeping tags become those of `wanted`.
void lay_bookkeeping(arm::ServiceWrite& write, const Bookkeeping& wanted, const Tags& live) {
  const auto tags = bookkeeping_tags(wanted);
  for (const auto& [name, value] : tags) {
    const auto found = live.find(name);
    if (found == live.end() || found->second != value) write.tags_set[name] = value;
  }
  for (const auto& [name, value] : live) {
    if (is_bookkeeping_tag(name) && !tags.contains(name)) write.tags_removed.push_back(name);
  }
}

}  // namespace

bool is_due(const Change& change, const std::set<std::string>& allowed) {
  return !change.held && (!change.destructive || allowed.contains(identity(change)));
}

Result<arm::ServiceWrite> to_update(const plan::ServicePlan& plan,
                                    const DesiredService& desired,
                                    const LiveService& live,
                                    const std::set<std::string>& allowed,
                                    const Secrets& secrets) {
  Builder builder(plan.id, desired, secrets);
  for (const auto& change : plan.changes) {
    if (!is_due(change, allowed)) continue;
    if (auto laid = builder.lay(change); !laid) return fail(laid.error());
  }
  if (plan.bookkeeping) {
    auto book = *plan.bookkeeping;
    for (const auto& host : builder.unlinked) book.fingerprints.erase(host_digest(host));
    for (const auto& [host, fingerprint] : builder.fingerprints)
      book.fingerprints[host] = fingerprint;
    lay_bookkeeping(builder.write, book, live.tags);
  }
  return std::move(builder.write);
}

Result<arm::ServiceCreate> to_create(const plan::ServicePlan& plan,
                                     const DesiredService& desired,
                                     const Secrets& secrets) {
  if (!desired.location) {
    return fail(
        give_up("LocationMissing", "the manifest has no spec.location", "where it is to be made"));
  }
  if (!desired.sku) {
    return fail(
        give_up("SkuMissing", "the manifest has no spec.sku", "sku: {name: S1, capacity: 1}"));
  }
  Builder builder(plan.id, desired, secrets);
  arm::ServiceCreate create;
  create.id = desired.id;
  create.location = *desired.location;
  create.sku = *desired.sku;
  create.allocation_policy = desired.allocation_policy;
  create.public_network_access = desired.public_network_access;
  create.ip_filter_rules = desired.ip_filter_rules;
  create.data_residency = desired.data_residency;
  if (desired.tags) create.tags = *desired.tags;
  for (const auto& change : plan.changes) {
    if (change.held || change.action != Action::Create || change.kind == Kind::ProvisioningService)
      continue;
    if (auto laid = builder.lay(change); !laid) return fail(laid.error());
  }
  create.hubs = std::move(builder.write.hubs);
  create.policies = std::move(builder.write.policies);
  if (plan.bookkeeping) {
    auto book = *plan.bookkeeping;
    for (const auto& [host, fingerprint] : builder.fingerprints)
      book.fingerprints[host] = fingerprint;
    create.tags = with_bookkeeping(std::move(create.tags), book);
  }
  return create;
}

arm::ServiceWrite to_bookkeeping(const Bookkeeping& book, const LiveService& live) {
  arm::ServiceWrite write;
  lay_bookkeeping(write, book, live.tags);
  return write;
}

arm::ServiceWrite to_release(const LiveService& live) {
  return to_bookkeeping(Bookkeeping{}, live);
}

}  // namespace dps::apply

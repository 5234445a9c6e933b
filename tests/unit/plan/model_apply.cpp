#include "model_apply.hpp"

#include <algorithm>
#include <stdexcept>

#include "reconciler/base/json.hpp"

namespace dps::plan::testing {
namespace {

template <class Entry>
Entry& entry(std::vector<Entry>& all, const std::string& name, std::string Entry::*member) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Entry& one) {
    return equal_ignoring_case(one.*member, name);
  });
  if (found == all.end()) throw std::runtime_error("a change of an entry that is not there");
  return *found;
}

template <class Entry>
void take_out(std::vector<Entry>& all, const std::string& name, std::string Entry::*member) {
  const auto before = all.size();
  std::erase_if(all, [&](const Entry& one) { return equal_ignoring_case(one.*member, name); });
  if (all.size() + 1 != before) throw std::runtime_error("a removal of what is not there");
}

Rights rights_of(const Json& names) {
  Rights out;
  for (const auto& name : names) out.add(*parse_right(name.get<std::string>()));
  return out;
}

void apply_service(const Change& change, LiveService& live) {
  if (change.action != Action::Update) return;
  if (change.field == "sku.capacity") live.sku_capacity = change.after.get<std::int64_t>();
  if (change.field == "allocationPolicy") live.allocation_policy = change.after;
  if (change.field == "publicNetworkAccess") live.public_network_access = change.after;
  if (change.field == "ipFilterRules") {
    live.ip_filter_rules.clear();
    for (const auto& rule : change.after) {
      IpFilterRule one{rule["name"], rule["action"], rule["mask"], std::nullopt};
      if (rule.contains("target")) one.target = rule["target"].get<std::string>();
      live.ip_filter_rules.push_back(std::move(one));
    }
  }
}

void apply_hub(const Change& change, LiveService& live) {
  if (change.action == Action::Delete) {
    take_out(live.linked_hubs, change.name, &LiveHub::host_name);
    return;
  }
  if (change.action == Action::Create) {
    LiveHub hub{change.name, "iothubowner", change.after["location"], {}, {}, ""};
    if (change.after.contains("allocationWeight")) {
      hub.allocation_weight = change.after["allocationWeight"].get<std::int64_t>();
    }
    if (change.after.contains("applyAllocationPolicy")) {
      hub.apply_allocation_policy = change.after["applyAllocationPolicy"].get<bool>();
    }
    live.linked_hubs.push_back(std::move(hub));
    return;
  }
  auto& hub = entry(live.linked_hubs, change.name, &LiveHub::host_name);
  if (change.field == "location") hub.location = change.after;
  if (change.field == "allocationWeight") hub.allocation_weight = change.after.get<std::int64_t>();
  if (change.field == "applyAllocationPolicy")
    hub.apply_allocation_policy = change.after.get<bool>();
}

void apply_policy(const Change& change, LiveService& live, const KeyFacts& keys) {
  auto& policies = live.policies.entries.value();
  if (change.action == Action::Delete) {
    take_out(policies, change.name, &LivePolicy::name);
    return;
  }
  if (change.action == Action::Create) policies.push_back({change.name, {}, "made", "made"});
  auto& policy = entry(policies, change.name, &LivePolicy::name);
  if (change.action == Action::Create) policy.rights = rights_of(change.after["rights"]);
  if (change.field == "rights") policy.rights = rights_of(change.after);
  const auto primary = keys.primary_keys.find({live.id, lower(change.name)});
  if (primary != keys.primary_keys.end() &&
      (change.action == Action::Create || change.field == "keys.primary")) {
    policy.primary_digest = primary->second.digest;
  }
}

void apply_tag(const Change& change, LiveService& live) {
  if (change.action == Action::Delete) {
    if (live.tags.erase(change.name) != 1) throw std::runtime_error("no such tag");
  } else {
    live.tags[change.name] = change.after;
  }
}

}  // namespace

LiveService applied(const ServicePlan& plan, LiveService live, const KeyFacts& keys) {
  if (!plan.has_work()) return live;
  auto bookkeeping = plan.bookkeeping;
  for (const auto& change : plan.changes) {
    if (change.held) continue;
    switch (change.kind) {
      case Kind::ProvisioningService:
        apply_service(change, live);
        break;
      case Kind::LinkedHub:
        apply_hub(change, live);
        break;
      case Kind::SharedAccessPolicy:
        apply_policy(change, live, keys);
        break;
      case Kind::Tag:
        apply_tag(change, live);
        break;
      case Kind::Certificate:
        break;
    }
    const bool sends_key = change.kind == Kind::LinkedHub &&
                           (change.action == Action::Create || change.field == "credential");
    const auto sent = keys.hubs.find({live.id, lower(change.name)});
    if (sends_key && sent != keys.hubs.end()) {
      bookkeeping.value().fingerprints[host_digest(change.name)] = sent->second.digest;
    }
  }
  if (bookkeeping) live.tags = with_bookkeeping(live.tags, *bookkeeping);
  live.etag = {"moved"};
  return live;
}

}  // namespace dps::plan::testing

#include "reconciler/plan/service_diff.hpp"

#include <fmt/format.h>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/impact.hpp"
#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

void replaced(Findings& out, std::string_view field, std::string_view live, std::string_view want) {
  out.error("Replacement",
            fmt::format("{} is {} and the manifest says {}: a change would need a new service with "
                        "a new id scope, which is never done",
                        field,
                        live,
                        want),
            fmt::format("write {} as it is, or declare a new service under another name and move "
                        "the devices",
                        field));
}

void add_field(const Subject& subject,
               Findings& out,
               std::string_view path,
               Json before,
               Json after,
               std::string impact) {
  if (subject.ignores(path)) return;
  out.changes.push_back(field_change(Kind::ProvisioningService,
                                     subject.live->id.name,
                                     std::string(path),
                                     std::string(path),
                                     std::move(before),
                                     std::move(after),
                                     std::move(impact)));
}

/// The wanted rules; a target that the manifest leaves out stays as the live rule of that name
/// has it.
std::vector<IpFilterRule> completed(std::vector<IpFilterRule> rules,
                                    const std::vector<IpFilterRule>& live) {
  for (auto& rule : rules) {
    if (rule.target) continue;
    for (const auto& have : live) {
      if (have.name == rule.name) rule.target = have.target;
    }
  }
  return rules;
}

bool set_by_us(const Subject& subject, std::string_view tag) {
  return !subject.bookkeeping.tag_digests.empty() &&
         subject.bookkeeping.tag_digests.contains(tag_digest(tag));
}

Change tag_change(Action action, const std::string& name, Json before, Json after) {
  auto change = field_change(Kind::Tag,
                             name,
                             "",
                             tag_path(name),
                             std::move(before),
                             std::move(after),
                             impact::tag_changed());
  change.action = action;
  return change;
}

}  // namespace

Json rules_json(const std::vector<IpFilterRule>& rules) {
  Json out = Json::array();
  for (const auto& rule : rules) {
    Json one = {{"name", rule.name}, {"action", rule.action}, {"mask", rule.mask}};
    if (rule.target) one["target"] = *rule.target;
    out.push_back(std::move(one));
  }
  return out;
}

void compare_service(const Subject& subject, Findings& out) {
  const auto& want = subject.desired;
  const auto& live = *subject.live;
  if (want.location && !same(Field::Location, *want.location, live.location)) {
    replaced(out, "location", live.location, *want.location);
  }
  if (want.data_residency && *want.data_residency != live.data_residency.value_or(false)) {
    replaced(out,
             "dataResidency",
             live.data_residency.value_or(false) ? "true" : "false",
             *want.data_residency ? "true" : "false");
  }
  if (want.sku && !same(Field::SkuName, want.sku->name, live.sku_name)) {
    add_field(subject, out, "sku.name", live.sku_name, want.sku->name, impact::sku_changed());
  }
  if (want.sku && want.sku->capacity && want.sku->capacity != live.sku_capacity) {
    add_field(subject,
              out,
              "sku.capacity",
              live.sku_capacity ? Json(*live.sku_capacity) : Json(),
              *want.sku->capacity,
              impact::sku_changed());
  }
  if (want.allocation_policy &&
      !same(Field::AllocationPolicy, *want.allocation_policy, live.allocation_policy)) {
    add_field(subject,
              out,
              "allocationPolicy",
              live.allocation_policy.empty() ? "Hashed" : live.allocation_policy,
              *want.allocation_policy,
              impact::allocation_policy_changed());
  }
  if (want.public_network_access && !same(Field::PublicNetworkAccess,
                                          *want.public_network_access,
                                          live.public_network_access.value_or(""))) {
    add_field(subject,
              out,
              "publicNetworkAccess",
              live.public_network_access.value_or("Enabled"),
              *want.public_network_access,
              impact::public_access_changed(*want.public_network_access));
  }
  if (want.ip_filter_rules && !same_rules(*want.ip_filter_rules, live.ip_filter_rules)) {
    add_field(subject,
              out,
              "ipFilterRules",
              rules_json(live.ip_filter_rules),
              rules_json(completed(*want.ip_filter_rules, live.ip_filter_rules)),
              impact::ip_rules_changed());
  }
  if (want.lifecycle.protect && *want.lifecycle.protect != subject.bookkeeping.protect) {
    add_field(subject,
              out,
              "lifecycle.protect",
              subject.bookkeeping.protect,
              *want.lifecycle.protect,
              impact::protection_changed(*want.lifecycle.protect));
  }
}

void compare_tags(const Subject& subject, Findings& out) {
  if (!subject.desired.tags) return;
  const auto& wanted = *subject.desired.tags;
  const auto& live = subject.live->tags;
  for (const auto& [name, value] : wanted) {
    if (is_hidden_tag(name) || is_bookkeeping_tag(name)) continue;
    const auto found = live.find(name);
    if (found != live.end() && found->second == value) continue;
    if (subject.ignores(tag_path(name))) continue;
    out.changes.push_back(found == live.end()
                              ? tag_change(Action::Create, name, nullptr, value)
                              : tag_change(Action::Update, found->first, found->second, value));
  }
  const bool all = subject.desired.lifecycle.tags == Unlisted::Remove;
  for (const auto& [name, value] : live) {
    if (wanted.contains(name) || is_bookkeeping_tag(name) || is_hidden_tag(name)) continue;
    if (!all && !set_by_us(subject, name)) continue;
    if (subject.ignores(tag_path(name))) continue;
    out.changes.push_back(tag_change(Action::Delete, name, value, nullptr));
  }
}

void create_service(const Subject& subject, Findings& out) {
  const auto& want = subject.desired;
  if (!want.location) {
    out.error("NeedsLocation",
              "the service does not exist and the manifest names no location to create it in",
              "spec.location: westeurope, or another region");
  }
  if (!want.sku) {
    out.error("NeedsSku",
              "the service does not exist and the manifest names no SKU to create it with",
              "spec.sku: {name: S1, capacity: 1}");
  }
  Json after = Json::object();
  if (want.location) after["location"] = *want.location;
  if (want.sku) {
    after["sku"] = {{"name", want.sku->name}};
    if (want.sku->capacity) after["sku"]["capacity"] = *want.sku->capacity;
  }
  if (want.allocation_policy) after["allocationPolicy"] = *want.allocation_policy;
  if (want.public_network_access) after["publicNetworkAccess"] = *want.public_network_access;
  if (want.ip_filter_rules) after["ipFilterRules"] = rules_json(*want.ip_filter_rules);
  if (want.data_residency) after["dataResidency"] = *want.data_residency;
  if (want.tags) {
    after["tags"] = Json::object();
    for (const auto& [name, value] : *want.tags) after["tags"][name] = value;
  }
  if (want.lifecycle.protect.value_or(false)) after["protect"] = true;
  auto change = field_change(Kind::ProvisioningService,
                             want.id.name,
                             "",
                             "",
                             nullptr,
                             std::move(after),
                             impact::service_created());
  change.action = Action::Create;
  change.reversible = false;
  out.changes.push_back(std::move(change));
}

}  // namespace dps::plan

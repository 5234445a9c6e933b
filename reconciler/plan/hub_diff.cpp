#include "reconciler/plan/hub_diff.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/impact.hpp"
#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

constexpr std::string_view kList = "linkedHubs";

const KeyFact* key_fact(const Subject& subject, const DesiredHub& hub) {
  if (subject.keys.hubs.empty()) return nullptr;
  const auto found = subject.keys.hubs.find({subject.desired.id, lower(hub.host_name)});
  return found == subject.keys.hubs.end() ? nullptr : &found->second;
}

void link_hub(const Subject& subject, const DesiredHub& hub, Findings& out) {
  auto path = entry_path(kList, hub.host_name, "");
  if (subject.ignores(path)) return;
  const auto host = printable(hub.host_name, 120);
  if (!hub.credential) {
    out.error(
        "HubNeedsCredential",
        fmt::format("hub {} is not linked yet and the manifest gives no credential", host),
        "credential: {hub: {resourceGroup: …, policy: iothubowner}} or {connectionString: …}");
  }
  if (!hub.location) {
    out.error("HubNeedsLocation",
              fmt::format("hub {} is not linked yet and the manifest gives no location", host),
              "location: the hub's region, for instance westeurope");
  }
  if (const auto* fact = key_fact(subject, hub); fact != nullptr && fact->problem) {
    out.error(in_context(fmt::format("the key to link hub {}", host), *fact->problem));
  }
  Json after = {{"hostName", hub.host_name}};
  if (hub.location) after["location"] = *hub.location;
  if (hub.allocation_weight) after["allocationWeight"] = *hub.allocation_weight;
  if (hub.apply_allocation_policy) after["applyAllocationPolicy"] = *hub.apply_allocation_policy;
  if (hub.credential) {
    after["credential"] = fmt::format("(secret) from {}", describe(*hub.credential));
  }
  auto change = field_change(Kind::LinkedHub,
                             hub.host_name,
                             "",
                             std::move(path),
                             nullptr,
                             std::move(after),
                             impact::hub_linked(hub));
  change.action = Action::Create;
  out.changes.push_back(std::move(change));
}

void unlink_hub(const Subject& subject, const LiveHub& live, Findings& out) {
  auto path = entry_path(kList, live.host_name, "");
  if (subject.ignores(path)) return;
  Json before = {{"hostName", live.host_name}, {"location", live.location}};
  if (live.allocation_weight) before["allocationWeight"] = *live.allocation_weight;
  if (live.apply_allocation_policy) before["applyAllocationPolicy"] = *live.apply_allocation_policy;
  auto change = field_change(Kind::LinkedHub,
                             live.host_name,
                             "",
                             std::move(path),
                             std::move(before),
                             nullptr,
                             impact::hub_unlinked());
  change.action = Action::Delete;
  change.destructive = true;
  out.changes.push_back(std::move(change));
}

void add_field(const Subject& subject,
               const LiveHub& live,
               std::string_view field,
               Json before,
               Json after,
               std::string impact,
               Findings& out) {
  auto path = entry_path(kList, live.host_name, field);
  if (subject.ignores(path)) return;
  out.changes.push_back(field_change(Kind::LinkedHub,
                                     live.host_name,
                                     std::string(field),
                                     std::move(path),
                                     std::move(before),
                                     std::move(after),
                                     std::move(impact)));
}

void compare_key(const Subject& subject,
                 const DesiredHub& hub,
                 const LiveHub& live,
                 Findings& out) {
  if (!hub.credential) return;
  const auto* fact = key_fact(subject, hub);
  const bool distrusted = !subject.settings.distrusted_keys.empty() &&
                          subject.settings.distrusted_keys.contains(subject.desired.id.key());
  const bool asked = subject.settings.resend_keys;
  if (fact == nullptr && !asked && !distrusted) return;

  if (fact != nullptr && fact->problem) {
    auto path = entry_path(kList, live.host_name, "credential");
    if (subject.ignores(path)) return;
    auto problem = in_context(fmt::format("the key of hub {}", printable(live.host_name, 120)),
                              *fact->problem);
    if (!is_refusal(*fact->problem)) {
      out.error(problem);
      return;
    }
    out.unseen.push_back(std::move(path));
    out.warning(problem.id, problem.what + "; the stored key stays", problem.remedy);
    return;
  }
  if (fact != nullptr && fact->digest.empty() && !asked && !distrusted) {
    // Not asked for (--key-check never): nothing is known of it, so nothing differs.
    auto path = entry_path(kList, live.host_name, "credential");
    if (!subject.ignores(path)) out.unseen.push_back(std::move(path));
    return;
  }
  const auto known = subject.bookkeeping.fingerprints.find(host_digest(live.host_name));
  const bool recorded = known != subject.bookkeeping.fingerprints.end();
  if (!asked && !distrusted && recorded && known->second == fact->digest) return;

  using impact::KeyReason;
  const auto reason = asked        ? KeyReason::Asked
                      : distrusted ? KeyReason::Distrusted
                      : recorded   ? KeyReason::Changed
                                   : KeyReason::NeverRecorded;
  const auto added = out.changes.size();
  add_field(subject,
            live,
            "credential",
            "(secret)",
            reason == KeyReason::Changed ? "(secret, changed)" : "(secret)",
            impact::hub_key_sent(reason),
            out);
  if (out.changes.size() > added) {
    out.changes.back().secret = true;
    out.changes.back().reversible = false;
  }
}

void compare_hub(const Subject& subject,
                 const DesiredHub& hub,
                 const LiveHub& live,
                 Findings& out) {
  if (hub.location && !same(Field::HubLocation, *hub.location, live.location)) {
    add_field(subject,
              live,
              "location",
              live.location,
              *hub.location,
              impact::hub_location_changed(),
              out);
  }
  if (hub.allocation_weight && hub.allocation_weight != live.allocation_weight) {
    add_field(subject,
              live,
              "allocationWeight",
              live.allocation_weight ? Json(*live.allocation_weight) : Json(),
              *hub.allocation_weight,
              impact::weight_changed(live.allocation_weight, *hub.allocation_weight),
              out);
  }
  if (hub.apply_allocation_policy &&
      *hub.apply_allocation_policy != live.apply_allocation_policy.value_or(true)) {
    add_field(subject,
              live,
              "applyAllocationPolicy",
              live.apply_allocation_policy.value_or(true),
              *hub.apply_allocation_policy,
              impact::policy_use_changed(*hub.apply_allocation_policy),
              out);
  }
  compare_key(subject, hub, live, out);
}

}  // namespace

void compare_hubs(const Subject& subject, Findings& out) {
  if (!subject.desired.linked_hubs) return;
  static const std::vector<LiveHub> kNone;
  const auto& wanted = *subject.desired.linked_hubs;
  const auto& linked = subject.live == nullptr ? kNone : subject.live->linked_hubs;
  std::size_t count = linked.size();
  const auto before = count;

  for (const auto& hub : wanted) {
    const auto live = std::find_if(linked.begin(), linked.end(), [&](const LiveHub& one) {
      return same(Field::HubHost, hub.host_name, one.host_name);
    });
    if (hub.presence == Presence::Absent) {
      if (live != linked.end()) unlink_hub(subject, *live, out);
    } else if (live == linked.end()) {
      link_hub(subject, hub, out);
    } else {
      compare_hub(subject, hub, *live, out);
    }
  }
  if (subject.desired.lifecycle.hubs == Unlisted::Remove) {
    for (const auto& live : linked) {
      const bool named = std::any_of(wanted.begin(), wanted.end(), [&](const DesiredHub& hub) {
        return same(Field::HubHost, hub.host_name, live.host_name);
      });
      if (!named) unlink_hub(subject, live, out);
    }
  }
  for (const auto& change : out.changes) {
    if (change.kind != Kind::LinkedHub) continue;
    if (change.action == Action::Create) ++count;
    if (change.action == Action::Delete) --count;
  }
  if (count > kMaxHubs && count > before) {
    out.error("LimitExceeded",
              fmt::format("{} hubs would be linked; a service takes {}", count, kMaxHubs),
              "unlink hubs first, or use another service");
  }
}

}  // namespace dps::plan

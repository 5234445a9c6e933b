#include "reconciler/plan/policy_diff.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/impact.hpp"
#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

constexpr std::string_view kList = "sharedAccessPolicies";
using Facts = std::map<KeyFacts::Entry, KeyFact>;

const KeyFact* key_fact(const Subject& subject, const Facts& facts, const DesiredPolicy& policy) {
  if (facts.empty()) return nullptr;
  const auto found = facts.find({subject.desired.id, lower(policy.name)});
  return found == facts.end() ? nullptr : &found->second;
}

/// False: the key cannot be read, and an error says so.
bool readable(const KeyFact* fact,
              const DesiredPolicy& policy,
              std::string_view which,
              Findings& out) {
  if (fact == nullptr || !fact->problem) return true;
  out.error(in_context(fmt::format("the {} key of policy {}", which, printable(policy.name, 80)),
                       *fact->problem));
  return false;
}

void add_policy(const Subject& subject, const DesiredPolicy& policy, Findings& out) {
  auto path = entry_path(kList, policy.name, "");
  if (subject.ignores(path)) return;
  if (!policy.rights || policy.rights->empty()) {
    out.error("PolicyNeedsRights",
              fmt::format("policy {} does not exist and the manifest gives it no rights",
                          printable(policy.name, 80)),
              "rights: [" + join(right_names(), ", ") + "], as few as will do");
  }
  Json after = {{"name", policy.name}};
  if (policy.rights) after["rights"] = policy.rights->names();
  if (policy.primary_key) {
    readable(key_fact(subject, subject.keys.primary_keys, policy), policy, "primary", out);
    after["primaryKey"] = fmt::format("(secret) from {}", describe(*policy.primary_key));
  }
  if (policy.secondary_key) {
    readable(key_fact(subject, subject.keys.secondary_keys, policy), policy, "secondary", out);
    after["secondaryKey"] = fmt::format("(secret) from {}", describe(*policy.secondary_key));
  }
  auto change = field_change(Kind::SharedAccessPolicy,
                             policy.name,
                             "",
                             std::move(path),
                             nullptr,
                             std::move(after),
                             impact::policy_added());
  change.action = Action::Create;
  out.changes.push_back(std::move(change));
}

void remove_policy(const Subject& subject, const LivePolicy& live, Findings& out) {
  auto path = entry_path(kList, live.name, "");
  if (subject.ignores(path)) return;
  auto change = field_change(Kind::SharedAccessPolicy,
                             live.name,
                             "",
                             std::move(path),
                             Json{{"name", live.name}, {"rights", live.rights.names()}},
                             nullptr,
                             impact::policy_removed());
  change.action = Action::Delete;
  change.destructive = true;
  change.reversible = false;  // its keys are gone
  out.changes.push_back(std::move(change));
}

void compare_key(const Subject& subject,
                 const DesiredPolicy& policy,
                 const LivePolicy& live,
                 KeyKind kind,
                 Findings& out) {
  const bool primary = kind == KeyKind::Primary;
  const std::string_view which = primary ? "primary" : "secondary";
  if (!(primary ? policy.primary_key : policy.secondary_key)) return;
  const auto* fact =
      key_fact(subject, primary ? subject.keys.primary_keys : subject.keys.secondary_keys, policy);
  if (fact == nullptr) return;
  if (!fact->problem && fact->digest == (primary ? live.primary_digest : live.secondary_digest)) {
    return;
  }
  const auto field = fmt::format("keys.{}", which);
  auto path = entry_path(kList, live.name, field);
  if (subject.ignores(path) || !readable(fact, policy, which, out)) return;
  auto change = field_change(Kind::SharedAccessPolicy,
                             live.name,
                             field,
                             std::move(path),
                             "(secret)",
                             "(secret, changed)",
                             impact::policy_key_changed(which));
  change.secret = true;
  change.reversible = false;
  out.changes.push_back(std::move(change));
}

void compare_policy(const Subject& subject,
                    const DesiredPolicy& policy,
                    const LivePolicy& live,
                    Findings& out) {
  if (policy.rights && !(*policy.rights == live.rights)) {
    auto path = entry_path(kList, live.name, "rights");
    if (!subject.ignores(path)) {
      out.changes.push_back(field_change(Kind::SharedAccessPolicy,
                                         live.name,
                                         "rights",
                                         std::move(path),
                                         live.rights.names(),
                                         policy.rights->names(),
                                         impact::rights_changed(live.rights, *policy.rights)));
    }
  }
  compare_key(subject, policy, live, KeyKind::Primary, out);
  compare_key(subject, policy, live, KeyKind::Secondary, out);
}

}  // namespace

void compare_policies(const Subject& subject, Findings& out) {
  if (!subject.desired.policies) return;
  const auto& wanted = *subject.desired.policies;
  static const std::vector<LivePolicy> kNone;
  const std::vector<LivePolicy>* existing = &kNone;
  if (subject.live != nullptr) {
    const auto& seen = subject.live->policies;
    if (!seen.entries) {
      out.unseen.emplace_back(kList);
      if (seen.refused) {
        out.warning(seen.refused->id,
                    "the shared access policies could not be read and are not compared: " +
                        seen.refused->what,
                    seen.refused->remedy);
      }
      return;
    }
    existing = &*seen.entries;
  }
  for (const auto& policy : wanted) {
    const auto live = std::find_if(existing->begin(), existing->end(), [&](const LivePolicy& one) {
      return same(Field::PolicyName, policy.name, one.name);
    });
    if (policy.presence == Presence::Absent) {
      if (equal_ignoring_case(policy.name, kBuiltInPolicy)) {
        out.error("BuiltInPolicy",
                  "provisioningserviceowner is the service's own policy and is never removed",
                  "declare it with the rights that it should have, or leave it out");
      } else if (live != existing->end()) {
        remove_policy(subject, *live, out);
      }
    } else if (live == existing->end()) {
      add_policy(subject, policy, out);
    } else {
      compare_policy(subject, policy, *live, out);
    }
  }
  if (subject.desired.lifecycle.policies != Unlisted::Remove) return;
  for (const auto& live : *existing) {
    if (equal_ignoring_case(live.name, kBuiltInPolicy)) continue;
    const bool named = std::any_of(wanted.begin(), wanted.end(), [&](const DesiredPolicy& policy) {
      return same(Field::PolicyName, policy.name, live.name);
    });
    if (!named) remove_policy(subject, live, out);
  }
}

bool sees_policies(const ServicePlan& plan) {
  return std::find(plan.unseen.begin(), plan.unseen.end(), kList) == plan.unseen.end();
}

}  // namespace dps::plan

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/plan/bookkeeping_after.hpp"
#include "reconciler/plan/certificate_diff.hpp"
#include "reconciler/plan/expressible.hpp"
#include "reconciler/plan/finish.hpp"
#include "reconciler/plan/guard.hpp"
#include "reconciler/plan/hub_diff.hpp"
#include "reconciler/plan/ownership.hpp"
#include "reconciler/plan/plan.hpp"
#include "reconciler/plan/policy_diff.hpp"
#include "reconciler/plan/prune.hpp"
#include "reconciler/plan/render_json.hpp"
#include "reconciler/plan/service_diff.hpp"
#include "reconciler/plan/service_state.hpp"

namespace dps::plan {
namespace {

constexpr std::size_t kMaxTags = 50;

ServicePlan begin(const DesiredService& desired) {
  ServicePlan plan;
  plan.id = desired.id;
  plan.manifest = desired.mark;
  for (const auto& block : desired.blocks) {
    plan.errors.push_back({block.id, block.message, block.remedy});
  }
  for (const auto& warning : desired.warnings) {
    plan.warnings.push_back({warning.id, warning.message, warning.remedy});
  }
  return plan;
}

template <class Value>
void append(std::vector<Value>& to, std::vector<Value>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// Drift: the manifest says what it said at our last write. Of certificates the record knows
/// nothing.
void assign_causes(const Subject& subject, std::vector<Change>& changes) {
  const auto& written = subject.bookkeeping.revision;
  if (!written || *written != desired_revision(subject.desired)) return;
  for (auto& change : changes) {
    const bool keys = change.secret || change.kind == Kind::Certificate ||
                      change.action == Action::Adopt || change.action == Action::Release ||
                      (change.kind == Kind::ProvisioningService && change.action == Action::Delete);
    if (!keys) change.cause = Cause::Drift;
  }
}

/// ARM takes 50 tags, ours included.
void judge_tag_count(const Subject& subject, Findings& out) {
  Tags after = subject.live == nullptr ? Tags() : subject.live->tags;
  const auto before = after.size();
  auto bookkeeping = bookkeeping_after(subject, out.changes);
  for (const auto& change : out.changes) {
    const bool sends_key = change.kind == Kind::LinkedHub &&
                           (change.action == Action::Create || change.field == "credential");
    if (sends_key) bookkeeping.fingerprints[host_digest(change.name)] = "xxxxxxxx";
    if (change.kind != Kind::Tag) continue;
    if (change.action == Action::Delete) {
      after.erase(change.name);
    } else {
      after[change.name] = "";
    }
  }
  if (subject.live == nullptr && subject.desired.tags) after = *subject.desired.tags;
  after = with_bookkeeping(std::move(after), bookkeeping);
  if (after.size() <= kMaxTags || after.size() <= before) return;
  out.error(
      "LimitExceeded",
      fmt::format(
          "{} tags would stand, the bookkeeping's included; ARM takes {}", after.size(), kMaxTags),
      "fewer tags in the manifest, or lifecycle.unlisted.tags: remove");
}

void compare_all(const Subject& subject, Findings& out) {
  judge_needed_version(subject, out);
  compare_service(subject, out);
  compare_tags(subject, out);
  compare_hubs(subject, out);
  compare_policies(subject, out);
  compare_certificates(subject, out);
  const bool writes = std::any_of(out.changes.begin(), out.changes.end(), [](const Change& change) {
    return change.kind != Kind::Certificate;
  });
  if (writes) {
    judge_expressible(subject, out);
    judge_tag_count(subject, out);
  }
  judge_ownership(subject, out);
}

void create_all(const Subject& subject, Findings& out) {
  judge_needed_version(subject, out);
  create_service(subject, out);
  compare_hubs(subject, out);
  compare_policies(subject, out);
  compare_certificates(subject, out);
  judge_tag_count(subject, out);
}

void conclude(const Subject& subject, Findings& found, ServicePlan& plan) {
  append(plan.errors, found.errors);
  append(plan.warnings, found.warnings);
  plan.unseen = std::move(found.unseen);
  plan.certificates = std::move(found.certificates);
  if (!found.changes.empty()) assign_causes(subject, found.changes);
  plan.changes = std::move(found.changes);
  sort_changes(plan.changes);
  withhold(plan, subject.settings);
  hold_dependents(plan);
  plan.service_class = !plan.errors.empty()
                           ? (found.failed ? ServiceClass::Failed : ServiceClass::Blocked)
                       : is_suspended(subject.desired, subject.now) ? ServiceClass::Suspended
                                                                    : class_of(plan.changes);
  if (plan.service_class == ServiceClass::Suspended) {
    const auto& suspend = *subject.desired.lifecycle.suspend;
    auto message = suspend.reason.empty() ? std::string("by the manifest") : suspend.reason;
    if (suspend.until) message += ", until " + rfc3339(*suspend.until);
    plan.warnings.push_back({"Suspended", std::move(message), ""});
  }
  if (plan.has_work() && plan.service_class != ServiceClass::Delete) {
    const bool released = plan.changes.front().action == Action::Release;
    plan.bookkeeping = released ? Bookkeeping() : bookkeeping_after(subject, plan.changes);
    // What was not seen may not be written: the revision would call it drift later. Of keys the
    // revision tells nothing, so that a key which was not compared does not count.
    if (!sees_policies(plan)) plan.bookkeeping->revision = plan.live_bookkeeping.revision;
    settle_holds(plan);
  }
  if (!plan.changes.empty()) assign_calls(plan, &subject.desired);
}

ServicePlan plan_live(const DesiredService& desired,
                      const LiveService& live,
                      const KeyFacts& keys,
                      const Settings& settings,
                      WallTime now) {
  auto plan = begin(desired);
  plan.id = live.id;
  plan.etag = live.etag;
  plan.id_scope = live.id_scope;
  plan.live_state = live.state;
  plan.live_bookkeeping = read_bookkeeping(live.tags);
  const Subject subject{desired, &live, plan.live_bookkeeping, keys, settings, now};
  const bool tombstone = desired.lifecycle.state == LifecycleState::Absent;

  const auto stands = condition(live.state);
  if (stands == Condition::InTransition) {
    plan.service_class = plan.errors.empty() ? ServiceClass::InTransition : ServiceClass::Blocked;
    return plan;
  }
  Findings found;
  if (stands == Condition::Bad && !tombstone) {
    const auto problem = bad_state(live.state);
    found.errors.push_back(problem);
  } else if (tombstone) {
    if (!is_suspended(desired, now)) judge_tombstone(subject, found);
  } else if (desired.lifecycle.state == LifecycleState::Released) {
    judge_release(subject, found);
  } else {
    compare_all(subject, found);
  }
  conclude(subject, found, plan);
  return plan;
}

bool wants_something(const DesiredService& desired) {
  const auto present = [](const auto& entries) {
    return entries && std::any_of(entries->begin(), entries->end(), [](const auto& entry) {
             return entry.presence == Presence::Present;
           });
  };
  return present(desired.linked_hubs) || present(desired.policies) || present(desired.certificates);
}

ServicePlan plan_missing(const DesiredService& desired,
                         const Preflight& preflight,
                         const KeyFacts& keys,
                         const Settings& settings,
                         WallTime now) {
  auto plan = begin(desired);
  const Subject subject{desired, nullptr, plan.live_bookkeeping, keys, settings, now};
  Findings found;
  if (desired.lifecycle.state == LifecycleState::Present) {
    if (desired.declared) {
      for (const auto& problem : preflight.problems) found.error(problem);
      create_all(subject, found);
    } else if (wants_something(desired)) {
      found.error("ServiceMissing",
                  "the service that these entries belong to does not exist",
                  "create it first, or declare it with a ProvisioningService document");
    }
  }
  conclude(subject, found, plan);
  return plan;
}

ServicePlan plan_unread(const DesiredService& desired, const Error& why) {
  auto plan = begin(desired);
  plan.errors.push_back({why.id, why.what, why.remedy});
  plan.service_class = ServiceClass::Failed;
  return plan;
}

ServicePlan plan_one(const DesiredService& desired,
                     const LiveState& live,
                     const KeyFacts& keys,
                     const Settings& settings,
                     WallTime now) {
  if (const auto found = live.unreadable.find(desired.id); found != live.unreadable.end()) {
    return plan_unread(desired, found->second);
  }
  if (const auto found = live.services.find(desired.id); found != live.services.end()) {
    return plan_live(desired, found->second, keys, settings, now);
  }
  if (const auto found = live.missing.find(desired.id); found != live.missing.end()) {
    return plan_missing(desired, found->second, keys, settings, now);
  }
  if (const auto found = live.unlisted.find(desired.id.subscription);
      found != live.unlisted.end()) {
    return plan_unread(desired, found->second);
  }
  return plan_unread(
      desired, give_up("NotRead", "the service was not read, so nothing can be said of it", ""));
}

/// Owned services that nobody names, where --prune is not given: said, so that they are not
/// forgotten.
void mention_orphans(const DesiredState& desired,
                     const LiveState& live,
                     const Settings& settings,
                     std::vector<Problem>& notices) {
  if (settings.prune || !desired.complete) return;
  std::size_t count = 0;
  std::string first;
  for (const auto& [id, service] : live.services) {
    const auto owner = service.tags.find(kOwnerTag);
    if (owner == service.tags.end() || owner->second != settings.owner ||
        desired.services.contains(id)) {
      continue;
    }
    if (count++ == 0) first = id.brief();
  }
  if (count == 0) return;
  notices.push_back({"Unnamed",
                     fmt::format("{} of owner \"{}\" {} named by no manifest: {}{}",
                                 count == 1 ? "a service" : fmt::format("{} services", count),
                                 printable(settings.owner, 80),
                                 count == 1 ? "is" : "are",
                                 printable(first, 200),
                                 count == 1 ? "" : " and others"),
                     "--prune with an explicit --owner deletes them; nothing else does"});
}

}  // namespace

ServicePlan make_service(const DesiredService& desired,
                         const LiveService& live,
                         const KeyFacts& keys,
                         const Settings& settings,
                         WallTime now) {
  return plan_live(desired, live, keys, settings, now);
}

Plan make(const DesiredState& desired,
          const LiveState& live,
          const KeyFacts& keys,
          const Settings& settings,
          WallTime now) {
  Plan plan;
  plan.created_at = now;
  plan.api_version = settings.capabilities.version;
  plan.owner = settings.owner;
  plan.source_revision = desired.revision;
  plan.unseen = live.unseen;
  plan.services.reserve(desired.services.size());
  for (const auto& [id, service] : desired.services) {
    plan.services.push_back(plan_one(service, live, keys, settings, now));
  }
  auto pruned = prune(desired, live, settings, plan.notices);
  for (auto& service : pruned) withhold(service, settings);
  mention_orphans(desired, live, settings, plan.notices);
  const bool more = !pruned.empty();
  append(plan.services, pruned);
  const auto known = plan.services.size();
  refuse_replacements(desired, live, settings, plan.services);
  if (more || plan.services.size() > known) {
    std::sort(plan.services.begin(), plan.services.end(), [](const auto& left, const auto& right) {
      return left.id < right.id;
    });
  }
  apply_guards(plan, live, settings);
  for (auto& service : plan.services) {
    if (service.changes.empty()) continue;
    settle_holds(service);
    const auto wanted = desired.services.find(service.id);
    assign_calls(service, wanted == desired.services.end() ? nullptr : &wanted->second);
  }
  plan.summary = summarise(plan.services);
  plan.digest = digest(plan);
  return plan;
}

}  // namespace dps::plan

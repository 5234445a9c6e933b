#include "reconciler/plan/prune.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/plan/ownership.hpp"
#include "reconciler/plan/service_state.hpp"

namespace dps::plan {
namespace {

using Names = std::set<std::string, LessIgnoringCase>;

Names named_services(const DesiredState& desired) {
  Names names;
  for (const auto& [id, service] : desired.services) names.insert(id.name);
  return names;
}

Names named_subscriptions(const DesiredState& desired) {
  Names names;
  for (const auto& [id, service] : desired.services) names.insert(id.subscription);
  return names;
}

bool is_ours(const LiveService& service, const Settings& settings) {
  const auto owner = service.tags.find(kOwnerTag);
  return owner != service.tags.end() && !settings.owner.empty() && owner->second == settings.owner;
}

/// Why nothing at all may be pruned in this pass; empty: it may.
std::string prevention(const DesiredState& desired, const LiveState& live) {
  if (!desired.complete) return "some manifest could not be loaded";
  if (desired.services.empty()) return "the manifests name no service at all";
  if (!live.unlisted.empty()) {
    return fmt::format("subscription {} could not be listed",
                       printable(live.unlisted.begin()->first, 80));
  }
  if (!live.unreadable.empty()) {
    return fmt::format("service {} could not be read",
                       printable(live.unreadable.begin()->first.brief(), 200));
  }
  return {};
}

ServicePlan of_live(const LiveService& live, Bookkeeping bookkeeping) {
  ServicePlan plan;
  plan.id = live.id;
  plan.etag = live.etag;
  plan.id_scope = live.id_scope;
  plan.live_state = live.state;
  plan.live_bookkeeping = std::move(bookkeeping);
  return plan;
}

void refuse(ServicePlan& plan, std::string message) {
  plan.errors.push_back({"Replacement",
                         std::move(message),
                         "keep the service that stands and change it, or make the new one in one "
                         "revision and take the old one away in a later one"});
  if (plan.service_class != ServiceClass::Failed) plan.service_class = ServiceClass::Blocked;
  plan.bookkeeping.reset();
}

bool links(const DesiredService& service, std::string_view host) {
  return service.linked_hubs &&
         std::any_of(
             service.linked_hubs->begin(), service.linked_hubs->end(), [&](const DesiredHub& hub) {
               return hub.presence == Presence::Present && equal_ignoring_case(hub.host_name, host);
             });
}

/// A service that is to be made, with its manifest.
struct Create {
  ServicePlan* plan;
  const DesiredService* wanted;
};

bool deletes_service(const ServicePlan& plan) {
  return std::any_of(plan.changes.begin(), plan.changes.end(), [](const Change& change) {
    return change.kind == Kind::ProvisioningService && change.action == Action::Delete;
  });
}

void refuse_same_name(const Create& create,
                      const LiveService& standing,
                      const std::vector<ServicePlan*>& deletes) {
  refuse(*create.plan,
         fmt::format("a service of this name stands at {}: another resource group or subscription "
                     "would be a new service with a new id scope, which is never done",
                     printable(standing.id.brief(), 200)));
  for (auto* removed : deletes) {
    if (!(removed->id == standing.id)) continue;
    refuse(*removed,
           fmt::format("the same revision creates a service of this name at {}",
                       printable(create.plan->id.brief(), 200)));
  }
}

ServicePlan refused_prune(const LiveService& standing, const Create& create) {
  auto plan = of_live(standing, read_bookkeeping(standing.tags));
  refuse(plan,
         fmt::format("no manifest names this service here, but one of the same name at {}: it is "
                     "not pruned",
                     printable(create.plan->id.brief(), 200)));
  return plan;
}

void refuse_shared_hub(const Create& create, ServicePlan& removed, const LiveService& standing) {
  const auto shared = std::find_if(
      standing.linked_hubs.begin(), standing.linked_hubs.end(), [&](const LiveHub& hub) {
        return links(*create.wanted, hub.host_name);
      });
  if (shared == standing.linked_hubs.end()) return;
  const auto host = printable(shared->host_name, 120);
  refuse(*create.plan,
         fmt::format("it links hub {} of {}, which the same revision deletes: that is a "
                     "replacement, and its devices would lose their id scope",
                     host,
                     printable(removed.id.brief(), 200)));
  refuse(removed,
         fmt::format("the same revision creates {}, which links hub {} of this service: that is a "
                     "replacement, and devices would lose their id scope",
                     printable(create.plan->id.brief(), 200),
                     host));
}

}  // namespace

std::vector<ServicePlan> prune(const DesiredState& desired,
                               const LiveState& live,
                               const Settings& settings,
                               std::vector<Problem>& notices) {
  std::vector<ServicePlan> out;
  if (!settings.prune) return out;
  if (const auto why = prevention(desired, live); !why.empty()) {
    notices.push_back({"PrunePrevented", "nothing is pruned: " + why, ""});
    return out;
  }
  const auto names = named_services(desired);
  const auto subscriptions = named_subscriptions(desired);
  for (const auto& [id, service] : live.services) {
    if (desired.services.contains(id) || !is_ours(service, settings) ||
        !subscriptions.contains(id.subscription) || names.contains(id.name)) {
      continue;
    }
    auto bookkeeping = read_bookkeeping(service.tags);
    if (bookkeeping.protect) {
      notices.push_back({"Protected",
                         fmt::format("{} is ours and no manifest names it, but it is protected: it "
                                     "is not pruned",
                                     printable(id.brief(), 200)),
                         "declare it with lifecycle.protect: false first"});
      continue;
    }
    auto plan = of_live(service, std::move(bookkeeping));
    switch (condition(service.state)) {
      case Condition::InTransition:
        plan.service_class = ServiceClass::InTransition;
        break;
      case Condition::Bad:
        plan.service_class = ServiceClass::Blocked;
        plan.errors.push_back(bad_state(service.state));
        break;
      case Condition::Writable:
        plan.service_class = ServiceClass::Delete;
        plan.changes.push_back(service_deletion(service));
        break;
    }
    out.push_back(std::move(plan));
  }
  return out;
}

void refuse_replacements(const DesiredState& desired,
                         const LiveState& live,
                         const Settings& settings,
                         std::vector<ServicePlan>& plans) {
  std::vector<Create> creates;
  std::vector<ServicePlan*> deletes;
  for (auto& plan : plans) {
    if (deletes_service(plan)) deletes.push_back(&plan);
    const auto wanted = desired.services.find(plan.id);
    const bool creating = wanted != desired.services.end() && !live.services.contains(plan.id) &&
                          wanted->second.lifecycle.state == LifecycleState::Present &&
                          wanted->second.declared;
    if (creating) creates.push_back({&plan, &wanted->second});
  }
  if (creates.empty()) return;

  std::multimap<std::string_view, const LiveService*, LessIgnoringCase> by_name;
  for (const auto& [id, service] : live.services) by_name.emplace(id.name, &service);
  std::vector<ServicePlan> not_pruned;
  for (const auto& create : creates) {
    const auto [first, last] = by_name.equal_range(create.plan->id.name);
    for (auto at = first; at != last; ++at) {
      refuse_same_name(create, *at->second, deletes);
      if (settings.prune && !desired.services.contains(at->second->id) &&
          is_ours(*at->second, settings)) {
        not_pruned.push_back(refused_prune(*at->second, create));
      }
    }
    for (auto* removed : deletes) {
      const auto standing = live.services.find(removed->id);
      if (standing != live.services.end()) refuse_shared_hub(create, *removed, standing->second);
    }
  }
  for (auto& plan : not_pruned) plans.push_back(std::move(plan));
}

}  // namespace dps::plan

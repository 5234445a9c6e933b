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
  std::vector<ServicePlan> blocked_prunes;
  for (auto& created : plans) {
    const auto wanted = desired.services.find(created.id);
    if (wanted == desired.services.end() || live.services.contains(created.id) ||
        wanted->second.lifecycle.state != LifecycleState::Present || !wanted->second.declared) {
      continue;
    }
    for (const auto& [id, service] : live.services) {
      if (!equal_ignoring_case(id.name, created.id.name)) continue;
      refuse(created,
             fmt::format("a service of this name stands at {}: another resource group or "
                         "subscription would be a new service with a new id scope, which is never "
                         "done",
                         printable(id.brief(), 200)));
      const bool named = desired.services.contains(id);
      if (settings.prune && !named && is_ours(service, settings)) {
        auto plan = of_live(service, read_bookkeeping(service.tags));
        refuse(plan,
               fmt::format("no manifest names this service here, but one of the same name at {}: "
                           "it is not pruned",
                           printable(created.id.brief(), 200)));
        blocked_prunes.push_back(std::move(plan));
      } else if (named) {
        for (auto& other : plans) {
          if (other.id == id && other.service_class == ServiceClass::Delete) {
            refuse(other,
                   fmt::format("the same revision creates a service of this name at {}",
                               printable(created.id.brief(), 200)));
          }
        }
      }
    }
    for (auto& removed : plans) {
      const auto standing = live.services.find(removed.id);
      const bool deletes =
          std::any_of(removed.changes.begin(), removed.changes.end(), [](const Change& change) {
            return change.kind == Kind::ProvisioningService && change.action == Action::Delete;
          });
      if (!deletes || standing == live.services.end()) continue;
      for (const auto& hub : standing->second.linked_hubs) {
        if (!links(wanted->second, hub.host_name)) continue;
        const auto host = printable(hub.host_name, 120);
        refuse(created,
               fmt::format("it links hub {} of {}, which the same revision deletes: that is a "
                           "replacement, and its devices would lose their id scope",
                           host,
                           printable(removed.id.brief(), 200)));
        refuse(removed,
               fmt::format("the same revision creates {}, which links hub {} of this service: that "
                           "is a replacement, and devices would lose their id scope",
                           printable(created.id.brief(), 200),
                           host));
        break;
      }
    }
  }
  for (auto& plan : blocked_prunes) plans.push_back(std::move(plan));
}

}  // namespace dps::plan

#include "reconciler/plan/select.hpp"

#include <algorithm>

#include "reconciler/plan/bookkeeping_after.hpp"
#include "reconciler/plan/certificate_diff.hpp"
#include "reconciler/plan/finish.hpp"
#include "reconciler/plan/render_json.hpp"

namespace dps::plan {
namespace {

bool is_decided_by_changes(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::Failed:
    case ServiceClass::Blocked:
    case ServiceClass::Suspended:
    case ServiceClass::InTransition:
      return false;
    default:
      return true;
  }
}

bool has_selected_entry(const DesiredService& service, const Selected& selected) {
  const auto any = [&](const auto& entries, Kind kind, const auto& name_of) {
    return entries && std::any_of(entries->begin(), entries->end(), [&](const auto& entry) {
             return selected(kind, service.id, name_of(entry));
           });
  };
  return any(service.linked_hubs,
             Kind::LinkedHub,
             [](const DesiredHub& hub) -> const std::string& { return hub.host_name; }) ||
         any(service.policies,
             Kind::SharedAccessPolicy,
             [](const DesiredPolicy& policy) -> const std::string& { return policy.name; }) ||
         any(service.certificates,
             Kind::Certificate,
             [](const DesiredCertificate& certificate) -> const std::string& {
               return certificate.name;
             });
}

/// A certificate stands under the name of its slot; the entry may have another.
bool is_selected_change(const Change& change,
                        const ServiceId& id,
                        const DesiredService* desired,
                        const Selected& selected) {
  if (change.kind == Kind::ProvisioningService || change.kind == Kind::Tag) return false;
  if (selected(change.kind, id, change.name)) return true;
  if (change.kind != Kind::Certificate || desired == nullptr || !desired->certificates) {
    return false;
  }
  return std::any_of(
      desired->certificates->begin(), desired->certificates->end(), [&](const auto& entry) {
        const auto slots = slots_of(entry);
        return std::find(slots.begin(), slots.end(), change.name) != slots.end() &&
               selected(Kind::Certificate, id, entry.name);
      });
}

}  // namespace

void leave_out_changes(ServicePlan& service, const std::function<bool(const Change&)>& unwanted) {
  const auto before = service.changes.size();
  std::erase_if(service.changes, [&](const Change& change) {
    if (!unwanted(change)) return false;
    if (service.bookkeeping) {
      leave_out(change, service.live_bookkeeping, *service.bookkeeping);
      if (change.action == Action::Adopt)
        service.bookkeeping->owner = service.live_bookkeeping.owner;
    }
    return true;
  });
  if (service.changes.size() == before) return;
  if (is_decided_by_changes(service.service_class)) {
    service.service_class = class_of(service.changes);
  }
  if (!service.has_work()) service.bookkeeping.reset();
  settle_holds(service);
}

void select(Plan& plan, const DesiredState& desired, const Selected& selected) {
  std::erase_if(plan.services, [&](ServicePlan& service) {
    if (selected(Kind::ProvisioningService, service.id, service.id.name)) return false;
    const auto found = desired.services.find(service.id);
    const auto* wanted = found == desired.services.end() ? nullptr : &found->second;
    const bool was_create = service.service_class == ServiceClass::Create;
    leave_out_changes(service, [&](const Change& change) {
      return !is_selected_change(change, service.id, wanted, selected);
    });
    assign_calls(service, wanted);
    if (was_create && !service.changes.empty()) {
      service.errors.push_back({"ServiceNotSelected",
                                "the service does not exist, and only entries of it are selected",
                                "select the service as well"});
      service.service_class = ServiceClass::Blocked;
      service.bookkeeping.reset();
    }
    return service.changes.empty() && (wanted == nullptr || !has_selected_entry(*wanted, selected));
  });
  const bool withheld =
      std::any_of(plan.services.begin(), plan.services.end(), [](const ServicePlan& service) {
        return std::any_of(service.changes.begin(),
                           service.changes.end(),
                           [](const Change& change) { return change.held.has_value(); });
      });
  if (!withheld) {
    plan.guards.clear();
    plan.approve_digest.clear();
  }
  plan.summary = summarise(plan.services);
  plan.digest = digest(plan);
}

}  // namespace dps::plan

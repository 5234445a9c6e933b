#include "reconciler/plan/plan.hpp"

#include <algorithm>

namespace dps::plan {

std::string_view word(ServiceClass service_class) {
  switch (service_class) {
    case ServiceClass::Failed:
      return "failed";
    case ServiceClass::Blocked:
      return "blocked";
    case ServiceClass::Suspended:
      return "suspended";
    case ServiceClass::InTransition:
      return "in_transition";
    case ServiceClass::Create:
      return "create";
    case ServiceClass::Delete:
      return "delete";
    case ServiceClass::Rotate:
      return "rotate";
    case ServiceClass::Update:
      return "update";
    case ServiceClass::Adopt:
      return "adopt";
    case ServiceClass::Unchanged:
      return "unchanged";
  }
  return "";
}

std::string_view word(CertificateRole role) {
  switch (role) {
    case CertificateRole::Current:
      return "current";
    case CertificateRole::Predecessor:
      return "predecessor";
    case CertificateRole::Revoked:
      return "revoked";
    case CertificateRole::Unlisted:
      return "unlisted";
    case CertificateRole::Unmanaged:
      return "unmanaged";
  }
  return "";
}

bool ServicePlan::has_work() const {
  switch (service_class) {
    case ServiceClass::Create:
    case ServiceClass::Delete:
    case ServiceClass::Rotate:
    case ServiceClass::Update:
    case ServiceClass::Adopt:
      return std::any_of(
          changes.begin(), changes.end(), [](const Change& change) { return !change.held; });
    default:
      return false;
  }
}

bool Plan::has_changes() const {
  return summary.create + summary.update + summary.rotate + summary.remove > 0;
}
bool Plan::has_problems() const {
  return summary.failed + summary.blocked > 0;
}
bool Plan::has_guard_holds() const {
  return !guards.empty();
}

Summary summarise(const std::vector<ServicePlan>& services) {
  Summary out;
  for (const auto& service : services) {
    switch (service.service_class) {
      case ServiceClass::Failed:
        ++out.failed;
        break;
      case ServiceClass::Blocked:
        ++out.blocked;
        break;
      case ServiceClass::Suspended:
        ++out.suspended;
        break;
      case ServiceClass::InTransition:
        ++out.in_transition;
        break;
      case ServiceClass::Create:
        ++out.create;
        break;
      case ServiceClass::Delete:
        ++out.remove;
        break;
      case ServiceClass::Rotate:
        ++out.rotate;
        break;
      case ServiceClass::Update:
        ++out.update;
        break;
      case ServiceClass::Adopt:
        ++out.adopt;
        break;
      case ServiceClass::Unchanged:
        ++out.unchanged;
        break;
    }
    for (const auto& certificate : service.certificates) {
      ++out.certificates;
      if (!certificate.verified) ++out.unverified;
      if (certificate.validity == Validity::EndsSoon) ++out.ending_soon;
      if (certificate.validity == Validity::Ended) ++out.ended;
    }
    for (const auto& change : service.changes) {
      if (change.action == Action::Adopt) continue;  // bookkeeping alone is not a change
      ++out.changes;
      if (change.held) ++out.held;
    }
  }
  return out;
}

}  // namespace dps::plan

#include "reconciler/controller/judged.hpp"

#include <algorithm>

#include "reconciler/plan/guard.hpp"

namespace dps::controller {
namespace {

using plan::Change;
using plan::ServiceClass;

/// Held by a judgement of the whole, and not by time or by another.
bool is_held_by_guard(const Change& change) {
  if (!change.held) return false;
  const auto& id = change.held->id;
  return id.starts_with("max-") || id == "revoked" || id == plan::kNotJudgedHold;
}

}  // namespace

bool creates(const plan::ServicePlan& service) {
  return service.service_class == ServiceClass::Create;
}

bool removes(const plan::ServicePlan& service) {
  return std::any_of(service.changes.begin(), service.changes.end(), [](const Change& change) {
    return change.destructive;
  });
}

std::vector<std::string> lines_to_judge(const plan::ServicePlan& service) {
  std::vector<std::string> lines;
  for (const auto& change : service.changes) {
    if (!change.destructive || (change.held && !is_held_by_guard(change))) continue;
    lines.push_back(plan::removal_line(service, change));
  }
  if (creates(service)) lines.push_back("create\t" + service.id.key());
  return lines;
}

void hold_unjudged(plan::ServicePlan& fresh, const std::optional<plan::ServicePlan>& judged) {
  const plan::ServicePlan nothing;
  const auto& known = judged ? *judged : nothing;
  if (creates(fresh) && known.service_class == ServiceClass::Blocked) {
    fresh.service_class = ServiceClass::Blocked;
    fresh.errors = known.errors;
    return;
  }
  plan::keep_within(fresh, known);
  if (creates(fresh) && !(creates(known) && known.has_work())) {
    for (auto& change : fresh.changes) {
      if (change.held) continue;
      change.held = plan::Hold{std::string(plan::kNotJudgedHold),
                               "a new service is made once everything has been looked at"};
      change.calls.clear();
    }
  }
  for (auto& change : fresh.changes) {
    if (!change.held || change.held->id != plan::kNotJudgedHold) continue;
    const auto same =
        std::find_if(known.changes.begin(), known.changes.end(), [&](const Change& one) {
          return is_held_by_guard(one) && plan::identity(one) == plan::identity(change);
        });
    if (same != known.changes.end()) change.held = same->held;
  }
}

}  // namespace dps::controller

// judged: what only a look at everything may let through: removals, and new services. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/plan/plan.hpp"

namespace dps::controller {

bool creates(const plan::ServicePlan& service);
bool removes(const plan::ServicePlan& service);

/// What a whole look must have judged before it is done: removals, and a create. What waits for its
/// time (a window, an overlap) is judged when that has come.
std::vector<std::string> lines_to_judge(const plan::ServicePlan& service);

/// Holds in `fresh` the create and the removals that `judged`, the service in the last whole look,
/// did not let through ("not-judged"); what a guard withheld there keeps the guard's reason. A
/// create that was refused there is refused.
void hold_unjudged(plan::ServicePlan& fresh, const std::optional<plan::ServicePlan>& judged);

}  // namespace dps::controller

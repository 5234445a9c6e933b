// prune: services of ours that no manifest names any more; and replacements in disguise.
#pragma once

#include "reconciler/plan/plan.hpp"

namespace dps::plan {

/// The services to be deleted by --prune. Why nothing, or not everything, is pruned goes to
/// `notices`.
std::vector<ServicePlan> prune(const DesiredState& desired,
                               const LiveState& live,
                               const Settings& settings,
                               std::vector<Problem>& notices);

/// A create whose name stands elsewhere, or that links a hub of a service which this revision
/// deletes, is a move in disguise: both become blocked, "Replacement". `plans` has every service of
/// the revision.
void refuse_replacements(const DesiredState& desired,
                         const LiveState& live,
                         const Settings& settings,
                         std::vector<ServicePlan>& plans);

}  // namespace dps::plan

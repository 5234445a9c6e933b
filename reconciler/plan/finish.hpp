// finish: what follows from a service's changes: their order, the calls, the class, the
// bookkeeping.
#pragma once

#include "reconciler/plan/plan.hpp"

namespace dps::plan {

/// The fixed order: revoked certificates, what is added or changed, the other removals; in each the
/// service, tags, hubs, policies, certificates; then by name. Fields of one entry keep the order of
/// the table.
void sort_changes(std::vector<Change>& changes);

/// Is the change carried by tags alone (PATCH)?
bool is_tags_only(const Change& change);

/// The requests that each change costs; none for what is held. `desired` may be null (a prune).
void assign_calls(ServicePlan& plan, const DesiredService* desired);

/// The class that the changes make it, where nothing else decided.
ServiceClass class_of(const std::vector<Change>& changes);

/// What is held may hold more: new content under the name of a revoked CA that is not let go, and
/// the removal of CAs that are unlisted, or retired in the same entry, which come last. Idempotent.
void hold_dependents(ServicePlan& plan);

/// Takes what is held out of the bookkeeping that a write leaves behind; without a write of the
/// service (certificates alone) there is none.
void settle_holds(ServicePlan& plan);

}  // namespace dps::plan

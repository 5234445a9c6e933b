// select: keeps what a selection names. Everything was validated, judged and guarded before.
#pragma once

#include <functional>
#include <string_view>

#include "reconciler/plan/plan.hpp"

namespace dps::plan {

/// Is the thing of this kind and name named by the selection? `name` is the service's own for
/// Kind::ProvisioningService, else the entry's. Tags are never asked for: they go with the service.
using Selected = std::function<bool(Kind kind, const ServiceId& service, std::string_view name)>;

/// A selected service keeps all its changes; of another one the selected entries' changes stay,
/// and it stays listed while one of its entries in `desired` is selected. A new service of which
/// only entries are selected becomes blocked, "ServiceNotSelected". What is left out leaves no
/// trace in the bookkeeping. Summary and digest are made anew; guards stay while they hold
/// something that is left.
void select(Plan& plan, const DesiredState& desired, const Selected& selected);

/// Takes the changes out that `unwanted` names, with their trace in the bookkeeping, and gives the
/// service its class anew.
void leave_out_changes(ServicePlan& service, const std::function<bool(const Change&)>& unwanted);

}  // namespace dps::plan

// remove_flow: a service that is to go, by a tombstone or by --prune.
#pragma once

#include "reconciler/apply/execute.hpp"

namespace dps::apply {

/// Deletes the service that the plan saw: of that id scope, not protected, not another's. Written
/// since the plan: all of that is asked again. `desired` is null for a prune, which also needs our
/// owner tag. Already gone is success.
Finished run_removal(const plan::ServicePlan& plan,
                     const DesiredService* desired,
                     const Settings& settings,
                     Tools& tools,
                     const Stops& stops);

}  // namespace dps::apply

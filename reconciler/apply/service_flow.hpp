// service_flow: one service's way to convergence, part by part.
#pragma once

#include "reconciler/apply/execute.hpp"

namespace dps::apply {

/// Runs to the end on the calling thread. `desired` is null for a prune.
///
/// Revoked certificates go first; then the service itself is created or updated; then certificates
/// are uploaded and proved; their removals come last. A part that fails ends the service's pass:
/// what the later parts would have done is told under `left`. But a service whose keys may not be
/// read (`KeysUnreadable`) has its certificates uploaded and proved all the same.
Finished run_service(const plan::ServicePlan& plan,
                     const DesiredService* desired,
                     const KeyFacts& keys,
                     const Settings& settings,
                     Tools& tools,
                     const Stops& stops);

}  // namespace dps::apply

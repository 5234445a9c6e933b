// control_commands: status, why, reconcile, suspend, resume, approve: asked of a running daemon
// over its HTTP.
#pragma once

#include "reconciler/app/session.hpp"

namespace dps::app {

/// An exit code: 0; 1 when the daemon refused, or is not ready (status --check); 64 for wrong usage
/// and when nobody listens there.
int control_command(Session& session);

}  // namespace dps::app

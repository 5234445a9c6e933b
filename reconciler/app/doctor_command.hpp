// doctor_command: `dps-reconciler doctor`: what examine() needs, built and bounded in time.
#pragma once

#include "reconciler/app/session.hpp"

namespace dps::app {

/// The exit code: 0 without a failure, 1 with one, 64 for wrong usage.
int doctor(Session& session);

}  // namespace dps::app

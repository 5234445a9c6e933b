// pass_commands: plan and apply: one pass over the manifests, printed or done.
#pragma once

#include "reconciler/app/session.hpp"

namespace dps::app {

int make_plan(Session& session);
int apply_plan(Session& session);

}  // namespace dps::app

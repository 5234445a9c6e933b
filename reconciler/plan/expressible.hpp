// expressible: what the pinned api-version can carry, and what the service shows that it cannot.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

/// Error "NeedsApiVersion", naming the lowest version that has the field.
void judge_needed_version(const Subject& subject, Findings& out);

/// Error "CannotExpress": a PUT would lose what the service has. Only asked when there is
/// something to write.
void judge_expressible(const Subject& subject, Findings& out);

}  // namespace dps::plan

// model_apply: what a faithful apply would leave on a live service, as a value.
#pragma once

#include "reconciler/plan/plan.hpp"

namespace dps::plan::testing {

/// Makes the changes that are to be made now: not held ones. The fingerprints of the keys that are
/// sent are put into the bookkeeping, as a write does.
LiveService applied(const ServicePlan& plan, LiveService live, const KeyFacts& keys);

}  // namespace dps::plan::testing

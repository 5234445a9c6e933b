// service_state: what a service's `state` allows.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/plan/plan.hpp"

namespace dps::plan {

enum class Condition {
  Writable,      ///< Active, Suspended: compared and written
  InTransition,  ///< ARM is at work: no difference is shown, looked at again
  Bad,           ///< failed, deleted, unknown: blocked; never deleted and created anew
};

Condition condition(std::string_view state);
/// The error "BadState".
Problem bad_state(std::string_view state);

}  // namespace dps::plan

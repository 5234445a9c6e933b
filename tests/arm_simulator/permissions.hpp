// What Microsoft.Authorization tells of a scope: the caller's permissions and the locks, as the
// switches `deny` and `lock` have them.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// Answers `{scope}/providers/Microsoft.Authorization/permissions` and `…/locks` of a subscription
/// or a resource group; nothing for every other path.
[[nodiscard]] std::optional<Response> serve_authorization(State& state, const Call& call);

}  // namespace dps::sim

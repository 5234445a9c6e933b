// The second writer: changes any resource at any moment, past every check.
#pragma once

#include "tests/arm_simulator/state.hpp"

namespace dps::sim {

/// `id`: of a service, a certificate, a hub or a resource group, case as it comes. `patch`: a JSON
/// merge patch over the resource as GET /state shows it; null removes the resource. A resource that
/// does not exist is made of the patch. Returns the problem as one sentence.
[[nodiscard]] std::optional<std::string> edit_resource(State& state,
                                                       std::string_view id,
                                                       const Json& patch);

}  // namespace dps::sim

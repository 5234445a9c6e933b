// The endpoints from which machines and apps inside of Azure get their tokens: the metadata service
// of a virtual machine, and that of App Service and its kin.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// Answers `/metadata/identity/oauth2/token` (header Metadata: true) and `/msi/token` (header
/// X-IDENTITY-HEADER); nothing for every other path. The system-assigned identity is the one marked
/// so, else that of the greeting.
[[nodiscard]] std::optional<Response> serve_managed_identity(State& state, const Call& call);

}  // namespace dps::sim

// Signing in: the endpoints of the identity platform that clients need for a token, and the check
// of the token that they then send.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// Answers `/{tenant}/oauth2/v2.0/token`, `/{tenant}/v2.0/.well-known/openid-configuration` and
/// `/common/discovery/instance`; nothing for every other path.
[[nodiscard]] std::optional<Response> serve_sign_in(State& state, const Call& call);

/// The 401 of a request without a good bearer token; nothing when it has one.
[[nodiscard]] std::optional<Response> unauthorized(State& state, const Call& call);

}  // namespace dps::sim

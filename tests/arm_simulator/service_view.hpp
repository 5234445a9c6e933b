// A service as answers show it.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// The service as a GET in this version shows it: hubs masked, no policies.
[[nodiscard]] Json service_view(const State& state, const Service& service, const Version& version);

/// What a PUT answers: what was sent, secrets in clear, as if nothing had happened yet.
[[nodiscard]] Json put_answer(const Service& service,
                              const Json& body,
                              const Call& call,
                              const State& state);

}  // namespace dps::sim

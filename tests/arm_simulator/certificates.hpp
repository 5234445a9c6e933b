// CA certificates of a service: upload, list, verification code, proof of possession, delete.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// Everything below …/provisioningServices/{name}/certificates.
[[nodiscard]] Response serve_certificates(State& state, const Call& call, Service& service);

}  // namespace dps::sim

// IoT hubs, as far as linking them needs: GET, list, PUT, DELETE, and their keys.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// iothubowner, service, device, registryRead, registryReadWrite with fresh keys.
[[nodiscard]] std::vector<HubPolicy> default_hub_policies(State& state);

/// Everything below Microsoft.Devices/IotHubs.
[[nodiscard]] Response serve_hubs(State& state, const Call& call);

}  // namespace dps::sim

// The admin API: state, requests, switches, faults, clock, edits, history. No token needed.
#pragma once

#include "tests/arm_simulator/faults.hpp"
#include "tests/arm_simulator/message.hpp"
#include "tests/arm_simulator/world.hpp"

namespace dps::sim {

[[nodiscard]] Response serve_admin(World& world, Faults& faults, const Request& request);

}  // namespace dps::sim

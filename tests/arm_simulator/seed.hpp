// The seed format: a whole world, or one resource of it, as JSON with secrets in clear. What
// GET /state gives, PUT /state and --seed take. docs/simulator.md describes the members.
#pragma once

#include <optional>
#include <string>

#include "tests/arm_simulator/state.hpp"

namespace dps::sim {

[[nodiscard]] Json service_seed(const Service& service, const Switches& switches);
[[nodiscard]] Json certificate_seed(const Certificate& certificate);
[[nodiscard]] Json hub_seed(const Hub& hub);
[[nodiscard]] Json group_seed(const ResourceGroup& group);
[[nodiscard]] Json world_seed(const State& state);

/// Puts the resources of a seed into the world, over what has the same id. What a seed leaves out
/// (etag, idScope, state, keys, host name) is filled in. Returns what is wrong with it, as one
/// sentence with the place; the world may then be half filled.
[[nodiscard]] std::optional<std::string> plant(State& state, const Json& seed);
[[nodiscard]] std::optional<std::string> plant_group(State& state, const Json& entry);
[[nodiscard]] std::optional<std::string> plant_service(State& state, const Json& entry);
[[nodiscard]] std::optional<std::string> plant_hub(State& state, const Json& entry);
[[nodiscard]] std::optional<std::string> plant_certificate(State& state,
                                                           Service& service,
                                                           const Json& entry);

/// Removes all resources, operations, history and identities but the first, which keeps only its
/// secret; tokens, switches and clock stay.
void clear_world(State& state);

}  // namespace dps::sim

// The provisioning service itself: GET, lists, PUT, PATCH, DELETE, name check, SKUs.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

[[nodiscard]] Response get_service(State& state, const Call& call);
[[nodiscard]] Response put_service(State& state, const Call& call);
[[nodiscard]] Response patch_service(State& state, const Call& call);
[[nodiscard]] Response delete_service(State& state, const Call& call);
/// `prefix`: the key of a subscription or a group; all services below it, in pages.
[[nodiscard]] Response list_services(State& state, const Call& call, const std::string& prefix);
[[nodiscard]] Response check_name(State& state, const Call& call);

/// The provider's 404 of a missing service.
[[nodiscard]] Response service_missing(State& state, const Call& call);
/// The 409301 of a write that comes too early; nothing when the service may be written.
[[nodiscard]] std::optional<Response> in_transition(State& state, const Service& service);

}  // namespace dps::sim

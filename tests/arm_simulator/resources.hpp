// What is not of Microsoft.Devices: subscriptions, tenants, resource groups, the provider's
// registration, the cloud's metadata.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

[[nodiscard]] Response subscription_missing(std::string_view subscription);
[[nodiscard]] Response group_missing(std::string_view group);

[[nodiscard]] Response serve_tenants(const State& state);
[[nodiscard]] Response list_subscriptions(const State& state);
[[nodiscard]] Response get_subscription(const State& state, const Call& call);
[[nodiscard]] Response serve_groups(State& state, const Call& call);
/// GET …/providers/Microsoft.Devices and POST …/register.
[[nodiscard]] Response serve_provider(State& state, const Call& call);
[[nodiscard]] Response list_operations();
[[nodiscard]] Response cloud_metadata(const State& state, const Call& call);

}  // namespace dps::sim

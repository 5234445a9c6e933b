// Shared access policies of a service and their keys.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

inline constexpr std::string_view kOwnerPolicy = "provisioningserviceowner";

[[nodiscard]] Policy default_policy(State& state);

/// POST …/listkeys and POST …/keys/{name}/listkeys; both answer while an operation runs, too.
[[nodiscard]] Response list_keys(State& state, const Call& call, const Service& service);
[[nodiscard]] Response list_keys_of(State& state,
                                    const Call& call,
                                    const Service& service,
                                    std::string_view name);

/// The policies that a PUT with `sent` makes of `current`: full replacement; a key that is absent
/// or null is made anew, also of a policy that had one; an empty one is refused with 400.
[[nodiscard]] std::variant<std::vector<Policy>, Response> replaced_policies(
    State& state, const Json& sent, const std::vector<Policy>& current);

/// With keys, and with the members that no version knows.
[[nodiscard]] Json policy_json(const Policy& policy, const Switches& switches);
/// The members of a policy that no version knows.
[[nodiscard]] Json other_members(const Json& policy);

/// As GET never shows them and PUT answers them: in the order given, with keys.
[[nodiscard]] Json policies_json(const std::vector<Policy>& policies, const Switches& switches);

}  // namespace dps::sim

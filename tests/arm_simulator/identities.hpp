// Identities: who may sign in, with what, and to which subscriptions; and the tokens given out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// Over an identity of the same tenant and client id, or a new one. Members as in a seed's
/// `identities`. Returns what is wrong as one sentence, and then nothing has changed.
[[nodiscard]] std::optional<std::string> plant_identity(State& state, const Json& entry);
[[nodiscard]] Json identity_seed(const Identity& identity);

/// Null when there is none. The one that the program greets with comes first.
[[nodiscard]] const Identity* find_identity(const State& state,
                                            std::string_view tenant,
                                            std::string_view client_id);
[[nodiscard]] bool has_tenant(const State& state, std::string_view tenant);

/// A new token of this identity, entered among those that are good.
[[nodiscard]] std::string issue_token(State& state,
                                      const Identity& identity,
                                      std::string_view audience,
                                      TimePoint now,
                                      TimePoint expiry);

/// The 401 or 403 of a token for a subscription that is not its identity's; nothing when it may.
[[nodiscard]] std::optional<Response> not_for_identity(const State& state, const Call& call);

}  // namespace dps::sim

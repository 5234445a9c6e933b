// What a PUT makes of a service: validation, replacement, and what is kept of what is there.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

struct Replacement {
  Content content;
  std::optional<Failure> failure;  // the operation will fail with this, later
};

/// The content after the PUT of `body` over `current` (null: a create), or the refusal that comes
/// at once. The etag is left 0.
[[nodiscard]] std::variant<Replacement, Response> replacement(State& state,
                                                              const Call& call,
                                                              const Json& body,
                                                              const Service* current);

}  // namespace dps::sim

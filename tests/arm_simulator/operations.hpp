// Long operations: started by PUT and DELETE of services and hubs, ended by the clock, polled by
// URLs of three forms.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

struct StartedOperation {
  std::string id;
  std::string status_url;    // Azure-AsyncOperation
  std::string location_url;  // the same address as a Location poll
};

/// Enters a running operation on the resource; it ends after the switch operation-time.
StartedOperation start_operation(State& state,
                                 const Call& call,
                                 OperationKind kind,
                                 const std::string& target,
                                 const std::string& resource_id,
                                 std::string_view location,
                                 std::optional<Failure> failure);

/// Ends every operation whose time has come, in the order of their ends, and applies what they do.
/// Called before anything reads or writes the world.
void settle(State& state, TimePoint now);

/// GET on any form of operation URL. `id` is the decoded last segment.
[[nodiscard]] Response poll(State& state, const Call& call, const std::string& id);

}  // namespace dps::sim

// What stands between a good token and the operation: quotas, permissions, locks, registration,
// versions. ARM's front door.
#pragma once

#include "tests/arm_simulator/call.hpp"

namespace dps::sim {

/// What a request is, to the front door.
struct Gate {
  std::string_view quota;    // reads, writes, deletes, resource-requests
  std::string_view deny;     // its name in the switch `deny`; empty: cannot be denied
  std::string_view action;   // Microsoft.Devices/provisioningServices/read …
  bool of_devices = false;   // below Microsoft.Devices
  bool of_services = false;  // of provisioningServices: its api-version is judged
};
[[nodiscard]] Gate classify(const Call& call);

/// Takes one from the bucket and names the header with what remains, or answers 429.
struct Charge {
  std::string header;
  std::string remaining;
  std::optional<Response> refusal;
};
[[nodiscard]] Charge charge(State& state, const Call& call, const Gate& gate);

/// The api-version: missing, or not known. Fills call.version for provisioningServices.
[[nodiscard]] std::optional<Response> version_refused(const State& state,
                                                      Call& call,
                                                      const Gate& gate);
[[nodiscard]] std::optional<Response> forbidden(const State& state,
                                                const Call& call,
                                                const Gate& gate);
[[nodiscard]] std::optional<Response> locked(const State& state,
                                             const Call& call,
                                             const Gate& gate);
[[nodiscard]] std::optional<Response> not_registered(const State& state,
                                                     const Call& call,
                                                     const Gate& gate);

}  // namespace dps::sim

// preflight: before a create is planned: may it succeed?
#pragma once

#include <stop_token>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/model/state.hpp"

namespace dps::arm {

struct PreflightResult {
  Preflight preflight;
  std::vector<Unseen> unseen;
};

/// Looks whether the resource group is there and whether the name is free; of a service that a GET
/// said is missing. What cannot be seen (403, a lock) is `unseen`; other failures are problems.
PreflightResult look_before_create(const ServiceId& id,
                                   Client& client,
                                   const std::stop_token& stop);

/// Is the error that of a request that is denied or locked, and so only "could not see"?
bool is_denied(const Error& error);

}  // namespace dps::arm

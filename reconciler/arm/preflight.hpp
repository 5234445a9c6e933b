// preflight: before a create is planned: may it succeed?
#pragma once

#include <future>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/model/state.hpp"

namespace dps::arm {

struct PreflightResult {
  Preflight preflight;
  std::vector<Unseen> unseen;
};

/// The resource groups of one pass: each is asked for once, however many services are to be made in
/// it. From any thread: who comes while the first one asks waits for its answer.
class GroupLooks {
 public:
  [[nodiscard]] Result<void> get(const ServiceId& id, Client& client, const std::stop_token& stop);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_future<Result<void>>> known_;  // by subscription and group
};

/// Looks whether the resource group is there and whether the name is free; of a service that a GET
/// said is missing. What cannot be seen (403, a lock) is `unseen`; other failures are problems.
PreflightResult look_before_create(const ServiceId& id,
                                   GroupLooks& groups,
                                   Client& client,
                                   const std::stop_token& stop);

/// Is the error that of a request that is denied or locked, and so only "could not see"?
bool is_denied(const Error& error);

}  // namespace dps::arm

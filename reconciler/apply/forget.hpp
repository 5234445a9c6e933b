// forget: fingerprints of keys that may not have been taken are taken off the service, else the
// next pass would take the keys for sent.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "reconciler/arm/client.hpp"
#include "reconciler/base/error.hpp"
#include "reconciler/model/live_service.hpp"

namespace dps::apply {

struct Forgotten {
  std::size_t writes = 0;      ///< PATCH requests that were sent
  std::optional<Error> error;  ///< they stand yet; the keys will not be sent again by themselves
};

/// `hosts`: host digests. Reads `service` again and writes its tags when one of them is in its
/// bookkeeping; a second writer or a transition is waited for, at most `timeout`, three times in
/// all. Another service of the same name (another id scope) is left alone.
Forgotten forget_fingerprints(arm::Client& arm,
                              const LiveService& service,
                              const std::set<std::string>& hosts,
                              Duration timeout,
                              std::stop_token stop);

}  // namespace dps::apply

// backoff: when something that did not work out is tried again. Pure.
#pragma once

#include <cstddef>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/error.hpp"

namespace dps::controller {

/// Pauses between tries of one key: the first after `first`, then twice as long each, at most
/// `most`; for what waits for somebody else (a role, a hub, a lock) `most_waiting`; for what can
/// only fail again until the manifest changes (GiveUp) always `final_pause`.
struct BackoffRules {
  Duration first = std::chrono::seconds{5};
  Duration most = std::chrono::minutes{15};
  Duration most_waiting = std::chrono::minutes{15};
  Duration final_pause = std::chrono::hours{6};
};

/// `failures` in a row, this one included (1 is the first). `jitter` is uniform in [0, 1): the
/// pause is spread over its upper half.
Duration pause_after(NextMove next, std::size_t failures, double jitter, const BackoffRules& rules);

/// An interval of `length`, spread by a tenth to either side, so that keys do not meet.
Duration spread(Duration length, double jitter);

}  // namespace dps::controller

// retry: may this be sent again, and when? Pure: time and chance are arguments.
#pragma once

#include <optional>

#include "reconciler/base/clock.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/message.hpp"

namespace dps::http {

/// How pauses grow. The pause before attempt n+1 is uniform in [0, min(base · 2^(n-1), ceiling)),
/// on top of what the server asked for.
struct Backoff {
  Duration base = std::chrono::milliseconds{500};
  Duration ceiling = std::chrono::seconds{30};
  int attempts = 6;   ///< in all, the first one counted; at least 1
  int refusals = 30;  ///< 429s of one request that are borne on top of that
};

/// May the same request be sent twice?
enum class Repeat {
  Freely,      ///< a read, whatever its method
  OnlyUndone,  ///< a write: only when it is certain that nothing was done
};

enum class Verdict {
  Done,        ///< an answer for the caller, good or bad
  Again,       ///< passing trouble, and nothing is done twice
  NewToken,    ///< 401: once with another token; not where it asks for more claims in it
  LostAnswer,  ///< a write that may have been done: read the live state first
  Failed,      ///< no answer, and none to be had: cancelled, refused, impossible
};

/// 429 is never processed. 503 with Retry-After counts as "not processed", without it it does not.
/// 408, 500, 502, 504 and a broken connection leave a write in doubt.
Verdict judge(const Answer& answer, Repeat repeat);

/// How long a gate is closed after a 429: what the server asks for, and on top up to `base`, so
/// that several programs do not return together; without its word, as `delay_after`, but at least
/// half of the growing pause. `refusals`: 429s of this request so far, from 1.
Duration closing_after(int refusals,
                       std::optional<Duration> floor,
                       double jitter,
                       const Backoff& backoff);

/// The wait after the `attempt`th attempt (the first is 1), or nothing to give up. `floor` is the
/// server's Retry-After and never capped. `jitter` is uniform in [0, 1).
std::optional<Duration> delay_after(int attempt,
                                    std::optional<Duration> floor,
                                    double jitter,
                                    const Backoff& backoff);

/// Retry-After of an answer, in seconds or as a date (RFC 9110, 10.2.3); a date is held against the
/// answer's own Date when it has one, else against `now`. Also retry-after-ms and
/// x-ms-retry-after-ms; and of a 429 or 503 without any, what its text says ("try again after '17'
/// seconds"). Nothing when absent or unreadable; never negative.
std::optional<Duration> retry_after(const Response& response, WallTime now);

}  // namespace dps::http

// exchange: the port through which everything talks to a server.
#pragma once

#include <stop_token>
#include <string>

#include "reconciler/base/result.hpp"
#include "reconciler/http/message.hpp"

namespace dps::http {

/// How sure it is that the server saw nothing.
enum class Delivery {
  NotSent,    ///< no byte of the request left: any request may be sent again
  MaybeSent,  ///< it may have been processed: a write must read the live state first
};

/// Why there is no answer. `error.next` is RetryLater for network trouble, GiveUp for a cancelled
/// or refused one ("Cancelled", "ForeignHost", "BadUrl").
struct SendFailure {
  Delivery delivery = Delivery::MaybeSent;
  Error error;
};

using Answer = tl::expected<Response, SendFailure>;

/// Blocking; callable from any thread; returns early when `stop` is requested.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual Answer send(const Request& request, std::stop_token stop) = 0;
};

}  // namespace dps::http

// pipeline: an Exchange around an Exchange. Outside in: request id; retry loop { gate, holding
// nothing; slot; token; foreign-host check; send; observe }. Every sleep is outside a slot.
#pragma once

#include <functional>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/http/admission.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/retry.hpp"
#include "reconciler/http/token_source.hpp"

namespace dps::http {

/// What the pipeline must know of a request beyond its bytes.
struct Traits {
  std::string operation;  ///< for observers
  std::string gate;       ///< requests of one gate are throttled together
  Repeat repeat = Repeat::OnlyUndone;
};

struct PipelineSettings {
  std::string endpoint;  ///< the only origin that requests, and so tokens, go to
  Backoff backoff;
  std::function<Traits(const Request&)> traits;         ///< pure; from any thread
  std::function<double()> jitter;                       ///< uniform in [0, 1); from any thread
  std::function<std::string(const Response&)> explain;  ///< a server's own words, without secrets
  /// Whose token a request carries, where that is not the same for all; empty: the pipeline's own
  /// source. Pure; from any thread; what it returns outlives the pipeline.
  std::function<TokenSource&(const Request&)> tokens_for{};
};

/// Adds authorization and x-ms-client-request-id. Repeats what may be repeated. In the end the
/// caller gets the last answer, whatever its status, or a failure:
/// - ReadAgain "LostAnswer": a write that may have been done (its http_status tells the answer);
/// - GiveUp "ForeignHost": another origin than the endpoint's, or plain http beyond loopback;
/// - GiveUp "Cancelled", and what the token source or the inner exchange said.
/// Thread-safe. The exchange, the tokens, admission, clock and observer outlive it.
class Pipeline final : public Exchange {
 public:
  Pipeline(Exchange& wire,
           TokenSource& tokens,
           Admission& admission,
           Clock& clock,
           ExchangeObserver& observer,
           PipelineSettings settings);

  Answer send(const Request& request, std::stop_token stop) override;

 private:
  struct Attempt;
  Answer attempt_once(Request& request, Attempt& attempt, const std::stop_token& stop);
  void report(const Request& request,
              const Attempt& attempt,
              const Answer& answer,
              std::optional<Duration> retry_in);

  Exchange& wire_;
  TokenSource& tokens_;
  Admission& admission_;
  Clock& clock_;
  ExchangeObserver& observer_;
  const PipelineSettings settings_;
};

}  // namespace dps::http

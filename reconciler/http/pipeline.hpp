// pipeline: an Exchange around an Exchange. Outside in: foreign-host check; request id; retry loop
// { gate and place in flight; token; send; what the answer tells of quotas; observe }. Every sleep
// holds nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/http/admission.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/retry.hpp"
#include "reconciler/http/retry_budget.hpp"
#include "reconciler/http/token_source.hpp"

namespace dps::http {

/// What the pipeline must know of a request beyond its bytes.
struct Traits {
  std::string operation;  ///< for observers
  std::string gate;       ///< requests of one gate are throttled together
  Repeat repeat = Repeat::OnlyUndone;
};

/// How many requests of a quota remain, as an answer says.
struct QuotaReading {
  std::string gate;
  std::int64_t remaining = 0;
  bool operator==(const QuotaReading&) const = default;
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
  /// What an answer says of quotas, of the request's own gate and of others; empty: nothing. Pure.
  std::function<std::vector<QuotaReading>(const Request&, const Response&)> quotas{};
  BudgetRules budget{};
};

/// Adds authorization and x-ms-client-request-id. Repeats what may be repeated. In the end the
/// caller gets the last answer, whatever its status, or a failure:
/// - ReadAgain "LostAnswer": a write that may have been done (its http_status tells the answer);
/// - GiveUp "ForeignHost": another origin than the endpoint's, or plain http beyond loopback;
/// - RetryLater "RetryBudgetSpent": answered with trouble, and too much has failed here to go on;
/// - RetryLater "EndpointDown": nothing answers there any more, so this was not even sent;
/// - RetryLater "Throttled": the gate is closed for longer than anybody should wait;
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
  void settle(const Request& request, Attempt& attempt, Pass& pass, const Answer& answer);
  std::optional<Duration> pause_after(Attempt& attempt, const Answer& answer);

  Exchange& wire_;
  TokenSource& tokens_;
  Admission& admission_;
  Clock& clock_;
  ExchangeObserver& observer_;
  const PipelineSettings settings_;
  std::mutex mutex_;
  RetryBudget budget_;  // under the mutex
  Error last_silence_;  // under the mutex: why the last unanswered request had no answer
};

}  // namespace dps::http

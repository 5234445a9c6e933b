// retry_budget: how much may be tried again in all, so that a sick server is not hammered and a
// dead one is called dead. Pure: it is told the time and what happened.
#pragma once

#include "reconciler/base/clock.hpp"

namespace dps::http {

struct BudgetRules {
  double tokens = 20;                              ///< what it holds when full; a retry takes one
  double per_success = 0.1;                        ///< what an answer that is no trouble gives back
  int dead_after = 8;                              ///< requests in a row without any answer
  Duration probe_every = std::chrono::seconds{5};  ///< to a dead server
};

/// One per endpoint.
class RetryBudget {
 public:
  explicit RetryBudget(BudgetRules rules = {}) : rules_(rules), tokens_(rules.tokens) {}

  /// Takes a token for a retry; false when there is none: then the failure is final.
  bool spend();
  /// An answer came, of whatever status.
  void answered();
  /// An answer came that was no trouble of the server's.
  void succeeded();
  /// None came.
  void unanswered();

  /// Whether a request may go out: always, but to a server that is called dead (the budget is spent
  /// and the last `dead_after` requests had no answer) only one every `probe_every`.
  bool admits(TimePoint now);

  double tokens() const { return tokens_; }

 private:
  BudgetRules rules_;
  double tokens_;
  int silent_ = 0;
  TimePoint last_probe_ = TimePoint::min();
};

}  // namespace dps::http

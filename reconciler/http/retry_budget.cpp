#include "reconciler/http/retry_budget.hpp"

#include <algorithm>

namespace dps::http {

bool RetryBudget::spend() {
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void RetryBudget::answered() {
  silent_ = 0;
}

void RetryBudget::succeeded() {
  silent_ = 0;
  tokens_ = std::min(rules_.tokens, tokens_ + rules_.per_success);
}

void RetryBudget::unanswered() {
  ++silent_;
}

bool RetryBudget::admits(TimePoint now) {
  if (tokens_ >= 1 || silent_ < rules_.dead_after) return true;
  if (last_probe_ != TimePoint::min() && now - last_probe_ < rules_.probe_every) return false;
  last_probe_ = now;
  return true;
}

}  // namespace dps::http

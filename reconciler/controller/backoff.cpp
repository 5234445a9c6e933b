#include "reconciler/controller/backoff.hpp"

#include <algorithm>

namespace dps::controller {
namespace {

Duration part(Duration whole, double share) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * share));
}

Duration upper_half(Duration whole, double jitter) {
  return part(whole, 0.5 + 0.5 * jitter);
}

}  // namespace

Duration pause_after(NextMove next,
                     std::size_t failures,
                     double jitter,
                     const BackoffRules& rules) {
  if (next == NextMove::GiveUp) return spread(rules.final_pause, jitter);
  const auto most = next == NextMove::WaitForOthers ? rules.most_waiting : rules.most;
  Duration pause = std::min(rules.first, most);
  for (std::size_t failure = 1; failure < failures && pause < most; ++failure) {
    pause = std::min(pause * 2, most);
  }
  return upper_half(pause, jitter);
}

Duration spread(Duration length, double jitter) {
  return part(length, 0.9 + 0.2 * jitter);
}

}  // namespace dps::controller

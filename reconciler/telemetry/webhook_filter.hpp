// webhook_filter: which events are worth a call: not the same twice in a row, and not too many.
// Pure: told the time.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/observer.hpp"

namespace dps::telemetry {

struct WebhookLimits {
  /// The same kind, service, reason, message and details again within this time is a duplicate;
  /// but not after its opposite (recovered after failed), so that the last word is the truth.
  Duration same_again = std::chrono::minutes{5};
  std::size_t most = 30;  ///< in a window; what comes on top is told in one summary at its end
  Duration window = std::chrono::minutes{1};
};

/// Not thread-safe.
class WebhookFilter {
 public:
  enum class Verdict { Send, Duplicate, Limited };

  explicit WebhookFilter(WebhookLimits limits) : limits_(limits) {}

  Verdict judge(const controller::Event& event, TimePoint now);
  /// Are there events that only a summary tells of?
  bool owes_summary() const { return !untold_.empty(); }
  /// "12 more events within a minute: 10 failed, 2 drift_found", once the window is over, or at
  /// once with `Now::Yes`; then it counts anew.
  enum class Now { No, Yes };
  std::optional<std::string> summary(TimePoint now, Now at_once = Now::No);

 private:
  void forget_opposite(const controller::Event& event);

  const WebhookLimits limits_;
  /// When what was sent last: kind and service -> the rest -> time.
  std::map<std::pair<controller::EventKind, std::string>, std::map<std::string, TimePoint>> sent_;
  std::optional<TimePoint> window_began_;
  std::size_t in_window_ = 0;
  std::map<std::string, std::size_t> untold_;  ///< the word of a kind -> how many
};

}  // namespace dps::telemetry

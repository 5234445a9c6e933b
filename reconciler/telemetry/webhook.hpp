// webhook: events, POSTed to an address: signed, tried again, bounded; never in the way.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/observer.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/telemetry/log.hpp"
#include "reconciler/telemetry/metrics.hpp"
#include "reconciler/telemetry/webhook_filter.hpp"
#include "reconciler/telemetry/webhook_message.hpp"

namespace dps::telemetry {

struct WebhookSettings {
  WebhookAddress address;
  std::string secret_file;  ///< read anew for each try; empty: nothing is signed
  Sender sender;
  WebhookLimits limits{};
  std::size_t most_queued = 256;  ///< beyond, the oldest is dropped
  int tries = 5;
  Duration per_try = std::chrono::seconds{10};
  /// Before the second try; then twice as long each, up to the ceiling. A Retry-After counts
  /// instead where it is longer, up to `most_patience`.
  Duration first_pause = std::chrono::seconds{1};
  Duration ceiling = std::chrono::seconds{30};
  Duration most_patience = std::chrono::minutes{5};
  std::function<double()> jitter{};  ///< uniform in [0, 1); any thread; empty: none
};

/// One thread sends, one event after the other. `event` puts it into a queue and returns.
///
/// Delivered is any 2xx. 408, 429, 5xx, no answer at all and a secret that cannot be read are tried
/// again; everything else, redirects included (the exchange must not follow them), is final and a
/// warning in the log, which names nothing of the address but its origin. The exchange is a bare
/// one, that knows no token; it, the clock and the log outlive the webhook.
class Webhook final : public controller::Observer {
 public:
  Webhook(WebhookSettings settings,
          http::Exchange& exchange,
          Clock& clock,
          Log& log,
          std::function<void(WebhookResult)> count);
  /// As close with no time left.
  ~Webhook() override;

  void event(const controller::Event& event) override;
  /// Takes nothing more, tries each that waits once, and is over after `grace` at the latest.
  void close(Duration grace);

 private:
  enum class Outcome { Delivered, Again, Final };
  struct Try {
    Outcome outcome = Outcome::Final;
    std::string why;  ///< a status, or the id of a failure
    std::optional<Duration> floor;
  };

  void push(std::string name, controller::Event event);  // under the mutex
  std::optional<Delivery> next();
  void send_all();
  void deliver(const Delivery& delivery);
  Try try_once(const Delivery& delivery, const std::string& body);
  Duration pause_after(int tried, const Try& last) const;
  bool closing() const;
  Duration time_left() const;
  void count(WebhookResult result, std::size_t times = 1) const;

  const WebhookSettings settings_;
  http::Exchange& exchange_;
  Clock& clock_;
  Log& log_;
  const std::function<void(WebhookResult)> count_;

  mutable std::mutex mutex_;
  std::condition_variable wake_, ended_;
  std::deque<Delivery> queue_;         // under the mutex
  WebhookFilter filter_;               // under the mutex
  std::optional<TimePoint> deadline_;  // under the mutex: set by close
  bool over_ = false;                  // under the mutex
  std::stop_source hurry_;             // ends pauses
  std::stop_source abort_;             // ends requests
  std::thread thread_;
};

}  // namespace dps::telemetry

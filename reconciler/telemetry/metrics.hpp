// metrics: what /metrics shows: counters fed by what happens, gauges taken from the status at the
// moment of the scrape. The only prometheus-cpp: its core and text serialiser.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/observer.hpp"
#include "reconciler/controller/status.hpp"
#include "reconciler/http/token_source.hpp"

namespace dps::telemetry {

/// Names of credentials, and when the token in use expires; nothing: none yet.
using TokenExpiries = std::vector<std::pair<std::string, std::optional<WallTime>>>;

struct MetricsSettings {
  std::size_t max_services = 1000;  ///< with series of their own: the first by id
  std::string version;
  std::string commit;
  std::function<TokenExpiries()> tokens{};  ///< may be empty; called at each scrape, must not block
};

/// What became of an event for the webhook.
enum class WebhookResult { Delivered, Failed, Dropped, Duplicate, Limited };
std::string_view word(WebhookResult result);  ///< "delivered", …

/// Thread-safe. Every series whose labels are known beforehand is there from the start, at 0.
/// Series of a service go with it: they are made anew of each status. The clock outlives it.
class Metrics final : public controller::Observer, public http::ExchangeObserver {
 public:
  Metrics(MetricsSettings settings, Clock& clock);
  ~Metrics() override;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void run_ended(const controller::RunEnded& run) override;
  void change_ended(const controller::ChangeEnded& change) override;
  void drift_found(const std::string& kind) override;
  void conflict() override;

  void exchanged(const http::Exchanged& event) override;
  void throttled(const std::string& gate, Duration waited) override;
  void remaining(const std::string& gate, std::int64_t requests) override;

  /// Azure took a write and is at work on it; each is ended once.
  void operation_began();
  void operation_ended(Duration took);
  void webhook(WebhookResult result);

  /// The exposition format, version 0.0.4; families by name, series by labels.
  std::string text(const controller::Status& status) const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Counts;
  const MetricsSettings settings_;
  Clock& clock_;
  const std::unique_ptr<Counts> counts_;
};

}  // namespace dps::telemetry

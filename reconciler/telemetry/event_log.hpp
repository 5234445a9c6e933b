// event_log: what happens in the daemon as log lines.
#pragma once

#include "reconciler/controller/observer.hpp"
#include "reconciler/telemetry/log.hpp"

namespace dps::telemetry {

/// An event is a line at the level of its severity, with event=, and where known service=, reason=,
/// pass=, revision= and request_id=; each of its details is a line of its own after it, with the
/// same event=, service= and pass=, at most 50. Runs are lines at debug: a daemon at rest says
/// nothing at info. Texts that Azure wrote lose what looks like a secret. Thread-safe; the log
/// outlives it.
class EventLog final : public controller::Observer {
 public:
  explicit EventLog(Log& log) : log_(log) {}
  void event(const controller::Event& event) override;
  void run_ended(const controller::RunEnded& run) override;

 private:
  Log& log_;
};

}  // namespace dps::telemetry

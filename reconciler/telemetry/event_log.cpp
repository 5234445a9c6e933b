#include "reconciler/telemetry/event_log.hpp"

#include <algorithm>
#include <utility>

#include "reconciler/http/redact.hpp"

namespace dps::telemetry {
namespace {

constexpr std::size_t kMostDetails = 50;

LogLevel level_of(controller::Severity severity) {
  switch (severity) {
    case controller::Severity::Info:
      return LogLevel::Info;
    case controller::Severity::Warning:
      return LogLevel::Warn;
    case controller::Severity::Error:
      return LogLevel::Error;
  }
  return LogLevel::Error;
}

void add(LogFields& fields, std::string_view name, std::string value) {
  if (!value.empty()) fields.emplace_back(name, std::move(value));
}

}  // namespace

void EventLog::event(const controller::Event& event) {
  const auto level = level_of(event.severity);
  if (!log_.enabled(level)) return;
  LogFields head = {{"event", std::string(word(event.kind))}};
  add(head, "service", event.service ? event.service->brief() : "");
  add(head, "pass", event.pass);
  auto fields = head;
  add(fields, "reason", event.reason);
  add(fields, "revision", event.revision);
  add(fields, "request_id", event.request_id);
  log_.write(level, http::without_secrets(event.message), fields);

  const auto shown = std::min(event.details.size(), kMostDetails);
  for (std::size_t place = 0; place < shown; ++place) {
    log_.write(level, http::without_secrets(event.details[place]), head);
  }
  if (shown < event.details.size()) {
    log_.write(
        level, "and " + std::to_string(event.details.size() - shown) + " more of these", head);
  }
}

void EventLog::run_ended(const controller::RunEnded& run) {
  if (!log_.enabled(LogLevel::Debug)) return;
  LogFields fields = {{"work", std::string(word(run.work))},
                      {"result", std::string(word(run.result))}};
  add(fields, "what", run.what);
  add(fields, "pass", run.pass);
  fields.emplace_back("took", duration_text(run.took));
  fields.emplace_back("services", std::to_string(run.services));
  fields.emplace_back("differing", std::to_string(run.differing));
  fields.emplace_back("writes", std::to_string(run.writes));
  log_.write(LogLevel::Debug, "run ended", fields);
}

}  // namespace dps::telemetry

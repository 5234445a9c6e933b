#include "reconciler/telemetry/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::telemetry {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::Trace:
      return spdlog::level::trace;
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warn:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
    case LogLevel::Off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::Trace:
      return "trace";
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warn:
      return "warn";
    default:
      return "error";
  }
}

// A line is for reading: nobody reads more, and no text of others makes lines of its own.
constexpr std::size_t kMostMessage = 2000;

// key=value, quoted where a reader (or grep) would trip.
std::string quoted(const std::string& value) {
  const auto trips = [](char letter) {
    const auto code = static_cast<unsigned char>(letter);
    return code <= ' ' || code == 0x7f || letter == '"' || letter == '=';
  };
  if (!value.empty() && std::none_of(value.begin(), value.end(), trips)) return value;
  return Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Log::Log(LogForm form, LogLevel level)
    : form_(form),
      logger_(std::make_shared<spdlog::logger>("dps-reconciler",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%v");
  logger_->set_level(level_of(level));
  logger_->flush_on(spdlog::level::trace);
}

Log::~Log() = default;

bool Log::enabled(LogLevel level) const {
  return logger_->should_log(level_of(level));
}

void Log::write(LogLevel level, std::string_view message, const LogFields& fields) {
  if (!enabled(level)) return;
  const auto time = rfc3339(std::chrono::system_clock::now());
  std::string line;
  if (form_ == LogForm::Json) {
    OrderedJson object = {{"time", time}, {"level", name_of(level)}, {"message", message}};
    for (const auto& [name, value] : fields) object[std::string(name)] = value;
    line = object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  } else {
    line = time + " " + std::string(name_of(level)) + " " + printable(message, kMostMessage);
    for (const auto& [name, value] : fields) line += fmt::format(" {}={}", name, quoted(value));
  }
  logger_->log(level_of(level), spdlog::string_view_t(line));
}

void LoggingObserver::exchanged(const http::Exchanged& event) {
  const auto status = event.status == 0 ? event.failure : std::to_string(event.status);
  if (log_.enabled(LogLevel::Trace)) {
    LogFields fields = {{"operation", event.operation},
                        {"method", std::string(http::word(event.method))},
                        {"url", event.url},
                        {"status", status},
                        {"duration", duration_text(event.duration)},
                        {"attempt", std::to_string(event.attempt)}};
    if (event.waited > Duration{0}) fields.emplace_back("waited", duration_text(event.waited));
    if (event.retry_in) fields.emplace_back("retry_in", duration_text(*event.retry_in));
    if (event.protocol != http::Protocol::Unknown) {
      fields.emplace_back("protocol",
                          event.protocol == http::Protocol::Http2 ? "HTTP/2" : "HTTP/1.1");
    }
    if (event.connection != http::Connection::Unknown) {
      fields.emplace_back("connection",
                          event.connection == http::Connection::Reused ? "reused" : "fresh");
    }
    fields.emplace_back("client_request_id", event.client_request_id);
    if (const auto id = event.headers.find("x-ms-request-id"); id != event.headers.end()) {
      fields.emplace_back("request_id", id->second);
    }
    log_.write(LogLevel::Trace, "exchange", fields);
  }
  if (event.retry_in) {
    log_.write(LogLevel::Debug,
               "trying again",
               {{"operation", event.operation},
                {"status", status},
                {"in", duration_text(*event.retry_in)}});
  }
  if (event.budget_spent) {
    log_.write(LogLevel::Warn,
               "too many requests have failed; this one is not tried again",
               {{"operation", event.operation},
                {"status", status},
                {"client_request_id", event.client_request_id}});
  }
}

void LoggingObserver::throttled(const std::string& gate, Duration waited) {
  log_.write(LogLevel::Debug,
             "waited for Azure's request limit",
             {{"quota", gate}, {"waited", duration_text(waited)}});
}

void LoggingObserver::closed(const std::string& gate, Duration pause) {
  log_.write(LogLevel::Info,
             "Azure's request limit is reached",
             {{"quota", gate}, {"pause", duration_text(pause)}});
}

}  // namespace dps::telemetry

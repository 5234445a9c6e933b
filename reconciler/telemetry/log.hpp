// log: lines on stderr, text or JSON. The only spdlog.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/http/token_source.hpp"

namespace spdlog {
class logger;
}

namespace dps::telemetry {

enum class LogForm { Text, Json };
enum class LogLevel { Trace, Debug, Info, Warn, Error, Off };

/// Name and value of what a line is about: {"service", "S/G/N"}.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

/// Thread-safe. Text: "2026-11-22T19:00:00Z info message key=value". JSON: one object a line.
class Log {
 public:
  Log(LogForm form, LogLevel level);
  ~Log();
  void write(LogLevel level, std::string_view message, const LogFields& fields = {});
  bool enabled(LogLevel level) const;

 private:
  LogForm form_;
  std::shared_ptr<spdlog::logger> logger_;
};

/// Every exchange as a line at `trace`; retries and waits for a request limit at `debug`; a 429 at
/// `info`; the end of the retry budget at `warn`. What it prints has been redacted below.
class LoggingObserver final : public http::ExchangeObserver {
 public:
  explicit LoggingObserver(Log& log) : log_(log) {}
  void exchanged(const http::Exchanged& event) override;
  void throttled(const std::string& gate, Duration waited) override;
  void closed(const std::string& gate, Duration pause) override;

 private:
  Log& log_;
};

}  // namespace dps::telemetry

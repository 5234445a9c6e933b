// session: what every command has: options, environment, signals, clock, log; and how it speaks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/app/command_line.hpp"
#include "reconciler/app/options.hpp"
#include "reconciler/app/signals.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/manifest/load.hpp"
#include "reconciler/manifest/select.hpp"
#include "reconciler/telemetry/log.hpp"

namespace dps::app {

struct Session {
  Session(const Options& given, const Environment& variables, Signals& taken);
  bool color_out() const;
  bool color_err() const;
  /// 128 + the signal that came.
  int interrupted() const { return 128 + signals.caught(); }

  const Options& options;
  const Environment& environment;
  Signals& signals;
  SystemClock clock;
  Log log;
};

/// Data on stdout, and `code`; 1 when stdout cannot be written.
int print(std::string_view text, int code);
/// "dps-reconciler: what; remedy" on stderr.
void complain(const Error& error);
/// "1 fault", "2 faults".
std::string count_of(std::size_t count, std::string_view thing);

manifest::Loaded load(const Session& session);
std::size_t error_count(const manifest::Loaded& loaded);
void print_faults(const manifest::Loaded& loaded, bool color);
/// GiveUp "BadSelector".
Result<std::vector<manifest::Selector>> selectors(const Options& options);

}  // namespace dps::app

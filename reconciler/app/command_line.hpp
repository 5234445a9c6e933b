// command_line: argv, environment and configuration file -> Options. The only CLI11.
//
// Precedence: flag over DPS_RECONCILER_<NAME> over --config FILE over the default. Unknown flags
// and unknown keys of the file are errors; unknown variables are not (Kubernetes makes some of its
// own).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reconciler/app/options.hpp"
#include "reconciler/base/result.hpp"

namespace dps::app {

/// The environment as a value: names and values.
using Environment = std::map<std::string, std::string>;
Environment process_environment(char** variables);

/// What the command line asks for: options, or a text to print and leave with 0 (--help).
struct Parsed {
  Options options;
  std::string text;  ///< not empty: print it and exit 0
};

/// GiveUp "Usage" with one sentence and the remedy: exit code 64. `arguments` without the program.
Result<Parsed> parse_command_line(const std::vector<std::string>& arguments,
                                  const Environment& environment);

}  // namespace dps::app

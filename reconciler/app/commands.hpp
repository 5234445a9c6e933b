// commands: one function each; what they return is the exit code.
#pragma once

#include "reconciler/app/command_line.hpp"
#include "reconciler/app/options.hpp"
#include "reconciler/app/signals.hpp"

namespace dps::app {

int run_command(const Options& options, const Environment& environment, Signals& signals);

}  // namespace dps::app

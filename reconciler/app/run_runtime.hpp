// run_runtime: what the daemon's runs talk to, as the configuration of now has it.
#pragma once

#include <memory>

#include "reconciler/app/wire.hpp"
#include "reconciler/controller/engine.hpp"

namespace dps::app {

/// Errors as wire_azure(), and of the API version: GiveUp; exit code 64. Keeps `options`; the
/// others outlive it.
struct AppRuntime : controller::Runtime {
  virtual Azure& azure() = 0;
  virtual const Options& options() const = 0;
};
Result<std::shared_ptr<AppRuntime>> make_runtime(const Options& options,
                                                 const Environment& environment,
                                                 Clock& clock,
                                                 Log& log,
                                                 Watchers watchers);

/// What the flags say of how the difference is judged.
Result<plan::Settings> plan_settings(const Options& options);

}  // namespace dps::app

// engine_job: what one run takes with it out of the lock, and what it brings back.
#pragma once

#include "reconciler/controller/engine.hpp"

namespace dps::controller {

struct Engine::Job {
  Taken taken;
  std::string pass;
  std::shared_ptr<Runtime> runtime;
  std::shared_ptr<const Revision> revision;
  plan::Settings settings;
  arm::ReadOptions read;
  ServiceId id;                             ///< of a service run
  std::optional<plan::ServicePlan> judged;  ///< of it, by the last whole look
  bool write = false;
  TimePoint begun{};
};

struct Engine::Outcome {
  RunResult result = RunResult::Success;
  std::optional<Error> error;  ///< the look as a whole failed
  Look look;
  std::optional<plan::ServicePlan> fresh;  ///< of a service run: what was judged last
  std::optional<Finished> finished;        ///< and done
};

}  // namespace dps::controller

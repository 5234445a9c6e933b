// execute: Plan -> Report: every service on its way to convergence, side by side.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/proof.hpp"
#include "reconciler/arm/secret_reader.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/model/report.hpp"
#include "reconciler/model/state.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::apply {

/// Where the plan comes from, which decides what a moved service means.
enum class Origin {
  Fresh,  ///< made a moment ago: the difference may be made again
  Saved,  ///< approved as it stands: what has moved is out of date
};

struct Settings {
  plan::Settings plan;
  Origin origin = Origin::Fresh;
  std::size_t concurrency = 64;                 ///< services at work at once
  Duration timeout = std::chrono::minutes{10};  ///< longest wait for one operation or transition
};

/// A moment of one service, for people who watch.
struct Step {
  ServiceId id;
  std::string
      what;  ///< "creating", "updating (3 changes)", "in transition (Transitioning), waiting"
};

/// What the flows work with; all of it outlives `execute`, and is used from many threads.
struct Tools {
  arm::Client& arm;
  arm::SecretReader& secrets;
  const KeyDigester& digester;
  std::function<double()> jitter;             ///< uniform in [0, 1)
  std::function<void(const Step&)> step;      ///< may be empty
  std::function<void(const Finished&)> done;  ///< may be empty; as each service ends
  arm::ProofSigner* proofs = nullptr;         ///< null: nothing is proved
};

/// No new work after this, and no write is begun; a running one reaches its end.
struct Stops {
  std::stop_token drain;
  std::stop_token abort;  ///< ends everything at the next wait
};

/// Services in parallel, deletions of services after everything else. A failure stops its own
/// service only. Every service of the plan is in the report.
Report execute(const plan::Plan& plan,
               const DesiredState& desired,
               const KeyFacts& keys,
               const Settings& settings,
               Tools& tools,
               const Stops& stops);

}  // namespace dps::apply

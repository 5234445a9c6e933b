#include "reconciler/apply/execute.hpp"

#include <algorithm>
#include <mutex>

#include "reconciler/apply/describe.hpp"
#include "reconciler/apply/service_flow.hpp"
#include "reconciler/arm/task_pool.hpp"

namespace dps::apply {
namespace {

// A service that the plan leaves alone, and why.
Finished left_alone(const plan::ServicePlan& plan) {
  Finished finished;
  finished.id = plan.id;
  finished.id_scope = plan.id_scope;
  for (const auto& problem : plan.errors) {
    finished.errors.push_back(give_up(problem.id, problem.message, problem.remedy));
  }
  for (const auto& change : plan.changes) {
    if (change.held) finished.left.push_back(describe(change) + ": " + change.held->reason);
  }
  using plan::ServiceClass;
  switch (plan.service_class) {
    case ServiceClass::Failed:
      finished.outcome = Outcome::Failed;
      break;
    case ServiceClass::Blocked:
      finished.outcome = Outcome::Blocked;
      break;
    case ServiceClass::Suspended:
      finished.outcome = Outcome::Suspended;
      break;
    case ServiceClass::InTransition:
      finished.outcome = Outcome::InTransition;
      break;
    default:
      finished.outcome = finished.left.empty() ? Outcome::Unchanged : Outcome::Held;
  }
  return finished;
}

}  // namespace

Report execute(const plan::Plan& plan,
               const DesiredState& desired,
               const KeyFacts& keys,
               const Settings& settings,
               Tools& tools,
               const Stops& stops) {
  const auto begun = tools.arm.clock().now();
  Report report;
  report.source_revision = plan.source_revision;
  report.owner = plan.owner;
  report.api_version = plan.api_version;
  report.services.resize(plan.services.size());

  std::mutex mutex;  // of `done` and of the report's entries being seen by this thread
  const auto finish = [&](std::size_t at, Finished finished) {
    const std::lock_guard lock(mutex);
    if (tools.done) tools.done(finished);
    report.services[at] = std::move(finished);
  };
  const auto run_those = [&](bool deletions) {
    arm::TaskPool pool(settings.concurrency);
    for (std::size_t at = 0; at < plan.services.size(); ++at) {
      const auto& service = plan.services[at];
      const bool deletes = service.service_class == plan::ServiceClass::Delete;
      if (!service.has_work() || deletes != deletions) continue;
      const auto wanted = desired.services.find(service.id);
      const DesiredService* document = wanted == desired.services.end() ? nullptr : &wanted->second;
      pool.add([&, at, document] {
        finish(at, run_service(plan.services[at], document, keys, settings, tools, stops));
      });
    }
    pool.wait();
  };

  for (std::size_t at = 0; at < plan.services.size(); ++at) {
    if (!plan.services[at].has_work()) finish(at, left_alone(plan.services[at]));
  }
  run_those(false);
  run_those(true);
  report.took = std::chrono::duration_cast<Duration>(tools.arm.clock().now() - begun);
  return report;
}

}  // namespace dps::apply

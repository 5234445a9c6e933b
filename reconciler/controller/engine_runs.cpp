// The way of one run: taken from the queue under the lock, made without it, told under it again.
#include <fmt/format.h>

#include <algorithm>

#include "reconciler/apply/service_flow.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine_job.hpp"
#include "reconciler/controller/judged.hpp"
#include "reconciler/controller/proof_signer.hpp"
#include "reconciler/controller/record_parts.hpp"
#include "reconciler/plan/guard.hpp"

namespace dps::controller {
namespace {

using plan::ServiceClass;

constexpr Duration kFaultPause = std::chrono::minutes{5};
/// How long a removal counts towards the guards of the revision that caused it.
constexpr Duration kRemovalsCount = std::chrono::hours{24};

void move_into(News& into, News from) {
  into.events.insert(into.events.end(),
                     std::make_move_iterator(from.events.begin()),
                     std::make_move_iterator(from.events.end()));
  into.drifts.insert(into.drifts.end(), from.drifts.begin(), from.drifts.end());
  into.ownership_lost = into.ownership_lost || from.ownership_lost;
}

/// The service could not be read because its whole subscription could not be listed.
bool is_part_of_an_outage(const LiveState& live, const plan::ServicePlan& service) {
  return service.service_class == ServiceClass::Failed &&
         live.unlisted.contains(service.id.subscription);
}

RunResult result_of(const Finished& finished) {
  switch (finished.outcome) {
    case dps::Outcome::InTransition:
    case dps::Outcome::Blocked:
    case dps::Outcome::Failed:
    case dps::Outcome::Conflict:
    case dps::Outcome::Contested:
    case dps::Outcome::OutOfDate:
      return RunResult::Failed;
    case dps::Outcome::Interrupted:
      return RunResult::Interrupted;
    default:
      return finished.left.empty() ? RunResult::Success : RunResult::Held;
  }
}

std::string pass_name(Work work, std::size_t number) {
  return fmt::format("{}-{}", word(work).substr(0, 1), number);
}

}  // namespace

bool Engine::run_one(const apply::Stops& stops) {
  auto job = begin();
  if (!job) return false;
  Outcome outcome;
  try {
    outcome = perform(*job, stops);
  } catch (const std::exception&) {
    // A fault of our own, or no memory: this key's, and not the end of all. The exception's text
    // might quote what it tripped over.
    outcome = Outcome{};
    outcome.result = RunResult::Failed;
    outcome.error = {NextMove::RetryLater,
                     "InternalFault",
                     "a fault of the program in " + job->pass,
                     "please report it",
                     0,
                     {}};
  }
  end(*job, std::move(outcome));
  return true;
}

std::optional<Engine::Job> Engine::begin() {
  const std::lock_guard lock(mutex_);
  const auto now = tools_.clock.now();
  if (last_removal_ && now - *last_removal_ > kRemovalsCount) {
    deletes_made_ = removals_made_ = 0;
    last_removal_.reset();
  }
  if (suspensions_.drop_ended(tools_.clock.wall())) {
    overlay();
    for (const auto& [key, record] : records_) {
      if (record.status()->standing == Standing::Suspended) {
        queue_service(record.status()->id, Priority::Manifest);
      }
    }
  }
  for (auto taken = queue_.take(now); taken; taken = queue_.take(now)) {
    Job job;
    job.taken = *taken;
    job.runtime = runtime_;
    job.revision = effective_;
    job.read = runtime_->read;
    job.begun = now;
    job.pass = pass_name(taken->key.work, ++runs_);
    job.write = may_write();
    const auto& name = taken->key.name;
    const auto record = records_.find(name);
    const bool known = taken->key.work == Work::Service ? record != records_.end()
                       : taken->key.work == Work::Sweep
                           ? effective_ != nullptr && effective_->parts.contains(name)
                           : effective_ != nullptr;
    if (!known) {
      queue_.done(taken->key);
      continue;
    }
    if (taken->key.work == Work::Service) {
      job.id = record->second.status()->id;
      if (const auto judged = judged_.find(name); judged != judged_.end()) {
        job.judged = judged->second;
      }
    }
    const bool keys = taken->key.work != Work::Sweep || keys_are_due(name);
    job.read.key_reads = keys && runtime_->engine.key_checks != KeyChecks::Never
                             ? arm::KeyReads::Ask
                             : arm::KeyReads::Skip;
    if (taken->key.work == Work::Sweep) {
      const auto& last = checked_[name].certificates;
      const bool due = !last || now - *last >= runtime_->engine.certificate_interval;
      if (due) job.read.certificate_reads = arm::CertificateReads::All;
    } else if (taken->key.work == Work::Whole) {
      job.read.certificate_reads = arm::CertificateReads::All;
    }
    job.settings = settings_for(job);
    schedule(name);
    return job;
  }
  return std::nullopt;
}

plan::Settings Engine::settings_for(const Job& job) const {
  auto settings = job.runtime->plan;
  const auto now = tools_.clock.wall();
  for (const auto kind :
       {ChangeClass::Create, ChangeClass::Update, ChangeClass::Rotate, ChangeClass::Delete}) {
    const auto judgement = judge(job.runtime->engine.windows, kind, now);
    if (judgement.allowed) continue;
    settings.closed.emplace(std::string(word(kind)),
                            plan::Hold{"window", judgement.reason, judgement.until});
  }
  for (const auto& [key, record] : records_) {
    if (record.made().empty()) continue;
    if (auto contested = record.contested(now); !contested.empty()) {
      settings.withheld.emplace(key, std::move(contested));
    }
  }
  // A service that no manifest names any more has no lifecycle to suspend; but nobody who said
  // "suspend" means that it may be deleted.
  for (const auto& [key, suspended] : suspensions_.all()) {
    if (suspended.until && *suspended.until <= now) continue;
    const plan::Hold hold{"suspended",
                          suspended.reason.empty() ? "a person suspended it"
                                                   : "a person suspended it: " + suspended.reason,
                          suspended.until};
    if (key.empty()) {
      for (const char* kind : {"create", "update", "rotate", "delete"}) {
        settings.closed.insert_or_assign(kind, hold);
      }
    } else {
      plan::Change removal;
      removal.action = plan::Action::Delete;
      removal.kind = plan::Kind::ProvisioningService;
      removal.name = key.substr(key.rfind('/') + 1);
      settings.withheld[key].insert_or_assign(plan::identity(removal), hold);
    }
  }
  settings.approved = approved_;
  settings.deletes_made = deletes_made_;
  settings.removals_made = removals_made_;
  settings.approve = job.taken.key.work == Work::Whole ? approval_ : std::string();
  if (job.taken.key.work == Work::Sweep) settings.prune = false;
  return settings;
}

Engine::Outcome Engine::perform(Job& job, const apply::Stops& stops) {
  switch (job.taken.key.work) {
    case Work::Whole:
      return perform_look(job, job.revision->whole(), stops.drain);
    case Work::Sweep:
      return perform_look(job, *job.revision->parts.at(job.taken.key.name), stops.drain);
    case Work::Service:
      return perform_service(job, stops);
  }
  return {};
}

Engine::Outcome Engine::perform_look(Job& job,
                                     const DesiredState& desired,
                                     const std::stop_token& stop) {
  Outcome out;
  const auto client = job.runtime->client(job.pass);
  World world{*client, job.runtime->secrets(), tools_.clock, digester_};
  Scope scope;
  scope.settings = job.settings;
  scope.read = job.read;
  auto looked = controller::look(desired, scope, world, stop);
  if (!looked) {
    out.result = RunResult::Interrupted;
    out.error = looked.error();
    return out;
  }
  out.look = *std::move(looked);
  const auto& plan = out.look.plan;
  if (plan.has_guard_holds()) out.result = RunResult::Held;
  if (plan.summary.failed > 0 || !out.look.live.unlisted.empty()) out.result = RunResult::Failed;
  return out;
}

Engine::Outcome Engine::perform_service(Job& job, const apply::Stops& stops) {
  Outcome out;
  const auto client = job.runtime->client(job.pass);
  World world{*client, job.runtime->secrets(), tools_.clock, digester_};
  const auto* desired = job.revision == nullptr ? nullptr : job.revision->find(job.id);
  if (desired != nullptr) {
    Scope scope;
    scope.settings = job.settings;
    scope.read = job.read;
    out.look = look_at(*desired, scope, world, stops.drain);
    if (stops.drain.stop_requested()) {
      out.result = RunResult::Interrupted;
      out.error = give_up("Cancelled", "interrupted while reading");
      return out;
    }
    if (out.look.plan.services.empty()) return out;
    out.fresh = std::move(out.look.plan.services.front());
    hold_unjudged(*out.fresh, job.judged);
  } else if (job.judged && job.judged->service_class == ServiceClass::Delete) {
    out.fresh = job.judged;
    // A window may have closed since, or a person said to leave it alone.
    plan::withhold(*out.fresh, job.settings);
  } else {
    return out;
  }
  if (!out.fresh->errors.empty()) out.result = RunResult::Failed;
  if (!job.write || !out.fresh->has_work() || !tools_.leadership.leads()) return out;
  // A manifest may name it again since this run began.
  if (desired == nullptr && is_named(job.id)) return out;

  apply::Settings settings;
  settings.plan = job.settings;
  settings.timeout = job.runtime->timeout;
  SecretsForArm secrets(job.runtime->secrets());
  ManifestSigner proofs(
      job.runtime->secrets(),
      {job.runtime->allow_exec, [&] { return client->memory().server_time(tools_.clock.wall()); }});
  apply::Tools tools{*client, secrets, digester_, tools_.jitter, {}, {}, &proofs};
  out.finished = apply::run_service(*out.fresh, desired, out.look.keys, settings, tools, stops);
  out.result = result_of(*out.finished);
  return out;
}

void Engine::end(Job& job, Outcome outcome) {
  std::vector<News> news;
  RunEnded run;
  run.work = job.taken.key.work;
  run.result = outcome.result;
  run.what = run.work == Work::Service ? job.id.path() : job.taken.key.name;
  run.pass = job.pass;
  {
    const std::lock_guard lock(mutex_);
    const auto now = tools_.clock.now();
    run.took = std::chrono::duration_cast<Duration>(now - job.begun);
    queue_.done(job.taken.key);
    if (outcome.error) {
      // What it was about is still due: at once when it was interrupted.
      const bool failed = outcome.result == RunResult::Failed;
      queue_.add(job.taken.key, now + (failed ? kFaultPause : Duration{0}), job.taken.priority);
      if (failed) {
        auto fault = event(EventKind::Failed, Severity::Error, outcome.error->what);
        fault.reason = outcome.error->id;
        fault.pass = job.pass;
        news.push_back({{std::move(fault)}, {}, false});
      }
    } else {
      absorb(job, outcome, news);
    }
    if (run.work == Work::Service) {
      service_ended_[job.taken.key.name] = now;
      after_service(job, outcome);
      run.services = 1;
    } else if (!outcome.error) {
      run.services = outcome.look.plan.services.size();
      if (run.work == Work::Whole) {
        after_whole(job, outcome, news);
      } else {
        after_sweep(job, outcome, news);
      }
      for (const auto& service : outcome.look.plan.services) {
        run.differing += service.changes.empty() ? 0U : 1U;
      }
    }
    regain(news);
    for (const auto& service : outcome.look.plan.services) schedule(service.id.key());
    if (run.work == Work::Service) schedule(job.taken.key.name);
  }
  std::vector<ChangeEnded> changes;
  if (outcome.finished) {
    run.writes = outcome.finished->writes;
    run.differing = outcome.fresh->changes.empty() ? 0 : 1;
    std::set<std::string> made;
    for (const auto& one : outcome.finished->made) {
      made.insert(one.identity);
      changes.push_back({one.kind, one.action, true});
    }
    if (outcome.result == RunResult::Failed) {
      for (const auto& change : outcome.fresh->changes) {
        if (change.held || made.contains(plan::identity(change))) continue;
        changes.push_back(
            {std::string(word(change.kind)), std::string(word(change.action)), false});
      }
    }
    if (outcome.finished->outcome == dps::Outcome::Conflict) tools_.observer.conflict();
  }
  tell(std::move(news));
  for (const auto& change : changes) tools_.observer.change_ended(change);
  tools_.observer.run_ended(run);
}

void Engine::absorb(const Job& job, const Outcome& outcome, std::vector<News>& news) {
  const auto now = tools_.clock.wall();
  const auto revision = job.revision == nullptr ? std::string() : job.revision->name;
  const auto look_into = [&](const plan::ServicePlan& service) {
    const auto key = service.id.key();
    const bool by_itself = job.taken.key.work == Work::Service;
    const auto ended = service_ended_.find(key);
    // Older than what a run of this service has found since.
    if (!by_itself && (queue_.is_running({Work::Service, key}) ||
                       (ended != service_ended_.end() && ended->second >= job.begun))) {
      return;
    }
    // The manifest has changed while this was read: what follows is already in the queue.
    if (effective_ != job.revision && effective_ != nullptr) {
      const auto* wanted = effective_->find(service.id);
      const auto* held_against = job.revision->find(service.id);
      if (wanted != nullptr && held_against != nullptr &&
          !dps::wants_the_same(*wanted, *held_against)) {
        return;
      }
    }
    auto record = records_.find(key);
    const auto* desired = job.revision->find(service.id);
    if (record == records_.end()) {
      // One that is to be pruned; nobody else is without a record.
      if (desired != nullptr) return;
      record = records_.emplace(key, Record(service.id, revision, now)).first;
    }
    const auto live = outcome.look.live.services.find(service.id);
    Seen seen{service,
              desired,
              live == outcome.look.live.services.end() ? nullptr : &live->second,
              revision,
              job.pass,
              "",
              job.read.certificate_reads == arm::CertificateReads::All,
              job.write,
              by_itself,
              is_part_of_an_outage(outcome.look.live, service),
              now};
    auto one = record->second.look(seen);
    if (by_itself && outcome.finished) {
      move_into(one, record->second.finish(*outcome.finished, seen));
    }
    if (tools_.requests != nullptr) record->second.remember(tools_.requests->of(service.id));
    news.push_back(std::move(one));
  };
  if (outcome.fresh) {
    look_into(*outcome.fresh);
  } else {
    for (const auto& service : outcome.look.plan.services) look_into(service);
  }
}

}  // namespace dps::controller

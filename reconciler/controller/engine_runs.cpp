// The way of one run: taken from the queue under the lock, made without it, told under it again.
#include <fmt/format.h>

#include <algorithm>

#include "reconciler/apply/service_flow.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine_job.hpp"
#include "reconciler/controller/proof_signer.hpp"
#include "reconciler/controller/record_parts.hpp"
#include "reconciler/plan/guard.hpp"

namespace dps::controller {
namespace {

using plan::Change;
using plan::ServiceClass;

constexpr Duration kTransitionPause = std::chrono::seconds{15};
/// How long a removal counts towards the guards of the revision that caused it.
constexpr Duration kRemovalsCount = std::chrono::hours{24};
constexpr Duration kAfterWindow = std::chrono::seconds{1};

void move_into(News& into, News from) {
  into.events.insert(into.events.end(),
                     std::make_move_iterator(from.events.begin()),
                     std::make_move_iterator(from.events.end()));
  into.drifts.insert(into.drifts.end(), from.drifts.begin(), from.drifts.end());
  into.ownership_lost = into.ownership_lost || from.ownership_lost;
}

bool creates(const plan::ServicePlan& service) {
  return service.service_class == ServiceClass::Create;
}

bool removes(const plan::ServicePlan& service) {
  return std::any_of(service.changes.begin(), service.changes.end(), [](const Change& change) {
    return change.destructive;
  });
}

/// Held by a judgement of the whole, and not by time or by another.
bool is_held_by_guard(const Change& change) {
  if (!change.held) return false;
  const auto& id = change.held->id;
  return id.starts_with("max-") || id == "revoked" || id == plan::kNotJudgedHold;
}

/// What a whole look must have judged before it is done: removals, and a create. What waits for its
/// time is judged when that has come.
std::vector<std::string> lines_to_judge(const plan::ServicePlan& service) {
  std::vector<std::string> lines;
  for (const auto& change : service.changes) {
    if (!change.destructive || (change.held && !is_held_by_guard(change))) continue;
    lines.push_back(plan::removal_line(service, change));
  }
  if (creates(service)) lines.push_back("create\t" + service.id.key());
  return lines;
}

/// A create that no whole look has allowed, and removals likewise, are held; what it withheld keeps
/// its reason.
void hold_unjudged(plan::ServicePlan& fresh, const std::optional<plan::ServicePlan>& judged) {
  const plan::ServicePlan nothing;
  const auto& known = judged ? *judged : nothing;
  if (creates(fresh) && known.service_class == ServiceClass::Blocked) {
    fresh.service_class = ServiceClass::Blocked;
    fresh.errors = known.errors;
    return;
  }
  plan::keep_within(fresh, known);
  if (creates(fresh) && !(creates(known) && known.has_work())) {
    for (auto& change : fresh.changes) {
      if (change.held) continue;
      change.held = plan::Hold{std::string(plan::kNotJudgedHold),
                               "a new service is made once everything has been looked at"};
      change.calls.clear();
    }
  }
  for (auto& change : fresh.changes) {
    if (!change.held || change.held->id != plan::kNotJudgedHold) continue;
    const auto same =
        std::find_if(known.changes.begin(), known.changes.end(), [&](const Change& one) {
          return is_held_by_guard(one) && plan::identity(one) == plan::identity(change);
        });
    if (same != known.changes.end()) change.held = same->held;
  }
}

/// The error that says when to try again: the one that may pass soonest.
NextMove next_move(const std::vector<Error>& errors) {
  auto best = NextMove::GiveUp;
  for (const auto& error : errors) {
    if (error.next == NextMove::RetryLater || error.next == NextMove::ReadAgain) return error.next;
    if (error.next == NextMove::WaitForOthers) best = error.next;
  }
  return best;
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
  auto outcome = perform(*job, stops);
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
  } else {
    return out;
  }
  if (!out.fresh->errors.empty()) out.result = RunResult::Failed;
  if (!job.write || !out.fresh->has_work()) return out;

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
      // Interrupted: what it was about is still due.
      queue_.add(job.taken.key, now, job.taken.priority);
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
        after_sweep(job, outcome);
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

// A service of ours stays ours: it is adopted again whatever lifecycle.adopt says.
void Engine::regain(const std::vector<News>& news) {
  std::vector<ServiceId> lost;
  for (const auto& one : news) {
    if (!one.ownership_lost) continue;
    for (const auto& event : one.events) {
      if (event.kind == EventKind::OwnershipLost) lost.push_back(*event.service);
    }
  }
  if (lost.empty()) return;
  for (const auto& id : lost) ours_.insert(id.key());
  overlay();
  if (!may_write()) return;
  for (const auto& id : lost) {
    queue_.forget({Work::Service, id.key()});
    queue_service(id, Priority::Drift);
  }
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

/// Ours by its tag, and no manifest names it.
bool Engine::is_unnamed(const LiveService& live) const {
  const auto owner = live.tags.find(kOwnerTag);
  return owner != live.tags.end() && owner->second == runtime_->plan.owner &&
         effective_->find(live.id) == nullptr;
}

void Engine::after_sweep(const Job& job, const Outcome& outcome) {
  const auto now = tools_.clock.now();
  const auto& name = job.taken.key.name;
  const auto& engine = runtime_->engine;
  auto& checked = checked_[name];
  const bool listed = outcome.look.live.unlisted.empty();
  if (listed) {
    unlisted_.erase(name);
    if (job.read.key_reads == arm::KeyReads::Ask) checked.keys = job.begun;
    if (job.read.certificate_reads == arm::CertificateReads::All) checked.certificates = job.begun;
    if (outcome.result != RunResult::Failed) last_success_ = tools_.clock.wall();
  } else {
    const auto& why = outcome.look.live.unlisted.begin()->second;
    unlisted_[name] = {why.id, why.what, why.remedy};
  }
  queue_.add(job.taken.key, now + spread(engine.interval, tools_.jitter()), Priority::Resync);
  bool unjudged = false;
  for (const auto& service : outcome.look.plan.services) {
    for (const auto& line : lines_to_judge(service)) {
      unjudged = unjudged || !judged_lines_.contains(line);
    }
    const auto* desired = effective_->find(service.id);
    if (!job.write || !service.has_work() || desired == nullptr) continue;
    const auto interval = desired->lifecycle.interval;
    const auto ended = service_ended_.find(service.id.key());
    const bool early = interval && *interval > engine.interval && ended != service_ended_.end() &&
                       now - ended->second < *interval;
    if (!early) queue_service(service.id, Priority::Drift);
  }
  // Services of ours that nobody names: pruned, if at all, after a whole look.
  if (runtime_->plan.prune && listed) {
    for (const auto& [id, live] : outcome.look.live.services) {
      if (is_unnamed(live)) unjudged |= !judged_lines_.contains("prune\t" + id.key());
    }
  }
  if (unjudged) want_whole(Priority::Drift, now);
}

void Engine::after_whole(const Job& job, const Outcome& outcome, std::vector<News>& news) {
  const auto now = tools_.clock.now();
  const auto& plan = outcome.look.plan;
  judged_.clear();
  judged_lines_.clear();
  for (const auto& service : plan.services) {
    for (auto& line : lines_to_judge(service)) judged_lines_.insert(std::move(line));
    const bool blocked_create =
        service.service_class == ServiceClass::Blocked && service.live_state.empty();
    if (removes(service) || creates(service) || blocked_create) {
      judged_.insert_or_assign(service.id.key(), service);
    }
  }
  for (const auto& [id, live] : outcome.look.live.services) {
    if (is_unnamed(live)) judged_lines_.insert("prune\t" + id.key());
  }
  if (!plan.approved.empty()) {
    approved_.insert(plan.approved.begin(), plan.approved.end());
    approval_.clear();
  } else if (job.settings.approve == approval_) {
    approval_.clear();
  }
  guards_.clear();
  for (const auto& guard : plan.guards) {
    guards_.push_back({guard.guard, guard.message, guard.count, guard.limit, guard.removals});
  }
  approve_digest_ = plan.approve_digest;
  notices_.clear();
  for (const auto& notice : plan.notices) {
    // Those of the other shards are named by manifests that are not in this one's set.
    if (notice.id == "Unnamed" && runtime_->engine.shard.count > 1) continue;
    notices_.push_back(notice.message + (notice.remedy.empty() ? "" : "; " + notice.remedy));
  }
  if (approve_digest_ != told_guard_) {
    told_guard_ = approve_digest_;
    for (const auto& guard : guards_) {
      auto held = event(EventKind::GuardHeld,
                        Severity::Error,
                        fmt::format("{}; let exactly these through with: dps-reconciler approve {}",
                                    guard.message,
                                    approve_digest_));
      held.reason = guard.guard;
      held.details = guard.removals;
      if (held.details.size() > 20) held.details.resize(20);
      held.pass = job.pass;
      news.push_back({{std::move(held)}, {}, false});
    }
  }
  unlisted_.clear();
  for (const auto& [subscription, why] : outcome.look.live.unlisted) {
    unlisted_[lower(subscription)] = {why.id, why.what, why.remedy};
  }
  for (const auto& [subscription, part] : effective_->parts) {
    if (unlisted_.contains(subscription)) continue;
    if (job.read.key_reads == arm::KeyReads::Ask) checked_[subscription].keys = job.begun;
    checked_[subscription].certificates = job.begun;
  }
  if (outcome.result != RunResult::Failed) {
    last_success_ = tools_.clock.wall();
  } else if (runtime_->plan.prune || !judged_.empty()) {
    // Not everything could be seen, so not everything was judged.
    want_whole(Priority::Resync, now + spread(runtime_->engine.interval, tools_.jitter()));
  }
  for (const auto& service : plan.services) {
    if (job.write && service.has_work()) queue_service(service.id, Priority::Manifest);
  }
}

void Engine::after_service(const Job& job, const Outcome& outcome) {
  const auto now = tools_.clock.now();
  const auto& key = job.taken.key;
  const auto record = records_.find(key.name);
  if (record == records_.end() || outcome.error) return;
  const auto again = [&](Duration pause, Priority priority) {
    queue_.add(key, now + pause, priority);
  };
  const auto& rules = runtime_->engine.backoff;
  if (outcome.finished) {
    note_removals(job, outcome);
    const auto& finished = *outcome.finished;
    if (finished.outcome == dps::Outcome::Deleted && outcome.fresh &&
        effective_->find(job.id) == nullptr) {
      records_.erase(record);
      service_ended_.erase(key.name);
      return;
    }
    if (finished.outcome == dps::Outcome::InTransition) {
      again(kTransitionPause, Priority::Drift);
    } else if (finished.outcome == dps::Outcome::Interrupted) {
      again(Duration{0}, job.taken.priority);
    } else if (outcome.result == RunResult::Failed) {
      again(pause_after(
                next_move(finished.errors), record->second.failures(), tools_.jitter(), rules),
            Priority::Drift);
    }
  } else if (outcome.fresh) {
    if (outcome.fresh->service_class == ServiceClass::InTransition) {
      again(kTransitionPause, Priority::Drift);
    } else if (outcome.fresh->service_class == ServiceClass::Failed) {
      again(pause_after(NextMove::RetryLater, record->second.failures(), tools_.jitter(), rules),
            Priority::Drift);
    }
  }
  if (outcome.fresh) {
    bool unjudged = false;
    for (const auto& line : lines_to_judge(*outcome.fresh)) {
      unjudged = unjudged || !judged_lines_.contains(line);
    }
    if (unjudged && job.write && !outcome.fresh->errors.size()) want_whole(job.taken.priority, now);
  }
  if (const auto until = record->second.held_until()) {
    queue_.add(key, std::max(now, steady_of(*until)) + kAfterWindow, Priority::Drift);
  }
  const auto* desired = effective_ == nullptr ? nullptr : effective_->find(job.id);
  if (desired != nullptr && desired->lifecycle.interval &&
      *desired->lifecycle.interval < runtime_->engine.interval) {
    queue_.add(key, now + spread(*desired->lifecycle.interval, tools_.jitter()), Priority::Resync);
  }
}

void Engine::note_removals(const Job&, const Outcome& outcome) {
  for (const auto& made : outcome.finished->made) {
    if (!made.destructive || made.action != word(plan::Action::Delete)) continue;
    ++(made.kind == word(plan::Kind::ProvisioningService) ? deletes_made_ : removals_made_);
    last_removal_ = tools_.clock.now();
    for (const auto& change : outcome.fresh->changes) {
      if (plan::identity(change) != made.identity) continue;
      approved_.erase(plan::removal_line(*outcome.fresh, change));
    }
  }
}

}  // namespace dps::controller

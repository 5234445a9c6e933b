// What follows from a run: what is due when, what was judged, who is told.
#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine_job.hpp"
#include "reconciler/controller/judged.hpp"
#include "reconciler/plan/guard.hpp"

namespace dps::controller {
namespace {

using plan::ServiceClass;

constexpr Duration kTransitionPause = std::chrono::seconds{15};
constexpr Duration kAfterWindow = std::chrono::seconds{1};

/// The error that says when to try again: the one that may pass soonest.
NextMove next_move(const std::vector<Error>& errors) {
  auto best = NextMove::GiveUp;
  for (const auto& error : errors) {
    if (error.next == NextMove::RetryLater || error.next == NextMove::ReadAgain) return error.next;
    if (error.next == NextMove::WaitForOthers) best = error.next;
  }
  return best;
}

}  // namespace

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

/// Ours by its tag, and no manifest names it.
bool Engine::is_unnamed(const LiveService& live) const {
  const auto owner = live.tags.find(kOwnerTag);
  return owner != live.tags.end() && owner->second == runtime_->plan.owner &&
         effective_->find(live.id) == nullptr;
}

// One that cannot be listed is told once, and not by each of its services.
void Engine::note_lists(const std::vector<std::string>& subscriptions,
                        const LiveState& live,
                        std::vector<News>& news) {
  for (const auto& subscription : subscriptions) {
    const auto why = live.unlisted.find(subscription);
    const auto known = unlisted_.find(subscription);
    if (why == live.unlisted.end()) {
      if (known == unlisted_.end()) continue;
      auto well = event(EventKind::Recovered,
                        Severity::Info,
                        fmt::format("subscription {} can be listed again", subscription));
      well.reason = known->second.id;
      unlisted_.erase(known);
      news.push_back({{std::move(well)}, {}, false});
      continue;
    }
    const auto& error = why->second;
    if (known == unlisted_.end() || known->second.id != error.id) {
      auto bad = event(EventKind::SubscriptionUnreadable, Severity::Error, error.what);
      bad.reason = error.id;
      bad.request_id = error.request_id;
      if (!error.remedy.empty()) bad.details.push_back(error.remedy);
      news.push_back({{std::move(bad)}, {}, false});
    }
    unlisted_[subscription] = {error.id, error.what, error.remedy};
  }
}

void Engine::after_sweep(const Job& job, const Outcome& outcome, std::vector<News>& news) {
  const auto now = tools_.clock.now();
  const auto& name = job.taken.key.name;
  const auto& engine = runtime_->engine;
  auto& checked = checked_[name];
  const bool listed = outcome.look.live.unlisted.empty();
  note_lists({name}, outcome.look.live, news);
  if (listed) {
    if (job.read.key_reads == arm::KeyReads::Ask) checked.keys = job.begun;
    if (job.read.certificate_reads == arm::CertificateReads::All) checked.certificates = job.begun;
    if (outcome.result != RunResult::Failed) last_success_ = tools_.clock.wall();
  }
  queue_.add(job.taken.key, now + spread(engine.interval, tools_.jitter()), Priority::Resync);
  bool unjudged = false;
  for (const auto& service : outcome.look.plan.services) {
    for (const auto& line : lines_to_judge(service)) {
      unjudged = unjudged || !judged_lines_.contains(line);
    }
    const auto* desired = effective_->find(service.id);
    keep_interval(service.id);
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
  // What has another manifest by now was not judged.
  const bool superseded = job.revision->name != effective_->name;
  if (superseded) want_whole(Priority::Manifest, now);
  for (const auto& service : plan.services) {
    const auto* then = job.revision->find(service.id);
    const auto* wanted = effective_->find(service.id);
    const bool same =
        then == nullptr || wanted == nullptr ? then == wanted : dps::wants_the_same(*then, *wanted);
    if (superseded && !same) continue;
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
  // What nobody names no sweep queues: when its time has come, this look does.
  std::optional<WallTime> held_until;
  for (const auto& service : plan.services) {
    if (effective_->find(service.id) != nullptr) continue;
    for (const auto& change : service.changes) {
      if (!change.held || !change.held->until) continue;
      held_until = std::min(held_until.value_or(*change.held->until), *change.held->until);
    }
  }
  if (held_until) {
    want_whole(Priority::Drift, std::max(now, steady_of(*held_until)) + kAfterWindow);
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
  std::vector<std::string> subscriptions;
  for (const auto& [subscription, part] : job.revision->parts) {
    subscriptions.push_back(subscription);
  }
  note_lists(subscriptions, outcome.look.live, news);
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
    keep_interval(service.id);
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
  keep_interval(job.id);
}

// lifecycle.interval, where it is shorter than that of the sweeps.
void Engine::keep_interval(const ServiceId& id) {
  const auto* desired = effective_ == nullptr ? nullptr : effective_->find(id);
  const WorkKey key{Work::Service, id.key()};
  if (desired == nullptr || !desired->lifecycle.interval || queue_.due_of(key)) return;
  if (*desired->lifecycle.interval >= runtime_->engine.interval) return;
  queue_.add(key,
             tools_.clock.now() + spread(*desired->lifecycle.interval, tools_.jitter()),
             Priority::Resync);
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

#include "reconciler/controller/engine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine_job.hpp"

namespace dps::controller {

Engine::Engine(std::shared_ptr<Runtime> runtime,
               Suspensions suspensions,
               SourceStatus source,
               EngineTools tools)
    : tools_(std::move(tools)),
      started_at_(tools_.clock.wall()),
      runtime_(std::move(runtime)),
      suspensions_(std::move(suspensions)),
      source_(std::move(source)),
      last_beat_(tools_.clock.now()),
      led_(tools_.leadership.leads()) {}

bool Engine::is_named(const ServiceId& id) const {
  const std::lock_guard lock(mutex_);
  return effective_ && effective_->find(id) != nullptr;
}

bool Engine::may_write() const {
  return runtime_->engine.mode == Mode::Enforce && tools_.leadership.leads();
}

Event Engine::event(EventKind kind, Severity severity, std::string message) const {
  Event out;
  out.kind = kind;
  out.severity = severity;
  out.time = tools_.clock.wall();
  out.message = std::move(message);
  if (revision_) out.revision = revision_->name;
  return out;
}

void Engine::tell(std::vector<News> news) {
  for (const auto& one : news) {
    for (const auto& kind : one.drifts) tools_.observer.drift_found(kind);
    for (const auto& event : one.events) tools_.observer.event(event);
  }
}

void Engine::queue_service(const ServiceId& id, Priority priority) {
  const WorkKey key{Work::Service, id.key()};
  // One that waits has a reason to: a failure's pause.
  if (priority <= Priority::Drift && queue_.due_of(key)) return;
  queue_.add(key, tools_.clock.now(), priority);
}

void Engine::want_whole(Priority priority, TimePoint due) {
  queue_.add({Work::Whole, ""}, due, priority);
}

bool Engine::keys_are_due(const std::string& subscription) const {
  const auto& engine = runtime_->engine;
  if (engine.key_checks != KeyChecks::Due) return engine.key_checks == KeyChecks::Always;
  const auto found = checked_.find(subscription);
  if (found == checked_.end() || !found->second.keys) return true;
  if (tools_.clock.now() - *found->second.keys >= engine.key_check_interval) return true;
  // What a look without keys cannot see would seem to be gone.
  return std::any_of(records_.begin(), records_.end(), [&](const auto& one) {
    return one.second.differs_in_keys() &&
           equal_ignoring_case(one.second.status()->id.subscription, subscription);
  });
}

std::optional<TimePoint> Engine::next_due() const {
  const std::lock_guard lock(mutex_);
  return queue_.next_due();
}

std::size_t Engine::running() const {
  const std::lock_guard lock(mutex_);
  return queue_.running();
}

TimePoint Engine::steady_of(WallTime time) const {
  // Far dates must not overflow the steady clock.
  const auto wait =
      std::min<WallTime::duration>(time - tools_.clock.wall(), std::chrono::hours{24 * 366});
  return tools_.clock.now() + std::chrono::duration_cast<TimePoint::duration>(wait);
}

void Engine::schedule(const std::string& key) {
  const auto record = records_.find(key);
  if (record == records_.end()) return;
  const WorkKey own{Work::Service, key};
  auto due = queue_.due_of(own);
  const auto subscription = lower(record->second.status()->id.subscription);
  const auto sweep = queue_.due_of({Work::Sweep, subscription});
  if (!due || (sweep && *sweep < *due)) due = sweep;
  std::optional<WallTime> wall;
  if (due) {
    wall = tools_.clock.wall() +
           std::chrono::duration_cast<WallTime::duration>(*due - tools_.clock.now());
  }
  record->second.schedule(wall, queue_.is_running(own));
}

void Engine::look_at_leadership() {
  std::vector<News> news;
  {
    const std::lock_guard lock(mutex_);
    const bool leads = tools_.leadership.leads();
    if (leads == led_) return;
    led_ = leads;
    news.push_back({{event(EventKind::LeaderChanged,
                           Severity::Info,
                           leads ? "this one leads now and writes"
                                 : "another one leads; this one looks and writes nothing")},
                    {},
                    false});
    if (leads && revision_) want_whole(Priority::Manifest, tools_.clock.now());
  }
  tell(std::move(news));
  if (tools_.woken) tools_.woken();
}

void Engine::beat() {
  const std::lock_guard lock(mutex_);
  last_beat_ = tools_.clock.now();
}

}  // namespace dps::controller

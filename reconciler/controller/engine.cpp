#include "reconciler/controller/engine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine_job.hpp"

namespace dps::controller {
namespace {

constexpr Duration kDeadAfter = std::chrono::minutes{2};
constexpr std::size_t kMostFaults = 50;

std::string fault_line(const manifest::Diagnostic& fault) {
  std::string line;
  if (!fault.mark.file.empty()) {
    line = fault.mark.line > 0
               ? fmt::format("{}:{}:{}: ", fault.mark.file, fault.mark.line, fault.mark.column)
               : fault.mark.file + ": ";
  }
  line += fault.message;
  if (!fault.remedy.empty()) line += "; " + fault.remedy;
  return line;
}

std::vector<SourceFaultLine> fault_lines(const std::vector<manifest::Diagnostic>& faults) {
  std::vector<SourceFaultLine> out;
  for (const auto& fault : faults) {
    if (fault.severity != manifest::Severity::Error) continue;
    if (out.size() == kMostFaults) break;
    out.push_back({fault_line(fault), fault.fault_class == manifest::FaultClass::Text});
  }
  return out;
}

std::size_t errors_in(const std::vector<manifest::Diagnostic>& faults) {
  return static_cast<std::size_t>(
      std::count_if(faults.begin(), faults.end(), [](const manifest::Diagnostic& fault) {
        return fault.severity == manifest::Severity::Error;
      }));
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}", count, what);
}

}  // namespace

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

// ---- the source ----

void Engine::take(manifest::Loaded loaded, const std::string& name) {
  std::vector<News> news;
  std::optional<bool> told;
  {
    const std::lock_guard lock(mutex_);
    const auto now = tools_.clock.now();
    const auto wall = tools_.clock.wall();
    source_.last_success = wall;
    source_.trouble.reset();
    source_.faults = fault_lines(loaded.faults);
    source_.fault_count = errors_in(loaded.faults);
    auto revision = name.empty() ? loaded.desired.revision : name;
    if (!loaded.desired.complete) {
      auto problem = "revision\n" + revision;
      for (const auto& fault : source_.faults) problem += "\n" + fault.text;
      source_.refused_revision = revision;
      source_.last_reload_was_good = false;
      if (problem != told_source_) {
        told_source_ = problem;
        told = false;
        auto one = event(
            EventKind::SourceFault,
            Severity::Error,
            fmt::format("revision {} has {} and is not taken; {}",
                        printable(revision, 80),
                        counted(source_.fault_count, source_.fault_count == 1 ? "fault" : "faults"),
                        revision_ ? "the one before stays in force"
                                  : "nothing is written until there is a good one"));
        one.reason = "FaultyRevision";
        for (const auto& fault : source_.faults) one.details.push_back(fault.text);
        if (one.details.size() > 20) one.details.resize(20);
        news.push_back({{std::move(one)}, {}, false});
      }
    } else {
      const bool first = revision_ == nullptr;
      auto newer = divide(std::move(loaded.desired), revision, runtime_->engine.shard);
      const auto changes = changes_between(revision_.get(), *newer);
      const bool same =
          !first && changes.added.empty() && changes.changed.empty() && changes.removed.empty();
      const bool renamed = first || revision_->name != revision;
      source_.refused_revision.clear();
      source_.last_reload_was_good = true;
      if (!told_source_.empty()) {
        told_source_.clear();
        news.push_back({{event(EventKind::SourceRecovered,
                               Severity::Info,
                               fmt::format("revision {} is good", printable(revision, 80)))},
                        {},
                        false});
      }
      if (renamed || !same) {
        told = true;
        source_.revision = revision;
        source_.loaded_at = wall;
        revision_ = newer;
        overlay();
        if (!same) {
          deletes_made_ = removals_made_ = 0;
          approved_.clear();
        }
        for (const auto& id : changes.unchanged) {
          records_.at(id.key()).wants_the_same(revision, *newer->find(id));
        }
        for (const auto& id : changes.changed) {
          records_.at(id.key()).wants_something_else(revision, *newer->find(id), true);
          judged_.erase(id.key());
        }
        for (const auto& id : changes.added) {
          // It may stand there already as one that is to be pruned.
          records_.erase(id.key());
          auto& record = records_.emplace(id.key(), Record(id, revision, wall)).first->second;
          record.wants_something_else(revision, *newer->find(id), false);
          judged_.erase(id.key());
        }
        for (const auto& id : changes.removed) {
          records_.erase(id.key());
          judged_.erase(id.key());
          service_ended_.erase(id.key());
          queue_.forget({Work::Service, id.key()});
        }
        for (const auto& [subscription, part] : newer->parts) {
          const WorkKey key{Work::Sweep, subscription};
          if (queue_.due_of(key) || queue_.is_running(key)) continue;
          const auto& interval = runtime_->engine.interval;
          // Spread over the interval, so that subscriptions do not meet for ever.
          const auto wait = std::chrono::duration_cast<Duration>(
              interval * (first ? 0.5 + tools_.jitter() / 2 : tools_.jitter()));
          queue_.add(key, now + (first ? wait : std::min(wait, interval)), Priority::Resync);
        }
        std::erase_if(unlisted_,
                      [&](const auto& one) { return !newer->parts.contains(one.first); });
        if (first) {
          want_whole(Priority::Manifest, now);
        } else {
          for (const auto& ids : {changes.changed, changes.added}) {
            for (const auto& id : ids) {
              queue_.forget({Work::Service, id.key()});
              queue_service(id, Priority::Manifest);
            }
          }
          const bool guarded = !guards_.empty();
          if (!same && (guarded || (runtime_->plan.prune && !changes.removed.empty()))) {
            want_whole(Priority::Manifest, now);
          }
        }
        for (const auto& [subscription, part] : newer->parts) {
          for (const auto& [id, desired] : part->services) {
            if (desired.lifecycle.interval &&
                *desired.lifecycle.interval < runtime_->engine.interval &&
                !queue_.due_of({Work::Service, id.key()})) {
              queue_.add({Work::Service, id.key()},
                         now + spread(*desired.lifecycle.interval, tools_.jitter()),
                         Priority::Resync);
            }
            schedule(id.key());
          }
        }
        auto one =
            event(EventKind::RevisionTaken,
                  Severity::Info,
                  first ? fmt::format("revision {} with {} services is in force",
                                      printable(revision, 80),
                                      newer->size())
                        : fmt::format("revision {} is in force: {} changed, {} added, {} gone",
                                      printable(revision, 80),
                                      changes.changed.size(),
                                      changes.added.size(),
                                      changes.removed.size()));
        news.push_back({{std::move(one)}, {}, false});
      }
    }
  }
  tell(std::move(news));
  if (told) tools_.observer.source_loaded(*told);
  if (tools_.woken) tools_.woken();
}

void Engine::source_is_well() {
  std::vector<News> news;
  {
    const std::lock_guard lock(mutex_);
    source_.last_success = tools_.clock.wall();
    if (source_.trouble) {
      source_.trouble.reset();
      if (source_.refused_revision.empty()) {
        told_source_.clear();
        news.push_back(
            {{event(EventKind::SourceRecovered, Severity::Info, "the source can be read again")},
             {},
             false});
      }
    }
  }
  tell(std::move(news));
}

void Engine::source_failed(const Error& error) {
  std::vector<News> news;
  {
    const std::lock_guard lock(mutex_);
    source_.trouble = Trouble{error.id, error.what, error.remedy};
    const auto problem = "source\n" + error.id;
    if (told_source_ != problem) {
      told_source_ = problem;
      auto one = event(EventKind::SourceFault,
                       Severity::Error,
                       error.what + (revision_ ? "; the revision in force stays"
                                               : "; nothing is written until it can be read"));
      one.reason = error.id;
      if (!error.remedy.empty()) one.details.push_back(error.remedy);
      news.push_back({{std::move(one)}, {}, false});
    }
  }
  tell(std::move(news));
}

void Engine::secrets_changed() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [subscription, checked] : checked_) checked.keys.reset();
    if (effective_) {
      for (const auto& [subscription, part] : effective_->parts) {
        queue_.add({Work::Sweep, subscription}, tools_.clock.now(), Priority::Manifest);
      }
    }
  }
  if (tools_.woken) tools_.woken();
}

void Engine::use(std::shared_ptr<Runtime> runtime) {
  {
    const std::lock_guard lock(mutex_);
    runtime_ = std::move(runtime);
    if (revision_) want_whole(Priority::Person, tools_.clock.now());
  }
  if (tools_.woken) tools_.woken();
}

void Engine::overlay() {
  effective_ = revision_;
  if (!revision_) return;
  const auto now = tools_.clock.wall();
  const auto& all = suspensions_.all();
  if (!all.empty()) {
    effective_ = with_changes(
        *effective_,
        [&](const DesiredService& service) {
          return suspensions_.of(service.id.key(), now).has_value();
        },
        [&](DesiredService& service) {
          auto suspension = suspensions_.of(service.id.key(), now);
          auto& own = service.lifecycle.suspend;
          // The manifest's own stands where it lasts longer.
          const bool longer =
              own && (!own->until || (suspension->until && *own->until > *suspension->until));
          if (!longer) own = std::move(suspension);
        });
  }
  if (!ours_.empty()) {
    effective_ = with_changes(
        *effective_,
        [&](const DesiredService& service) { return ours_.contains(service.id.key()); },
        [](DesiredService& service) { service.lifecycle.adopt = Adopt::Always; });
  }
}

// ---- the queue ----

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

// ---- Control ----

Status Engine::status() const {
  const std::lock_guard lock(mutex_);
  const auto now = tools_.clock.now();
  Status out;
  out.now = tools_.clock.wall();
  out.started_at = started_at_;
  out.mode = runtime_->engine.mode;
  out.leader = tools_.leadership.leads();
  out.shard = runtime_->engine.shard.text();
  out.owner = runtime_->plan.owner;
  out.source = source_;
  out.queue_depth = queue_.depth(now);
  out.queue_oldest = queue_.oldest(now);
  out.last_success = last_success_;
  const auto positions = queue_.positions(now);
  out.services.reserve(records_.size());
  for (const auto& [key, record] : records_) {
    auto one = record.status();
    if (const auto place = positions.find(key); place != positions.end()) {
      auto copy = std::make_shared<ServiceStatus>(*one);
      copy->queue_position = place->second;
      one = std::move(copy);
    }
    out.services.push_back(std::move(one));
  }
  out.guards = guards_;
  out.approve_digest = approve_digest_;
  out.subscriptions = unlisted_;
  out.notices = notices_;
  return out;
}

Health Engine::health() const {
  const std::lock_guard lock(mutex_);
  Health out;
  out.alive = tools_.clock.now() - last_beat_ < kDeadAfter;
  if (!out.alive) out.reasons.push_back("the loop does not turn");
  if (!revision_) {
    out.reasons.push_back(source_.refused_revision.empty()
                              ? "no revision of the manifests has been read yet"
                              : "the newest revision is faulty, and there was no good one before");
  }
  const auto unread = std::count_if(
      records_.begin(), records_.end(), [](const auto& one) { return !one.second.was_read(); });
  if (unread > 0) out.reasons.push_back(fmt::format("{} services have not been read yet", unread));
  out.ready = out.reasons.empty();
  return out;
}

Result<std::vector<std::string>> Engine::named(const std::string& service) const {
  std::vector<std::string> keys;
  if (service.empty()) {
    for (const auto& [key, record] : records_) keys.push_back(key);
    return keys;
  }
  const auto wanted = lower(service);
  std::vector<std::string> names;
  for (const auto& [key, record] : records_) {
    const auto& id = record.status()->id;
    const auto brief = lower(id.brief());
    const bool matches = key == wanted || brief == wanted || lower(id.name) == wanted ||
                         lower(id.resource_group + "/" + id.name) == wanted;
    if (!matches) continue;
    keys.push_back(key);
    names.push_back(id.brief());
  }
  if (keys.empty()) {
    std::vector<std::string> known;
    for (const auto& [key, record] : records_) known.push_back(record.status()->id.name);
    const auto near = nearest(service, known);
    return fail(give_up(
        "UnknownService",
        fmt::format("no manifest names a service {}", printable(service, 120)),
        near.empty() ? "dps-reconciler status lists them" : fmt::format("did you mean {}?", near)));
  }
  if (keys.size() > 1) {
    return fail(
        give_up("AmbiguousService",
                fmt::format("{} services are called {}", keys.size(), printable(service, 120)),
                "one of " + join(names, ", ")));
  }
  return keys;
}

Result<std::size_t> Engine::reconcile(const std::string& service) {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto keys = named(service);
    if (!keys) return fail(keys.error());
    const auto now = tools_.clock.now();
    count = keys->size();
    if (service.empty()) {
      for (const auto& key : *keys) queue_.forget({Work::Service, key});
      if (revision_) want_whole(Priority::Person, now);
    } else {
      const auto& key = keys->front();
      records_.at(key).leave_alone();
      queue_.forget({Work::Service, key});
      queue_.add({Work::Service, key}, now, Priority::Person);
      schedule(key);
    }
  }
  if (tools_.woken) tools_.woken();
  return count;
}

Result<std::size_t> Engine::suspend(const std::string& service,
                                    const std::string& reason,
                                    std::optional<WallTime> until) {
  std::size_t count = 0;
  std::vector<News> news;
  Result<void> kept;
  {
    const std::lock_guard lock(mutex_);
    if (until && *until <= tools_.clock.wall()) {
      return fail(give_up("Usage", "until is over already", "a time to come"));
    }
    const auto keys = named(service);
    if (!keys) return fail(keys.error());
    count = keys->size();
    kept = suspensions_.add(service.empty() ? "" : keys->front(), {printable(reason, 200), until});
    overlay();
    for (const auto& key : *keys) {
      queue_.forget({Work::Service, key});
      queue_.add({Work::Service, key}, tools_.clock.now(), Priority::Person);
    }
    auto one = event(EventKind::Suspended,
                     Severity::Warning,
                     fmt::format("{} suspended by a person{}{}",
                                 service.empty() ? "all services are" : "it is",
                                 reason.empty() ? "" : ": " + printable(reason, 200),
                                 until ? ", until " + rfc3339(*until) : ""));
    if (!service.empty()) one.service = records_.at(keys->front()).status()->id;
    news.push_back({{std::move(one)}, {}, false});
  }
  tell(std::move(news));
  if (tools_.woken) tools_.woken();
  if (!kept) return fail(kept.error());
  return count;
}

Result<std::size_t> Engine::resume(const std::string& service) {
  std::size_t count = 0;
  std::vector<News> news;
  Result<void> kept;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> ended;
    if (service.empty()) {
      for (const auto& [key, one] : suspensions_.all()) ended.push_back(key);
    } else {
      const auto keys = named(service);
      if (!keys) return fail(keys.error());
      if (suspensions_.all().contains(keys->front())) {
        ended = *keys;
      } else if (suspensions_.all().contains("")) {
        return fail(give_up("AllSuspended",
                            "all services are suspended, not this one alone",
                            "dps-reconciler resume, without a service"));
      }
    }
    for (const auto& key : ended) {
      count += key.empty() ? records_.size() : 1;
      if (auto removed = suspensions_.remove(key); !removed) kept = std::move(removed);
    }
    if (!ended.empty()) {
      overlay();
      const bool all = std::find(ended.begin(), ended.end(), "") != ended.end();
      for (const auto& [key, record] : records_) {
        if (!all && std::find(ended.begin(), ended.end(), key) == ended.end()) continue;
        queue_.forget({Work::Service, key});
        queue_.add({Work::Service, key}, tools_.clock.now(), Priority::Person);
      }
      auto one = event(
          EventKind::Resumed,
          Severity::Info,
          service.empty() ? "all services are resumed by a person" : "it is resumed by a person");
      if (!service.empty()) one.service = records_.at(ended.front()).status()->id;
      news.push_back({{std::move(one)}, {}, false});
    }
  }
  tell(std::move(news));
  if (tools_.woken) tools_.woken();
  if (!kept) return fail(kept.error());
  return count;
}

Result<std::size_t> Engine::approve(const std::string& digest) {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!tools_.leadership.leads()) {
      return fail(give_up("NotLeading", "another replica leads and writes", "ask that one"));
    }
    if (approve_digest_.empty()) {
      return fail(give_up("ApprovalDiffers", "no guard withholds anything", ""));
    }
    if (digest != approve_digest_) {
      return fail(give_up("ApprovalDiffers",
                          fmt::format("{} is not for what is withheld now", printable(digest, 80)),
                          fmt::format("look at it again; its digest is {}", approve_digest_)));
    }
    approval_ = digest;
    for (const auto& guard : guards_) count += guard.count;
    want_whole(Priority::Person, tools_.clock.now());
  }
  if (tools_.woken) tools_.woken();
  return count;
}

}  // namespace dps::controller

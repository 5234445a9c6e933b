// What the source brings: revisions, faults, silence.
#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine.hpp"
#include "reconciler/controller/engine_job.hpp"

namespace dps::controller {
namespace {

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
            keep_interval(id);
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

}  // namespace dps::controller

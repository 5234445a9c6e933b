// What persons ask for, and what they are told.
#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/engine.hpp"
#include "reconciler/controller/engine_job.hpp"

namespace dps::controller {
namespace {

constexpr Duration kDeadAfter = std::chrono::minutes{2};

}  // namespace

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
      // A suspended service that no manifest names any more is judged by a whole look alone.
      if (revision_ && runtime_->plan.prune) want_whole(Priority::Person, tools_.clock.now());
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

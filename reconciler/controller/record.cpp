#include "reconciler/controller/record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/apply/describe.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/record_parts.hpp"

namespace dps::controller {
namespace {

using plan::Change;
using plan::ServiceClass;

constexpr std::size_t kMostLines = 20;
constexpr std::size_t kMostMoments = 20;
constexpr Duration kDay = std::chrono::hours{24};

bool is_difference(const Change& change) {
  return change.action != plan::Action::Adopt;
}

bool is_problem(Outcome outcome) {
  switch (outcome) {
    case Outcome::InTransition:
    case Outcome::Blocked:
    case Outcome::Failed:
    case Outcome::Conflict:
    case Outcome::Contested:
    case Outcome::OutOfDate:
      return true;
    default:
      return false;
  }
}

std::optional<EventKind> event_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Created:
      return EventKind::Created;
    case Outcome::Updated:
      return EventKind::Updated;
    case Outcome::Rotated:
      return EventKind::Rotated;
    case Outcome::Adopted:
      return EventKind::Adopted;
    case Outcome::Released:
      return EventKind::Released;
    case Outcome::Deleted:
      return EventKind::Deleted;
    case Outcome::Conflict:
      return EventKind::Conflict;
    case Outcome::Contested:
      return EventKind::Contested;
    default:
      return std::nullopt;
  }
}

std::vector<std::string> bounded(std::vector<std::string> lines) {
  if (lines.size() <= kMostLines) return lines;
  const auto more = lines.size() - kMostLines;
  lines.resize(kMostLines);
  lines.push_back(fmt::format("and {} more", more));
  return lines;
}

std::string difference_line(const Change& change) {
  auto line = apply::describe(change);
  if (change.held) line += " — held: " + change.held->reason;
  return line;
}

std::string why_suspended(const DesiredService* desired) {
  if (desired == nullptr || !desired->lifecycle.suspend) return "suspended";
  const auto& suspension = *desired->lifecycle.suspend;
  auto text = suspension.reason.empty() ? std::string("no reason was given") : suspension.reason;
  if (suspension.until) text += ", until " + rfc3339(*suspension.until);
  return text;
}

}  // namespace

Record::Record(const ServiceId& id, const std::string& revision, WallTime now) {
  ServiceStatus first;
  first.id = id;
  first.desired_revision = revision;
  for (const char* type : kConditions) {
    first.conditions.push_back({type, Truth::Unknown, "NotReadYet", "", now});
  }
  publish(std::move(first));
}

void Record::wants_something_else(const std::string& revision,
                                  const DesiredService& desired,
                                  bool known) {
  made_.clear();
  told_contests_.clear();
  in_sync_once_ = false;
  auto next = *status_;
  next.desired_revision = revision;
  next.manifest_file = desired.mark.file;
  next.manifest_line = desired.mark.line;
  next.failures = 0;
  next.contested.clear();
  if (known) {
    next.standing = Standing::Pending;
    set_condition(next, "Ready", Truth::Unknown, "ManifestChanged", "", next.last_read);
  }
  publish(std::move(next));
}

void Record::wants_the_same(const std::string& revision, const DesiredService& desired) {
  auto next = *status_;
  if (next.observed_revision == next.desired_revision) next.observed_revision = revision;
  next.desired_revision = revision;
  next.manifest_file = desired.mark.file;
  next.manifest_line = desired.mark.line;
  publish(std::move(next));
}

void Record::tell(ServiceStatus& next, News& news, Event event) const {
  Moment moment{
      event.time, std::string(word(event.kind)), event.message, event.details, event.revision};
  next.history.insert(next.history.begin(), std::move(moment));
  if (next.history.size() > kMostMoments) next.history.resize(kMostMoments);
  news.events.push_back(std::move(event));
}

// A trouble is told when it comes, when it becomes another, and when it goes.
void Record::judge_trouble(ServiceStatus& next, News& news, const Seen& seen) {
  const auto now_told = next.troubles.empty() ? std::string() : next.troubles.front().id;
  if (now_told == told_trouble_ || seen.outage) return;
  Event event;
  event.time = seen.now;
  event.service = next.id;
  event.revision = seen.revision;
  event.pass = seen.pass;
  event.request_id = next.last_request_id;
  if (next.troubles.empty()) {
    event.kind = EventKind::Recovered;
    event.message = fmt::format("well again after {}", told_trouble_);
    event.reason = told_trouble_;
  } else {
    const auto& trouble = next.troubles.front();
    event.kind = EventKind::Failed;
    event.severity = next.standing == Standing::Failed ? Severity::Error : Severity::Warning;
    event.message = trouble.message;
    event.reason = trouble.id;
    if (!trouble.remedy.empty()) event.details.push_back(trouble.remedy);
  }
  told_trouble_ = now_told;
  tell(next, news, std::move(event));
}

void Record::set_conditions(ServiceStatus& next, const Seen& seen, bool work) const {
  const auto set = [&](std::string_view type, bool truth, std::string reason, std::string message) {
    set_condition(next,
                  type,
                  truth ? Truth::True : Truth::False,
                  std::move(reason),
                  std::move(message),
                  seen.now);
  };
  const auto trouble = next.troubles.empty() ? Trouble{} : next.troubles.front();
  const auto differing =
      fmt::format("{} difference{}", known_.size(), known_.size() == 1 ? "" : "s");
  const bool well = next.standing == Standing::InSync;
  const auto standing = pascal_case(word(next.standing));
  set("Ready",
      well,
      well                  ? "Converged"
      : !trouble.id.empty() ? trouble.id
                            : standing,
      well                    ? ""
      : !trouble.id.empty()   ? trouble.message
      : !next.held_by.empty() ? next.held_by
                              : differing);
  set("Reconciling", work && seen.may_write, work && seen.may_write ? "WriteDue" : "Idle", "");
  const bool stalled = next.standing == Standing::Blocked || !next.contested.empty();
  set("Stalled",
      stalled,
      !stalled                 ? "NotStalled"
      : next.contested.empty() ? (trouble.id.empty() ? standing : trouble.id)
                               : "Contested",
      stalled ? (trouble.remedy.empty() ? trouble.message : trouble.remedy) : "");
  const bool drifted = next.standing == Standing::Drifted;
  set("Drifted", drifted, drifted ? "ChangedInAzure" : "NoDrift", drifted ? differing : "");
  const bool suspended = next.standing == Standing::Suspended;
  set("Suspended",
      suspended,
      suspended ? "Suspended" : "NotSuspended",
      suspended ? why_suspended(seen.desired) : "");
  const bool held = !suspended && !next.held_by.empty();
  set("Held", held, held ? pascal_case(next.held_by) : "NothingHeld", held ? next.held_by : "");
  const bool contested = !next.contested.empty();
  set("Contested",
      contested,
      contested ? "WrittenByAnother" : "NotContested",
      contested ? join(next.contested, ", ") : "");
  set("OwnershipLost",
      ownership_lost_,
      ownership_lost_ ? "OwnerTagGone" : "Owned",
      ownership_lost_ ? "the owner tag was taken off by somebody else" : "");
}

News Record::look(const Seen& seen) {
  News news;
  auto next = *status_;
  const auto& plan = seen.plan;
  next.id = plan.id;
  if (!plan.id_scope.empty()) next.id_scope = plan.id_scope;
  if (plan.service_class == ServiceClass::Create) next.id_scope.clear();
  next.live_state = plan.live_state;
  next.last_read = seen.now;
  next.observed_revision = seen.revision;
  next.held_by.clear();
  if (!seen.request_id.empty()) next.last_request_id = seen.request_id;
  if (plan.service_class == ServiceClass::InTransition) {
    // Azure is at work on it: nothing can be said of differences, so nothing new is.
    if (next.standing == Standing::InSync) next.standing = Standing::Pending;
    set_condition(next, "Ready", Truth::Unknown, "InTransition", plan.live_state, seen.now);
    publish(std::move(next));
    return news;
  }

  // Differences, and which of them nobody asked for.
  std::set<std::string> differing;
  std::vector<std::string> fresh_drift;
  held_until_.reset();
  differs_in_keys_ = false;
  next.differences.clear();
  next.stale_hubs.clear();
  next.contested.clear();
  bool drift = false;
  bool work = false;
  const auto is_drift = [&](const Change& change) {
    return change.cause == plan::Cause::Drift || in_sync_once_;
  };
  for (const auto& change : plan.changes) {
    if (!change.held) work = true;
    if (change.held && next.held_by.empty()) next.held_by = change.held->id;
    if (change.held && change.held->until && (!held_until_ || *change.held->until < *held_until_)) {
      held_until_ = change.held->until;
    }
    if (!is_difference(change)) continue;
    const auto identity = plan::identity(change);
    next.differences.push_back(difference_line(change));
    if (change.secret || change.kind == plan::Kind::SharedAccessPolicy) differs_in_keys_ = true;
    if (change.secret && change.kind == plan::Kind::LinkedHub && change.field == "credential") {
      next.stale_hubs.push_back(change.name);
    }
    if (change.held && change.held->id == "contested") {
      next.contested.push_back(apply::subject_of(change));
    }
    if (is_drift(change)) {
      drift = true;
      if (!known_.contains(identity)) {
        fresh_drift.push_back(apply::describe(change));
        news.drifts.push_back(std::string(word(change.kind)));
      }
    }
    differing.insert(identity);
  }
  next.differences = bounded(std::move(next.differences));
  known_ = std::move(differing);

  // A write that failed is not mended by a look which finds the same difference.
  const auto still = next.standing;
  const bool failing = plan.errors.empty() && next.failures > 0 && !known_.empty();
  if (!failing) next.troubles.clear();
  // That nobody seems to own it is no trouble: it was ours, and is going to be again.
  const bool loses = was_ours_ && !plan.live_state.empty() && !plan.live_bookkeeping.owner;
  for (const auto& error : plan.errors) {
    if (loses && error.id == "NotAdopted") continue;
    next.troubles.push_back({error.id, error.message, error.remedy});
  }
  if (seen.by_itself && !plan.errors.empty()) ++next.failures;
  const bool excused = loses && next.troubles.empty() && !plan.errors.empty();
  next.standing =
      failing   ? still
      : excused ? Standing::Drifted
                : standing_of(plan.service_class, drift, !known_.empty(), seen.desired != nullptr);
  if (next.standing == Standing::Suspended) next.held_by = "suspended";
  if (next.standing == Standing::InSync && !next.held_by.empty()) next.held_by.clear();
  next.entries = count_entries(plan, seen.desired, next.standing, in_sync_once_);
  if (auto certificates = certificates_of(seen); certificates) {
    next.certificates = *std::move(certificates);
  }
  if (next.standing == Standing::InSync) {
    next.last_success = seen.now;
    next.failures = 0;
    in_sync_once_ = true;
  }

  // Whose is it?
  const bool there = !plan.live_state.empty();
  const bool to_be_ours = seen.desired != nullptr && seen.desired->declared &&
                          seen.desired->lifecycle.state == LifecycleState::Present;
  if (there && to_be_ours) {
    const bool untagged = !plan.live_bookkeeping.owner.has_value();
    if (was_ours_ && untagged && !ownership_lost_) {
      ownership_lost_ = true;
      news.ownership_lost = true;
      Event event;
      event.kind = EventKind::OwnershipLost;
      event.severity = Severity::Warning;
      event.message = seen.may_write
                          ? "the owner tag was taken off by somebody else; it is put back"
                          : "the owner tag was taken off by somebody else";
      event.reason = "OwnerTagGone";
      event.time = seen.now;
      event.service = next.id;
      event.revision = seen.revision;
      event.pass = seen.pass;
      tell(next, news, std::move(event));
    }
    if (!untagged) ownership_lost_ = false;
    was_ours_ = was_ours_ || (!untagged && !is_owned_by_other(plan));
  }

  if (!fresh_drift.empty()) {
    Event event;
    event.kind = EventKind::DriftFound;
    event.severity = Severity::Warning;
    event.message = fmt::format("changed in Azure, not in the manifests: {} field{}",
                                fresh_drift.size(),
                                fresh_drift.size() == 1 ? "" : "s");
    event.details = bounded(std::move(fresh_drift));
    event.reason = seen.may_write ? "ToBeHealed" : "Reported";
    event.time = seen.now;
    event.service = next.id;
    event.revision = seen.revision;
    event.pass = seen.pass;
    tell(next, news, std::move(event));
  }
  for (const auto& field : next.contested) {
    if (!told_contests_.insert(field).second) continue;
    Event event;
    event.kind = EventKind::Contested;
    event.severity = Severity::Error;
    event.message = fmt::format(
        "{} came back {} times after it was written; it is left alone until the manifest changes",
        field,
        kContestedAfter);
    event.reason = "Contested";
    event.details = {"find out who else writes it, or name it in lifecycle.ignore"};
    event.time = seen.now;
    event.service = next.id;
    event.revision = seen.revision;
    event.pass = seen.pass;
    tell(next, news, std::move(event));
  }
  judge_trouble(next, news, seen);
  set_conditions(next, seen, work && plan.has_work());
  publish(std::move(next));
  return news;
}

News Record::finish(const Finished& finished, const Seen& seen) {
  News news;
  auto next = *status_;
  next.attempted_revision = seen.revision;
  if (!finished.id_scope.empty()) next.id_scope = finished.id_scope;
  if (finished.writes > 0) next.last_write = seen.now;
  for (const auto& error : finished.errors) {
    if (!error.request_id.empty()) next.last_request_id = error.request_id;
  }
  for (const auto& made : finished.made) {
    auto& entry = made_[made.identity];
    if (seen.now - entry.last > kDay) entry.times = 0;
    ++entry.times;
    // It came back as often within this one run.
    if (finished.outcome == Outcome::Contested) entry.times = kContestedAfter;
    entry.last = seen.now;
    entry.subject = made.subject;
    known_.erase(made.identity);
  }
  const bool well = !is_problem(finished.outcome) && finished.outcome != Outcome::Interrupted;
  next.troubles.clear();
  for (const auto& error : finished.errors) {
    next.troubles.push_back({error.id, error.what, error.remedy});
  }
  if (const auto kind = event_of(finished.outcome); kind && !finished.made.empty()) {
    Event event;
    event.kind = *kind;
    event.severity = *kind == EventKind::Conflict || *kind == EventKind::Contested
                         ? Severity::Warning
                         : Severity::Info;
    event.message =
        fmt::format("{} change{} made", finished.done.size(), finished.done.size() == 1 ? "" : "s");
    event.details = bounded(finished.done);
    event.time = seen.now;
    event.service = next.id;
    event.revision = seen.revision;
    event.pass = seen.pass;
    event.request_id = next.last_request_id;
    if (*kind == EventKind::Conflict || *kind == EventKind::Contested) {
      event.reason = std::string(word(finished.outcome));
      if (!finished.errors.empty()) event.message = finished.errors.front().what;
      event.details = bounded(finished.moved);
    }
    tell(next, news, std::move(event));
  } else if (finished.outcome == Outcome::Conflict || finished.outcome == Outcome::Contested) {
    Event event;
    event.kind = *event_of(finished.outcome);
    event.severity = Severity::Warning;
    event.message = finished.errors.empty() ? "a second writer" : finished.errors.front().what;
    event.details = bounded(finished.moved);
    event.reason = std::string(word(finished.outcome));
    event.time = seen.now;
    event.service = next.id;
    event.revision = seen.revision;
    event.pass = seen.pass;
    tell(next, news, std::move(event));
  }
  const bool all_done = well && finished.left.empty();
  if (all_done) {
    known_.clear();
    next.differences.clear();
    next.stale_hubs.clear();
    next.standing = Standing::InSync;
    next.held_by.clear();
    next.last_success = seen.now;
    next.failures = 0;
    next.live_state = finished.outcome == Outcome::Deleted ? "" : next.live_state;
    next.entries = count_entries({}, seen.desired, next.standing, false);
    in_sync_once_ = true;
    differs_in_keys_ = false;
    const bool ours = finished.outcome != Outcome::Released && finished.outcome != Outcome::Deleted;
    was_ours_ = ours && seen.desired != nullptr && seen.desired->declared;
    ownership_lost_ = false;
  } else if (well) {
    next.failures = 0;
  } else if (finished.outcome != Outcome::Interrupted) {
    ++next.failures;
    next.standing = finished.outcome == Outcome::Blocked ? Standing::Blocked : Standing::Failed;
  }
  if (finished.outcome == Outcome::Contested) next.contested = finished.moved;
  judge_trouble(next, news, seen);
  set_conditions(next, seen, !all_done && well);
  publish(std::move(next));
  return news;
}

void Record::schedule(std::optional<WallTime> next_due, bool running) {
  if (status_->next_due == next_due && status_->running == running) return;
  auto next = *status_;
  next.next_due = next_due;
  next.running = running;
  publish(std::move(next));
}

void Record::remember(std::vector<RequestLine> requests) {
  if (requests.empty() || requests == status_->requests) return;
  auto next = *status_;
  if (!requests.front().request_id.empty()) next.last_request_id = requests.front().request_id;
  next.requests = std::move(requests);
  publish(std::move(next));
}

void Record::leave_alone() {
  made_.clear();
  told_contests_.clear();
  auto next = *status_;
  next.failures = 0;
  publish(std::move(next));
}

std::map<std::string, plan::Hold> Record::contested(WallTime now) const {
  std::map<std::string, plan::Hold> out;
  for (const auto& [identity, made] : made_) {
    if (made.times < kContestedAfter || now - made.last > kDay) continue;
    out.emplace(identity,
                plan::Hold{"contested",
                           fmt::format("it came back {} times after it was written; left alone "
                                       "until the manifest changes",
                                       made.times)});
  }
  return out;
}

}  // namespace dps::controller

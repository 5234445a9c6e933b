// observer: what happens in the daemon, as values, for those who make lines, counters and calls of
// it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::controller {

/// What is worth a person's notice. The words are stable: they are `event` in logs and webhooks.
enum class EventKind {
  Created,
  Updated,
  Rotated,
  Deleted,
  Adopted,
  Released,
  DriftFound,     ///< Azure differs, and nobody changed the manifest
  Conflict,       ///< a second writer
  Contested,      ///< a field came back three times: it is left alone until the manifest changes
  GuardHeld,      ///< removals are withheld; the message names the digest
  OwnershipLost,  ///< our owner tag was wiped; it is put back
  Failed,         ///< a service; said once until the reason changes
  Recovered,
  Suspended,
  Resumed,
  SourceFault,  ///< the source cannot be read, or its newest revision is faulty
  SourceRecovered,
  RevisionTaken,
  SubscriptionUnreadable,
  LeaderChanged,
  Configuration,  ///< a reload that was taken, or refused
};
std::string_view word(EventKind kind);  ///< "created", "drift_found", …

enum class Severity { Info, Warning, Error };
std::string_view word(Severity severity);  ///< "info", "warning", "error"

/// Nothing in it is secret.
struct Event {
  EventKind kind = EventKind::Updated;
  Severity severity = Severity::Info;
  WallTime time{};
  std::optional<ServiceId> service;  ///< nothing: about the source, a subscription or the process
  std::string message;               ///< one sentence
  std::vector<std::string> details;  ///< a line for each change or fault; may be empty
  std::string reason;                ///< PascalCase, stable: an error's id, a guard; may be empty
  std::string revision;              ///< of the source that was in force; may be empty
  std::string pass;                  ///< names the run: "s-17"; may be empty
  std::string request_id;            ///< ARM's, of the answer that says so; may be empty
};

/// What kind of run it was.
enum class Work {
  Whole,    ///< everything read and judged: cold start, removals, creates
  Sweep,    ///< one subscription listed and compared
  Service,  ///< one service read, and written where it differs
};
std::string_view word(Work work);  ///< "whole", "sweep", "service"

enum class RunResult { Success, Failed, Held, Interrupted };
std::string_view word(RunResult result);  ///< "success", …

/// One run over one key of the queue, over.
struct RunEnded {
  Work work = Work::Sweep;
  RunResult result = RunResult::Success;
  std::string what;  ///< the subscription's id, the service's, or ""
  std::string pass;
  Duration took{0};
  std::size_t services = 0;  ///< that were looked at
  std::size_t differing = 0;
  std::size_t writes = 0;
};

/// One change that was tried. The words of plan::Kind and plan::Action.
struct ChangeEnded {
  std::string kind;
  std::string action;
  bool made = false;
};

/// Watches. Called from any thread, in the order of things for one service; must not block.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void event(const Event& /*event*/) {}
  virtual void run_ended(const RunEnded& /*run*/) {}
  virtual void change_ended(const ChangeEnded& /*change*/) {}
  /// A difference that nobody asked for, the first time that it is seen. `kind` as above.
  virtual void drift_found(const std::string& /*kind*/) {}
  virtual void conflict() {}
  /// A revision of the source was loaded; false: it is faulty, and the one before stays in force.
  virtual void source_loaded(bool /*taken*/) {}
};

/// Tells several. Those outlive it.
class Observers final : public Observer {
 public:
  explicit Observers(std::vector<Observer*> all) : all_(std::move(all)) {}
  void event(const Event& event) override;
  void run_ended(const RunEnded& run) override;
  void change_ended(const ChangeEnded& change) override;
  void drift_found(const std::string& kind) override;
  void conflict() override;
  void source_loaded(bool taken) override;

 private:
  std::vector<Observer*> all_;
};

}  // namespace dps::controller

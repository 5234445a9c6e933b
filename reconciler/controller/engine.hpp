// engine: the memory of the daemon and what it does next. Any number of threads may call run_one();
// one thread with a clock of its own is enough.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/apply/execute.hpp"
#include "reconciler/controller/backoff.hpp"
#include "reconciler/controller/control.hpp"
#include "reconciler/controller/leader.hpp"
#include "reconciler/controller/look.hpp"
#include "reconciler/controller/maintenance.hpp"
#include "reconciler/controller/observer.hpp"
#include "reconciler/controller/record.hpp"
#include "reconciler/controller/request_memory.hpp"
#include "reconciler/controller/revision.hpp"
#include "reconciler/controller/suspensions.hpp"
#include "reconciler/controller/work_queue.hpp"

namespace dps::controller {

/// When keys are read to compare them. Before a write they always are, but for Never.
enum class KeyChecks { Always, Due, Never };

struct EngineSettings {
  Mode mode = Mode::Enforce;
  KeyChecks key_checks = KeyChecks::Due;
  Duration interval = std::chrono::minutes{5};
  Duration key_check_interval = std::chrono::hours{1};
  Duration certificate_interval = std::chrono::hours{1};
  BackoffRules backoff;
  std::vector<MaintenanceWindow> windows;
  Shard shard;
};

/// What runs talk to, as the configuration of now has it. A reload brings another; runs that are
/// under way keep theirs alive.
struct Runtime {
  virtual ~Runtime() = default;
  /// `pass` names the run towards ARM (x-ms-correlation-request-id).
  virtual std::unique_ptr<arm::Client> client(const std::string& pass) = 0;
  virtual manifest::SecretSource& secrets() = 0;

  EngineSettings engine;
  plan::Settings plan;    ///< owner, capabilities, prune, limits …
  arm::ReadOptions read;  ///< concurrency
  Duration timeout = std::chrono::minutes{10};
  bool allow_exec = false;
};

struct EngineTools {
  Clock& clock;
  Observer& observer;
  Leadership& leadership;
  std::function<double()> jitter;  ///< uniform in [0, 1); from any thread
  std::function<void()> woken;     ///< something may be due earlier than was said; may be empty
  const RequestMemory* requests = nullptr;  ///< null: nobody remembers them
};

/// Thread-safe.
///
/// Keys: `whole` reads and judges everything: at the start, when a person asks, and when something
/// is to be removed or created that no whole look has judged. `sweep(subscription)` lists and
/// compares one, at every interval, and queues the services that differ. `service(id)` reads one
/// and, where it differs, writes it. A removal is made only as the last whole look let it through.
class Engine final : public Control {
 public:
  Engine(std::shared_ptr<Runtime> runtime,
         Suspensions suspensions,
         SourceStatus source,
         EngineTools tools);

  /// The configuration is another one.
  void use(std::shared_ptr<Runtime> runtime);

  // ---- from the source ----
  /// `name`: the commit; empty: the digest of what was loaded.
  void take(manifest::Loaded loaded, const std::string& name);
  /// The source was read, and there is nothing new.
  void source_is_well();
  void source_failed(const Error& error);
  /// Secrets that manifests refer to may have changed: keys are compared now.
  void secrets_changed();

  // ---- work ----
  /// Runs the most urgent key that is due, on this thread; false: nothing is.
  bool run_one(const apply::Stops& stops);
  std::optional<TimePoint> next_due() const;
  std::size_t running() const;
  /// The leadership may have changed.
  void look_at_leadership();
  /// The loop turns; asked for by `health`.
  void beat();

  // ---- Control ----
  Status status() const override;
  Health health() const override;
  Result<std::size_t> reconcile(const std::string& service) override;
  Result<std::size_t> suspend(const std::string& service,
                              const std::string& reason,
                              std::optional<WallTime> until) override;
  Result<std::size_t> resume(const std::string& service) override;
  Result<std::size_t> approve(const std::string& digest) override;

 private:
  struct Job;
  struct Outcome;
  using Lock = std::unique_lock<std::mutex>;

  std::optional<Job> begin();
  Outcome perform(Job& job, const apply::Stops& stops);
  Outcome perform_look(Job& job, const DesiredState& desired, const std::stop_token& stop);
  Outcome perform_service(Job& job, const apply::Stops& stops);
  void end(Job& job, Outcome outcome);

  // Under the lock.
  plan::Settings settings_for(const Job& job) const;
  bool may_write() const;
  void absorb(const Job& job, const Outcome& outcome, std::vector<News>& news);
  void after_whole(const Job& job, const Outcome& outcome, std::vector<News>& news);
  void after_sweep(const Job& job, const Outcome& outcome, std::vector<News>& news);
  void note_lists(const std::vector<std::string>& subscriptions,
                  const LiveState& live,
                  std::vector<News>& news);
  void after_service(const Job& job, const Outcome& outcome);
  void queue_service(const ServiceId& id, Priority priority);
  void keep_interval(const ServiceId& id);
  void want_whole(Priority priority, TimePoint due);
  bool is_unnamed(const LiveService& live) const;
  /// By the newest revision; takes the lock.
  bool is_named(const ServiceId& id) const;
  void note_removals(const Job& job, const Outcome& outcome);
  void regain(const std::vector<News>& news);
  /// `effective_` anew.
  void overlay();
  void schedule(const std::string& key);
  TimePoint steady_of(WallTime time) const;
  Event event(EventKind kind, Severity severity, std::string message) const;
  Result<std::vector<std::string>> named(const std::string& service) const;
  bool keys_are_due(const std::string& subscription) const;

  void tell(std::vector<News> news);

  EngineTools tools_;
  const KeyDigester digester_ = random_digester();
  const WallTime started_at_;

  mutable std::mutex mutex_;
  std::shared_ptr<Runtime> runtime_;
  WorkQueue queue_;
  std::shared_ptr<const Revision> revision_;   // as the source has it; null: none yet
  std::shared_ptr<const Revision> effective_;  // with suspensions and what was regained
  std::map<std::string, Record> records_;      // by ServiceId::key()
  std::map<std::string, TimePoint> service_ended_;
  std::set<std::string> ours_;  // lost their owner tag while we ran
  Suspensions suspensions_;
  SourceStatus source_;
  std::string told_source_;
  std::map<std::string, Trouble> unlisted_;
  struct Checked {
    std::optional<TimePoint> keys, certificates;
  };
  std::map<std::string, Checked> checked_;  // by subscription

  // Of the last whole look.
  std::map<std::string, plan::ServicePlan> judged_;  // what removes or creates
  std::set<std::string> judged_lines_;
  std::vector<HeldRemovals> guards_;
  std::string approve_digest_;
  std::vector<std::string> notices_;
  std::string told_guard_;
  std::string approval_;            // given, for the next whole look
  std::set<std::string> approved_;  // let through, not all made yet
  std::size_t deletes_made_ = 0, removals_made_ = 0;
  std::optional<TimePoint> last_removal_;

  std::optional<WallTime> last_success_;
  TimePoint last_beat_;
  bool led_ = false;
  std::size_t runs_ = 0;
};

}  // namespace dps::controller

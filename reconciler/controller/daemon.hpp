// daemon: the threads around an engine: workers, the source, and one that keeps house.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/engine.hpp"
#include "reconciler/controller/leader.hpp"
#include "reconciler/controller/source.hpp"
#include "reconciler/manifest/load.hpp"

namespace dps::controller {

struct DaemonSettings {
  std::size_t workers = 16;  ///< keys that run at once
  /// What the loader must know, but for roots and time. From the source's thread.
  std::function<manifest::LoadOptions()> load_options;
  /// Manifests are judged anew this often though nothing changed: dates pass.
  Duration reload_interval = std::chrono::hours{1};
  /// After faults of the environment (a secret is missing) this often.
  Duration fault_interval = std::chrono::seconds{30};
  std::string secrets_dir;  ///< when something in it changes, keys are compared
  Duration house_interval = std::chrono::seconds{2};
  std::function<void()> keep_house;  ///< called at every house_interval; may be empty
};

/// Made, started once, stopped once.
class Daemon {
 public:
  /// All of it outlives the daemon.
  Daemon(Source& source, Leadership& leadership, Clock& clock, DaemonSettings settings);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// For EngineTools::woken.
  void wake();
  void start(Engine& engine);
  /// The source is asked now.
  void look_at_source();
  /// No new work; running writes reach a safe point. Returns when all has ended. After `grace`, or
  /// when `abort` is requested, what still runs is cut off at its next wait. True: nothing was cut.
  bool stop(Duration grace, const std::stop_token& abort);

 private:
  void work();
  void watch_source();
  bool load(const Checkout& checkout);
  void look_at_secrets();
  /// True when they were loaded.
  bool look_at_manifests(const std::stop_token& stop);
  void keep_house();

  Source& source_;
  Leadership& leadership_;
  Clock& clock_;
  const DaemonSettings settings_;
  Engine* engine_ = nullptr;

  std::stop_source drain_, abort_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t wakes_ = 0;
  std::size_t at_work_ = 0;
  std::stop_source nudge_;  // ends the source's wait
  bool nudged_ = false;
  std::optional<TimePoint> reload_at_;  // dates pass, and what was missing may be there

  // Of the source's thread.
  std::string loaded_revision_;
  std::string loaded_digest_;
  bool loaded_ = false;
  bool has_faults_ = false;
  TimePoint loaded_at_;
  std::optional<std::string> secrets_;

  std::vector<std::thread> workers_;
  std::thread source_thread_, house_thread_;
};

}  // namespace dps::controller

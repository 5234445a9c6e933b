// daemon: `dps-reconciler run` as a process over the simulator in this one: what it is asked over
// HTTP, what it logs, how it ends; and the fleets that the scenes of this folder are about.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/end_to_end/lab.hpp"
#include "tests/support/process.hpp"

namespace dps::lab {

using Arguments = std::vector<std::string>;
using testing_support::Ended;
using testing_support::Variables;

/// Waits until it is so: looks every 5 ms, for at most `limit` (six times as long under a
/// sanitizer). False, and the test fails naming `what`, when it never was.
bool eventually(const std::string& what,
                const std::function<bool()>& is_so,
                std::chrono::seconds limit = std::chrono::seconds{20});

struct Reply {
  int status = 0;  ///< 0: no answer
  std::string body;
};

/// A running daemon; killed by the destructor.
class Daemon {
 public:
  /// Its log is written to `log`.
  Daemon(const Arguments& argv, const Variables& variables, std::filesystem::path log);
  ~Daemon();

  pid_t pid() const { return process_->pid(); }
  void signal(int number) const { process_->signal(number); }
  bool has_ended() const;
  /// The exit code; 137 when it had to be killed after `limit`.
  int wait(std::chrono::seconds limit = std::chrono::seconds{40});
  std::string log() const;
  bool wait_for_log(const std::string& text);

  Reply get(const std::string& path) const;
  Reply post(const std::string& path) const;  ///< with the token of the scene
  SimJson status() const;
  /// One service of /status, its history with it; null when there is none.
  SimJson service(const std::string& name) const;
  /// "in_sync", …; "" when it cannot be asked.
  std::string state(const std::string& name) const;
  bool wait_until_ready() const;
  /// All services stand so.
  bool wait_until_all(const std::string& state) const;

 private:
  std::string url(const std::string& path) const;
  std::unique_ptr<testing_support::Process> process_;
  std::filesystem::path log_;
  mutable std::string address_;
};

/// A world, a folder of manifests, and daemons on them.
class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  Lab lab;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// Below manifests/; in one step, as editors do it.
  void manifest(const std::string& name, const std::string& text) const;
  void remove_manifest(const std::string& name) const;
  void write(const std::string& name, const std::string& text) const;

  Arguments argv(const Arguments& more = {}) const;
  Variables variables();
  /// run with --interval 1s, a listener on a free port, a token, and `more`.
  std::unique_ptr<Daemon> start(const Arguments& more = {}, const Variables& others = {});

  /// One pass of `apply`, to the end; the test fails unless it ends with 0.
  void apply(const Arguments& more = {});

  /// Requests of ARM that change something, since `lab.forget_requests()`, one line each:
  /// "PUT provisioningServices/fleet".
  std::vector<std::string> writes();

 private:
  std::filesystem::path folder_;
  int daemons_ = 0;
};

/// A manifest of a service in the group rg; `spec` is indented by two, below `spec:`.
std::string fleet(const std::string& name,
                  const std::string& spec = "",
                  const std::string& lifecycle = "");
/// The names of the services that stand.
std::set<std::string> names(Lab& lab);

}  // namespace dps::lab

// signals: SIGINT and SIGTERM become stop tokens; taken by one thread, blocked in all others.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace dps::app {

/// Built before the first other thread. The first signal asks for a `drain`: no new work, running
/// writes reach a safe point. The second asks to `abort` everything. SIGPIPE is ignored.
enum class Hangup {
  Ends,   ///< SIGHUP does what it does by default
  Taken,  ///< it is told by wait()
};

class Signals {
 public:
  explicit Signals(Hangup hangup = Hangup::Ends);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::stop_token drain() const { return drain_.get_token(); }
  std::stop_token abort() const { return abort_.get_token(); }
  /// The first signal that came, or 0.
  int caught() const { return caught_; }
  /// Blocks until SIGHUP came (true; each one once, those that come together as one) or the drain
  /// began (false).
  bool wait_for_hangup();

 private:
  void wait();
  const Hangup hangup_;
  std::chrono::steady_clock::time_point first_;  // of the signal's thread
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool hung_up_ = false;
  std::stop_source drain_, abort_;
  std::atomic<int> caught_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace dps::app

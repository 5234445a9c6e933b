// signals: SIGINT and SIGTERM become stop tokens; taken by one thread, blocked in all others.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace dps::app {

/// Built before the first other thread. The first signal asks for a `drain`: no new work, running
/// writes reach a safe point. The second asks to `abort` everything. SIGPIPE is ignored.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  std::stop_token drain() const { return drain_.get_token(); }
  std::stop_token abort() const { return abort_.get_token(); }
  /// The first signal that came, or 0.
  int caught() const { return caught_; }

 private:
  void wait();
  std::stop_source drain_, abort_;
  std::atomic<int> caught_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace dps::app

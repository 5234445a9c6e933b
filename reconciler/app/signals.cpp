#include "reconciler/app/signals.hpp"

#include <pthread.h>
#include <signal.h>

namespace dps::app {
namespace {

// What comes so soon after the first is no second thought of anybody.
constexpr std::chrono::milliseconds kEcho{50};

sigset_t taken(Hangup hangup) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);  // wakes the thread at the end
  if (hangup == Hangup::Taken) sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

Signals::Signals(Hangup hangup) : hangup_(hangup) {
  const auto set = taken(hangup);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  thread_ = std::thread([this] { wait(); });
}

Signals::~Signals() {
  done_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR1);
  thread_.join();
}

bool Signals::wait_for_hangup() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, drain_.get_token(), [&] { return hung_up_; })) return false;
  hung_up_ = false;
  return true;
}

void Signals::wait() {
  const auto set = taken(hangup_);
  while (!done_) {
    int number = 0;
    if (sigwait(&set, &number) != 0 || number == SIGUSR1) continue;
    if (number == SIGHUP) {
      {
        const std::lock_guard lock(mutex_);
        hung_up_ = true;
      }
      changed_.notify_all();
    } else if (caught_ == 0) {
      caught_ = number;
      first_ = std::chrono::steady_clock::now();
      drain_.request_stop();
    } else if (std::chrono::steady_clock::now() - first_ < kEcho) {
      // A group and its leader were sent the same one.
    } else {
      abort_.request_stop();
    }
  }
}

}  // namespace dps::app

#include "reconciler/app/signals.hpp"

#include <pthread.h>
#include <signal.h>

namespace dps::app {
namespace {

sigset_t taken() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);  // wakes the thread at the end
  return set;
}

}  // namespace

Signals::Signals() {
  const auto set = taken();
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

void Signals::wait() {
  const auto set = taken();
  while (!done_) {
    int number = 0;
    if (sigwait(&set, &number) != 0 || number == SIGUSR1) continue;
    if (caught_ == 0) {
      caught_ = number;
      drain_.request_stop();
    } else {
      abort_.request_stop();
    }
  }
}

}  // namespace dps::app

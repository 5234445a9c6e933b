#include "reconciler/app/init_process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace dps::app {
namespace {

constexpr std::array kHandedOn = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

sigset_t watched() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kHandedOn) ::sigaddset(&set, number);
  ::sigaddset(&set, SIGCHLD);
  return set;
}

// All that ended; the exit code when the child is among them.
std::optional<int> reap(pid_t child) {
  std::optional<int> code;
  while (true) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) continue;
    if (ended <= 0) return code;
    if (ended != child) continue;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

int serve(pid_t child, const sigset_t& set) {
  while (true) {
    siginfo_t info{};
    const int number = ::sigwaitinfo(&set, &info);
    if (number == SIGCHLD) {
      if (const auto code = reap(child)) return *code;
    } else if (number > 0 && info.si_code != SI_KERNEL) {
      ::kill(child, number);
    }
  }
}

}  // namespace

std::optional<int> split_off_init(InitDuty duty) {
  if (duty == InitDuty::WhenFirst && ::getpid() != 1) return std::nullopt;
  const auto set = watched();
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &set, &before);
  struct sigaction child_default {};
  child_default.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &child_default, nullptr);  // an ignored one would be reaped by the kernel
  const pid_t child = ::fork();
  if (child > 0) return serve(child, set);
  // The child; or nobody could be forked, and it has to do without.
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return std::nullopt;
}

}  // namespace dps::app

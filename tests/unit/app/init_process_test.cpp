#include "reconciler/app/init_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

namespace dps::app {
namespace {

// A process that does pid 1's work for `life`, which runs in its child and returns an exit code.
class Container {
 public:
  explicit Container(const std::function<int(int)>& life) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    told_ = ends[0];
    init_ = ::fork();
    if (init_ == 0) {
      ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans come here, as they come to pid 1
      if (const auto code = split_off_init(InitDuty::Always)) ::_exit(*code);
      ::_exit(life(ends[1]));
    }
    ::close(ends[1]);
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container() {
    if (init_ > 0) {
      ::kill(init_, SIGKILL);
      ::waitpid(init_, nullptr, 0);
    }
    ::close(told_);
  }

  /// What `life` wrote next; "" when it did not within 20 s, or ended.
  std::string hear() const {
    pollfd end{told_, POLLIN, 0};
    std::array<char, 64> buffer{};
    if (::poll(&end, 1, 20'000) != 1) return {};
    const auto count = ::read(told_, buffer.data(), buffer.size());
    return count <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
  }
  void signal(int number) const { ::kill(init_, number); }
  int exit_code() {
    int status = 0;
    ::waitpid(init_, &status, 0);
    init_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

 private:
  int told_ = -1;
  pid_t init_ = -1;
};

void tell(int to, const std::string& text) {
  if (::write(to, text.data(), text.size()) < 0) ::_exit(99);
}

TEST(InitProcess, IsNoneWhereItIsNotTheFirst) {
  EXPECT_FALSE(split_off_init());
}

TEST(InitProcess, EndsWithTheCodeOfTheProcess) {
  for (const int code : {0, 1, 64, 143}) {
    Container container([&](int) { return code; });
    EXPECT_EQ(container.exit_code(), code);
  }
}

TEST(InitProcess, EndsAsAShellWouldWhenASignalEndedTheProcess) {
  Container container([](int) {
    ::raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(container.exit_code(), 128 + SIGKILL);
}

TEST(InitProcess, HandsSignalsOn) {
  Container container([](int to) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2}) {
      ::sigaddset(&set, number);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    tell(to, "up");
    for (int count = 0; count < 6; ++count) {
      int number = 0;
      ::sigwait(&set, &number);
      tell(to, std::to_string(number));
    }
    return 7;
  });
  ASSERT_EQ(container.hear(), "up");
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGINT, SIGTERM}) {
    container.signal(number);
    EXPECT_EQ(container.hear(), std::to_string(number));
  }
  EXPECT_EQ(container.exit_code(), 7);
}

TEST(InitProcess, LeavesTheMaskOfTheProcessAsItWas) {
  Container container([](int) {
    sigset_t set;
    ::sigprocmask(SIG_SETMASK, nullptr, &set);
    return ::sigismember(&set, SIGTERM) + ::sigismember(&set, SIGCHLD);
  });
  EXPECT_EQ(container.exit_code(), 0);
}

TEST(InitProcess, ReapsWhatOthersLeftBehind) {
  Container container([](int to) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return 98;
    const pid_t between = ::fork();
    if (between == 0) {
      const pid_t orphan = ::fork();
      if (orphan == 0) {
        // Until its parent is gone, and it has become the init's.
        ::close(ends[1]);
        char end = 0;
        while (::read(ends[0], &end, 1) > 0) {
        }
        ::_exit(0);
      }
      tell(to, std::to_string(orphan));
      ::_exit(0);
    }
    ::waitpid(between, nullptr, 0);
    ::close(ends[1]);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    int number = 0;
    ::sigwait(&set, &number);
    return 0;
  });
  const auto orphan = static_cast<pid_t>(std::stol(container.hear()));
  // A zombie could still be sent signal 0.
  bool gone = false;
  for (int look = 0; look < 2000 && !gone; ++look) {
    gone = ::kill(orphan, 0) != 0;
    if (!gone) ::poll(nullptr, 0, 10);
  }
  EXPECT_TRUE(gone) << "a zombie stays";
  container.signal(SIGTERM);
  container.exit_code();
}

}  // namespace
}  // namespace dps::app

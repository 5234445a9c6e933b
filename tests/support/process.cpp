#include "tests/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

namespace dps::testing_support {

Process::Process(const std::vector<std::string>& argv, const Variables& variables) {
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  // Everything that allocates happens before the fork.
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  if (const char* path = std::getenv("PATH"); path != nullptr && !variables.contains("PATH")) {
    environment.push_back(std::string("PATH=") + path);
  }
  // The sanitizers' own settings belong to every process of a sanitized run.
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name); value != nullptr) {
      environment.push_back(std::string(name) + "=" + value);
    }
  }
  std::vector<char*> arguments, settings;
  for (const auto& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  for (const auto& setting : environment) settings.push_back(const_cast<char*>(setting.c_str()));
  arguments.push_back(nullptr);
  settings.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) {
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    ::execvpe(arguments[0], arguments.data(), settings.data());
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
  }
  close_all();
}

void Process::close_all() {
  if (out_ >= 0) ::close(out_);
  if (err_ >= 0) ::close(err_);
  out_ = err_ = -1;
}

std::string Process::read_line() {
  for (;;) {
    if (const auto end = out_text_.find('\n'); end != std::string::npos) {
      auto line = out_text_.substr(0, end);
      out_text_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> buffer;
    const auto got = ::read(out_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    out_text_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

Ended Process::wait(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool killed = false;
  std::array<pollfd, 2> open = {{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 && !killed) {
      ::kill(pid_, SIGKILL);
      killed = true;
    }
    const int ready = ::poll(open.data(), 2, killed ? 1000 : static_cast<int>(left.count()) + 1);
    if (ready == 0 && killed) break;  // a grandchild holds the pipe
    for (auto& one : open) {
      if (one.fd < 0 || one.revents == 0) continue;
      std::array<char, 16384> buffer;
      const auto got = ::read(one.fd, buffer.data(), buffer.size());
      if (got > 0) {
        (one.fd == out_ ? out_text_ : err_text_)
            .append(buffer.data(), static_cast<std::size_t>(got));
      } else if (got == 0 || errno != EINTR) {
        one.fd = -1;
      }
    }
  }
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  close_all();
  Ended ended;
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ended.out = std::move(out_text_);
  ended.err = std::move(err_text_);
  return ended;
}

Ended run(const std::vector<std::string>& argv, const Variables& variables) {
  Process process(argv, variables);
  return process.wait();
}

}  // namespace dps::testing_support

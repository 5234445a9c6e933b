// bench-measure: runs a command and says what it cost, as one line of numbers:
//   WALL_MS CPU_MS PEAK_KB EXIT_CODE
// CPU is user and system time of all of its threads; the peak is of resident memory (VmHWM).
//   bench-measure COMMAND ARGUMENT...                stdout and stderr of the command go nowhere
//   bench-measure --first-byte COMMAND ARGUMENT...   every @URL@ becomes a listener of ours;
//       WALL_MS ends with the first byte that arrives there, and the command is ended then.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

/// A listening socket on the loopback and the URL of it.
int listen_on_loopback(std::string& url) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 8) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return -1;
  }
  url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  return listener;
}

/// True when a byte of a request came within ten seconds.
bool wait_for_byte(int listener) {
  pollfd waiting{listener, POLLIN, 0};
  if (::poll(&waiting, 1, 10'000) != 1) return false;
  const int connection = ::accept(listener, nullptr, nullptr);
  char byte = 0;
  return ::recv(connection, &byte, 1, 0) == 1;
}

pid_t start(std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, 1);
  ::dup2(nowhere, 2);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> words(arguments + 1, arguments + count);
  const bool first_byte = !words.empty() && words.front() == "--first-byte";
  if (first_byte) words.erase(words.begin());
  if (words.empty()) {
    std::fputs("usage: bench-measure [--first-byte] COMMAND ARGUMENT...\n", stderr);
    return 64;
  }
  int listener = -1;
  if (first_byte) {
    std::string url;
    listener = listen_on_loopback(url);
    for (auto& word : words) replace_all(word, "@URL@", url);
  }
  const auto began = Clock::now();
  const pid_t child = start(words);
  double wall = 0;
  if (first_byte) {
    if (!wait_for_byte(listener)) std::fputs("bench-measure: no request came\n", stderr);
    wall = milliseconds_since(began);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  rusage usage{};
  if (::wait4(child, &status, 0, &usage) != child) return 1;
  if (!first_byte) wall = milliseconds_since(began);
  std::printf("%.2f %.2f %ld %d\n",
              wall,
              milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
              usage.ru_maxrss,
              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}

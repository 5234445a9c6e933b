#include "reconciler/base/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/text.hpp"

namespace dps {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kLook = 20;  // milliseconds between two looks at the child, the clock and the stop

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_read();
    close_write();
  }
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  void close_read() { close_end(read); }
  void close_write() { close_end(write); }

 private:
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

struct SpawnSettings {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  /// `complaints` of -1: thrown away.
  SpawnSettings(int input, int output, int complaints, const std::vector<int>& descriptors) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (complaints >= 0) {
      ::posix_spawn_file_actions_adddup2(&actions, complaints, STDERR_FILENO);
    } else {
      ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    }
    // Onto itself: that takes close-on-exec off in the child alone.
    for (const int one : descriptors) ::posix_spawn_file_actions_adddup2(&actions, one, one);
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t every;
    ::sigemptyset(&none);
    ::sigfillset(&every);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &every);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes,
        static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(const Program& program) {
  const auto& more = program.environment;
  const auto& withheld = program.withheld;
  std::vector<std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text = *at;
    const std::string name(text.substr(0, text.find('=')));
    if (more.contains(name)) continue;
    if (std::find(withheld.begin(), withheld.end(), name) != withheld.end()) continue;
    out.emplace_back(text);
  }
  for (const auto& [name, value] : more) out.push_back(fmt::format("{}={}", name, value));
  return out;
}

// The child and everything it started. Killed and waited for at the end at the latest.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    // What it left behind holds our pipe; the group's number is ours until the child is reaped.
    if (!status_) {
      ::kill(-pid_, SIGKILL);
      int status = 0;
      while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
      }
    }
  }
  // Its end, without reaping it: the group's number stays taken.
  bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  int reap() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
    return status;
  }

 private:
  pid_t pid_;
  std::optional<int> status_;
};

bool is_of_a_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=' || c == '_';
}

// What may be a key or a token, in base64 or hex: 32 characters on end, letters and digits among
// them. Paths look alike, and mostly do without capitals.
bool is_like_a_key(std::string_view run) {
  if (run.size() < 32) return false;
  bool capitals = false, small = false, digits = false;
  for (const char c : run) {
    capitals = capitals || (c >= 'A' && c <= 'Z');
    small = small || (c >= 'a' && c <= 'z');
    digits = digits || (c >= '0' && c <= '9');
  }
  return run.front() == '/' ? capitals && small && digits : digits && (capitals || small);
}

std::string without_keys(std::string_view line) {
  std::string out;
  for (std::size_t at = 0; at < line.size();) {
    auto end = at;
    while (end < line.size() && is_of_a_key(line[end])) ++end;
    if (end == at) {
      out += line[at++];
      continue;
    }
    const auto run = line.substr(at, end - at);
    out += is_like_a_key(run) ? std::string_view("[secret]") : run;
    at = end;
  }
  return out;
}

// Moves bytes both ways until stdout closes or the child ends.
class Conversation {
 public:
  Conversation(const Program& program, Pipe& input, Pipe& output, Pipe& complaints, pid_t child)
      : program_(program),
        child_(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))),
        input_(input),
        output_(output),
        complaints_(complaints),
        rest_(program.input) {
    ::fcntl(input.write, F_SETFL, O_NONBLOCK);
    ::fcntl(output.read, F_SETFL, O_NONBLOCK);
    if (complaints.read >= 0) ::fcntl(complaints.read, F_SETFL, O_NONBLOCK);
    if (rest_.empty()) input_.close_write();
    text_.reserve(program.most_output + 1);  // never moved: no copies of a secret stay behind
  }

  ~Conversation() {
    wipe(text_);
    wipe(complaint_);
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  bool too_much() const { return text_.size() > program_.most_output; }
  bool open() const { return output_.read >= 0; }
  Secret take() { return Secret(std::move(text_)); }
  void listen_to_the_end() {
    pollfd more{complaints_.read, POLLIN, 0};
    while (complaints_.read >= 0 && ::poll(&more, 1, 0) > 0) listen();
  }
  std::string take_complaint() { return std::move(complaint_); }

  void move(int milliseconds_to_wait) {
    // The child's own descriptor wakes us at its end; without one the next look sees it.
    std::array<pollfd, 4> ends{{{output_.read, POLLIN, 0},
                                {input_.write, POLLOUT, 0},
                                {complaints_.read, POLLIN, 0},
                                {child_.number(), POLLIN, 0}}};
    if (::poll(ends.data(), ends.size(), milliseconds_to_wait) <= 0) return;
    if (ends[0].revents != 0) receive();
    if (ends[1].revents != 0) send();
    if (ends[2].revents != 0) listen();
  }

 private:
  void receive() {
    std::array<char, 4096> buffer;
    const auto room = program_.most_output + 1 - text_.size();
    const auto count = ::read(output_.read, buffer.data(), std::min(buffer.size(), room));
    if (count > 0) {
      text_.append(buffer.data(), static_cast<std::size_t>(count));
      ::explicit_bzero(buffer.data(), buffer.size());
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      output_.close_read();
    }
  }
  // Past the bound it is read all the same: a full pipe would stop the child.
  void listen() {
    std::array<char, 4096> buffer;
    const auto count = ::read(complaints_.read, buffer.data(), buffer.size());
    if (count > 0) {
      const auto room = program_.most_complaint - complaint_.size();
      complaint_.append(buffer.data(), std::min(room, static_cast<std::size_t>(count)));
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
      complaints_.close_read();
    }
  }
  void send() {
    // A child that does not read its input: EPIPE, no signal, as SIGPIPE is ignored by main; here
    // the mask makes sure of it.
    sigset_t pipe_signal;
    sigset_t before;
    ::sigemptyset(&pipe_signal);
    ::sigaddset(&pipe_signal, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    const auto count = ::write(input_.write, rest_.data(), rest_.size());
    const bool broken = count < 0 && errno == EPIPE;
    if (broken && ::sigismember(&before, SIGPIPE) == 0) {
      const timespec at_once{};
      ::sigtimedwait(&pipe_signal, nullptr, &at_once);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (count > 0) rest_.remove_prefix(static_cast<std::size_t>(count));
    if (broken || rest_.empty()) input_.close_write();
  }

  const Program& program_;
  const Descriptor child_;
  Pipe& input_;
  Pipe& output_;
  Pipe& complaints_;
  std::string_view rest_;
  std::string text_;
  std::string complaint_;
};

// ": " and the first line that says something; empty when there is none.
std::string shown_complaint(const std::string& complaint) {
  for (const auto& line : split(complaint, '\n')) {
    if (!trim(line).empty()) return ": " + printable(without_keys(trim(line)), 300);
  }
  return {};
}

std::string shown_name(const Program& program) {
  return "the program " + printable(program.argv.front(), 200);
}

}  // namespace

const std::vector<std::string>& credential_variables() {
  static const std::vector<std::string> all = {"AZURE_CLIENT_SECRET",
                                               "AZURE_CLIENT_CERTIFICATE_PASSWORD",
                                               "AZURE_ACCESS_TOKEN",
                                               "IDENTITY_HEADER",
                                               "MSI_SECRET"};
  return all;
}

Result<ProgramEnd> run_to_end(const Program& program, const std::stop_token& stop) {
  if (program.argv.empty()) return fail(give_up("ProgramNotFound", "no program is named"));
  const auto name = shown_name(program);
  Pipe input;
  Pipe output;
  Pipe complaints;
  const bool listens = program.most_complaint > 0;
  if (!input.open() || !output.open() || (listens && !complaints.open())) {
    return fail({NextMove::RetryLater, "ProgramFailed", name + ": no pipe to it", {}, 0, {}});
  }
  pid_t pid = 0;
  {
    const SpawnSettings settings(input.read, output.write, complaints.write, program.descriptors);
    auto arguments = program.argv;
    auto variables = environment_of(program);
    const int code = ::posix_spawnp(&pid,
                                    arguments.front().c_str(),
                                    &settings.actions,
                                    &settings.attributes,
                                    pointers(arguments).data(),
                                    pointers(variables).data());
    if (code != 0) {
      return fail(give_up("ProgramNotFound",
                          name + " cannot be started",
                          "an executable file, with its whole path or in PATH"));
    }
  }
  Child child(pid);
  if (program.most_file_size > 0) {
    const rlimit bound{program.most_file_size, program.most_file_size};
    ::prlimit(pid, RLIMIT_FSIZE, &bound, nullptr);
  }
  input.close_read();
  output.close_write();
  complaints.close_write();
  Conversation conversation(program, input, output, complaints, pid);
  const auto end = steady_clock::now() + program.limit;
  while (!child.ended()) {
    if (stop.stop_requested()) {
      return fail({NextMove::RetryLater, "Interrupted", name + " was interrupted", {}, 0, {}});
    }
    if (steady_clock::now() >= end) {
      return fail({NextMove::RetryLater,
                   "ProgramTooSlow",
                   fmt::format("{} ran for longer than {}", name, duration_text(program.limit)),
                   "a faster program",
                   0,
                   {}});
    }
    if (conversation.too_much()) break;
    conversation.move(kLook);
  }
  // What it wrote before it ended is in the pipe still.
  while (conversation.open() && !conversation.too_much()) {
    const auto was_open = conversation.open();
    conversation.move(0);
    pollfd more{output.read, POLLIN, 0};
    if (!was_open || !conversation.open() || ::poll(&more, 1, 0) <= 0) break;
  }
  if (conversation.too_much()) {
    return fail(
        give_up("ProgramTooTalkative",
                fmt::format("{} printed more than {} KiB", name, program.most_output / 1024),
                "the secret alone"));
  }
  conversation.listen_to_the_end();
  ProgramEnd out;
  const int status = child.reap();
  if (WIFEXITED(status)) {
    out.exit_code = WEXITSTATUS(status);
  } else {
    out.signal = WTERMSIG(status);
  }
  out.output = conversation.take();
  out.complaint = conversation.take_complaint();
  return out;
}

Result<Secret> run_program(const Program& program, const std::stop_token& stop) {
  auto end = run_to_end(program, stop);
  if (!end) return fail(end.error());
  const auto complaint = shown_complaint(end->complaint);
  wipe(end->complaint);
  if (end->exit_code == 0 && end->signal == 0) return std::move(end->output);
  const auto name = shown_name(program);
  return fail({NextMove::WaitForOthers,
               "ProgramFailed",
               end->signal == 0
                   ? fmt::format("{} failed with exit code {}{}", name, end->exit_code, complaint)
                   : fmt::format("{} was killed by signal {}", name, end->signal),
               "run it by hand to see why",
               0,
               {}});
}

std::string program_in_path(std::string_view path, std::string_view name) {
  for (const auto& folder : split(path, ':')) {
    if (!folder.starts_with('/')) continue;
    auto whole = fmt::format("{}/{}", folder, name);
    struct stat facts {};
    if (::stat(whole.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
        ::access(whole.c_str(), X_OK) == 0) {
      return whole;
    }
  }
  return {};
}

}  // namespace dps

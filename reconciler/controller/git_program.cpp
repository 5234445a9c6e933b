#include "reconciler/controller/git_program.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/git_user.hpp"

namespace dps::controller {
namespace {

Error waits(std::string id, std::string what, std::string remedy) {
  return {NextMove::WaitForOthers, std::move(id), std::move(what), std::move(remedy), 0, {}};
}

// The variables of this process that git gets: where programs are, how the network is reached.
// Nothing else: no credentials, no GIT_*, no agent.
bool is_passed_on(std::string_view name) {
  static const std::vector<std::string_view> names = {"PATH",
                                                      "TMPDIR",
                                                      "TZ",
                                                      "LD_LIBRARY_PATH",
                                                      "SSL_CERT_FILE",
                                                      "SSL_CERT_DIR",
                                                      "http_proxy",
                                                      "https_proxy",
                                                      "HTTPS_PROXY",
                                                      "all_proxy",
                                                      "ALL_PROXY",
                                                      "no_proxy",
                                                      "NO_PROXY",
                                                      "ASAN_OPTIONS",
                                                      "TSAN_OPTIONS",
                                                      "UBSAN_OPTIONS",
                                                      "LSAN_OPTIONS"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> withheld() {
  std::vector<std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view text = *at;
    const auto name = text.substr(0, text.find('='));
    if (!is_passed_on(name)) out.emplace_back(name);
  }
  return out;
}

std::string protocol(GitTransport transport) {
  switch (transport) {
    case GitTransport::Https:
      return "https";
    case GitTransport::Http:
      return "http";
    case GitTransport::Ssh:
      return "ssh";
    case GitTransport::File:
      return "file";
  }
  return "none";
}

// Paths that mean something else to a shell or to ssh are refused by check_access.
std::string ssh_command(const GitAccess& access) {
  return fmt::format(
      "ssh -F /dev/null -T"
      " -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='\"{}\"'"
      " -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o CheckHostIP=no"
      " -o IdentitiesOnly=yes -o IdentityAgent=none -o IdentityFile='\"{}\"'"
      " -o PreferredAuthentications=publickey -o ConnectTimeout=15"
      " -o ServerAliveInterval=10 -o ServerAliveCountMax=3"
      " -o ClearAllForwardings=yes -o ForwardAgent=no -o ControlMaster=no -o ControlPath=none"
      " -o PermitLocalCommand=no -o LogLevel=ERROR",
      access.known_hosts,
      access.ssh_key);
}

std::map<std::string, std::string> environment_of(const GitAccess& access, bool remote) {
  std::map<std::string, std::string> out = {
      {"HOME", access.home},
      {"XDG_CONFIG_HOME", access.home},
      {"LC_ALL", "C"},
      {"GIT_DIR", access.folder},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_CONFIG_SYSTEM", "/dev/null"},
      {"GIT_CONFIG_GLOBAL", "/dev/null"},
      {"GIT_ATTR_NOSYSTEM", "1"},
      {"GIT_TERMINAL_PROMPT", "0"},
      {"GIT_ASKPASS", ""},
      {"SSH_ASKPASS", ""},
      {"SSH_ASKPASS_REQUIRE", "never"},
      {"GIT_OPTIONAL_LOCKS", "0"},
      {"GIT_NO_REPLACE_OBJECTS", "1"},
      {"GIT_NO_LAZY_FETCH", "1"},
      {"GIT_LITERAL_PATHSPECS", "1"},
      {"GIT_ALLOW_PROTOCOL", remote ? protocol(access.address.transport) : "none"},
      {"GIT_SSH_VARIANT", "ssh"},
      {"GIT_SSH_COMMAND", "false"},
  };
  if (!remote) return out;
  if (access.address.transport == GitTransport::Ssh) out["GIT_SSH_COMMAND"] = ssh_command(access);
  if (!access.token_file.empty()) {
    out["GIT_ASKPASS"] = access.askpass;
    out["DPS_RECONCILER_ASKPASS"] = access.token_file;
    out["DPS_RECONCILER_ASKPASS_ORIGIN"] = access.address.origin;
  }
  return out;
}

std::vector<std::string> settings_of(const GitAccess& access, bool remote) {
  std::vector<std::string> out = {"core.hooksPath=/dev/null",
                                  "core.fsmonitor=false",
                                  "core.logAllRefUpdates=false",
                                  "safe.directory=*",
                                  "gc.auto=0",
                                  "maintenance.auto=false",
                                  "fetch.unpackLimit=1",
                                  "transfer.unpackLimit=1",
                                  "credential.helper=",
                                  "protocol.version=2"};
  if (!remote) return out;
  out.emplace_back("http.followRedirects=initial");
  out.emplace_back("http.sslVerify=true");
  if (!access.ca_file.empty()) out.push_back("http.sslCAInfo=" + access.ca_file);
  if (!access.token_file.empty()) out.push_back("credential.username=" + access.username);
  return out;
}

[[nodiscard]] Result<void> readable(const std::string& path, const std::string& flag) {
  if (path.empty() || ::access(path.c_str(), R_OK) == 0) return {};
  return fail(waits("SecretMissing",
                    fmt::format("{}: {}: {}", flag, printable(path, 200), std::strerror(errno)),
                    "put it there, readable for the user that runs this program"));
}

[[nodiscard]] Result<void> check_key(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return readable(path, "--git-ssh-key");
  // The rule of ssh itself: it minds the mode of its own user's files alone.
  if (facts.st_uid != ::getuid() || (facts.st_mode & 077) == 0) return {};
  return fail(
      waits("KeyFileOpen",
            fmt::format("--git-ssh-key: others may read {} (mode {:04o}), so ssh refuses it",
                        printable(path, 200),
                        facts.st_mode & 07777),
            "mode 0400; of a Kubernetes secret defaultMode: 0400"));
}

}  // namespace

Result<void> check_access(const GitAccess& access) {
  for (const auto& [path, flag] : {std::pair{access.token_file, "--git-token-file"},
                                   std::pair{access.ca_file, "--git-ca-file"},
                                   std::pair{access.ssh_key, "--git-ssh-key"},
                                   std::pair{access.known_hosts, "--git-known-hosts"}}) {
    if (auto fine = readable(path, flag); !fine) return fine;
  }
  if (!access.token_file.empty()) {
    if (const auto token = read_secret_word(access.token_file); !token) {
      return fail(in_context("--git-token-file", token.error()));
    }
  }
  if (access.address.transport != GitTransport::Ssh) return {};
  if (auto fine = check_key(access.ssh_key); !fine) return fine;
  return check_user(::getuid());
}

Result<ProgramEnd> run_git(const GitAccess& access,
                           const GitCall& call,
                           const std::stop_token& stop) {
  Program program;
  program.argv = {"git", "-C", access.home};
  for (const auto& setting : settings_of(access, call.remote)) {
    program.argv.emplace_back("-c");
    program.argv.push_back(setting);
  }
  program.argv.insert(program.argv.end(), call.arguments.begin(), call.arguments.end());
  program.input = call.input;
  program.environment = environment_of(access, call.remote);
  program.environment.merge(user_variables(::getuid(), access.home));
  program.withheld = withheld();
  program.limit = call.limit;
  program.most_output = call.most_output;
  program.most_complaint = std::size_t{16} * 1024;
  program.most_file_size = call.most_file_size;
  auto end = run_to_end(program, stop);
  if (end) return end;
  auto error = end.error();
  if (error.id == "ProgramNotFound") {
    return fail(give_up("GitMissing", "git cannot be started", "install git, within PATH"));
  }
  if (error.id == "ProgramTooSlow") {
    return fail(
        {NextMove::RetryLater,
         "Timeout",
         fmt::format(
             "git {} took longer than {}", call.arguments.front(), duration_text(call.limit)),
         "is the host reachable? --git-timeout",
         0,
         {}});
  }
  if (error.id == "ProgramTooTalkative") {
    return fail(give_up("SourceTooLarge",
                        "the repository holds more than this program reads",
                        "--git-path, or a repository for the manifests alone"));
  }
  if (error.id == "Interrupted") error.what = "git was interrupted";
  return fail(std::move(error));
}

}  // namespace dps::controller

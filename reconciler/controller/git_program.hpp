// git_program: git as a child process that asks nobody, believes no configuration of its machine
// and speaks one protocol.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/base/child_process.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/controller/git_address.hpp"

namespace dps::controller {

/// How the repository is reached. Paths of files; what is in them is never in an argument, a
/// variable or a file of ours.
struct GitAccess {
  GitAddress address;
  std::string username;     ///< for https
  std::string token_file;   ///< empty: nobody signs in
  std::string ca_file;      ///< empty: the system's CAs
  std::string ssh_key;      ///< for ssh
  std::string known_hosts;  ///< for ssh
  /// The program that answers git's question for the token: see app/askpass.
  std::string askpass;
  std::string home;    ///< an own folder, for whatever looks for one
  std::string folder;  ///< the bare repository
};

/// What can be said of these files before git is asked. The key and the list of host keys must be
/// readable; a key of ours that others may read is refused by ssh, and a user without a name too
/// (see git_user).
/// Errors (WaitForOthers): "SecretMissing", "KeyFileOpen", "NoUserEntry".
[[nodiscard]] Result<void> check_access(const GitAccess& access);

struct GitCall {
  std::vector<std::string> arguments;  ///< after `git` and its settings
  std::string input;
  std::size_t most_output = std::size_t{64} * 1024;
  std::size_t most_file_size = 0;
  Duration limit = std::chrono::minutes{1};
  bool remote = false;  ///< it may reach the repository; others cannot
};

/// Errors only of a git that did not end by itself: GiveUp "GitMissing"; RetryLater "Timeout",
/// "Interrupted"; GiveUp "SourceTooLarge" when it prints more than it may.
Result<ProgramEnd> run_git(const GitAccess& access,
                           const GitCall& call,
                           const std::stop_token& stop);

}  // namespace dps::controller

// child_process: a program run without a shell, bounded in time and output.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"

namespace dps {

struct Program {
  std::vector<std::string> argv;  ///< argv[0] is looked up in PATH unless it has a slash
  std::string input;              ///< for its stdin; then that is closed
  std::map<std::string, std::string> environment;  ///< beside that of this process
  /// Variables of this process that it does not get.
  std::vector<std::string> withheld;
  /// Descriptors of this process that it gets, under the same numbers: /proc/self/fd/N for it and
  /// for what it runs. Theirs to outlive the run.
  std::vector<int> descriptors;
  Duration limit = std::chrono::seconds{10};
  std::size_t most_output = std::size_t{64} * 1024;
  /// How much of its stderr is looked at when it fails; 0: none of it. Only for programs that are
  /// known not to print secrets there.
  std::size_t most_complaint = 0;
  /// No file that it writes may grow beyond this (RLIMIT_FSIZE); 0: no bound. Set as soon as it
  /// runs: what it starts in its first moments may escape.
  std::size_t most_file_size = 0;
};

/// How a program ended.
struct ProgramEnd {
  Secret output;          ///< all of its stdout
  int exit_code = 0;      ///< of a program that ended itself
  int signal = 0;         ///< that ended it; 0: none
  std::string complaint;  ///< the beginning of its stderr as it is; up to `most_complaint`
};

/// What signs this program in to Azure: no business of programs that a manifest names.
const std::vector<std::string>& credential_variables();

/// Runs it in a process group of its own, with a clean signal mask and default handlers; what it
/// says on stderr is thrown away, as it may hold secrets, unless `most_complaint` asks for it: then
/// "ProgramFailed" ends in ": " and its first line that is not empty, made printable, with
/// [secret] for all that looks like a key (32 letters and digits on end). Returns its
/// stdout when it exits with 0. At the end of the time, at too much output or on `stop` the whole
/// group is killed. Blocks; from any thread. Errors: "ProgramNotFound" (GiveUp), "ProgramFailed"
/// (WaitForOthers; it exited otherwise), "ProgramTooSlow" (RetryLater), "ProgramTooTalkative"
/// (GiveUp), "Interrupted" (RetryLater).
Result<Secret> run_program(const Program& program, const std::stop_token& stop);

/// The same, but any end of its own is an end: no "ProgramFailed".
Result<ProgramEnd> run_to_end(const Program& program, const std::stop_token& stop);

/// The executable file of this name in the first absolute folder of `path` (in the form of PATH)
/// that has one; empty when there is none.
std::string program_in_path(std::string_view path, std::string_view name);

}  // namespace dps

// init_process: what pid 1 of a container owes: hand on signals, reap orphans.
#pragma once

#include <optional>

namespace dps::app {

enum class InitDuty {
  WhenFirst,  ///< only as pid 1
  Always,     ///< for tests
};

/// To be called before the first thread. Nothing: go on, as the process itself or as the child of
/// one that does pid 1's work. A number: the child ended, and this is the exit code to end with
/// (128 + n when signal n ended it).
///
/// The kernel gives pid 1 no default action for signals and all orphans of its container: without
/// this a daemon there would ignore what it does not handle, and collect zombies of what its
/// children (git, ssh, programs that fetch secrets) left behind. Handed on are TERM, INT, HUP,
/// QUIT, USR1 and USR2; but not what a terminal sends, as the child got that too.
std::optional<int> split_off_init(InitDuty duty = InitDuty::WhenFirst);

}  // namespace dps::app

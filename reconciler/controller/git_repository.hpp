// git_repository: the bare copy of a repository under --state-dir: one commit deep, made anew when
// it is broken.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/controller/git_program.hpp"
#include "reconciler/controller/tree_files.hpp"

namespace dps::controller {

struct TreeLimits {
  std::size_t files = 50'000;
  std::size_t bytes_of_one = std::size_t{1024} * 1024;  ///< larger ones are named, not read
  std::size_t bytes = std::size_t{64} * 1024 * 1024;
};

/// What a ref leads to at its origin.
struct RemoteTip {
  std::string ref;     ///< "refs/heads/main", "HEAD"; a commit's id where that was asked for
  std::string commit;  ///< its id
};

struct ReadTree {
  Tree tree;
  std::string path;   ///< where the asked one led to
  std::string scope;  ///< what the tree holds: that folder, or the one of that file; "": all
};

/// Used by one thread. Errors: those of git_fault and run_git, and what is said here. The folder is
/// ours as long as the lock beside it is held: WaitForOthers "StateDirInUse".
class GitRepository {
 public:
  /// `max_size` in bytes.
  GitRepository(GitAccess access, Duration timeout, std::size_t max_size);

  /// Makes it where there is none. "DiskFull", "StateDirUnwritable".
  [[nodiscard]] Result<void> prepare(const std::stop_token& stop);
  /// A branch goes before a tag of the same name. WaitForOthers "RefNotFound".
  Result<RemoteTip> tip(const std::string& ref, const std::stop_token& stop);
  /// Is the commit here, whole?
  bool has(const std::string& commit, const std::stop_token& stop);
  /// Gets what the tip leads to now, and gives its commit's id; drops what is no longer needed.
  /// WaitForOthers "SourceTooLarge": more than `max_size`; nothing of it is kept.
  Result<std::string> fetch(const RemoteTip& tip, const std::stop_token& stop);
  /// By one of the signers of this file (ssh-keygen(1), ALLOWED SIGNERS). WaitForOthers
  /// "SignatureMissing", "SignatureBad".
  [[nodiscard]] Result<void> verify(const std::string& commit,
                                    const std::string& signers,
                                    const std::stop_token& stop);
  /// What lies below `path` ("": all), which is followed when it is a link; when it is a file, what
  /// lies beside it too. WaitForOthers "PathNotFound", "SourceTooLarge".
  Result<ReadTree> read(const std::string& commit,
                        const std::string& path,
                        const TreeLimits& limits,
                        const std::stop_token& stop);
  /// Everything of it goes; the next `prepare` makes it anew.
  void throw_away();

 private:
  Result<std::string> local(const std::string& doing,
                            const GitCall& call,
                            const std::stop_token& stop) const;
  Result<std::string> remote(const std::string& doing,
                             GitCall call,
                             const std::stop_token& stop) const;
  Result<std::string> made_into_text(const std::string& doing, Result<ProgramEnd> end) const;
  std::vector<std::string> hidden() const;
  std::size_t drop_unfinished() const;
  [[nodiscard]] Result<void> tidy(const std::stop_token& stop);

  GitAccess access_;
  Duration timeout_;
  std::size_t max_size_;
  std::unique_ptr<Descriptor> lock_;
};

}  // namespace dps::controller

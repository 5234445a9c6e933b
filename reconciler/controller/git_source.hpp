// git_source: manifests from a git repository, fetched by git, read from the commit, never checked
// out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/controller/git_repository.hpp"
#include "reconciler/controller/source.hpp"

namespace dps::controller {

/// The flags of the same names.
struct GitSettings {
  std::string url;
  std::string ref = "HEAD";
  std::string path;
  Duration interval = std::chrono::minutes{1};
  Duration timeout = std::chrono::minutes{1};  ///< of each of git's two ways to the repository
  std::size_t max_size = 256;                  ///< MiB, on the disk
  std::string state_dir;
  std::string username;  ///< with `token_file`; empty: "git"
  std::string token_file;
  std::string ca_file;
  std::string ssh_key;
  std::string known_hosts;
  std::string verify;  ///< allowed signers; empty: signatures do not matter
  std::string secrets_dir = "/run/secrets";
  /// Answers git's question for the token: this program itself, as long as it is empty.
  std::string askpass;
  TreeLimits tree;
};

/// The revision is the commit's id. `newest` asks the repository for the ref alone, and fetches
/// what is new; the same commit is not read twice. A branch that was forced elsewhere, or a tag
/// that was moved, is a new revision like any other. `wait` pauses for the interval, after a
/// failure for 5 s, then twice as long each, up to four intervals or 15 minutes, whichever is less.
///
/// Errors at once (GiveUp): "Usage" (flags that do not go together), "BadGitUrl",
/// "CredentialsInUrl", "BadGitRef", "BadGitPath". Of `newest`: those of check_access and
/// GitRepository. `jitter` as http::random_jitter. The clock outlives it.
Result<std::unique_ptr<Source>> make_git_source(GitSettings settings,
                                                Clock& clock,
                                                std::function<double()> jitter);

}  // namespace dps::controller

// git_address: where a repository is and what of it is wanted, judged before git is asked. Pure.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps::controller {

enum class GitTransport { Https, Http, Ssh, File };

struct GitAddress {
  GitTransport transport = GitTransport::Https;
  std::string url;     ///< as git gets it
  std::string origin;  ///< "https://git.example:8443"; empty without a host
};

/// https://HOST[:PORT]/PATH; http:// to loopback alone; ssh://[USER@]HOST[:PORT]/PATH,
/// USER@HOST:PATH; file:///PATH. Errors: GiveUp "CredentialsInUrl" for anything before the `@` of
/// an https address, whose text is not repeated; GiveUp "BadGitUrl".
Result<GitAddress> parse_git_address(const std::string& text);

/// 40 or 64 hex digits.
bool is_commit_id(std::string_view text);

/// A branch, a tag, HEAD, a whole ref ("refs/heads/main") or a whole commit id. GiveUp "BadGitRef".
[[nodiscard]] Result<void> check_git_ref(const std::string& ref);

/// A path below the repository's root, tidied; "" is the root. GiveUp "BadGitPath".
Result<std::string> tidy_git_path(const std::string& path);

}  // namespace dps::controller

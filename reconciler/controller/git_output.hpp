// git_output: what git's plumbing prints, taken apart. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps::controller {

/// Of `count-objects -v`.
struct GitSizes {
  std::size_t packs = 0;
  std::size_t bytes = 0;    ///< on the disk, of all
  std::size_t garbage = 0;  ///< files that belong to nothing
  bool operator==(const GitSizes&) const = default;
};
GitSizes git_sizes(const std::string& text);

/// Of `ls-tree -r -z -l`: "<mode> SP <type> SP <object> SP+ <size> TAB <path> NUL".
struct GitListed {
  std::string mode;  ///< "100644", "120000" (a link), "160000" (a submodule)
  std::string object;
  std::size_t size = 0;
  std::string path;
  bool operator==(const GitListed&) const = default;
};
/// Lines of another shape are left out.
std::vector<GitListed> git_listed(const std::string& text);

/// Of `cat-file --batch`, by object: "<object> SP blob SP <size> LF <bytes> LF". RetryLater
/// "RepositoryCorrupt" for anything else.
Result<std::map<std::string, std::string>> git_contents(const std::string& text);

}  // namespace dps::controller

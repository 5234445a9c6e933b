// tree_files: the files of one commit, in memory, and the secrets beside them on the disk.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/manifest/files.hpp"

namespace dps::controller {

struct TreeEntry {
  enum class Kind { File, Link, Submodule };
  Kind kind = Kind::File;
  std::string content;     ///< of a link: where it leads
  bool too_large = false;  ///< the content was not read
  bool operator==(const TreeEntry&) const = default;
};

/// Paths from the repository's root, as git has them: "fleet/eu.yaml". Those with empty parts, "."
/// or ".." in them are left out by the constructor: git itself makes none.
using Tree = std::map<std::string, TreeEntry>;

/// Relative paths are the tree's; links lead within it, and nowhere else. Absolute paths at or
/// below the secrets' folder are the disk's; all others are refused: "OutsideRoot". What lies in
/// the tree holds no secrets. A pointer of Git LFS is no content: "LfsPointer". Cannot change.
class TreeFiles final : public manifest::Files {
 public:
  /// `scope`: the tree holds only what lies at or below this path; "": all of the commit.
  TreeFiles(Tree tree, std::string scope, std::string secrets_dir);
  Result<std::vector<std::string>> list(const std::string& root) override;
  Result<std::string> read(const std::string& path, std::size_t limit) override;
  /// Below kTreeRoot, or of the disk.
  Result<std::string> resolve(const std::string& path) override;
  std::string absolute(const std::string& path) override;
  bool may_hold_secrets(const std::string& path) override;

  /// What the absolute paths of the tree begin with: a place that no disk has.
  static constexpr const char* kTreeRoot = "/dev/null/git-tree";

 private:
  bool is_folder(const std::string& path) const;
  bool is_of_secrets(const std::string& path) const;
  /// Without links, from the tree's root; "" is that root.
  Result<std::string> follow(const std::string& path) const;
  [[nodiscard]] Result<void> walk(const std::string& shown,
                                  const std::string& real,
                                  std::vector<std::string>& seen,
                                  std::vector<std::string>& out) const;

  Tree tree_;
  std::string scope_;
  std::string secrets_dir_;
  manifest::DiskFiles disk_;
};

}  // namespace dps::controller

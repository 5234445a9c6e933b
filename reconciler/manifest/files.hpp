// files: what the loader may see of a disk, as a port.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps::manifest {

/// Paths are as given: relative ones to the working directory. Not shared between threads.
/// Errors (GiveUp): "FileMissing", "FileTooLarge", "NotAFile" (a folder, a pipe, a device),
/// "FileUnreadable".
class Files {
 public:
  virtual ~Files() = default;
  /// The manifests of a root: *.yaml and *.yml at any depth, sorted; names that begin with a dot
  /// are skipped. A root that is a file is itself. An unreadable folder is an error of the whole
  /// root: half a set must never look complete.
  virtual Result<std::vector<std::string>> list(const std::string& root) = 0;
  /// The content, of at most `limit` bytes.
  virtual Result<std::string> read(const std::string& path, std::size_t limit) = 0;
  /// The absolute path with every link resolved.
  virtual Result<std::string> resolve(const std::string& path) = 0;
  /// The absolute path with links as they are.
  virtual std::string absolute(const std::string& path) = 0;
  /// May a secret be had from this file? Not from one that lies in a repository.
  virtual bool may_hold_secrets(const std::string& path);
};

/// The disk. Loops of links end; pipes and devices are refused without opening them for long.
class DiskFiles final : public Files {
 public:
  Result<std::vector<std::string>> list(const std::string& root) override;
  Result<std::string> read(const std::string& path, std::size_t limit) override;
  Result<std::string> resolve(const std::string& path) override;
  std::string absolute(const std::string& path) override;
};

/// For tests: path -> content. Relative paths stand below "/".
class MemoryFiles final : public Files {
 public:
  MemoryFiles() = default;
  explicit MemoryFiles(const std::map<std::string, std::string>& contents);
  void put(const std::string& path, std::string content);

  Result<std::vector<std::string>> list(const std::string& root) override;
  Result<std::string> read(const std::string& path, std::size_t limit) override;
  Result<std::string> resolve(const std::string& path) override;
  std::string absolute(const std::string& path) override;

 private:
  std::map<std::string, std::string> contents_;  // by absolute path
};

/// "*.yaml" or "*.yml", and not hidden; of the last part of a path.
bool is_manifest_name(std::string_view name);
/// The folder part of a path: "a/b.yaml" -> "a", "b.yaml" -> ".".
std::string folder_of(const std::string& path);
/// `name` as seen from `folder`; absolute ones stay.
std::string path_below(const std::string& folder, const std::string& name);
/// "./a//b/../c" -> "a/c". Text only.
std::string tidy_path(const std::string& path);
/// Is `path` the folder itself or below it? Both absolute and tidy.
bool is_below(const std::string& path, const std::string& folder);

}  // namespace dps::manifest

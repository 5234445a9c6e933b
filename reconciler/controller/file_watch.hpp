// file_watch: which folders must be watched so that no change below some paths is missed, a
// signature of all that lies there, and inotify(7) around it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/base/descriptor.hpp"

namespace dps::controller {

/// What matters of a folder: everything in it that is not hidden, or some names alone: links that
/// lead on, and what is missing as yet.
struct WatchedFolder {
  bool all = false;
  std::set<std::string> names;
  bool operator==(const WatchedFolder&) const = default;
};
using WatchedFolders = std::map<std::string, WatchedFolder>;  ///< by path without links

struct Survey {
  WatchedFolders folders;
  /// Changes when a path, a link, a file's inode, size, mode or times change.
  std::string signature;
  /// Why one of `needed` cannot be read whole: "manifests/eu: Permission denied"; empty: it can.
  std::string trouble;
};

/// Walks folders as the loader does: links followed, hidden names left out, no folder twice. Every
/// folder that a link leads through is among those to be watched, and the nearest one that exists
/// of a path that does not. Absolute paths. At most 200,000 names; then it is a trouble.
Survey survey(const std::vector<std::string>& needed, const std::vector<std::string>& optional);

/// Not thread-safe.
class FileWatch {
 public:
  /// Watches these and nothing else from now on; what had happened before is forgotten. Why not all
  /// of them can be watched ("no inotify watches are left"), nothing when all are. Folders that are
  /// gone or closed are no reason: that shows in the survey.
  std::optional<std::string> watch(const WatchedFolders& folders, std::size_t most);
  /// Becomes readable when something happens; -1 when nothing is watched.
  int number() const { return descriptor_ ? descriptor_->number() : -1; }
  /// Takes what happened since the last call: did any of it matter? Never waits.
  bool take();

 private:
  std::optional<std::string> add(const WatchedFolders& folders, std::size_t most);
  bool matters(int watch, unsigned mask, const std::string& name) const;

  std::unique_ptr<Descriptor> descriptor_;
  std::map<int, WatchedFolder> watches_;
};

}  // namespace dps::controller

// folder_source: manifests from folders of the disk, watched.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/source.hpp"

namespace dps::controller {

struct FolderSettings {
  std::vector<std::string> roots;    ///< --manifests: folders or files
  std::vector<std::string> watched;  ///< what matters beside them (--secrets-dir); may be missing
  Duration poll = std::chrono::seconds{30};  ///< behind inotify, which misses network file systems
  Duration quiet =
      std::chrono::milliseconds{200};  ///< a burst is over when nothing comes for so long
  Duration longest_burst = std::chrono::seconds{2};  ///< then it is not waited for any more
  std::size_t most_watches = 8192;                   ///< folders; beyond, the poll alone
  /// Told once, in a sentence, when changes can be found by the poll alone.
  std::function<void(const std::string&)> notice;
};

/// A root that is a link (git-sync) or leads through one is resolved once for each checkout, so
/// that all files of it are of one work tree; its paths are shown as they were given. `is_still_so`
/// is false as soon as anything below the roots or `watched` is another than it was. While a root
/// is missing or a folder cannot be read: RetryLater "SourceUnreadable", as half a set must never
/// look complete. Checkouts may outlive the source. No clock: it waits for the disk.
std::unique_ptr<Source> make_folder_source(FolderSettings settings);

}  // namespace dps::controller

// source: where the manifests come from, as a port: a folder, or a git repository.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/manifest/files.hpp"

namespace dps::controller {

/// The newest state of the source, which does not change while it is read.
struct Checkout {
  /// Of git: the commit's id, whole. Of a folder: empty, the digest of what is loaded names it.
  std::string revision;
  std::shared_ptr<manifest::Files> files;
  std::vector<std::string> roots;  ///< for manifest::LoadOptions
  /// Still what it was? Asked after the load: a folder may have been swapped meanwhile. Empty: it
  /// cannot change.
  std::function<bool()> is_still_so;
};

/// Used by one thread, but for `location`.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::string kind() const = 0;      ///< "folder", "git"
  virtual std::string location() const = 0;  ///< for people; without credentials
  /// Looks at what is there now. RetryLater "SourceUnreadable" and its like: the revision in force
  /// stays. WaitForOthers "SignatureMissing", "HostKeyUnknown", … of git.
  virtual Result<Checkout> newest(std::stop_token stop) = 0;
  /// Returns when there may be something new: true; or when `stop` is requested: false. Changes
  /// that come in a burst are waited out. It may say true when nothing changed.
  virtual bool wait(std::stop_token stop) = 0;
};

}  // namespace dps::controller

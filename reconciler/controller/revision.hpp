// revision: what the manifests of one state of the source want, divided by subscription.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "reconciler/base/text.hpp"
#include "reconciler/controller/shard.hpp"
#include "reconciler/model/state.hpp"

namespace dps::controller {

/// Const once built; shared by all threads.
struct Revision {
  std::string name;  ///< a commit, or a digest of all files read
  /// By subscription, in lower case; each complete in itself.
  std::map<std::string, std::shared_ptr<const DesiredState>> parts;

  const DesiredService* find(const ServiceId& id) const;
  std::size_t size() const;
  /// All of it, copied.
  DesiredState whole() const;
};

/// The services of `shard`.
std::shared_ptr<const Revision> divide(DesiredState desired, std::string name, const Shard& shard);

/// The same with `change` made to the services that `concerns` names; parts without any are shared.
std::shared_ptr<const Revision> with_changes(
    const Revision& revision,
    const std::function<bool(const DesiredService&)>& concerns,
    const std::function<void(DesiredService&)>& change);

/// What the newer one says that the older one did not.
struct RevisionChanges {
  std::vector<ServiceId> added, changed, removed, unchanged;
};
RevisionChanges changes_between(const Revision* older, const Revision& newer);

}  // namespace dps::controller

// state: the two sides of the difference.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/base/error.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/desired_service.hpp"
#include "reconciler/model/live_service.hpp"

namespace dps {

/// What the manifests say.
struct DesiredState {
  std::map<ServiceId, DesiredService> services;
  std::string revision;  ///< of the source: a commit, or a digest of all files read
  /// Every document loaded without a fault of the text: only then may anything be pruned.
  bool complete = true;
};

/// What a look before a create found; the create is planned only when nothing stands here.
struct Preflight {
  std::vector<Error> problems;  ///< the group is missing, the name is taken, the SKU does not exist
};

/// Something that could not be seen, once per scope: "listkeys in subscription S: denied".
struct Unseen {
  std::string scope;
  Error why;
};

/// What ARM shows.
struct LiveState {
  std::map<ServiceId, LiveService> services;
  /// Services that could not be read: an error of theirs, never "absent".
  std::map<ServiceId, Error> unreadable;
  /// Subscriptions that could not be listed: nothing is pruned there.
  std::map<std::string, Error, LessIgnoringCase> unlisted;
  /// For every service that is wanted and that a GET said is missing.
  std::map<ServiceId, Preflight> missing;
  std::vector<Unseen> unseen;
};

}  // namespace dps

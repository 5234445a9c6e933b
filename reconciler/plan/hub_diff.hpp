// hub_diff: linked hubs, by host name.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

inline constexpr std::size_t kMaxHubs = 50;

/// Hubs to link, to change and to unlink. Errors: "HubNeedsCredential", "HubNeedsLocation" of a hub
/// that is not linked yet, "LimitExceeded", and those of reading its key. A key that may not be
/// read is no error of a hub that is linked already: it is then `unseen`.
void compare_hubs(const Subject& subject, Findings& out);

}  // namespace dps::plan

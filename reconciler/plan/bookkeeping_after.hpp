// bookkeeping_after: what a write leaves in the bookkeeping tags.
#pragma once

#include <string>
#include <vector>

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

/// 12 characters of a digest of what the manifests say of the service: references to secrets, never
/// secrets. The order of hubs and policies is no difference. Certificates are no part of it: they
/// are written without a write of the service, so the tag could not follow them.
std::string desired_revision(const DesiredService& desired);

/// After all of `changes` were made. Of a service that only entry documents speak of, owner,
/// revision, tags and protection stay as they are.
Bookkeeping bookkeeping_after(const Subject& subject, const std::vector<Change>& changes);

/// Takes the effect of a change that is not made out of `after`.
void leave_out(const Change& change, const Bookkeeping& live, Bookkeeping& after);

}  // namespace dps::plan

// ownership: whose a service is, and what may therefore be done with it: writing, adopting,
// deleting, letting go.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

/// May the changes of a live service be written? Adds the line of an adoption when the service is
/// equal and becomes ours. Errors: "OwnedByOther", "NotAdopted".
void judge_ownership(const Subject& subject, Findings& out);

/// A tombstone, for a service that exists. Errors: "IdScopeDiffers", "Protected", "OwnedByOther".
void judge_tombstone(const Subject& subject, Findings& out);

/// lifecycle.state: released.
void judge_release(const Subject& subject, Findings& out);

/// The deletion of a live service as a change.
Change service_deletion(const LiveService& live);

/// Is the suspension in force?
bool is_suspended(const DesiredService& desired, WallTime now);

}  // namespace dps::plan

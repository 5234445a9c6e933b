// document_flow: the service itself, without its certificates: read, judge, write, follow, read
// back, judge again.
#pragma once

#include "reconciler/apply/execute.hpp"

namespace dps::apply {

/// Runs to the end on the calling thread. Certificates in `plan` and `desired` are not looked at.
///
/// The first round does what the plan says if the service still stands at the plan's ETag; else,
/// and in every later round (412, 409301, a lost answer, a second writer, something that came
/// back), the difference is made again from what is live. Then only removals that the plan had are
/// made: others were not judged by the guards and are left for the next pass. At most 5 rounds,
/// then `Conflict`; a change made three times that comes back is `Contested`.
///
/// A service whose id scope is not the plan's is another service of the same name: nothing is
/// written, `Conflict`. A saved plan is not made again: what moved before its write is `OutOfDate`,
/// what moved after it is `Conflict`.
Finished run_document(const plan::ServicePlan& plan,
                      const DesiredService& desired,
                      const KeyFacts& keys,
                      const Settings& settings,
                      Tools& tools,
                      const Stops& stops);

}  // namespace dps::apply

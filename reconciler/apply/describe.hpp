// describe: a change in one line, for reports and for people who watch. No secret.
#pragma once

#include <string>

#include "reconciler/plan/change.hpp"

namespace dps::apply {

/// "~ linkedHubs[h].allocationWeight 1 → 0", "+ tags["env"] prod".
std::string describe(const plan::Change& change);

/// What it is about: "linkedHubs[h].allocationWeight"; "ProvisioningService fleet" for the service
/// as a whole.
std::string subject_of(const plan::Change& change);

}  // namespace dps::apply

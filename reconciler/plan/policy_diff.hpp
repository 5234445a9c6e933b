// policy_diff: shared access policies, by name. They are in no GET: they cost a listkeys.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

/// The policy that every service is born with; never removed.
inline constexpr std::string_view kBuiltInPolicy = "provisioningserviceowner";

/// Policies to add, to change and to remove. Not read: `unseen` has "sharedAccessPolicies", with a
/// warning where it was asked and refused. Errors: "PolicyNeedsRights", "BuiltInPolicy", and those
/// of reading a key.
void compare_policies(const Subject& subject, Findings& out);

/// False: `unseen` says that the policies were not compared.
bool sees_policies(const ServicePlan& plan);

}  // namespace dps::plan

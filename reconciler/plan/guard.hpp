// guard: refuses too large a blast radius. Judges all that a revision implies.
#pragma once

#include <string_view>

#include "reconciler/plan/plan.hpp"

namespace dps::plan {

/// The ids of keep_within's holds.
inline constexpr std::string_view kNotJudgedHold = "not-judged";
inline constexpr std::string_view kGoesLastHold = "goes-last";

/// Holds every service deletion when there are more than max_deletes, or more than 30 % of at least
/// 10 owned services; holds every removal of hubs, policies and certificates when there are more
/// than max_removals; and, however few, every removal of a revoked certificate. New content over a
/// verified certificate is no removal. Blocked, failed and suspended services do not count: nothing
/// of them is removed. Sets the plan's guards and approve_digest, unless settings.approve is that
/// digest.
void apply_guards(Plan& plan, const LiveState& live, const Settings& settings);

/// Holds what Settings::withheld and Settings::closed name.
void withhold(ServicePlan& plan, const Settings& settings);

/// A removal as one line: action, id, path, id scope and the CA that is lost. What is approved, and
/// what a pass has judged, is known by it.
std::string removal_line(const ServicePlan& service, const Change& change);

/// For a service that is judged again because it moved between plan and write: what destroys, and
/// the guarded plan did not let through with the same thumbprint, is held ("not-judged"), so that
/// the guards are never passed by. A CA that is retired or unlisted is held ("goes-last") as long
/// as another certificate is to be uploaded or verified: a step that fails takes no CA with it.
void keep_within(ServicePlan& fresh, const ServicePlan& judged);

}  // namespace dps::plan

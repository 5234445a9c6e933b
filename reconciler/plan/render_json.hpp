// render_json: a plan as JSON, and the digest of it.
#pragma once

#include <string>

#include "reconciler/base/json_fwd.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::plan {

inline constexpr std::string_view kPlanSchema = "dps-reconciler/plan/v1";

/// Members in a fixed order, "schema" first; times RFC 3339 with Z; no secret by construction. Two
/// spaces deep, with a final newline; control characters escaped.
std::string render_json(const Plan& plan);

/// "sha256:" and 64 hex digits over everything but the digest itself and created_at: the canonical
/// text (members sorted, no white space) of the record without `digest`, `created_at` and
/// `services`, then of each service, each followed by a newline.
std::string digest(const Plan& plan);
/// The same of a record that was stored.
std::string digest(const Json& record);

}  // namespace dps::plan

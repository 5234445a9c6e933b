// saved_plan: a plan that was stored, read again, and held against the world of today.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::plan {

struct SavedPlan {
  std::string digest;
  WallTime created_at{};
  std::string api_version;
  std::string owner;
  std::string source_revision;
  std::vector<ServicePlan> services;  ///< as far as JSON carries them: no bookkeeping
};

/// The text that render_json() made. GiveUp "BadPlanFile": not such a plan, or changed since.
Result<SavedPlan> parse_saved_plan(std::string_view text);

/// A service of a saved plan that is no longer as it was then: not to be written.
struct OutOfDate {
  ServiceId id;
  std::vector<std::string> moved;  ///< sentences: what differs
  bool operator==(const OutOfDate&) const = default;
};

struct Comparison {
  Plan plan;  ///< exactly the saved changes, as today's plan has them; other services are not in it
  std::vector<OutOfDate> out_of_date;
};

/// Restricts today's plan to what the saved one says. A service whose ETag, or that of a
/// certificate to be changed, or whose changes differ is out of date. Changes of fields that the
/// saved plan could not see are left alone. Today's guards stand: what they withhold stays
/// withheld, and an approval lets it through.
Comparison compare(const SavedPlan& saved, Plan fresh);

}  // namespace dps::plan

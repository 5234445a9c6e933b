// moved: did a write change what it was to change, and nothing else? Pure.
#pragma once

#include <string>
#include <vector>

#include "reconciler/arm/codec.hpp"
#include "reconciler/arm/write_request.hpp"
#include "reconciler/base/json_fwd.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/model/live_service.hpp"

namespace dps::arm {

/// Field paths in the spelling of field_path; members that we do not know as "properties.NAME".
struct Moved {
  std::vector<std::string> fields;        ///< not ours, and not as they were sent
  std::vector<std::string> foreign_tags;  ///< the same of tags
  std::vector<std::string> not_taken;     ///< ours, and yet not as they were sent
  bool operator==(const Moved&) const = default;

  bool nothing() const { return fields.empty() && foreign_tags.empty() && not_taken.empty(); }
};

/// What a GET after the write should show: `before` with the members of the PUT's body laid over
/// it. The result may hold connection strings in clear.
Result<Json> expected_after(const LiveService& before, std::string_view body);
/// The same for a PATCH.
Result<Json> expected_after(const LiveService& before, const Tags& tags);

/// Locations without spaces and case; an absent list is an empty one, absent public access is
/// Enabled; hidden-* tags are nobody's. Members that appear and that we do not know are the
/// service's own; those that go or change have moved.
Moved compare(const Json& expected, const LiveService& after, const ServiceWrite& write);

/// The same for policies: the keys and rights of those that the write does not name.
void compare_policies(const std::vector<PolicyWithKeys>& before,
                      const std::vector<PolicyWithKeys>& after,
                      const ServiceWrite& write,
                      Moved& moved);

}  // namespace dps::arm

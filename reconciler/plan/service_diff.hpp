// service_diff: the service's own fields and its tags; the create of a service.
#pragma once

#include "reconciler/plan/findings.hpp"

namespace dps::plan {

/// Fields of the live service that differ. A location or data residency that differs is the error
/// "Replacement": another service would be needed, and that is never done.
void compare_service(const Subject& subject, Findings& out);

/// Tags that are missing, differ, or were set by us and are no longer named.
void compare_tags(const Subject& subject, Findings& out);

/// The service itself, without its hubs, policies and certificates. Errors: "NeedsLocation",
/// "NeedsSku".
void create_service(const Subject& subject, Findings& out);

/// Rules as plans show them.
nlohmann::json rules_json(const std::vector<IpFilterRule>& rules);

}  // namespace dps::plan

// record_parts: the pieces of a service's status, each from what it needs. Pure.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/controller/record.hpp"

namespace dps::controller {

/// "in_sync", "not-judged" -> "InSync", "NotJudged".
std::string pascal_case(std::string_view text);

/// `since` changes only with `status`; an unknown `since` keeps it.
void set_condition(ServiceStatus& status,
                   std::string_view type,
                   Truth truth,
                   std::string reason,
                   std::string message,
                   std::optional<WallTime> since);

Standing standing_of(plan::ServiceClass service_class, bool drift, bool differs, bool wanted);

/// Another owner's tag stands on it.
bool is_owned_by_other(const plan::ServicePlan& plan);

/// How many entries of each kind stand how. `drift`: what differs is drift, whatever its cause.
std::map<std::string, std::array<std::size_t, 6>> count_entries(const plan::ServicePlan& plan,
                                                                const DesiredService* desired,
                                                                Standing standing,
                                                                bool drift);

/// Nothing: they were not read.
std::optional<std::vector<CertificateStanding>> certificates_of(const Seen& seen);

}  // namespace dps::controller

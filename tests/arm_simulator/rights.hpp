// The six access rights of a shared access policy and the text in which the service writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/arm_simulator/switches.hpp"

namespace dps::sim {

/// A bit for each right.
using Rights = unsigned;

/// `ServiceConfig, EnrollmentWrite`: any order, names without case, spaces as they come. Nothing
/// for an unknown name or an empty text.
[[nodiscard]] std::optional<Rights> parse_rights(std::string_view text);

/// In the order and closure that the switches rights-order and rights-implied choose.
[[nodiscard]] std::string rights_text(Rights rights, const Switches& switches);

/// What provisioningserviceowner has when a service is made.
[[nodiscard]] Rights owner_rights();

}  // namespace dps::sim

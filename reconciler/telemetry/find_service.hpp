// find_service: the one service that a person means by a name.
#pragma once

#include <memory>
#include <string_view>

#include "reconciler/base/result.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry {

/// `name`: NAME, GROUP/NAME, SUBSCRIPTION/GROUP/NAME or a whole ARM id, without case. Never null.
/// GiveUp "UnknownService", whose remedy names the nearest; GiveUp "AmbiguousService", whose remedy
/// lists them. The same as of controller::Control.
Result<std::shared_ptr<const controller::ServiceStatus>> find_service(
    const controller::Status& status, std::string_view name);

}  // namespace dps::telemetry

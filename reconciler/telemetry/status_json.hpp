// status_json: what the daemon knows, as JSON for programs: "dps-reconciler/status/v1". The members
// are described by docs/status-schema.json.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"
#include "reconciler/controller/control.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry {

/// Which services stand in the answer. The summary always counts all of them.
struct StatusFilter {
  std::optional<controller::Standing> standing;
  std::size_t offset = 0;
  std::size_t limit = 100'000;
};

/// The fleet, without the services' histories and requests. `certificates` are those of the
/// services in it. Invalid UTF-8 is replaced. Ends in a newline.
std::string status_json(const controller::Status& status,
                        const controller::Health& health,
                        std::string_view version,
                        const StatusFilter& filter = {});

/// The same with `services` holding only this one, its history and its last requests with it.
/// Errors: as find_service.
Result<std::string> service_status_json(const controller::Status& status,
                                        const controller::Health& health,
                                        std::string_view version,
                                        std::string_view service);

/// "in_sync", …; nothing for another word.
std::optional<controller::Standing> standing_of(std::string_view word);

}  // namespace dps::telemetry

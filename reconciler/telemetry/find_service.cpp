#include "reconciler/telemetry/find_service.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "reconciler/base/text.hpp"

namespace dps::telemetry {
namespace {

constexpr std::size_t kMostListed = 10;

bool is_named(const ServiceId& id, const std::vector<std::string>& parts) {
  const std::size_t count = parts.size();
  if (count == 0 || count > 3) return false;
  return equal_ignoring_case(id.name, parts[count - 1]) &&
         (count < 2 || equal_ignoring_case(id.resource_group, parts[count - 2])) &&
         (count < 3 || equal_ignoring_case(id.subscription, parts[count - 3]));
}

}  // namespace

Result<std::shared_ptr<const controller::ServiceStatus>> find_service(
    const controller::Status& status, std::string_view name) {
  const auto id = parse_service_id(name);
  const auto parts = id ? std::vector<std::string>{id->subscription, id->resource_group, id->name}
                        : split(name, '/');
  std::shared_ptr<const controller::ServiceStatus> found;
  std::vector<std::string> all, names;
  for (const auto& service : status.services) {
    names.push_back(service->id.name);
    if (!is_named(service->id, parts)) continue;
    found = service;
    all.push_back(service->id.brief());
  }
  if (all.size() == 1) return found;
  const auto shown = printable(name, 200);
  if (all.empty()) {
    const auto near = nearest(parts.back(), names);
    return fail(give_up("UnknownService",
                        fmt::format("no service \"{}\" is known here", shown),
                        near.empty() ? "NAME, GROUP/NAME or SUBSCRIPTION/GROUP/NAME"
                                     : fmt::format("did you mean \"{}\"?", near)));
  }
  const auto count = all.size();
  if (all.size() > kMostListed) all.resize(kMostListed);
  return fail(give_up("AmbiguousService",
                      fmt::format("\"{}\" names {} services", shown, count),
                      "one of " + join(all, ", ")));
}

}  // namespace dps::telemetry

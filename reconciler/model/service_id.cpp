#include "reconciler/model/service_id.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"

namespace dps {

std::string ServiceId::path() const {
  return fmt::format(
      "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/provisioningServices/{}",
      subscription,
      resource_group,
      name);
}

std::string ServiceId::brief() const {
  return fmt::format("{}/{}/{}", subscription, resource_group, name);
}

std::string ServiceId::key() const {
  return lower(path());
}

bool operator==(const ServiceId& left, const ServiceId& right) {
  return equal_ignoring_case(left.name, right.name) &&
         equal_ignoring_case(left.resource_group, right.resource_group) &&
         equal_ignoring_case(left.subscription, right.subscription);
}

bool operator<(const ServiceId& left, const ServiceId& right) {
  const LessIgnoringCase less;
  if (!equal_ignoring_case(left.subscription, right.subscription)) {
    return less(left.subscription, right.subscription);
  }
  if (!equal_ignoring_case(left.resource_group, right.resource_group)) {
    return less(left.resource_group, right.resource_group);
  }
  return less(left.name, right.name);
}

Result<ServiceId> parse_service_id(std::string_view path) {
  const auto parts = split(path, '/');
  const auto is = [&](std::size_t at, std::string_view word) {
    return equal_ignoring_case(parts[at], word);
  };
  if (parts.size() != 9 || !parts[0].empty() || !is(1, "subscriptions") ||
      !is(3, "resourceGroups") || !is(5, "providers") || !is(6, "Microsoft.Devices") ||
      !is(7, "provisioningServices") || parts[2].empty() || parts[4].empty() || parts[8].empty()) {
    return fail(give_up(
        "BadId",
        fmt::format("\"{}\" is not the id of a provisioning service", printable(path, 200))));
  }
  return ServiceId{parts[2], parts[4], parts[8]};
}

}  // namespace dps

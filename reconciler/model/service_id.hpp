// service_id: which Device Provisioning Service; parsing and ordering of its ARM id.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps {

/// The ARM identity of a service. Compared and ordered without regard to case, as ARM does; the
/// spelling is kept for people.
struct ServiceId {
  std::string subscription;
  std::string resource_group;
  std::string name;

  /// "/subscriptions/S/resourceGroups/G/providers/Microsoft.Devices/provisioningServices/N"
  std::string path() const;
  /// "S/G/N" for messages and `--select`.
  std::string brief() const;
  /// The path in lower case: a key for maps and digests.
  std::string key() const;
};

bool operator==(const ServiceId& left, const ServiceId& right);
bool operator<(const ServiceId& left, const ServiceId& right);

/// Any spelling of the path above. GiveUp "BadId".
Result<ServiceId> parse_service_id(std::string_view path);

}  // namespace dps

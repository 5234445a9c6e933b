// rights: the access rights of a shared access policy, as a set closed under implication.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps {

enum class Right : std::uint8_t {
  ServiceConfig,
  EnrollmentRead,
  EnrollmentWrite,
  DeviceConnect,
  RegistrationStatusRead,
  RegistrationStatusWrite,
};

/// The names as ARM writes them, in the order of the enumeration.
const std::vector<std::string>& right_names();

/// A set of rights. EnrollmentWrite implies EnrollmentRead, RegistrationStatusRead and
/// RegistrationStatusWrite; EnrollmentRead and RegistrationStatusWrite imply
/// RegistrationStatusRead. Two sets are equal when their closures are: the service writes the same
/// set in several ways.
class Rights {
 public:
  void add(Right right) { bits_ = static_cast<std::uint8_t>(bits_ | 1U << unsigned(right)); }
  bool empty() const { return bits_ == 0 && unknown_.empty(); }
  /// As the service writes them: comma and space, implied ones left out, in the recorded order.
  std::string text() const;
  /// The same as a list, for manifests and plans.
  std::vector<std::string> names() const;
  bool operator==(const Rights& other) const;

  friend Rights lenient_rights(std::string_view text);

 private:
  std::uint8_t closed() const;
  std::uint8_t bits_ = 0;
  std::vector<std::string> unknown_;  // of a newer service; kept, compared, sent back
};

/// One right by its exact name. GiveUp "BadRight" names the six.
Result<Right> parse_right(std::string_view name);

/// What the service sent: any order, any case, unknown names are kept.
Rights lenient_rights(std::string_view text);

}  // namespace dps

#include "reconciler/model/rights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reconciler/base/text.hpp"

namespace dps {
namespace {

constexpr std::uint8_t bit(Right right) {
  return static_cast<std::uint8_t>(1U << unsigned(right));
}

struct Implication {
  Right right;
  std::uint8_t implied;
};
constexpr std::array<Implication, 3> kImplied = {{
    {Right::EnrollmentWrite,
     bit(Right::EnrollmentRead) | bit(Right::RegistrationStatusRead) |
         bit(Right::RegistrationStatusWrite)},
    {Right::EnrollmentRead, bit(Right::RegistrationStatusRead)},
    {Right::RegistrationStatusWrite, bit(Right::RegistrationStatusRead)},
}};

// The order that recordings of 2023 and later show.
constexpr std::array<Right, 6> kWritten = {Right::ServiceConfig,
                                           Right::EnrollmentRead,
                                           Right::EnrollmentWrite,
                                           Right::DeviceConnect,
                                           Right::RegistrationStatusRead,
                                           Right::RegistrationStatusWrite};

}  // namespace

const std::vector<std::string>& right_names() {
  static const std::vector<std::string> names = {"ServiceConfig",
                                                 "EnrollmentRead",
                                                 "EnrollmentWrite",
                                                 "DeviceConnect",
                                                 "RegistrationStatusRead",
                                                 "RegistrationStatusWrite"};
  return names;
}

std::uint8_t Rights::closed() const {
  unsigned all = bits_;
  for (const auto& [right, implied] : kImplied) {
    if ((all & bit(right)) != 0) all |= implied;
  }
  return static_cast<std::uint8_t>(all);
}

bool Rights::operator==(const Rights& other) const {
  return closed() == other.closed() && unknown_ == other.unknown_;
}

std::vector<std::string> Rights::names() const {
  unsigned hidden = 0;
  for (const auto& [right, implied] : kImplied) {
    if ((closed() & bit(right)) != 0) hidden |= implied;
  }
  std::vector<std::string> out;
  for (const auto right : kWritten) {
    if ((closed() & ~hidden & bit(right)) != 0) out.push_back(right_names()[unsigned(right)]);
  }
  out.insert(out.end(), unknown_.begin(), unknown_.end());
  return out;
}

std::string Rights::text() const {
  return join(names(), ", ");
}

Result<Right> parse_right(std::string_view name) {
  const auto& names = right_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return fail(give_up("BadRight",
                        fmt::format("\"{}\" is not an access right", printable(name, 60)),
                        "one of " + join(names, ", ")));
  }
  return static_cast<Right>(found - names.begin());
}

Rights lenient_rights(std::string_view text) {
  Rights rights;
  for (const auto& part : split(text, ',')) {
    const auto name = trim(part);
    if (name.empty()) continue;
    const auto& names = right_names();
    const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& known) {
      return equal_ignoring_case(known, name);
    });
    if (found != names.end()) {
      rights.add(static_cast<Right>(found - names.begin()));
    } else {
      rights.unknown_.emplace_back(name);
    }
  }
  std::sort(rights.unknown_.begin(), rights.unknown_.end());
  return rights;
}

}  // namespace dps

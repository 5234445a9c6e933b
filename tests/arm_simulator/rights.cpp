#include "tests/arm_simulator/rights.hpp"

#include <array>
#include <utility>

namespace dps::sim {

namespace {
enum Bit : Rights {
  ServiceConfig = 1,
  EnrollmentRead = 2,
  EnrollmentWrite = 4,
  DeviceConnect = 8,
  RegistrationStatusRead = 16,
  RegistrationStatusWrite = 32,
};

using Entry = std::pair<std::string_view, Rights>;
constexpr std::array<Entry, 6> kOrder2023 = {
    {{"ServiceConfig", ServiceConfig},
     {"EnrollmentRead", EnrollmentRead},
     {"EnrollmentWrite", EnrollmentWrite},
     {"DeviceConnect", DeviceConnect},
     {"RegistrationStatusRead", RegistrationStatusRead},
     {"RegistrationStatusWrite", RegistrationStatusWrite}}};
constexpr std::array<Entry, 6> kOrder2018 = {
    {{"ServiceConfig", ServiceConfig},
     {"DeviceConnect", DeviceConnect},
     {"EnrollmentRead", EnrollmentRead},
     {"EnrollmentWrite", EnrollmentWrite},
     {"RegistrationStatusRead", RegistrationStatusRead},
     {"RegistrationStatusWrite", RegistrationStatusWrite}}};

Rights implied_by(Rights rights) {
  Rights implied = 0;
  if ((rights & EnrollmentWrite) != 0)
    implied |= EnrollmentRead | RegistrationStatusRead | RegistrationStatusWrite;
  if (((rights | implied) & (EnrollmentRead | RegistrationStatusWrite)) != 0)
    implied |= RegistrationStatusRead;
  return implied;
}
}  // namespace

std::optional<Rights> parse_rights(std::string_view text) {
  Rights rights = 0;
  for (const auto& part : split(text, ',')) {
    const auto name = trim(part);
    Rights found = 0;
    for (const auto& [known, bit] : kOrder2023)
      if (equal_ignoring_case(known, name)) found = bit;
    if (found == 0) return std::nullopt;
    rights |= found;
  }
  return rights;
}

std::string rights_text(Rights rights, const Switches& switches) {
  if (switches.is("rights-implied", "expanded")) {
    rights |= implied_by(rights);
  } else {
    Rights kept = 0;
    for (const auto& [name, bit] : kOrder2023)
      if ((rights & bit) != 0 && (implied_by(rights & ~bit) & bit) == 0) kept |= bit;
    rights = kept;
  }
  std::string text;
  for (const auto& [name, bit] : switches.is("rights-order", "2018") ? kOrder2018 : kOrder2023) {
    if ((rights & bit) == 0) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

Rights owner_rights() {
  return ServiceConfig | EnrollmentWrite | DeviceConnect;
}

}  // namespace dps::sim

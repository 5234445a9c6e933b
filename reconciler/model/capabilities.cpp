#include "reconciler/model/capabilities.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"

namespace dps {

const std::vector<Capabilities>& known_versions() {
  using enum CertificateBody;
  //  version       certificate  verified  ip rules  public access  residency
  static const std::vector<Capabilities> table = {
      {"2017-11-15", Flat, false, false, false, false},
      {"2018-01-22", Flat, false, false, false, false},
      {"2020-01-01", Flat, false, true, false, false},
      {"2020-03-01", Flat, true, true, true, false},
      {"2021-10-15", Flat, true, true, true, true},
      {"2022-02-05", Properties, true, true, true, true},
      {"2022-12-12", Properties, true, true, true, true},
  };
  return table;
}

Result<Capabilities> capabilities_of(std::string_view version) {
  if (version.empty() || version == "auto") version = kDefaultVersion;
  std::vector<std::string> names;
  for (const auto& row : known_versions()) {
    if (row.version == version) return row;
    names.emplace_back(row.version);
  }
  return fail(give_up("BadApiVersion",
                      fmt::format("API version \"{}\" is not known", printable(version, 40)),
                      "auto, " + join(names, ", ")));
}

std::string_view lowest_version_with(bool Capabilities::*field) {
  for (const auto& row : known_versions()) {
    if (row.*field) return row.version;
  }
  return {};
}

}  // namespace dps

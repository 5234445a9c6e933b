#include "tests/arm_simulator/versions.hpp"

namespace dps::sim {

const std::vector<Version>& versions() {
  using enum CertificateBody;
  static const std::vector<Version> table = {
      // name, provState, hubName, emptyEtag, ipFilter, network, residency, content, trusted, body,
      // echo
      {"2017-11-15", false, false, true, false, false, false, false, false, Flat, false},
      {"2018-01-22", true, true, true, false, false, false, true, false, Flat, false},
      {"2020-01-01", true, true, false, true, false, false, true, false, Flat, false},
      {"2020-03-01", true, true, false, true, true, false, true, true, Flat, false},
      {"2021-10-15", true, true, false, true, true, true, true, true, Flat, false},
      {"2022-02-05", true, true, false, true, true, true, true, true, UnderProperties, true},
      {"2022-12-12", true, true, false, true, true, true, true, true, UnderProperties, true},
  };
  return table;
}

const Version* find_version(std::string_view name) {
  for (const auto& version : versions())
    if (version.name == name) return &version;
  return nullptr;
}

}  // namespace dps::sim

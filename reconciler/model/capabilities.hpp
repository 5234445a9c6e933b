// capabilities: what each api-version can carry, as one table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps {

enum class CertificateBody { Flat, Properties };

struct Capabilities {
  std::string_view version;
  CertificateBody certificate_body;
  bool verified_at_upload;  ///< isVerified may be sent with the certificate
  bool ip_filter_rules;
  bool public_network_access;
  bool data_residency;
};

/// The stable versions that can be pinned, oldest first; source: the public specifications.
const std::vector<Capabilities>& known_versions();
inline constexpr std::string_view kDefaultVersion = "2022-12-12";
/// The newest that is known: what reads use.
inline constexpr std::string_view kNewestVersion = "2022-12-12";

/// "auto" gives the default. GiveUp "BadApiVersion" lists what is known.
Result<Capabilities> capabilities_of(std::string_view version);

/// The lowest version that has the field, or "": for "needs 2020-01-01 or later".
std::string_view lowest_version_with(bool Capabilities::*field);

}  // namespace dps

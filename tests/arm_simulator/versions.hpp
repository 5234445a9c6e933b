// What each api-version of Microsoft.Devices/provisioningServices can show and carry.
#pragma once

#include <string_view>
#include <vector>

namespace dps::sim {

enum class CertificateBody { Flat, UnderProperties };

struct Version {
  std::string_view name;
  bool provisioning_state;        // shown by GET
  bool hub_name_in_put_answer;    // `name` of a hub in the answer to a PUT
  bool patch_answers_empty_etag;  // else the etag before the change
  bool ip_filter;                 // ipFilterRules
  bool network;                   // publicNetworkAccess, privateEndpointConnections, private links
  bool data_residency;            // enableDataResidency
  bool certificate_content;       // `certificate` in a certificate's answer
  bool certificate_trusted;       // isVerified may be set at upload
  CertificateBody certificate_body;  // of a PUT
  bool certificate_echo;  // the content comes back (else null), where the switch says by-version
};

/// The stable versions from 2017-11-15 to 2022-12-12, oldest first.
[[nodiscard]] const std::vector<Version>& versions();
[[nodiscard]] const Version* find_version(std::string_view name);

}  // namespace dps::sim

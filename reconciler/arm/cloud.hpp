// cloud: which Azure: its ARM, its authority, its audience; and the URLs of what lies in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"
#include "reconciler/model/secret_reference.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::arm {

struct Cloud {
  std::string name;       ///< "public", "usgov", "china"
  std::string arm;        ///< "https://management.azure.com": no slash at the end
  std::string authority;  ///< "https://login.microsoftonline.com"
  std::string audience;   ///< what tokens are for; "/.default" is added to it
  bool operator==(const Cloud&) const = default;
};

/// GiveUp "BadCloud" names the three.
Result<Cloud> cloud_named(std::string_view name);

/// The cloud with another ARM endpoint or authority; empty ones change nothing. The audience stays
/// the cloud's: a token for another audience could be misused elsewhere. GiveUp "BadEndpoint" for
/// what is no https URL without path and query (http is allowed for loopback).
Result<Cloud> with_endpoints(Cloud cloud, std::string_view arm, std::string_view authority);

/// The version of the API of IoT hubs, of resource groups.
inline constexpr std::string_view kHubVersion = "2023-06-30";
inline constexpr std::string_view kResourcesVersion = "2021-04-01";

/// URLs, percent-encoded by segment. `suffix` is "" or "/listkeys", "/certificates", ….
std::string service_url(const Cloud& cloud,
                        const ServiceId& id,
                        std::string_view version,
                        std::string_view suffix = {});
std::string certificate_url(const Cloud& cloud,
                            const ServiceId& id,
                            std::string_view certificate,
                            std::string_view version,
                            std::string_view suffix = {});
std::string services_url(const Cloud& cloud,
                         std::string_view subscription,
                         std::string_view version);
std::string services_url(const Cloud& cloud,
                         std::string_view subscription,
                         std::string_view group,
                         std::string_view version);
std::string name_check_url(const Cloud& cloud,
                           std::string_view subscription,
                           std::string_view version);
std::string group_url(const Cloud& cloud, std::string_view subscription, std::string_view group);
std::string hub_keys_url(const Cloud& cloud, const HubKeyReference& reference);

}  // namespace dps::arm

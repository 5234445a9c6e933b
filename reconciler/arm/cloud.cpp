#include "reconciler/arm/cloud.hpp"

#include <fmt/format.h>

#include <array>

#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::arm {
namespace {

using http::percent_encoded;

Result<std::string> checked_endpoint(std::string_view what, std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  const auto origin = http::origin_of(url);
  const bool safe = origin && (origin->scheme == "https" || http::is_loopback(*origin));
  if (!safe || http::path_of(url) != "/" || url.find_first_of("?#") != std::string_view::npos) {
    return fail(give_up("BadEndpoint",
                        fmt::format("{} is no https URL of a host", what),
                        "write it like https://management.azure.com; plain http is taken for "
                        "loopback only"));
  }
  return std::string(url);
}

std::string provider(const Cloud& cloud, std::string_view subscription, std::string_view group) {
  auto url = cloud.arm + "/subscriptions/" + percent_encoded(subscription);
  if (!group.empty()) url += "/resourceGroups/" + percent_encoded(group);
  return url + "/providers/Microsoft.Devices";
}

std::string versioned(std::string url, std::string_view version) {
  url += "?api-version=";
  url += version;
  return url;
}

}  // namespace

Result<Cloud> cloud_named(std::string_view name) {
  static const std::array<Cloud, 3> clouds = {{
      {"public",
       "https://management.azure.com",
       "https://login.microsoftonline.com",
       "https://management.azure.com"},
      {"usgov",
       "https://management.usgovcloudapi.net",
       "https://login.microsoftonline.us",
       "https://management.usgovcloudapi.net"},
      {"china",
       "https://management.chinacloudapi.cn",
       "https://login.chinacloudapi.cn",
       "https://management.chinacloudapi.cn"},
  }};
  for (const auto& cloud : clouds) {
    if (cloud.name == name) return cloud;
  }
  return fail(give_up("BadCloud",
                      fmt::format("no cloud is called \"{}\"", printable(name, 40)),
                      "public, usgov or china"));
}

Result<Cloud> with_endpoints(Cloud cloud, std::string_view arm, std::string_view authority) {
  if (!arm.empty()) {
    auto url = checked_endpoint("the ARM endpoint", arm);
    if (!url) return fail(url.error());
    cloud.arm = *std::move(url);
  }
  if (!authority.empty()) {
    auto url = checked_endpoint("the authority", authority);
    if (!url) return fail(url.error());
    cloud.authority = *std::move(url);
  }
  return cloud;
}

std::string service_url(const Cloud& cloud,
                        const ServiceId& id,
                        std::string_view version,
                        std::string_view suffix) {
  auto url = provider(cloud, id.subscription, id.resource_group) + "/provisioningServices/" +
             percent_encoded(id.name);
  url += suffix;
  return versioned(std::move(url), version);
}

std::string certificate_url(const Cloud& cloud,
                            const ServiceId& id,
                            std::string_view certificate,
                            std::string_view version,
                            std::string_view suffix) {
  const auto path = fmt::format("/certificates/{}{}", percent_encoded(certificate), suffix);
  return service_url(cloud, id, version, path);
}

std::string services_url(const Cloud& cloud,
                         std::string_view subscription,
                         std::string_view version) {
  return services_url(cloud, subscription, {}, version);
}

std::string services_url(const Cloud& cloud,
                         std::string_view subscription,
                         std::string_view group,
                         std::string_view version) {
  return versioned(provider(cloud, subscription, group) + "/provisioningServices", version);
}

std::string name_check_url(const Cloud& cloud,
                           std::string_view subscription,
                           std::string_view version) {
  return versioned(provider(cloud, subscription, {}) + "/checkProvisioningServiceNameAvailability",
                   version);
}

std::string group_url(const Cloud& cloud, std::string_view subscription, std::string_view group) {
  return versioned(cloud.arm + "/subscriptions/" + percent_encoded(subscription) +
                       "/resourcegroups/" + percent_encoded(group),
                   kResourcesVersion);
}

std::string hub_keys_url(const Cloud& cloud, const HubKeyReference& reference) {
  return versioned(provider(cloud, reference.subscription, reference.resource_group) + "/IotHubs/" +
                       percent_encoded(reference.hub) + "/IotHubKeys/" +
                       percent_encoded(reference.policy) + "/listkeys",
                   kHubVersion);
}

}  // namespace dps::arm

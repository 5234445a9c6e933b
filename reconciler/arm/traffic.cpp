#include "reconciler/arm/traffic.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::arm {
namespace {

using http::Method;
using http::Repeat;

std::string operation_of(Method method, const std::string& path) {
  const auto has = [&](std::string_view piece) { return path.find(piece) != std::string::npos; };
  if (path.ends_with("/listkeys")) return has("/iothubs/") ? "list_hub_keys" : "list_keys";
  if (path.ends_with("/checkprovisioningservicenameavailability")) return "check_name";
  if (path.ends_with("/generateverificationcode")) return "generate_verification_code";
  if (path.ends_with("/verify")) return "verify_certificate";
  if (has("operationresults/")) return "poll";
  if (path.ends_with("/skus")) return "list_skus";
  if (path.ends_with("/certificates")) return "list_certificates";
  if (has("/certificates/")) {
    return method == Method::Get      ? "get_certificate"
           : method == Method::Delete ? "delete_certificate"
                                      : "put_certificate";
  }
  if (path.ends_with("/provisioningservices")) return "list_services";
  if (has("/provisioningservices/")) {
    switch (method) {
      case Method::Put:
        return "put_service";
      case Method::Patch:
        return "patch_service";
      case Method::Delete:
        return "delete_service";
      default:
        return "get_service";
    }
  }
  if (has("/resourcegroups/") && !has("/providers/")) return "get_resource_group";
  return "other";
}

std::string_view quota_of(Method method, const std::string& operation) {
  switch (method) {
    case Method::Get:
      return "reads";
    case Method::Delete:
      return "deletes";
    case Method::Post:
      return "writes";
    default:
      return operation == "put_certificate" ? "writes" : "resource-requests";
  }
}

constexpr std::string_view kRemaining = "x-ms-ratelimit-remaining-";

bool is_quota(std::string_view name) {
  return name == "reads" || name == "writes" || name == "deletes" || name == "resource-requests";
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string subscription_of(const http::Request& request) {
  const auto pieces = split(lower(http::path_of(request.url)), '/');
  return pieces.size() > 2 && pieces[1] == "subscriptions" ? pieces[2] : std::string();
}

}  // namespace

http::Traits traits_of(const http::Request& request) {
  const auto path = lower(http::path_of(request.url));
  http::Traits traits;
  traits.operation = operation_of(request.method, path);

  traits.gate = subscription_of(request);
  traits.gate.append("/").append(quota_of(request.method, traits.operation));

  const bool reads = request.method == Method::Get || traits.operation == "list_keys" ||
                     traits.operation == "list_hub_keys" || traits.operation == "check_name";
  traits.repeat = reads ? Repeat::Freely : Repeat::OnlyUndone;
  return traits;
}

std::vector<http::QuotaReading> quotas_of(const http::Request& request,
                                          const http::Response& response) {
  std::vector<http::QuotaReading> out;
  for (auto at = response.headers.lower_bound(std::string(kRemaining));
       at != response.headers.end();
       ++at) {
    const auto name = lower(at->first);
    if (!name.starts_with(kRemaining)) break;
    std::string_view rest = std::string_view(name).substr(kRemaining.size());
    const auto remaining = whole_number(at->second);
    if (!remaining) continue;
    for (const std::string_view scope : {"subscription-", "tenant-"}) {
      if (!rest.starts_with(scope)) continue;
      const auto quota = rest.substr(scope.size());
      if (!is_quota(quota)) continue;
      auto gate = scope == "tenant-" ? std::string() : subscription_of(request);
      out.push_back({gate.append("/").append(quota), *remaining});
    }
  }
  return out;
}

double documented_pace(const std::string& gate) {
  return gate.ends_with("/reads") ? 25 : 10;
}

}  // namespace dps::arm

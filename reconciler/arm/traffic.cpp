#include "reconciler/arm/traffic.hpp"

#include <string>
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

}  // namespace

http::Traits traits_of(const http::Request& request) {
  const auto path = lower(http::path_of(request.url));
  http::Traits traits;
  traits.operation = operation_of(request.method, path);

  const auto pieces = split(path, '/');
  if (pieces.size() > 2 && pieces[1] == "subscriptions") traits.gate = pieces[2];
  traits.gate.append("/").append(quota_of(request.method, traits.operation));

  const bool reads = request.method == Method::Get || traits.operation == "list_keys" ||
                     traits.operation == "list_hub_keys" || traits.operation == "check_name";
  traits.repeat = reads ? Repeat::Freely : Repeat::OnlyUndone;
  return traits;
}

}  // namespace dps::arm

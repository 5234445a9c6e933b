#include "tests/arm_simulator/gates.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace dps::sim {

namespace {
constexpr std::string_view kDevices = "microsoft.devices";
constexpr std::string_view kServices = "provisioningservices";

std::string_view service_deny(const Call& call, std::string_view& action) {
  const auto& segments = call.segments;
  const auto& method = call.request.method;
  const bool write = method == "PUT" || method == "DELETE" || method == "POST";
  if (segments.size() <= 7) {
    action = "Microsoft.Devices/provisioningServices/read";
    return segments.size() == 5 ? "list" : "list-group";
  }
  if (segments.size() > 8) {
    const auto& child = segments[8];
    if (child == "listkeys" || child == "keys") {
      action = "Microsoft.Devices/provisioningServices/listKeys/action";
      return "listkeys";
    }
    if (child == "certificates") {
      action = write ? "Microsoft.Devices/provisioningServices/certificates/write"
                     : "Microsoft.Devices/provisioningServices/certificates/read";
      return write ? "write-certificates" : "read-certificates";
    }
    if (child == "operationresults") {
      action = "Microsoft.Devices/provisioningServices/operationresults/read";
      return "operations";
    }
    if (child == "skus") {
      action = "Microsoft.Devices/provisioningServices/skus/read";
      return "skus";
    }
    action = "Microsoft.Devices/provisioningServices/read";
    return "read";
  }
  if (method == "PUT" || method == "PATCH") {
    action = "Microsoft.Devices/provisioningServices/write";
    return method == "PUT" ? "write" : "patch";
  }
  if (method == "DELETE") {
    action = "Microsoft.Devices/provisioningServices/delete";
    return "delete";
  }
  action = "Microsoft.Devices/provisioningServices/read";
  return "read";
}

std::string scope_of(const Call& call) {
  std::string scope;
  for (const auto& segment : call.path) {
    scope += '/';
    scope += segment;
  }
  return scope;
}

double start_of(std::string_view quota) {
  if (quota == "reads") return 12'000;
  if (quota == "writes") return 1'200;
  if (quota == "deletes") return 15'000;
  return 5'000;
}
}  // namespace

Gate classify(const Call& call) {
  const auto& segments = call.segments;
  const auto& method = call.request.method;
  Gate gate;
  gate.quota = method == "GET" || method == "HEAD" ? "reads"
               : method == "DELETE"                ? "deletes"
                                                   : "writes";
  const auto provider = std::find(segments.begin(), segments.end(), "providers");
  const auto at = static_cast<std::size_t>(provider - segments.begin());
  if (segments.size() == 4 && provider == segments.end() && segments[2] == "resourcegroups") {
    gate.deny = method == "GET" || method == "HEAD" ? "read-group" : "write-group";
    gate.action = method == "GET" ? "Microsoft.Resources/subscriptions/resourceGroups/read"
                                  : "Microsoft.Resources/subscriptions/resourceGroups/write";
    return gate;
  }
  if (segments.size() == 2) {
    gate.deny = "read-subscription";
    gate.action = "Microsoft.Resources/subscriptions/read";
    return gate;
  }
  if (at + 1 >= segments.size() || segments[at + 1] != kDevices) return gate;
  const auto type =
      at + 2 < segments.size() ? std::string_view(segments[at + 2]) : std::string_view();
  gate.of_devices = !type.empty() && type != "register";
  if (type == kServices) {
    gate.of_services = true;
    gate.deny = service_deny(call, gate.action);
    if ((method == "PUT" || method == "PATCH") && segments.size() == 8)
      gate.quota = "resource-requests";
  } else if (type == "checkprovisioningservicenameavailability") {
    gate.of_services = true;
    gate.deny = "name-check";
    gate.action = "Microsoft.Devices/checkProvisioningServiceNameAvailability/action";
  } else if (type == "operations") {
    gate.of_services = true;
  } else if (type == "locations") {
    gate.deny = "operations";
    gate.action = "Microsoft.Devices/locations/provisioningServiceOperationResults/read";
  } else if (type == "iothubs") {
    const bool keys = segments.back() == "listkeys";
    gate.deny = keys ? "hub-listkeys" : "hub-read";
    gate.action =
        keys ? "Microsoft.Devices/iotHubs/listkeys/Action" : "Microsoft.Devices/IotHubs/read";
    if (method == "PUT") gate.quota = "resource-requests";
  }
  return gate;
}

Charge charge(State& state, const Call& call, const Gate& gate) {
  const bool of_subscription = call.segments.size() >= 2 && call.segments[0] == "subscriptions";
  auto& bucket = state.buckets[fmt::format(
      "{}|{}", of_subscription ? call.segments[1] : std::string("tenant"), gate.quota)];
  Charge result;
  result.header = fmt::format(
      "x-ms-ratelimit-remaining-{}-{}", of_subscription ? "subscription" : "tenant", gate.quota);
  const auto quota = quota_of(state.switches.value(fmt::format("quota-{}", gate.quota)));
  ++bucket.taken;
  if (!quota) {
    // Counts down from the recorded start and begins again long before the end: a quota that is
    // not simulated must not look exhausted.
    const auto start = static_cast<std::uint64_t>(start_of(gate.quota));
    result.remaining = std::to_string(start - 1 - (bucket.taken - 1) % (start / 2));
    return result;
  }
  if (bucket.level < 0) {
    bucket.level = quota->capacity;
    bucket.at = call.now;
  }
  const auto passed = std::chrono::duration<double>(call.now - bucket.at).count();
  bucket.level =
      std::min(quota->capacity, bucket.level + std::max(passed, 0.0) * quota->per_second);
  bucket.at = call.now;
  if (bucket.level < 1) {
    const double wait = quota->per_second > 0 ? (1 - bucket.level) / quota->per_second : 3600;
    const auto seconds = static_cast<long>(std::ceil(std::max(wait, 1.0)));
    result.remaining = std::to_string(0);
    result.refusal = gateway_error(
        429,
        gate.quota == "resource-requests" ? "ResourceRequestsThrottled"
                                          : "SubscriptionRequestsThrottled",
        fmt::format(
            "Number of requests for subscription '{}' and operation '{}' exceeded the limit. "
            "Please try again after '{}' seconds.",
            of_subscription ? call.path[1] : std::string(),
            gate.quota,
            seconds));
    result.refusal->set("Retry-After", std::to_string(seconds));
    result.refusal->set("Connection", "close");
    return result;
  }
  bucket.level -= 1;
  result.remaining = std::to_string(static_cast<long>(bucket.level));
  return result;
}

std::optional<Response> version_refused(const State& state, Call& call, const Gate& gate) {
  if (call.api_version.empty())
    return gateway_error(400,
                         "MissingApiVersionParameter",
                         "The api-version query parameter (?api-version=) is required for all "
                         "requests.");
  const auto& text = call.api_version;
  const bool dated =
      text.size() >= 10 && text[4] == '-' && text[7] == '-' &&
      std::all_of(text.begin(), text.begin() + 4, [](char c) { return c >= '0' && c <= '9'; });
  if (!dated)
    return gateway_error(
        400, "InvalidApiVersionParameter", fmt::format("The api-version '{}' is invalid.", text));
  if (!gate.of_services) return std::nullopt;
  call.version = find_version(lower(text));
  if (call.version != nullptr && state.switches.holds("supported-api-versions", call.version->name))
    return std::nullopt;
  const auto supported = state.switches.value("supported-api-versions");
  const auto names = fmt::format("{}", fmt::join(split(supported, ','), ", "));
  if (state.switches.is("unsupported-version", "invalid-resource-type"))
    return gateway_error(
        404,
        "InvalidResourceType",
        fmt::format("The resource type 'provisioningServices' could not be found in the "
                    "namespace 'Microsoft.Devices' for api version '{}'. The supported "
                    "api-versions are '{}'.",
                    text,
                    names));
  return gateway_error(
      400,
      "NoRegisteredProviderFound",
      fmt::format("No registered resource provider found for API version '{}' for type "
                  "'provisioningServices'. The supported api-versions are '{}'.",
                  text,
                  names));
}

std::optional<Response> forbidden(const State& state, const Call& call, const Gate& gate) {
  if (gate.deny.empty() || !state.switches.holds("deny", gate.deny)) return std::nullopt;
  return gateway_error(
      403,
      "AuthorizationFailed",
      fmt::format(
          "The client '{}' with object id '00000000-0000-4000-8000-00000000000a' does not have "
          "authorization to perform action '{}' over scope '{}' or the scope is invalid. If "
          "access was recently granted, please refresh your credentials.",
          state.identity().client_id,
          gate.action,
          scope_of(call)));
}

std::optional<Response> locked(const State& state, const Call& call, const Gate&) {
  const auto& method = call.request.method;
  if (state.switches.is("lock", "none") || call.segments.size() < 4 ||
      call.segments[2] != "resourcegroups")
    return std::nullopt;
  const bool deletes = method == "DELETE";
  const bool writes = method != "GET" && method != "HEAD";
  if (!deletes && !(writes && state.switches.is("lock", "read-only"))) return std::nullopt;
  return gateway_error(
      409,
      "ScopeLocked",
      fmt::format(
          "The scope '{}' cannot perform {} operation because following scope(s) are locked: "
          "'{}'. Please remove the lock and try again.",
          scope_of(call),
          deletes ? "delete" : "write",
          group_key(call.path[1], call.path[3])));
}

std::optional<Response> not_registered(const State& state, const Call& call, const Gate& gate) {
  if (!gate.of_devices || call.segments.size() < 2 || call.segments[0] != "subscriptions")
    return std::nullopt;
  const auto& subscription = state.subscriptions.at(subscription_key(call.subscription()));
  if (subscription.registered && state.switches.is("provider-registered", "yes"))
    return std::nullopt;
  constexpr std::string_view message =
      "The subscription is not registered to use namespace 'Microsoft.Devices'. See "
      "https://aka.ms/rps-not-found for how to register subscriptions.";
  return gateway_error(409,
                       "MissingSubscriptionRegistration",
                       message,
                       Json::array({{{"code", "MissingSubscriptionRegistration"},
                                     {"target", "Microsoft.Devices"},
                                     {"message", message}}}));
}

}  // namespace dps::sim

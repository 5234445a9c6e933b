#include "tests/arm_simulator/switches.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "tests/arm_simulator/versions.hpp"

namespace dps::sim {

namespace {
std::vector<std::string_view> version_names() {
  std::vector<std::string_view> names;
  for (const auto& version : versions()) names.push_back(version.name);
  return names;
}

std::string all_versions() {
  return fmt::format("{}", fmt::join(version_names(), ","));
}

std::optional<double> positive(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || end != copy.c_str() + copy.size()) return std::nullopt;
  if (!std::isfinite(value) || value < 0 || value > 1e9) return std::nullopt;
  return value;
}

bool quota_is_sound(std::string_view text) {
  return text == "default" || quota_of(text);
}
}  // namespace

const std::vector<SwitchRow>& switch_table() {
  using enum SwitchKind;
  static const std::string every_version = all_versions();
  static const std::vector<SwitchRow> table = {
      // --- pace and size
      {"operation-time",
       Duration,
       {},
       "0s",
       "how long a PUT or DELETE of a service or hub runs; with 0s the first poll says Succeeded"},
      {"latency", Duration, {}, "0s", "how long every answer of the ARM listeners is held back"},
      {"page-size", Number, {}, "0", "entries of a page of a list of services; 0: all in one page"},
      {"token-lifetime",
       Duration,
       {},
       "3600s",
       "how long a token is good, by the simulator's clock"},
      {"supported-api-versions",
       Set,
       version_names(),
       every_version,
       "the versions of provisioningServices that are known; the others answer 400"},
      // --- the service: what is unknown
      {"if-match",
       Choice,
       {"ignored", "enforced", "refused"},
       "ignored",
       "If-Match on PUT, PATCH, DELETE of a service: no effect; 412 when it is not the current "
       "etag; always 412, even with the current etag"},
      {"body-etag",
       Choice,
       {"ignored", "enforced"},
       "ignored",
       "an etag in the body of a PUT that is not the current one: accepted (as recorded in 2021), "
       "or 412"},
      {"policies-omitted",
       Choice,
       {"kept", "dropped"},
       "kept",
       "authorizationPolicies left out of an update: kept; or all but a fresh default policy are "
       "gone"},
      {"hubs-omitted",
       Choice,
       {"kept", "dropped"},
       "kept",
       "iotHubs left out of an update: still linked, or unlinked"},
      {"allocation-policy-omitted",
       Choice,
       {"kept", "default"},
       "kept",
       "allocationPolicy left out of an update: kept, or Hashed"},
      {"private-endpoints-omitted",
       Choice,
       {"kept", "dropped"},
       "kept",
       "privateEndpointConnections left out of an update"},
      {"network-omitted",
       Choice,
       {"kept", "dropped"},
       "kept",
       "ipFilterRules and publicNetworkAccess left out of an update, or unknown to its version"},
      {"unknown-members",
       Choice,
       {"dropped", "kept"},
       "dropped",
       "members of a PUT that no version knows; what a seed or an edit put into the document "
       "survives a PUT that sends it back, either way"},
      {"newer-members-omitted",
       Choice,
       {"dropped", "kept"},
       "dropped",
       "members that a seed put into the document and a PUT leaves out"},
      {"transition-view",
       Choice,
       {"transitioning", "old"},
       "transitioning",
       "GET while an update or delete runs: the new values, Transitioning or Deleting; or the old "
       "values, Active (writes are 409301 all the same)"},
      {"location-poll",
       Choice,
       {"202", "200"},
       "202",
       "GET of a DELETE's Location while it runs: 202 with Location, or 200 with an empty body"},
      {"failed-operation",
       Choice,
       {"poll-404", "status-failed"},
       "poll-404",
       "how a failed PUT shows: the poll answers 404 with the provider's body, or 200 with status "
       "Failed and an error whose code is a string"},
      {"failed-create",
       Choice,
       {"removed", "activation-failed"},
       "removed",
       "what a failed create leaves: nothing, or a service in state ActivationFailed"},
      {"masked-unlinked",
       Choice,
       {"rejected", "stored"},
       "rejected",
       "a masked connection string for a hub that is not linked: 400, or the stars become its key"},
      {"masked-changed",
       Choice,
       {"rejected", "kept"},
       "rejected",
       "a masked connection string with another key name than the stored one: 400, or the stored "
       "key is kept under the new name"},
      {"unknown-hub",
       Choice,
       {"operation-fails", "accepted"},
       "operation-fails",
       "linking a hub that is not in this world"},
      {"wrong-hub-key",
       Choice,
       {"accepted", "operation-fails"},
       "accepted",
       "linking a hub with a key that is not one of its keys"},
      {"name-taken-reason",
       Choice,
       {"AlreadyExists", "Invalid"},
       "AlreadyExists",
       "reason of the name check for a taken name"},
      {"name-owned-elsewhere",
       Choice,
       {"conflict", "operation-fails"},
       "conflict",
       "PUT of a name that exists in another group or subscription: 409 code 409004, or the "
       "operation fails"},
      {"limits",
       Choice,
       {"off", "bad-request", "forbidden"},
       "off",
       "10 services a subscription, 50 hubs, 25 certificates: not enforced; 400 of the provider; "
       "403 of the gateway"},
      {"delete-missing-service",
       Choice,
       {"404", "204"},
       "404",
       "DELETE of a service that does not exist"},
      {"delete-missing-certificate",
       Choice,
       {"404", "204"},
       "404",
       "DELETE of a certificate that does not exist"},
      {"unauthorized-body", Choice, {"error", "empty"}, "error", "body of a 401"},
      {"operation-outcome",
       Choice,
       {"succeeded", "failed"},
       "succeeded",
       "failed: every PUT and DELETE of a service fails at its end and changes nothing"},
      // --- the service: what varies with time or version
      {"async-url",
       Choice,
       {"signed", "location", "resource"},
       "signed",
       "form of the URL of a long operation: since September 2023; since May 2023; before"},
      {"signed-url-mismatch",
       Choice,
       {"403", "400"},
       "403",
       "answer to a signed URL that was altered"},
      {"asyncinfo-undefined",
       Choice,
       {"accepted", "refused"},
       "accepted",
       "a signed URL whose flag comes back as asyncinfo=undefined, as Azure's JavaScript SDK sends "
       "it: good all the same, or altered; every other difference is refused"},
      {"deleted-resource-poll",
       Choice,
       {"not-found", "succeeded"},
       "not-found",
       "poll of a finished DELETE with async-url=resource: 404 ResourceNotFound of the gateway, or "
       "Succeeded"},
      {"put-status",
       Choice,
       {"201", "200", "202"},
       "201",
       "status of a PUT of a service; only 201 was recorded"},
      {"put-async-header",
       Choice,
       {"azure-async", "location", "none"},
       "azure-async",
       "what a PUT of a service says about where to poll; only Azure-AsyncOperation was recorded"},
      {"rights-order",
       Choice,
       {"2023", "2018"},
       "2023",
       "EnrollmentWrite before DeviceConnect, or after it"},
      {"rights-implied",
       Choice,
       {"collapsed", "expanded"},
       "collapsed",
       "implied rights of a policy: left out (stable versions), or spelled out"},
      {"hub-authentication-type",
       Choice,
       {"hidden", "shown"},
       "hidden",
       "authenticationType KeyBased in each hub of a GET, in every version (since 2025)"},
      {"portal-host",
       Choice,
       {"hidden", "shown"},
       "hidden",
       "portalOperationsHostName in GET of 2022-12-12"},
      // --- certificates
      {"certificate-etag",
       Choice,
       {"guid", "counter"},
       "guid",
       "etag of a certificate: base64 of a quoted guid (since 2021), or of a counter"},
      {"certificate-subject", Choice, {"plain", "cn"}, "plain", "subject X, or CN=X (early 2018)"},
      {"certificate-created",
       Choice,
       {"year-one", "real"},
       "year-one",
       "created: Mon, 01 Jan 0001 (since 2021), or the time"},
      {"certificate-echo",
       Choice,
       {"by-version", "null", "echo"},
       "by-version",
       "the uploaded text in answers: null up to 2021-10-15 and echoed later; or one of the two "
       "always"},
      {"certificate-put-without-if-match",
       Choice,
       {"refused", "accepted"},
       "refused",
       "PUT on an existing certificate without If-Match: 412, or done"},
      {"reput-verified",
       Choice,
       {"reset", "kept"},
       "reset",
       "isVerified after a re-PUT of a verified certificate that does not send it"},
      // --- the front door
      {"deny",
       Set,
       {"read",
        "list",
        "list-group",
        "listkeys",
        "hub-read",
        "hub-listkeys",
        "name-check",
        "read-group",
        "write-group",
        "read-subscription",
        "skus",
        "write",
        "patch",
        "delete",
        "read-certificates",
        "write-certificates",
        "operations"},
       "none",
       "actions that answer 403 AuthorizationFailed"},
      {"lock",
       Choice,
       {"none", "delete", "read-only"},
       "none",
       "a management lock on every group: DELETE, or every write and listkeys, answers 409 "
       "ScopeLocked"},
      {"provider-registered",
       Choice,
       {"yes", "no"},
       "yes",
       "no: everything of Microsoft.Devices answers 409 MissingSubscriptionRegistration until it "
       "is registered"},
      {"unsupported-version",
       Choice,
       {"no-registered-provider", "invalid-resource-type"},
       "no-registered-provider",
       "error for an unknown api-version: 400 NoRegisteredProviderFound, or 404 "
       "InvalidResourceType"},
      {"quota-reads",
       Quota,
       {},
       "default",
       "bucket of reads per subscription: never empty, or CAPACITY/REFILL_PER_SECOND and then 429"},
      {"quota-writes", Quota, {}, "default", "bucket of certificate PUTs and all POSTs"},
      {"quota-deletes", Quota, {}, "default", "bucket of DELETEs"},
      {"quota-resource-requests", Quota, {}, "default", "bucket of PUT and PATCH of services"},
  };
  return table;
}

Switches::Switches() {
  for (const auto& row : switch_table()) values_.emplace(row.name, row.initial);
}

std::optional<std::string> Switches::set(std::string_view name, std::string_view value) {
  const auto& table = switch_table();
  const auto row = std::find_if(table.begin(), table.end(), [&](const SwitchRow& candidate) {
    return candidate.name == name;
  });
  if (row == table.end()) return fmt::format("no switch is named '{}'", name);
  const auto choices = fmt::format("{}", fmt::join(row->values, ", "));
  const auto known = [&](std::string_view member) {
    return std::find(row->values.begin(), row->values.end(), member) != row->values.end();
  };
  switch (row->kind) {
    case SwitchKind::Choice:
      if (!known(value))
        return fmt::format("switch '{}' cannot be '{}'; it takes one of {}", name, value, choices);
      break;
    case SwitchKind::Set:
      if (value != "none")
        for (const auto& member : split(value, ','))
          if (!known(member))
            return fmt::format(
                "switch '{}' has no '{}'; it takes none, or some of {}", name, member, choices);
      break;
    case SwitchKind::Duration:
      if (!duration(value))
        return fmt::format("switch '{}' cannot be '{}'; it takes a duration as 2s", name, value);
      break;
    case SwitchKind::Number: {
      std::size_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc{} || end != value.data() + value.size())
        return fmt::format("switch '{}' cannot be '{}'; it takes a whole number", name, value);
      break;
    }
    case SwitchKind::Quota:
      if (!quota_is_sound(value))
        return fmt::format("switch '{}' cannot be '{}'; it takes default, or 250/25", name, value);
      break;
  }
  values_.find(name)->second = std::string(value);
  return std::nullopt;
}

const std::string& Switches::value(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    fmt::print(stderr, "arm-simulator: no switch is named '{}'\n", name);
    std::abort();
  }
  return found->second;
}

bool Switches::holds(std::string_view name, std::string_view member) const {
  const auto& text = value(name);
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const auto end = std::min(text.find(',', begin), text.size());
    if (std::string_view(text).substr(begin, end - begin) == member) return true;
    begin = end + 1;
  }
  return false;
}

Milliseconds Switches::duration_of(std::string_view name) const {
  return duration(value(name)).value_or(Milliseconds(0));
}

std::size_t Switches::number_of(std::string_view name) const {
  std::size_t number = 0;
  const auto& text = value(name);
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<Quota> quota_of(std::string_view text) {
  if (text == "default") return std::nullopt;
  const auto slash = text.find('/');
  const auto capacity = positive(text.substr(0, slash));
  if (!capacity) return std::nullopt;
  if (slash == std::string_view::npos) return Quota{*capacity, 0};
  auto refill = text.substr(slash + 1);
  if (refill.ends_with("/s")) refill.remove_suffix(2);
  if (refill.ends_with("s")) refill.remove_suffix(1);
  const auto rate = positive(refill);
  if (!rate) return std::nullopt;
  return Quota{*capacity, *rate};
}

}  // namespace dps::sim

#include "reconciler/arm/fault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/redact.hpp"

namespace dps::arm {
namespace {

// The member of that name in any case: the oldest version writes Code and Message.
const Json& any_case(const Json& object, std::string_view name) {
  static const Json null;
  if (!object.is_object()) return null;
  for (const auto& [key, value] : object.items()) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return null;
}

std::string as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  return {};
}

void read_details(const Json& details, ErrorBody& into, int depth) {
  if (depth > 4 || into.details.size() >= 8) return;
  if (details.is_array()) {
    for (const auto& detail : details) read_details(detail, into, depth + 1);
  } else if (details.is_string()) {
    if (const auto text = details.get<std::string>(); !text.empty()) {
      into.details.emplace_back(std::string(), text);
    }
  } else if (details.is_object()) {
    auto code = as_text(any_case(details, "code"));
    auto message = as_text(any_case(details, "message"));
    if (!code.empty() || !message.empty()) {
      into.details.emplace_back(std::move(code), std::move(message));
    }
    read_details(any_case(details, "details"), into, depth + 1);
  }
}

bool contains_ignoring_case(std::string_view text, std::string_view piece) {
  return lower(text).find(lower(piece)) != std::string::npos;
}

struct Class {
  NextMove next;
  std::string_view id;
  std::string_view remedy;
};

struct CodeClass {
  std::string_view code;
  Class meaning;
};

constexpr Class kServiceNotFound = {
    NextMove::WaitForOthers,
    "ServiceNotFound",
    "check its name, resource group and subscription; somebody may have removed it"};
constexpr Class kCertificateNotFound = {
    NextMove::WaitForOthers,
    "CertificateNotFound",
    "check its name and the service's; somebody may have removed it"};
constexpr Class kThrottled = {NextMove::RetryLater,
                              "Throttled",
                              "nothing: the next run tries again; if it stays, see who else uses "
                              "this identity, and lower --concurrency"};
constexpr Class kServerError = {NextMove::RetryLater,
                                "ServerError",
                                "nothing: the next run tries again; if it stays, ask Azure's "
                                "support with the request id"};
constexpr Class kPreconditionFailed = {NextMove::ReadAgain,
                                       "PreconditionFailed",
                                       "nothing: somebody else wrote meanwhile; the next run looks "
                                       "again"};
constexpr Class kHubNotFound = {NextMove::WaitForOthers,
                                "HubNotFound",
                                "check the host name, the hub's resource group and subscription; "
                                "a new hub takes minutes to appear"};
constexpr Class kInTransition = {
    NextMove::ReadAgain, "InTransition", "nothing: it is tried again when the service is settled"};
constexpr Class kDenied = {NextMove::WaitForOthers,
                           "AuthorizationFailed",
                           "give the identity the role that the message names; a new role takes "
                           "minutes to work"};
constexpr Class kPolicy = {NextMove::GiveUp,
                           "RequestDisallowedByPolicy",
                           "change the manifest so that the policy allows it, or have the policy "
                           "changed"};
constexpr Class kBadVersion = {
    NextMove::GiveUp, "InvalidApiVersion", "pin another version with --api-version"};
constexpr Class kUnauthorized = {NextMove::WaitForOthers,
                                 "Unauthorized",
                                 "check the credential's tenant, its lifetime, and the clock"};
constexpr Class kUnregistered = {NextMove::WaitForOthers,
                                 "MissingSubscriptionRegistration",
                                 "register the provider Microsoft.Devices in the subscription"};
constexpr Class kLimit = {
    NextMove::GiveUp, "LimitExceeded", "remove something, or have the limit raised"};

constexpr std::array<CodeClass, 39> kCodes = {{
    {"AuthorizationFailed", kDenied},
    {"LinkedAuthorizationFailed", kDenied},
    {"Forbidden", kDenied},
    {"RequestDisallowedByPolicy", kPolicy},
    {"RequestDisallowedByAzure", kPolicy},
    {"ResourceGroupNotFound",
     {NextMove::WaitForOthers,
      "ResourceGroupNotFound",
      "make the resource group, or correct its name in the manifest"}},
    {"SubscriptionNotFound",
     {NextMove::WaitForOthers,
      "SubscriptionNotFound",
      "correct the subscription, or let the identity see it"}},
    {"InvalidSubscriptionId",
     {NextMove::GiveUp, "BadRequest", "correct the subscription in the manifest"}},
    {"ResourceNotFound", kServiceNotFound},
    {"ParentResourceNotFound", kServiceNotFound},
    {"404002", kServiceNotFound},
    {"404015", kCertificateNotFound},
    {"400053",
     {NextMove::GiveUp,
      "ProofRefused",
      "see that the signer uses the private key of the very CA that the manifest names"}},
    {"409301", kInTransition},
    {"409002", kInTransition},
    {"AnotherOperationInProgress", kInTransition},
    {"ResourceGroupBeingDeleted",
     {NextMove::WaitForOthers, "ResourceGroupBeingDeleted", "wait until the group is gone"}},
    {"MissingSubscriptionRegistration", kUnregistered},
    {"SubscriptionNotRegistered", kUnregistered},
    {"ReadOnlyDisabledSubscription",
     {NextMove::WaitForOthers, "SubscriptionDisabled", "have the subscription enabled"}},
    {"ScopeLocked", {NextMove::WaitForOthers, "ScopeLocked", "have the management lock taken off"}},
    {"InvalidResourceType", kBadVersion},
    {"NoRegisteredProviderFound", kBadVersion},
    {"InvalidApiVersionParameter", kBadVersion},
    {"MissingApiVersionParameter", kBadVersion},
    {"400303", {NextMove::GiveUp, "DuplicateHub", "link each hub once"}},
    {"409004", {NextMove::GiveUp, "NameTaken", "take another name: names are global in Azure"}},
    {"NameNotAvailable",
     {NextMove::GiveUp, "NameTaken", "take another name: names are global in Azure"}},
    {"QuotaExceeded", kLimit},
    {"SubscriptionRequestsThrottled", kThrottled},
    {"ResourceRequestsThrottled", kThrottled},
    {"TooManyRequests", kThrottled},
    {"RetryableError", kThrottled},
    {"412001", kPreconditionFailed},
    {"PreconditionFailed", kPreconditionFailed},
    {"InvalidAuthenticationToken", kUnauthorized},
    {"InvalidAuthenticationTokenTenant", kUnauthorized},
    {"ExpiredAuthenticationToken", kUnauthorized},
    {"AuthenticationFailed", kUnauthorized},
}};

// By the status alone, for codes that nobody has told us of.
Class class_of(int status) {
  switch (status) {
    case 401:
      return kUnauthorized;
    case 403:
      return kDenied;
    case 404:
      return {NextMove::WaitForOthers,
              "NotFound",
              "check what the message names; where it names nothing, a proxy may have answered: "
              "check --arm-endpoint and HTTPS_PROXY"};
    case 409:
      return {NextMove::ReadAgain,
              "Conflict",
              "nothing: the next run looks again; if it stays, somebody else is at work on it"};
    case 412:
      return kPreconditionFailed;
    case 429:
      return kThrottled;
    case 408:
      return kServerError;
    default:
      if (status >= 500) return kServerError;
      return {NextMove::GiveUp, "BadRequest", "correct what the message names in the manifest"};
  }
}

Class class_of(const ErrorBody& body, int status) {
  // Server trouble is passing whatever code it carries; 401 speaks for itself.
  if (status == 401 || status == 408 || status == 429 || status >= 500) return class_of(status);
  // The number of "service missing" is also that of a linked hub that is missing: the text tells.
  if ((status == 404 || status == 400 || status == 0) &&
      contains_ignoring_case(body.message, "unable to find the iothub")) {
    return kHubNotFound;
  }
  // A policy's denial comes as a detail too.
  if (body.says("RequestDisallowedByPolicy")) return kPolicy;
  for (const auto& known : kCodes) {
    if (equal_ignoring_case(known.code, body.code)) return known.meaning;
  }
  if (status == 0) {
    return {NextMove::WaitForOthers, "OperationFailed", "read the message; the service says why"};
  }
  return class_of(status);
}

// Three refusals that another token of the same kind does not mend.
void explain_401(Error& error, const ErrorBody& body, const http::Response& response) {
  if (response.header("www-authenticate").find("insufficient_claims") != std::string::npos) {
    error.id = "ClaimsChallenge";
    error.what = "ARM asks for more than this token has in it (a claims challenge): " + error.what;
    error.remedy =
        "a policy of the tenant demands it (conditional access, an authentication context, a "
        "revoked session): with the Azure CLI run az login again; for an application have the "
        "policy's owner exempt it";
  } else if (equal_ignoring_case(body.code, "InvalidAuthenticationTokenTenant")) {
    error.remedy =
        "the subscription belongs to another tenant than the credential: sign in to that one, or "
        "give the subscription a section of its own under credentials in the configuration file";
  } else if (equal_ignoring_case(body.code, "InvalidAuthenticationTokenAudience")) {
    error.remedy = "the token is for another API or another cloud: check --cloud";
  }
}

}  // namespace

bool ErrorBody::says(std::string_view wanted) const {
  return equal_ignoring_case(code, wanted) ||
         std::any_of(details.begin(), details.end(), [&](const auto& detail) {
           return equal_ignoring_case(detail.first, wanted);
         });
}

ErrorBody read_error_body(const Json& body) {
  const auto& wrapped = any_case(body, "error");
  const Json& inner = wrapped.is_object() ? wrapped : body;
  ErrorBody out;
  out.code = as_text(any_case(inner, "code"));
  out.message = as_text(any_case(inner, "message"));
  if (out.code.empty() && wrapped.is_string()) {
    out.code = wrapped.get<std::string>();
    out.message = as_text(any_case(body, "error_description"));
  }
  if (out.code.empty()) out.code = as_text(any_case(inner, "errorCode"));
  read_details(any_case(inner, "details"), out, 0);
  // A provider's error in the front door's wrapper: the text may itself be JSON.
  if (out.details.empty() && out.message.starts_with('{')) {
    if (const auto quoted = parse_json(out.message)) {
      auto nested = read_error_body(*quoted);
      if (!nested.message.empty()) {
        if (!nested.code.empty()) out.code = nested.code;
        out.message = std::move(nested.message);
      }
    }
  }
  return out;
}

ErrorBody read_error_body(std::string_view body) {
  if (const auto json = parse_json(body); json && json->is_object()) return read_error_body(*json);
  return {};
}

std::string clean(std::string_view text) {
  // Masked before it is cut: half a key is not recognised as one.
  return printable(http::without_secrets(text.substr(0, 8000)), 400);
}

Error to_error(const ErrorBody& body, int status) {
  const auto meaning = class_of(body, status);
  Error error;
  error.next = meaning.next;
  error.id = meaning.id;
  error.remedy = meaning.remedy;
  error.http_status = status;
  auto message = body.message;
  for (const auto& [code, text] : body.details) {
    if (message.empty() || (!text.empty() && message.find(text) == std::string::npos)) {
      message += (message.empty() ? "" : " ") + text;
    }
  }
  error.what = clean(message);
  if (error.what.empty()) error.what = "no message";
  if (!body.code.empty()) error.what += fmt::format(" ({})", printable(body.code, 80));
  return error;
}

Error to_error(const http::Response& response) {
  const auto body = read_error_body(std::string_view(response.body));
  auto error = to_error(body, response.status);
  if (body.code.empty() && body.message.empty()) {
    error.what = fmt::format("HTTP {} without an error that can be read", response.status);
  }
  error.request_id = printable(response.header("x-ms-request-id"), 100);
  if (response.status == 401) explain_401(error, body, response);
  return error;
}

Error of_certificate(Error error) {
  const auto said = lower(error.what);
  if (error.id == "ServiceNotFound" && said.ends_with("(resourcenotfound)") &&
      said.find("/certificates/") != std::string::npos) {
    error.id = kCertificateNotFound.id;
  }
  return error;
}

Result<http::Response> accepted(http::Answer answer) {
  if (!answer) return fail(std::move(answer.error().error));
  if (answer->status >= 200 && answer->status < 300) return *std::move(answer);
  if (answer->status >= 400) return fail(to_error(*answer));
  return fail(Error{NextMove::GiveUp,
                    "BadAnswer",
                    fmt::format("HTTP {}, which nobody asked for", answer->status),
                    "check that the endpoint is Azure Resource Manager and no proxy stands before",
                    answer->status,
                    {}});
}

std::vector<std::string> supported_versions(const http::Response& response) {
  const auto text = read_error_body(std::string_view(response.body)).message;
  std::vector<std::string> versions;
  constexpr std::string_view kShape = "dddd-dd-dd";
  // Only what stands after "supported": the refused version stands before.
  const auto from = lower(text).find("supported");
  if (from == std::string::npos) return versions;
  for (auto at = from; at + kShape.size() <= text.size(); ++at) {
    const bool fits =
        std::equal(kShape.begin(),
                   kShape.end(),
                   text.begin() + static_cast<std::ptrdiff_t>(at),
                   [](char s, char c) { return s == 'd' ? c >= '0' && c <= '9' : c == s; });
    if (!fits) continue;
    auto end = at + kShape.size();
    while (end < text.size() && (text[end] == '-' || (text[end] >= 'a' && text[end] <= 'z'))) ++end;
    versions.push_back(text.substr(at, end - at));
    at = end;
  }
  return versions;
}

}  // namespace dps::arm

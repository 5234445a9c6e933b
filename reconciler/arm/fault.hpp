// fault: an error answer in any of ARM's shapes -> Error with the caller's next move.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json_fwd.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/message.hpp"

namespace dps::arm {

/// What an error body says, whatever its shape: with or without the `error` wrapper, `code` as
/// number or string, keys in any case, `details` as text, list or nested; HTML and nothing at all.
struct ErrorBody {
  std::string code;     ///< "ResourceNotFound", "404002"; empty when there is none
  std::string message;  ///< raw: may quote secrets; see clean()
  /// Codes and messages of `details`, outermost first.
  std::vector<std::pair<std::string, std::string>> details;
  bool operator==(const ErrorBody&) const = default;

  bool says(std::string_view wanted) const;  ///< the code, here or in the details, without case
};
ErrorBody read_error_body(std::string_view body);
ErrorBody read_error_body(const Json& body);

/// Text of a server made fit to be shown: secrets masked, controls escaped, at most 400 characters.
std::string clean(std::string_view text);

/// The error that an answer of status >= 400 stands for. Ids and next moves:
///   RetryLater     Throttled (429), ServerError (408, 5xx)
///   ReadAgain      InTransition (409301 and its kin), PreconditionFailed (412), Conflict (409)
///   WaitForOthers  Unauthorized (401), ClaimsChallenge (401),
///                  AuthorizationFailed (403), ResourceGroupNotFound,
///                  SubscriptionNotFound, HubNotFound, ServiceNotFound, CertificateNotFound,
///                  NotFound, ScopeLocked, MissingSubscriptionRegistration, SubscriptionDisabled,
///                  ResourceGroupBeingDeleted
///   GiveUp         RequestDisallowedByPolicy, InvalidApiVersion, NameTaken, LimitExceeded,
///                  DuplicateHub, ProofRefused, BadRequest (other 4xx)
/// ServiceNotFound: the service itself (404002, ResourceNotFound) is what is missing.
Error to_error(const http::Response& response);
/// The same of a body alone, for the `error` of a failed operation; `status` may be 0.
Error to_error(const ErrorBody& body, int status);

/// The same error of a request about a certificate: the front door's ResourceNotFound that names a
/// certificate is CertificateNotFound, not the service's.
Error of_certificate(Error error);

/// The answer when it is 2xx, else the error; failures of the wire pass through.
Result<http::Response> accepted(http::Answer answer);

/// The api-versions that an InvalidApiVersion answer lists; empty when it lists none.
std::vector<std::string> supported_versions(const http::Response& response);

}  // namespace dps::arm

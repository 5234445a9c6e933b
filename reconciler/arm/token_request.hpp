// token_request: asking the authority for a token with the client credentials flow, whatever
// proves who we are; and what its refusals mean.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/arm/cloud.hpp"
#include "reconciler/arm/token_cache.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/retry.hpp"

namespace dps::arm {

/// What fetchers share. The references outlive them.
struct TokenTools {
  http::Exchange& bare;  ///< no pipeline, no admission
  Clock& clock;
  std::function<double()> jitter;  ///< uniform in [0, 1)
  http::Backoff backoff{};
};

/// One form field; the value is percent-encoded into the body and wiped with it.
struct ProofField {
  std::string name;
  Secret value;
};

/// What shows that we are the client, made anew for each attempt: files may have changed, and an
/// assertion is good for one use. `now` is the wall time.
using Proof = std::function<Result<std::vector<ProofField>>(WallTime now)>;

/// "client_assertion_type" and "client_assertion" of RFC 7523.
std::vector<ProofField> assertion_fields(Secret assertion);

/// {authority}/{tenant}/oauth2/v2.0/token
std::string token_url(const Cloud& cloud, const std::string& tenant);

/// POST to token_url(). 408, 429, 5xx and the network are tried again with the backoff; what the
/// authority refuses is final. Each attempt has 30 s.
/// Errors: what the proof says; "TokenRefused" (WaitForOthers; explained by AADSTS number, with the
/// trace id as request id); "TokenUnavailable" (RetryLater); GiveUp "BadEndpoint" for an authority
/// that is neither https nor loopback, "Cancelled".
class AuthorityFetcher final : public TokenFetcher {
 public:
  AuthorityFetcher(
      const Cloud& cloud, std::string tenant, std::string client_id, Proof proof, TokenTools tools);
  Result<Fetched> fetch(std::stop_token stop) override;

 private:
  Result<http::Request> request() const;
  Error unreachable(const Error& error) const;

  const std::string host_;
  const std::string url_;
  const std::string client_id_;
  const std::string scope_;
  const Proof proof_;
  const TokenTools tools_;
};

/// The error of an answer of the authority that is not 200. `host` is only for the text.
Error refused_token(const http::Response& answer, const std::string& host, WallTime now);

/// What an AADSTS number means, in words, and what to do; both empty for one that is not known.
/// `passing`: the platform's own trouble, worth another try.
struct AadstsMeaning {
  int number = 0;
  bool passing = false;
  std::string what;
  std::string remedy;
};
AadstsMeaning aadsts_meaning(int number);
/// The number behind the first "AADSTS" of a text; 0 when there is none.
int aadsts_number(std::string_view text);

/// A token answer of any of the endpoints: `access_token`, and for the lifetime `expires_in`, else
/// `expires_on` (epoch seconds), as numbers or as text; an hour when neither is there. Wipes
/// `body`. RetryLater "TokenUnavailable" for what holds no token.
Result<TokenFetcher::Fetched> read_token(std::string& body, const std::string& host, WallTime now);

}  // namespace dps::arm

// credential: who we are to Azure. Tokens of one kind of credential, cached until their margin, one
// refresh at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/arm/cloud.hpp"
#include "reconciler/arm/credential_choice.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/retry.hpp"
#include "reconciler/http/token_source.hpp"

namespace dps::arm {

/// Fetches one token, each time it is asked; knows nothing of caching. One call at a time.
/// Errors are final ("TokenRefused", WaitForOthers or GiveUp) or RetryLater "TokenUnavailable".
class TokenFetcher {
 public:
  struct Fetched {
    Secret token;
    Duration lifetime{};
  };
  virtual ~TokenFetcher() = default;
  virtual Result<Fetched> fetch(std::stop_token stop) = 0;
};

/// Keeps the token until a fifth of its lifetime (at most 5 min) is left. One caller refreshes,
/// without the lock; the others wait with their own stop tokens and share its result; when it was
/// cancelled the next one takes over. A refresh that fails while the old token still lives is no
/// failure. A final error is remembered for 10 s, so that many callers do not ask again for it.
class CachedTokens final : public http::TokenSource {
 public:
  CachedTokens(std::unique_ptr<TokenFetcher> fetcher, Clock& clock);
  ~CachedTokens() override;
  Result<http::Token> token(std::stop_token stop) override;
  void reject(std::uint64_t generation) override;

 private:
  struct State;
  std::unique_ptr<TokenFetcher> fetcher_;
  Clock& clock_;
  std::unique_ptr<State> state_;
};

/// A token that somebody else made; when ARM refuses it there is no other:
/// WaitForOthers "TokenRefused".
class StaticToken final : public http::TokenSource {
 public:
  explicit StaticToken(Secret token);
  ~StaticToken() override;
  Result<http::Token> token(std::stop_token stop) override;
  void reject(std::uint64_t generation) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ClientSecret {
  std::string tenant;
  std::string client_id;
  Secret secret;
};

/// POST {authority}/{tenant}/oauth2/v2.0/token. 429, 5xx and the network are tried again with
/// `backoff`; 400 and 401 are final and show the AADSTS text and its trace id.
std::unique_ptr<TokenFetcher> client_secret_fetcher(ClientSecret credential,
                                                    const Cloud& cloud,
                                                    http::Exchange& bare,
                                                    Clock& clock,
                                                    std::function<double()> jitter,
                                                    http::Backoff backoff = {});

struct CredentialSettings {
  std::string kind = "auto";  ///< the value of --auth
  VariableReader variable;
  Attendance attendance = Attendance::Unattended;
  Cloud cloud;
  std::function<double()> jitter;  ///< uniform in [0, 1)
};

/// AZURE_AUTHORITY_HOST, for with_endpoints(); "" when not set.
std::string authority_from(const CredentialSettings& settings);

/// The first kind that is configured, or the one named. The exchange must be bare: no pipeline, no
/// admission. It, the clock and the jitter outlive the source.
/// GiveUp "NoCredential" (nothing is configured), "BadCredential" (a variable is missing, or the
/// kind is unknown or not available in this version).
Result<std::unique_ptr<http::TokenSource>> make_credential(const CredentialSettings& settings,
                                                           http::Exchange& bare,
                                                           Clock& clock);

}  // namespace dps::arm

// token_cache: tokens of one credential, kept until their margin, one refresh at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
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

/// A token source that can be watched.
class Credential : public http::TokenSource {
 public:
  /// When the token at hand ends; nothing while there is none or it does not say. Never asks for
  /// one; from any thread.
  virtual std::optional<WallTime> expires() const = 0;
};

/// Keeps the token until a fifth of its lifetime (at most 5 min) is left. One caller refreshes,
/// without the lock. While the old token lives the others go on with it; else they wait with their
/// own stop tokens and share the result; when it was cancelled the next one takes over. A refresh
/// that fails while the old token still lives is no failure. A failure is remembered for 10 s, so
/// that many callers do not ask again for it, and a rejection brings a new token at most every
/// 10 s: a server that refuses every token must not make us storm the authority.
class CachedTokens final : public Credential {
 public:
  CachedTokens(std::unique_ptr<TokenFetcher> fetcher, Clock& clock);
  ~CachedTokens() override;
  Result<http::Token> token(std::stop_token stop) override;
  void reject(std::uint64_t generation) override;
  std::optional<WallTime> expires() const override;

 private:
  struct State;
  std::unique_ptr<TokenFetcher> fetcher_;
  Clock& clock_;
  std::unique_ptr<State> state_;
};

/// A token that somebody else made. When it has an `exp` that is over, or ARM refuses it, there is
/// no other: WaitForOthers "TokenRefused". `name` says where it came from: "AZURE_ACCESS_TOKEN".
class ReadyToken final : public Credential {
 public:
  ReadyToken(Secret token, std::string name, Clock& clock);
  ~ReadyToken() override;
  Result<http::Token> token(std::stop_token stop) override;
  void reject(std::uint64_t generation) override;
  std::optional<WallTime> expires() const override;

 private:
  struct State;
  const std::string name_;
  const std::optional<WallTime> expires_;
  Clock& clock_;
  std::unique_ptr<State> state_;
};

/// Stands where no credential is: says so to whoever needs one.
class NoTokens final : public Credential {
 public:
  explicit NoTokens(Error error) : error_(std::move(error)) {}
  Result<http::Token> token(std::stop_token /*stop*/) override { return fail(error_); }
  void reject(std::uint64_t /*generation*/) override {}
  std::optional<WallTime> expires() const override { return std::nullopt; }

 private:
  const Error error_;
};

}  // namespace dps::arm

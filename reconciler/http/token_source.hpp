// token_source: the ports for what comes from above: a bearer token, and who watches.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/http/message.hpp"

namespace dps::http {

struct Token {
  Secret text;
  std::uint64_t generation = 0;  ///< of the refresh that brought it; names it in `reject`
  WallTime expires{};
};

/// Callable from any thread; may block for a refresh.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual Result<Token> token(std::stop_token stop) = 0;
  /// The server answered 401 to the token of this generation: the next call brings another one.
  /// Of an older generation than the current one: nothing happens.
  virtual void reject(std::uint64_t generation) = 0;
};

/// One attempt of one request, over. Nothing in it is secret.
struct Exchanged {
  std::string operation;  ///< "get_service", "poll"; bounded: fit for a label
  std::string gate;       ///< the quota that it is charged to
  Method method = Method::Get;
  std::string url;  ///< redacted
  int attempt = 1;
  int status = 0;       ///< 0: no answer
  std::string failure;  ///< without an answer: the error's id
  Duration duration{};
  Duration waited{};                 ///< before it, for the request limit of the gate
  std::optional<Duration> retry_in;  ///< it will be tried again after this
  bool budget_spent = false;         ///< it would have been, but too much has failed here
  Protocol protocol = Protocol::Unknown;
  Connection connection = Connection::Unknown;
  std::string client_request_id;
  Headers headers;  ///< of the answer, redacted: request ids, remaining quotas
};

/// Watches. Called from any thread, must not block.
class ExchangeObserver {
 public:
  virtual ~ExchangeObserver() = default;
  virtual void exchanged(const Exchanged& /*event*/) {}
  /// A request was held up by the server's limit for this long.
  virtual void throttled(const std::string& /*gate*/, Duration /*waited*/) {}
  /// A 429: nothing goes through this gate for so long.
  virtual void closed(const std::string& /*gate*/, Duration /*pause*/) {}
  /// An answer told how many requests of a quota remain.
  virtual void remaining(const std::string& /*gate*/, std::int64_t /*requests*/) {}
};

}  // namespace dps::http

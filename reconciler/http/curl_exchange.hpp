// curl_exchange: the wire. One thread owns one curl multi handle with all connections; any number
// of callers block on it. The only curl.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/http/exchange.hpp"

namespace dps::http {

/// Bounds of time are more than zero. The defaults make a dead endpoint a clear error in about a
/// minute (six attempts to connect and the pauses between), and leave ARM the minute that it takes
/// at worst to answer.
struct CurlSettings {
  Duration connect_timeout = std::chrono::seconds{10};  ///< name, TCP and TLS together
  /// From the departure of the request to the first byte of the answer.
  Duration first_byte_timeout = std::chrono::seconds{60};
  /// Between two bytes of the answer.
  Duration stall_timeout = std::chrono::seconds{30};
  Duration total_timeout = std::chrono::seconds{180};     ///< everything
  std::size_t most_body = std::size_t{64} * 1024 * 1024;  ///< of an answer, after decompression
  std::string ca_file;  ///< PEM bundle instead of the system's; empty: that
  std::string user_agent = "dps-reconciler";
};

/// The CA bundle that the environment names: SSL_CERT_FILE, else CURL_CA_BUNDLE; "" for none.
std::string ca_file_from(const std::function<std::optional<std::string>(std::string_view)>& lookup);

/// http and https only; TLS 1.2 or later, always verified; no redirects; HTTP/2 when offered over
/// TLS; the usual proxy variables, but never for loopback. The URL goes out byte for byte.
///
/// Failures are NotSent while no byte of the request had left, else MaybeSent:
///
///   RetryLater  NameNotResolved, ConnectionRefused, Unreachable, ConnectTimeout, ProxyError,
///               NoAnswer (no first byte), AnswerStalled, Timeout (the total), NetworkError (else)
///   GiveUp      TlsError (the certificate does not verify, no TLS 1.2, no TLS at all), ProxyError
///               (403, 407), TooLarge, BadUrl, Cancelled
///
/// A kept-alive connection that the server closed (over HTTP/2 also by GOAWAY), or a stream that it
/// refused, is replaced without a word for GET; a write on it is MaybeSent and never leaves a
/// second time.
class CurlExchange final : public Exchange {
 public:
  explicit CurlExchange(CurlSettings settings);
  /// Ends what is in flight: callers get "Cancelled".
  ~CurlExchange() override;
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  Answer send(const Request& request, std::stop_token stop) override;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace dps::http

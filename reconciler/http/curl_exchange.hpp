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

struct CurlSettings {
  Duration connect_timeout = std::chrono::seconds{15};
  Duration total_timeout = std::chrono::seconds{180};
  /// No byte in either direction for this long (rounded up to seconds) ends a transfer.
  Duration stall_timeout = std::chrono::seconds{60};
  std::size_t most_body = std::size_t{64} * 1024 * 1024;  ///< of an answer, after decompression
  std::string ca_file;  ///< PEM bundle instead of the system's; empty: that
  std::string user_agent = "dps-reconciler";
};

/// The CA bundle that the environment names: SSL_CERT_FILE, else CURL_CA_BUNDLE; "" for none.
std::string ca_file_from(const std::function<std::optional<std::string>(std::string_view)>& lookup);

/// http and https only; TLS 1.2 or later, always verified; no redirects; HTTP/2 when offered over
/// TLS; the usual proxy variables, but never for loopback. The URL goes out byte for byte.
///
/// Failures: NotSent while no byte of the request had left: name, connect and TLS trouble
/// (RetryLater "NetworkError", "Timeout"; GiveUp "TlsError" for a certificate that does not
/// verify), bad URLs (GiveUp "BadUrl"), cancelled early (GiveUp "Cancelled"); else MaybeSent
/// (RetryLater "NetworkError", "Timeout"; GiveUp "TooLarge", "Cancelled"). A kept-alive connection
/// that the server closed is replaced without a word for GET; a write on it is MaybeSent.
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

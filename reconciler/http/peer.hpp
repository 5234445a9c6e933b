// peer: who answers at a URL: for people who look for what stands between them and it. The other
// curl, beside curl_exchange: it shows the certificate, and sends nothing that matters.
#pragma once

#include <optional>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/curl_exchange.hpp"

namespace dps::http {

struct Peer {
  std::string address;              ///< "20.36.1.2"; of the proxy where there is one
  std::string issuer;               ///< of the server's certificate; empty without TLS
  std::optional<WallTime> expires;  ///< of it
  bool operator==(const Peer&) const = default;
};

/// One HEAD request without headers of ours; the answer's status does not matter. Errors as
/// CurlExchange's, less fine: RetryLater "NetworkError", GiveUp "TlsError".
Result<Peer> look_at_peer(const std::string& url, const CurlSettings& settings, Duration limit);

}  // namespace dps::http

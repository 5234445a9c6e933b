// web_listen: "HOST:PORT", and the socket behind it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps::telemetry {

/// Where to listen. An empty host is every address, of IPv4 and IPv6.
struct ListenAddress {
  std::string host;        ///< without brackets
  std::uint16_t port = 0;  ///< 0: the kernel chooses
  bool operator==(const ListenAddress&) const = default;
};

/// "127.0.0.1:9464", "[::1]:9464", "localhost:9464", ":9464", "*:9464". GiveUp "BadListen".
Result<ListenAddress> parse_listen(std::string_view text);

/// The URL under which this machine reaches who listens there: the loopback address stands for
/// "every address". No slash at its end.
std::string local_url(const ListenAddress& address, std::string_view scheme);

/// A listening, non-blocking socket, which the caller closes. GiveUp "ListenFailed" when the port
/// is taken, the address is not this machine's, or the port is not ours to take.
Result<int> listen_on(const ListenAddress& address);

/// The port of a bound socket; 0 when it has none.
std::uint16_t port_of(int socket);

}  // namespace dps::telemetry

// message: an HTTP request and its answer, as values. Knows nothing of Azure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/base/text.hpp"

namespace dps::http {

enum class Method { Get, Put, Patch, Post, Delete };
std::string_view word(Method method);  ///< "GET"

/// Whether the proxy variables apply. Loopback never goes through a proxy.
enum class Via { ProxyOfEnvironment, NoProxy };

using Headers = std::map<std::string, std::string, LessIgnoringCase>;

struct Request {
  Method method = Method::Get;
  std::string url;   ///< absolute; sent byte for byte, up to 8 KB
  Headers headers;   ///< without authorization
  std::string body;  ///< may hold keys: wiped by the sender of a write, never logged

  /// Bounds of this request alone, where the exchange's own do not fit; more than zero.
  std::optional<Duration> connect_limit{};  ///< until it may be sent
  std::optional<Duration> total_limit{};    ///< until the answer is there, connecting included
  Via via = Via::ProxyOfEnvironment;
};

enum class Protocol { Unknown, Http1, Http2 };
enum class Connection { Unknown, Fresh, Reused };

struct Response {
  int status = 0;
  Headers headers;
  std::string body;

  Protocol protocol = Protocol::Unknown;        ///< how it travelled: for those who watch
  Connection connection = Connection::Unknown;  ///< whether the request found one open

  std::string header(std::string_view name) const;  ///< "" when missing
};

}  // namespace dps::http

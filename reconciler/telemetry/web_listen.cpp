#include "reconciler/telemetry/web_listen.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

#include "reconciler/base/text.hpp"

namespace dps::telemetry {
namespace {

constexpr int kBacklog = 128;

Failure bad(std::string_view text) {
  return fail(give_up("BadListen",
                      fmt::format("\"{}\" is no address to listen on", printable(text, 100)),
                      "127.0.0.1:9464, [::1]:9464, 0.0.0.0:9464 or off"));
}

// 0, or the errno of what went wrong; `made` is the socket then.
int try_listen(const addrinfo& candidate, bool every_address, int& made) {
  made = ::socket(candidate.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return errno;
  const int on = 1, off = 0;
  ::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (candidate.ai_family == AF_INET6) {
    ::setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, every_address ? &off : &on, sizeof on);
  }
  if (::bind(made, candidate.ai_addr, candidate.ai_addrlen) == 0 && ::listen(made, kBacklog) == 0) {
    return 0;
  }
  const int error = errno;
  ::close(made);
  made = -1;
  return error;
}

std::string remedy_of(int error) {
  if (error == EADDRINUSE) return "is another daemon running? --listen with another port, or off";
  if (error == EACCES) return "a port of 1024 or more";
  return "--listen with an address of this machine";
}

}  // namespace

Result<ListenAddress> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad(text);
  ListenAddress address;
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size()) return bad(text);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return bad(text);
  } else if (host.find(':') != std::string_view::npos) {
    return bad(text);
  }
  if (host == "*") host = {};
  if (host.find_first_of(" /[]@") != std::string_view::npos) return bad(text);
  address.host = host;
  return address;
}

std::string local_url(const ListenAddress& address, std::string_view scheme) {
  auto host = address.host;
  if (host.empty() || host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format(
      "{}://{}{}{}:{}", scheme, is_v6 ? "[" : "", host, is_v6 ? "]" : "", address.port);
}

Result<int> listen_on(const ListenAddress& address) {
  const auto name = fmt::format("{}:{}", address.host.empty() ? "*" : address.host, address.port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const auto port = std::to_string(address.port);
  int last = EADDRNOTAVAIL;
  const auto attempt = [&](const char* host, bool every_address, int& made) -> int {
    addrinfo* raw = nullptr;
    if (const int code = ::getaddrinfo(host, port.c_str(), &hints, &raw); code != 0) return code;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(raw, &::freeaddrinfo);
    for (const auto* candidate = raw; candidate != nullptr; candidate = candidate->ai_next) {
      last = try_listen(*candidate, every_address, made);
      if (last == 0) return 0;
    }
    return 0;
  };

  int made = -1;
  int unresolved = 0;
  if (address.host.empty()) {
    // One socket for both families; a machine without IPv6 has the other.
    unresolved = attempt("::", true, made);
    if (made < 0 && last != EADDRINUSE) unresolved = attempt("0.0.0.0", false, made);
  } else {
    unresolved = attempt(address.host.c_str(), false, made);
  }
  if (made >= 0) return made;
  if (unresolved != 0) {
    return fail(
        give_up("ListenFailed",
                fmt::format("{} cannot be listened on: {}", name, ::gai_strerror(unresolved)),
                "--listen with an address of this machine"));
  }
  return fail(give_up(
      "ListenFailed",
      fmt::format("{} cannot be listened on: {}", name, std::generic_category().message(last)),
      remedy_of(last)));
}

std::uint16_t port_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof address);
    return ntohs(address.sin6_port);
  }
  sockaddr_in address{};
  std::memcpy(&address, &storage, sizeof address);
  return ntohs(address.sin_port);
}

}  // namespace dps::telemetry

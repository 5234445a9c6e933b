#include "reconciler/http/url.hpp"

#include <algorithm>
#include <charconv>

#include "reconciler/base/text.hpp"

namespace dps::http {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool is_doubtful(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '\\';
}

std::size_t end_of_authority(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string_view::npos;
  return std::min(url.find_first_of("/?#", scheme + 3), url.size());
}

// Four dotted numbers of which the first is 127: a name such as "127.evil.example" is none.
bool is_loopback_v4(std::string_view host) {
  const auto parts = split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return !part.empty() && part.size() <= 3 &&
                  part.find_first_not_of("0123456789") == std::string::npos;
         });
}

}  // namespace

std::optional<Origin> origin_of(std::string_view url) {
  if (std::any_of(url.begin(), url.end(), is_doubtful)) return std::nullopt;
  const auto colon = url.find("://");
  const auto end = end_of_authority(url);
  if (end == std::string_view::npos) return std::nullopt;

  Origin origin;
  origin.scheme = lower(url.substr(0, colon));
  if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
  origin.port = origin.scheme == "https" ? 443 : 80;

  auto authority = url.substr(colon + 3, end - colon - 3);
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    port = authority.substr(bracket + 1);
    authority = authority.substr(1, bracket - 1);
  } else if (const auto at = authority.find(':'); at != std::string_view::npos) {
    port = authority.substr(at);
    authority = authority.substr(0, at);
    if (authority.find_first_of("[]%") != std::string_view::npos) return std::nullopt;
  } else if (authority.find_first_of("[]%") != std::string_view::npos) {
    return std::nullopt;
  }
  if (authority.empty()) return std::nullopt;
  origin.host = lower(authority);
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [rest, fault] = std::from_chars(port.data(), port.data() + port.size(), origin.port);
    if (fault != std::errc{} || rest != port.data() + port.size()) return std::nullopt;
    if (origin.port < 1 || origin.port > 65535) return std::nullopt;
  }
  return origin;
}

bool is_loopback(const Origin& origin) {
  return origin.host == "localhost" || origin.host == "::1" || is_loopback_v4(origin.host);
}

std::string_view path_of(std::string_view url) {
  const auto start = end_of_authority(url);
  if (start == std::string_view::npos || start >= url.size() || url[start] != '/') return "/";
  const auto end = std::min(url.find_first_of("?#", start), url.size());
  return url.substr(start, end - start);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    }
  }
  return out;
}

}  // namespace dps::http

// url: the few questions that we ask of a URL. It is never rebuilt: what goes out is the text
// itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dps::http {

/// Scheme, host and port: what decides who may see a token. Compared with ==.
struct Origin {
  std::string scheme;  ///< "http" or "https"
  std::string host;    ///< lower case; IPv6 without brackets
  int port = 0;        ///< the scheme's own when none is written
  bool operator==(const Origin&) const = default;
};

/// Nothing for what is no absolute http(s) URL, has user information in it, or holds characters
/// that programs disagree about (white space, controls, backslash).
std::optional<Origin> origin_of(std::string_view url);

/// localhost, 127.0.0.0/8 or ::1.
bool is_loopback(const Origin& origin);

/// The part between the origin and the first of `?` and `#`; "/" when there is none.
std::string_view path_of(std::string_view url);

/// RFC 3986: everything but letters, digits and `-._~` as %XX; for one segment of a path or one
/// value of a form.
std::string percent_encoded(std::string_view text);

}  // namespace dps::http

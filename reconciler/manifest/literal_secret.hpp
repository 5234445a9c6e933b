// literal_secret: what looks like a secret that stands in the text itself, and how the text is
// shown without it. Made to err on the side of hiding.
#pragma once

#include <string>
#include <string_view>

namespace dps::manifest {

/// A connection string or SAS token, a private key, or a base64 key of 32 or 64 bytes.
bool looks_secret(std::string_view text);

/// For messages: in double quotes, printable, at most 80 characters; "(hidden)" when it looks like
/// a secret.
std::string quoted(std::string_view text);

/// One source line with everything hidden that may be a secret: what looks_secret would take, and
/// the scalar after keys such as `connectionString:`, `primary:`, `password:`. `caret` (a column of
/// characters, from 0) is moved along.
struct ShownLine {
  std::string text;
  int caret = 0;
};
ShownLine without_secrets(std::string_view line, int caret);

inline constexpr std::string_view kHidden = "(hidden)";

}  // namespace dps::manifest

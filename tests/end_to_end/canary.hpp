// canary: recognisable secrets, and the search for them in whatever form they may have leaked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dps::lab {

struct Canary {
  std::string name;
  std::string text;
};

/// The forms in which a secret is still that secret: as it is, reversed, base64 (at each of the
/// three offsets), base64url, percent-encoded, in JSON, in hexadecimal. Of texts of several lines
/// (keys) each long line counts.
std::vector<std::string> forms_of(const std::string& secret);

/// "client secret, in the form base64, at 17: …" for each one that `text` holds, without quoting
/// it.
std::vector<std::string> found_in(const std::string& text, const std::vector<Canary>& canaries);

}  // namespace dps::lab

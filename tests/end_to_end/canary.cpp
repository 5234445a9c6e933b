#include "tests/end_to_end/canary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::lab {
namespace {

std::string in_json(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '/') out += '\\';
    out += c;
  }
  return out;
}

std::string in_json_by_number(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out += plain ? std::string(1, c) : fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string in_hexadecimal(std::string_view text) {
  std::string out;
  for (const char c : text) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

// What base64 of a longer text that holds the secret must hold, wherever the secret begins in it.
std::vector<std::string> inside_base64(const std::string& secret) {
  std::vector<std::string> out;
  for (std::size_t offset = 0; offset < 3; ++offset) {
    const auto whole = base64(std::string(offset, 'x') + secret);
    const auto first = offset == 0 ? 0U : 4U;
    const auto last = (offset + secret.size()) / 3 * 4;
    if (last > first + 8) out.push_back(whole.substr(first, last - first));
  }
  return out;
}

std::vector<std::string> forms_of_line(const std::string& secret) {
  std::vector<std::string> out = {secret,
                                  std::string(secret.rbegin(), secret.rend()),
                                  in_json(secret),
                                  in_json_by_number(secret),
                                  http::percent_encoded(secret),
                                  lower(http::percent_encoded(secret)),
                                  http::percent_encoded(http::percent_encoded(secret)),
                                  in_hexadecimal(secret),
                                  upper(in_hexadecimal(secret))};
  for (const auto& form : inside_base64(secret)) {
    out.push_back(form);
    auto url = form;
    for (char& c : url) c = c == '+' ? '-' : c == '/' ? '_' : c;
    out.push_back(url);
  }
  return out;
}

}  // namespace

std::vector<std::string> forms_of(const std::string& secret) {
  std::vector<std::string> out;
  for (const auto& line : split(secret, '\n')) {
    if (line.size() < 12 || line.starts_with("-----")) continue;
    const auto forms = forms_of_line(line);
    out.insert(out.end(), forms.begin(), forms.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

namespace {

// A life is searched for the same secrets over and over.
const std::vector<std::string>& remembered(const std::string& secret) {
  static std::map<std::string, std::vector<std::string>> known;
  auto& forms = known[secret];
  if (forms.empty()) forms = forms_of(secret);
  return forms;
}

}  // namespace

std::vector<std::string> found_in(const std::string& text, const std::vector<Canary>& canaries) {
  std::vector<std::string> out;
  for (const auto& canary : canaries) {
    for (const auto& form : remembered(canary.text)) {
      const auto at = text.find(form);
      if (at == std::string::npos) continue;
      const auto before = text.substr(at < 60 ? 0 : at - 60, at < 60 ? at : 60);
      out.push_back(fmt::format("{} at {}, behind \"{}\"", canary.name, at, printable(before)));
      break;
    }
  }
  return out;
}

}  // namespace dps::lab

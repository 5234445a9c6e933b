#include "reconciler/http/redact.hpp"

#include <algorithm>
#include <array>

#include "reconciler/base/text.hpp"

namespace dps::http {
namespace {

constexpr std::array<std::string_view, 2> kQueryKeys = {"api-version", "asyncinfo"};
constexpr std::array<std::string_view, 15> kHeaders = {"accept",
                                                       "connection",
                                                       "content-length",
                                                       "content-type",
                                                       "date",
                                                       "retry-after",
                                                       "server",
                                                       "user-agent",
                                                       "x-ms-client-request-id",
                                                       "x-ms-correlation-request-id",
                                                       "x-ms-error-code",
                                                       "x-ms-failure-cause",
                                                       "x-ms-request-id",
                                                       "x-ms-routing-request-id",
                                                       "x-ms-version"};
constexpr std::array<std::string_view, 2> kUrlHeaders = {"azure-asyncoperation", "location"};
constexpr std::string_view kMask = "[secret]";

template <std::size_t size>
bool listed(const std::array<std::string_view, size>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view known) {
    return equal_ignoring_case(known, name);
  });
}

std::size_t find_ignoring_case(std::string_view text, std::string_view what, std::size_t from) {
  for (auto at = from; at + what.size() <= text.size(); ++at) {
    if (equal_ignoring_case(text.substr(at, what.size()), what)) return at;
  }
  return std::string_view::npos;
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=' || c == '-' || c == '_' || c == '.' || c == '%' || c == '~' ||
         c == '*' || c == '!' || c == '$';
}

// Replaces the run of token characters that follows each `marker` (and, for members of JSON, the
// colon, blanks and quotes between).
void mask_after(std::string& text, std::string_view marker) {
  for (auto at = find_ignoring_case(text, marker, 0); at != std::string::npos;
       at = find_ignoring_case(text, marker, at)) {
    at += marker.size();
    auto start = at;
    while (start < text.size() && (text[start] == '"' || text[start] == ':' || text[start] == ' ' ||
                                   text[start] == '\\' || text[start] == '\'')) {
      ++start;
    }
    auto end = start;
    while (end < text.size() && is_token_character(text[end])) ++end;
    if (end == start || text.substr(start, end - start) == "****") continue;
    text.replace(start, end - start, kMask);
    at = start + kMask.size();
  }
}

// JWTs begin with the base64 of `{"`.
void mask_tokens(std::string& text) {
  for (auto at = text.find("eyJ"); at != std::string::npos; at = text.find("eyJ", at)) {
    auto end = at;
    while (end < text.size() && is_token_character(text[end])) ++end;
    if (end - at < 16) {
      at = end;
      continue;
    }
    text.replace(at, end - at, kMask);
    at += kMask.size();
  }
}

void mask_private_keys(std::string& text) {
  constexpr std::string_view kBegin = "PRIVATE KEY-----";
  for (auto at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at)) {
    at += kBegin.size();
    const auto end = text.find("-----END", at);
    text.replace(at, end == std::string::npos ? std::string::npos : end - at, kMask);
    if (const auto closing = text.find(kBegin, at); closing != std::string::npos) {
      at = closing + kBegin.size();
    }
  }
}

}  // namespace

std::string redacted_url(std::string_view url) {
  url = url.substr(0, url.find('#'));
  const auto question = url.find('?');
  std::string out(url.substr(0, question));
  if (const auto scheme = out.find("://"); scheme != std::string::npos) {
    const auto end = std::min(out.find('/', scheme + 3), out.size());
    const auto at = out.rfind('@', end);
    if (at != std::string::npos && at > scheme) out.erase(scheme + 3, at - scheme - 2);
  }
  if (question == std::string_view::npos) return printable(out, 2000);
  char separator = '?';
  for (const auto& pair : split(url.substr(question + 1), '&')) {
    const auto equals = pair.find('=');
    const auto key = std::string_view(pair).substr(0, equals);
    out += separator;
    separator = '&';
    if (listed(kQueryKeys, key)) {
      out += pair;
    } else if (equals == std::string::npos) {
      out += "[redacted]";
    } else {
      out.append(key).append("=[redacted]");
    }
  }
  return printable(out, 2000);
}

Headers redacted_headers(const Headers& headers) {
  Headers out;
  for (const auto& [name, value] : headers) {
    if (listed(kHeaders, name) || lower(name).starts_with("x-ms-ratelimit-")) {
      out.emplace(name, printable(value, 200));
    } else if (listed(kUrlHeaders, name)) {
      out.emplace(name, redacted_url(value));
    }
  }
  return out;
}

std::string without_secrets(std::string_view text) {
  std::string out(text);
  for (const std::string_view marker : {"SharedAccessKey=",
                                        "AccountKey=",
                                        "sig=",
                                        "client_secret=",
                                        "client_assertion=",
                                        "access_token=",
                                        "primaryKey\"",
                                        "primaryKey\\\"",
                                        "secondaryKey\"",
                                        "secondaryKey\\\"",
                                        "access_token\"",
                                        "client_secret\"",
                                        "Bearer "}) {
    mask_after(out, marker);
  }
  mask_tokens(out);
  mask_private_keys(out);
  return out;
}

}  // namespace dps::http

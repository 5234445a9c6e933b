#include "reconciler/manifest/literal_secret.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::manifest {
namespace {

bool is_base64_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=' || c == '-' || c == '_';
}

// Upper, lower and digits mixed: what random base64 of 24 characters has, and names have not.
bool looks_random(std::string_view text) {
  bool upper_case = false, lower_case = false, digit = false;
  for (const char c : text) {
    upper_case = upper_case || (c >= 'A' && c <= 'Z');
    lower_case = lower_case || (c >= 'a' && c <= 'z');
    digit = digit || (c >= '0' && c <= '9');
  }
  return upper_case && lower_case && digit;
}

bool is_key_text(std::string_view text) {
  text = trim(text);
  const bool length = (text.size() == 44 && text.ends_with('=') && !text.ends_with("==")) ||
                      (text.size() == 88 && text.ends_with("=="));
  return length && looks_random(text) && std::all_of(text.begin(), text.end(), is_base64_character);
}

constexpr std::array<std::string_view, 4> kTells = {
    "sharedaccesskey=", "sharedaccesssignature", "private key-----", "accountkey="};

// Keys whose scalar is hidden when a source line is shown.
constexpr std::array<std::string_view, 9> kTellingKeys = {"connectionstring",
                                                          "primary",
                                                          "secondary",
                                                          "key",
                                                          "secret",
                                                          "password",
                                                          "passphrase",
                                                          "token",
                                                          "credential"};

bool is_telling_key(std::string_view key) {
  const auto name = lower(key);
  return std::any_of(kTellingKeys.begin(), kTellingKeys.end(), [&](std::string_view tell) {
    return name.find(tell) != std::string::npos;
  });
}

struct Span {
  std::size_t begin;
  std::size_t end;
};

bool is_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// `key: value` with a telling key: from the value to the end of the line.
void find_telling_values(std::string_view line, std::vector<Span>& spans) {
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    auto end = colon;
    if (end > 0 && (line[end - 1] == '"' || line[end - 1] == '\'')) --end;
    auto begin = end;
    while (begin > 0 && is_word(line[begin - 1])) --begin;
    if (begin == end || !is_telling_key(line.substr(begin, end - begin))) continue;
    const auto value = line.find_first_not_of(" \t", colon + 1);
    if (value == std::string_view::npos) continue;
    const auto rest = line.substr(value);
    const auto word_end = rest.find_first_of(" ,}");
    const auto word = rest.substr(0, word_end);
    const bool harmless = rest.front() == '{' || rest.front() == '[' || rest.front() == '#' ||
                          rest.front() == '|' || rest.front() == '>' || word == "primary" ||
                          word == "secondary" || word == "null" || word == "~";
    if (!harmless) spans.push_back({value, line.size()});
  }
}

void find_tells(std::string_view line, std::vector<Span>& spans) {
  const auto low = lower(line);
  for (const auto tell : kTells) {
    const auto at = low.find(tell);
    if (at != std::string::npos) spans.push_back({at, line.size()});
  }
  for (std::size_t i = 0; i < line.size();) {
    auto end = i;
    while (end < line.size() && is_base64_character(line[end])) ++end;
    if (end - i >= 24 && looks_random(line.substr(i, end - i))) spans.push_back({i, end});
    i = std::max(end, i + 1);
  }
}

}  // namespace

bool looks_secret(std::string_view text) {
  if (text.size() < 16) return false;
  if (is_key_text(text)) return true;
  // Cheap first: nearly no value of a manifest holds either.
  if (text.find('=') == std::string_view::npos && text.find('-') == std::string_view::npos &&
      text.find(' ') == std::string_view::npos) {
    return false;
  }
  const auto low = lower(text);
  return std::any_of(kTells.begin(), kTells.end(), [&](std::string_view tell) {
    return low.find(tell) != std::string::npos;
  });
}

std::string quoted(std::string_view text) {
  if (looks_secret(text)) return std::string(kHidden);
  return '"' + printable(text, 80) + '"';
}

ShownLine without_secrets(std::string_view line, int caret) {
  std::vector<Span> spans;
  find_telling_values(line, spans);
  find_tells(line, spans);
  std::sort(spans.begin(), spans.end(), [](const Span& left, const Span& right) {
    return left.begin < right.begin;
  });
  ShownLine out{{}, caret};
  std::size_t from = 0;
  for (const auto& span : spans) {
    if (span.begin < from) {
      if (span.end > from) from = span.end;
      continue;
    }
    out.text += line.substr(from, span.begin - from);
    const auto begin = static_cast<int>(character_count(line.substr(0, span.begin)));
    const auto length =
        static_cast<int>(character_count(line.substr(span.begin, span.end - span.begin)));
    if (caret >= begin + length) {
      out.caret += static_cast<int>(kHidden.size()) - length;
    } else if (caret > begin) {
      out.caret -= caret - begin;
    }
    out.text += kHidden;
    from = span.end;
  }
  if (from < line.size()) out.text += line.substr(from);
  return out;
}

}  // namespace dps::manifest

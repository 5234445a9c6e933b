#include "reconciler/plan/text_layout.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"

namespace dps::plan {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

/// Zero-width and direction marks (U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF):
/// they make a line read as something else.
bool is_deceptive(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (byte(0) == 0xEF) return byte(1) == 0xBB && byte(2) == 0xBF;
  if (byte(0) != 0xE2) return false;
  if (byte(1) == 0x81) return byte(2) >= 0xA0 && byte(2) <= 0xAF;
  if (byte(1) != 0x80) return false;
  return (byte(2) >= 0x8B && byte(2) <= 0x8F) || (byte(2) >= 0xA8 && byte(2) <= 0xAE);
}

}  // namespace

std::string shown(std::string_view text, std::size_t limit) {
  const auto plain = printable(text, text.size() * 4 + 1);
  std::string out;
  std::size_t count = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (!continues(plain[i]) && count++ == limit) return out + "…";
    if (is_deceptive(plain, i)) {
      const auto code = (static_cast<unsigned>(plain[i]) & 0x0FU) << 12U |
                        (static_cast<unsigned>(plain[i + 1]) & 0x3FU) << 6U |
                        (static_cast<unsigned>(plain[i + 2]) & 0x3FU);
      out += fmt::format("\\u{:04x}", code);
      i += 2;
    } else {
      out += plain[i];
    }
  }
  return out;
}

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += continues(c) ? 0 : 1;
  return count;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  const auto have = columns(text);
  if (have < width) out.append(width - have, ' ');
  return out;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out, line;
  std::size_t used = indent;
  for (const auto& word : split(text, ' ')) {
    if (word.empty()) continue;
    const auto size = columns(word);
    if (!line.empty() && used + 1 + size > width) {
      out += line + "\n" + std::string(indent, ' ');
      line.clear();
      used = indent;
    }
    if (!line.empty()) {
      line += ' ';
      ++used;
    }
    line += word;
    used += size;
  }
  return out + line;
}

std::string toned(std::string_view text, Tone tone, Color color) {
  if (color == Color::Off || tone == Tone::Plain || text.empty()) return std::string(text);
  const char* code = "";
  switch (tone) {
    case Tone::Good:
      code = "32";
      break;
    case Tone::Change:
      code = "33";
      break;
    case Tone::Bad:
      code = "31";
      break;
    case Tone::Note:
      code = "36";
      break;
    case Tone::Dim:
      code = "2";
      break;
    case Tone::Strong:
      code = "1";
      break;
    case Tone::Plain:
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace dps::plan

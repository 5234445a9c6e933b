#include <algorithm>
#include <charconv>

#include "reconciler/manifest/yaml.hpp"

namespace dps::manifest {

const Node* Node::find(std::string_view key) const {
  for (const auto& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

ScalarType scalar_type(const Node& scalar) {
  if (scalar.style == Style::Quoted) return ScalarType::Text;
  std::string_view text = scalar.text;
  if (text == "true" || text == "false") return ScalarType::Boolean;
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto digits = [&] {
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
    return count;
  };
  const auto whole = digits();
  if (whole == 0 || (whole > 1 && text.front() == '0')) return ScalarType::Text;
  text.remove_prefix(whole);
  if (text.empty()) return ScalarType::Integer;
  if (text.front() != '.') return ScalarType::Text;
  text.remove_prefix(1);
  const auto fraction = digits();
  return fraction > 0 && fraction == text.size() ? ScalarType::Decimal : ScalarType::Text;
}

std::optional<std::int64_t> integer_value(const Node& node) {
  if (node.kind != NodeKind::Scalar || scalar_type(node) != ScalarType::Integer) return {};
  std::int64_t value = 0;
  const auto* end = node.text.data() + node.text.size();
  const auto parsed = std::from_chars(node.text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {};
  return value;
}

std::optional<bool> boolean_value(const Node& node) {
  if (node.kind != NodeKind::Scalar || scalar_type(node) != ScalarType::Boolean) return {};
  return node.text == "true";
}

std::optional<std::string> text_value(const Node* node) {
  if (node == nullptr || node->kind != NodeKind::Scalar || node->reported ||
      scalar_type(*node) != ScalarType::Text) {
    return {};
  }
  return node->text;
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::size_t first_bad_byte(std::string_view text) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned c = byte(i);
    if (c < 0x80) {
      // yaml-cpp takes a 4 for the end of the text and zeros for UTF-16.
      if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) return i;
      ++i;
      continue;
    }
    const std::size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0U) != 0x80U) return i;
    }
    const unsigned second = byte(i + 1);
    const bool overlong = (c == 0xE0 && second < 0xA0) || (c == 0xF0 && second < 0x90);
    const bool surrogate = c == 0xED && second > 0x9F;
    const bool too_high = c == 0xF4 && second > 0x8F;
    const bool c1 = c == 0xC2 && second < 0xA0 && second != 0x85;
    if (overlong || surrogate || too_high || c1) return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace dps::manifest

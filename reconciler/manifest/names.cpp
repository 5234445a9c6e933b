#include "reconciler/manifest/names.hpp"

#include <algorithm>
#include <charconv>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"

namespace dps::manifest {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool word(char c) {
  return letter(c) || digit(c);
}
bool hex_digit(char c) {
  return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

bool length_within(std::string_view text, std::size_t least, std::size_t most) {
  return text.size() >= least && text.size() <= most;
}

bool is_label(std::string_view text) {
  return length_within(text, 1, 63) && text.front() != '-' && text.back() != '-' &&
         all(text, [](char c) { return word(c) || c == '-'; });
}

bool number_within(std::string_view text, int most) {
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return length_within(text, 1, 3) && all(text, digit) && parsed.ec == std::errc() &&
         (text.size() == 1 || text.front() != '0') && value <= most;
}

}  // namespace

bool is_service_name(std::string_view text) {
  return length_within(text, 3, 50) && text.front() != '-' && text.back() != '-' &&
         all(text, [](char c) { return word(c) || c == '-'; }) && !all(text, digit) &&
         !equal_ignoring_case(text, "global");
}

bool is_resource_group(std::string_view text) {
  return length_within(text, 1, 90) && text.back() != '.' && all(text, [](char c) {
           return word(c) || c == '_' || c == '-' || c == '.' || c == '(' || c == ')';
         });
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !hex_digit(text[i])) return false;
  }
  return true;
}

bool is_host_name(std::string_view text) {
  if (!length_within(text, 3, 253)) return false;
  const auto labels = split(text, '.');
  return labels.size() >= 2 &&
         std::all_of(labels.begin(), labels.end(), [](const auto& part) { return is_label(part); });
}

bool is_hub_name(std::string_view text) {
  return is_label(text);
}

bool is_entry_name(std::string_view text) {
  return length_within(text, 1, 64) &&
         all(text, [](char c) { return word(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_location(std::string_view text) {
  return length_within(text, 1, 64) && letter(text.front()) && text.back() != ' ' &&
         all(text, [](char c) { return word(c) || c == ' '; });
}

bool is_thumbprint(std::string_view text) {
  return text.size() == 40 && all(text, hex_digit);
}

bool is_variable(std::string_view text) {
  return length_within(text, 1, 200) && !digit(text.front()) &&
         all(text, [](char c) { return word(c) || c == '_'; });
}

bool is_owner(std::string_view text) {
  return is_entry_name(text);
}

bool is_id_scope(std::string_view text) {
  return length_within(text, 1, 64) && all(text, word);
}

bool is_sku_name(std::string_view text) {
  return length_within(text, 1, 16) && all(text, word);
}

bool is_ip_mask(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != std::string_view::npos && !number_within(text.substr(slash + 1), 32)) return false;
  const auto parts = split(text.substr(0, slash), '.');
  return parts.size() == 4 && std::all_of(parts.begin(), parts.end(), [](const auto& part) {
           return number_within(part, 255);
         });
}

bool is_duration(std::string_view text) {
  return parse_duration(text).has_value();
}
bool is_interval(std::string_view text) {
  const auto length = parse_duration(text);
  return length && *length >= std::chrono::seconds{10} && *length <= std::chrono::hours{24 * 31};
}
bool is_time(std::string_view text) {
  return parse_rfc3339(text).has_value();
}
bool is_field_path(std::string_view text) {
  return parse_field_path(text).has_value();
}
bool is_not_empty(std::string_view text) {
  return !text.empty();
}

}  // namespace dps::manifest

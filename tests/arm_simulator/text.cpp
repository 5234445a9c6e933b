#include "tests/arm_simulator/text.hpp"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

namespace dps::sim {

namespace {
char lower_of(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
char upper_of(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string text;
  text.reserve(bytes.size() * 4 / 3 + 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char byte : bytes) {
    buffer = (buffer << 8) | static_cast<unsigned char>(byte);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += alphabet[(buffer >> bits) & 63U];
    }
  }
  if (bits > 0) text += alphabet[(buffer << (6 - bits)) & 63U];
  return text;
}

std::optional<std::string> decode(std::string_view text, std::string_view alphabet) {
  static const auto table_of = [](std::string_view letters) {
    std::array<int, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < letters.size(); ++i)
      table[static_cast<unsigned char>(letters[i])] = static_cast<int>(i);
    return table;
  };
  static const auto standard = table_of(kStandard);
  static const auto url = table_of(kUrl);
  const auto& table = alphabet == kStandard ? standard : url;
  std::string bytes;
  std::uint32_t buffer = 0;
  int bits = 0;
  std::size_t digits = 0;
  bool ended = false;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') {
      ended = true;
      continue;
    }
    const int value = table[static_cast<unsigned char>(c)];
    if (value < 0 || ended) return std::nullopt;
    ++digits;
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>((buffer >> bits) & 0xFFU);
    }
  }
  if (digits % 4 == 1) return std::nullopt;
  return bytes;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::tm calendar(TimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
}  // namespace

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = lower_of(c);
  return result;
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = upper_of(c);
  return result;
}

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i)
    if (lower_of(left[i]) != lower_of(right[i])) return false;
  return true;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const auto end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::string base64(std::string_view bytes) {
  std::string text = encode(bytes, kStandard);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  return decode(text, kStandard);
}
std::string base64_url(std::string_view bytes) {
  return encode(bytes, kUrl);
}
std::optional<std::string> from_base64_url(std::string_view text) {
  return decode(text, kUrl);
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        result += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

std::map<std::string, std::string> form_fields(std::string_view text) {
  std::map<std::string, std::string> fields;
  for (const auto& part : split(text, '&')) {
    if (part.empty()) continue;
    std::string spaced = part;
    for (char& c : spaced)
      if (c == '+') c = ' ';
    const auto equals = spaced.find('=');
    const auto name = percent_decoded(std::string_view(spaced).substr(0, equals));
    fields[name] = equals == std::string::npos
                       ? std::string()
                       : percent_decoded(std::string_view(spaced).substr(equals + 1));
  }
  return fields;
}

std::optional<Milliseconds> duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0 || number > 1'000'000'000'000) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    std::size_t letters = 0;
    while (letters < text.size() && text[letters] >= 'a' && text[letters] <= 'z') ++letters;
    const auto unit = text.substr(0, letters);
    text.remove_prefix(letters);
    std::int64_t factor = 0;
    if (unit == "ms") factor = 1;
    if (unit == "s") factor = 1000;
    if (unit == "m") factor = 60'000;
    if (unit == "h") factor = 3'600'000;
    if (unit == "d") factor = 86'400'000;
    if (unit == "w") factor = 604'800'000;
    if (factor == 0) return std::nullopt;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(number, factor, &part)) return std::nullopt;
    if (__builtin_add_overflow(total, part, &total)) return std::nullopt;
    if (total > 100LL * 365 * 86'400'000) return std::nullopt;  // a century is enough for a test
  }
  return Milliseconds(total);
}

std::string duration_text(Milliseconds value) {
  const auto count = value.count();
  if (count % 1000 != 0) return fmt::format("{}ms", count);
  return fmt::format("{}s", count / 1000);
}

std::string rfc1123(TimePoint time) {
  const auto parts = calendar(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<std::size_t>(parts.tm_wday)),
                     parts.tm_mday,
                     kMonths.at(static_cast<std::size_t>(parts.tm_mon)),
                     parts.tm_year + 1900,
                     parts.tm_hour,
                     parts.tm_min,
                     parts.tm_sec);
}

std::optional<TimePoint> from_rfc1123(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  if (strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string rfc3339(TimePoint time) {
  const auto parts = calendar(time);
  const auto since = time.time_since_epoch();
  const auto whole = std::chrono::floor<std::chrono::seconds>(since);
  const auto milliseconds = std::chrono::duration_cast<Milliseconds>(since - whole).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     parts.tm_year + 1900,
                     parts.tm_mon + 1,
                     parts.tm_mday,
                     parts.tm_hour,
                     parts.tm_min,
                     parts.tm_sec,
                     milliseconds);
}

std::string provider_time(TimePoint time) {
  const auto text = rfc3339(time);
  return text.substr(0, 10) + " " + text.substr(11, 8) + "Z";
}

std::string region(std::string_view location) {
  std::string result;
  for (const char c : location)
    if (c != ' ') result += lower_of(c);
  return result;
}

std::string counter_etag(std::uint64_t counter) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    bytes[7 - i] = static_cast<char>((counter >> (8 * i)) & 0xFFU);
  return base64(bytes);
}

std::optional<std::uint64_t> from_counter_etag(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != 8) return std::nullopt;
  std::uint64_t counter = 0;
  for (const char byte : *bytes) counter = (counter << 8) | static_cast<unsigned char>(byte);
  return counter;
}

std::uint64_t Random::next() {  // splitmix64
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::string Random::bytes(std::size_t count) {
  std::string result;
  result.reserve(count + 8);
  while (result.size() < count) {
    const std::uint64_t value = next();
    for (unsigned i = 0; i < 8; ++i) result += static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
  result.resize(count);
  return result;
}

std::string Random::guid() {
  const auto a = next();
  const auto b = next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
                     a >> 32,
                     (a >> 16) & 0xFFFFU,
                     a & 0xFFFU,
                     0x8000U | ((b >> 48) & 0x3FFFU),
                     b & 0xFFFFFFFFFFFFULL);
}

std::string Random::key() {
  return base64(bytes(32));
}

}  // namespace dps::sim

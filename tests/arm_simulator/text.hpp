// Text, bytes and time in the forms that ARM uses. Pure; no error but an empty optional.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dps::sim {

/// The simulator's time: the real clock moved forward by POST /clock.
using TimePoint = std::chrono::system_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string upper(std::string_view text);
[[nodiscard]] std::string trim(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

/// Standard base64 with padding. Decoding skips white space and refuses anything else.
[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);
/// The URL alphabet without padding.
[[nodiscard]] std::string base64_url(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64_url(std::string_view text);
/// Upper-case hex.
[[nodiscard]] std::string hex(std::string_view bytes);

/// `%41` becomes `A`; broken escapes stay as they are.
[[nodiscard]] std::string percent_decoded(std::string_view text);
/// A form body or a query: `a=b&c` gives {a: b, c: ""}. With `+` as a space. The last one wins.
[[nodiscard]] std::map<std::string, std::string> form_fields(std::string_view text);

/// `2s`, `50ms`, `1h30m`, units ms s m h d w. A bare number is refused.
[[nodiscard]] std::optional<Milliseconds> duration(std::string_view text);
[[nodiscard]] std::string duration_text(Milliseconds value);

/// `Tue, 07 May 2024 19:07:40 GMT`
[[nodiscard]] std::string rfc1123(TimePoint time);
[[nodiscard]] std::optional<TimePoint> from_rfc1123(std::string_view text);
/// `2024-05-07T19:07:40.123Z`
[[nodiscard]] std::string rfc3339(TimePoint time);
/// `2024-05-07 19:07:40Z`, as the provider writes it into error messages.
[[nodiscard]] std::string provider_time(TimePoint time);

/// `West US 2` and `westus2` are one region: no spaces, lower case.
[[nodiscard]] std::string region(std::string_view location);

/// Eight bytes, most significant first, in base64: the service's etag.
[[nodiscard]] std::string counter_etag(std::uint64_t counter);
[[nodiscard]] std::optional<std::uint64_t> from_counter_etag(std::string_view text);

/// Ids and keys, reproducible from a seed. Not for real secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  [[nodiscard]] std::uint64_t next();
  [[nodiscard]] std::string bytes(std::size_t count);
  [[nodiscard]] std::string guid();
  [[nodiscard]] std::string key();  // 32 bytes in base64

 private:
  std::uint64_t state_;
};

}  // namespace dps::sim

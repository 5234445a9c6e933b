// One request and one answer, as values: what the front reads from a socket and what the world
// makes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/arm_simulator/text.hpp"

namespace dps::sim {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string path;   // as it came, still percent-encoded, without the query
  std::string query;  // as it came, without `?`: signed URLs are compared byte for byte
  Headers headers;
  std::string body;
  std::string base_url;  // `https://127.0.0.1:1234`: by which listener and host name it came
  std::uint64_t connection = 0;  // a number per TCP connection

  /// The header's value, names without case; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (equal_ignoring_case(key, name)) return value;
    return {};
  }
  [[nodiscard]] bool has_header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (equal_ignoring_case(key, name)) return true;
    return false;
  }
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;

  void set(std::string_view name, std::string value) {
    for (auto& [key, old] : headers)
      if (equal_ignoring_case(key, name)) {
        old = std::move(value);
        return;
      }
    headers.emplace_back(name, std::move(value));
  }
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (equal_ignoring_case(key, name)) return value;
    return {};
  }
};

}  // namespace dps::sim

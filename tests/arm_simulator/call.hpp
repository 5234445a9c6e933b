// One request as the operations see it, and the answers they make: ARM's two shapes of errors, JSON
// with the usual headers.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/arm_simulator/state.hpp"

namespace dps::sim {

/// A request with its path taken apart. Lives as long as the request.
struct Call {
  const Request& request;
  std::vector<std::string> path;      // decoded segments as they came
  std::vector<std::string> segments;  // the same in lower case, for matching
  std::map<std::string, std::string> query;
  const Version* version = nullptr;  // of provisioningServices; null elsewhere
  std::string api_version;
  TimePoint now;

  // Decoded path segments of the common prefix; empty where the path is shorter.
  [[nodiscard]] std::string at(std::size_t index) const {
    return index < path.size() ? path[index] : std::string();
  }
  [[nodiscard]] std::string subscription() const { return at(1); }
  [[nodiscard]] std::string group() const { return at(3); }
  [[nodiscard]] std::string name() const { return at(7); }
  /// The key under which the resource of segments [0, 8) is stored.
  [[nodiscard]] std::string resource_key() const;
};

[[nodiscard]] Response json_answer(int status, const Json& body);
[[nodiscard]] Response empty_answer(int status);

/// `{"error": {"code", "message"}}` with x-ms-failure-cause: gateway.
[[nodiscard]] Response gateway_error(int status,
                                     std::string_view code,
                                     std::string_view message,
                                     const Json& details = nullptr);

/// `{"code": 404002, "httpStatusCode": "NotFound", "message": …errorcode: IH404002.}`
[[nodiscard]] Response provider_error(State& state, int status, int code, std::string_view message);
/// The provider's message with its correlation id, time and error code.
[[nodiscard]] std::string provider_message(State& state, int code, std::string_view message);
[[nodiscard]] std::string_view status_word(int status);

struct Body {
  Json json;
  std::optional<Response> refusal;  // the gateway's 400
};
/// The body as a JSON object. An empty body is an empty object.
[[nodiscard]] Body body_object(const Call& call);

}  // namespace dps::sim

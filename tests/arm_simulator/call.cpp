#include "tests/arm_simulator/call.hpp"

#include <fmt/core.h>

namespace dps::sim {

std::string Call::resource_key() const {
  std::string key;
  for (std::size_t i = 0; i < 8 && i < segments.size(); ++i) {
    key += '/';
    key += segments[i];
  }
  return key;
}

Response json_answer(int status, const Json& body) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

Response empty_answer(int status) {
  Response response;
  response.status = status;
  return response;
}

Response gateway_error(int status,
                       std::string_view code,
                       std::string_view message,
                       const Json& details) {
  Json error = {{"code", code}, {"message", message}};
  if (!details.is_null()) error["details"] = details;
  auto response = json_answer(status, {{"error", error}});
  response.headers.emplace_back("x-ms-failure-cause", "gateway");
  return response;
}

std::string_view status_word(int status) {
  switch (status) {
    case 400:
      return "BadRequest";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 412:
      return "PreconditionFailed";
    default:
      return "InternalServerError";
  }
}

std::string provider_message(State& state, int code, std::string_view message) {
  return fmt::format(
      "{} If you contact a support representative please include this correlation identifier: {}, "
      "timestamp: {}, errorcode: IH{}.",
      message,
      state.random.guid(),
      provider_time(state.now()),
      code);
}

Response provider_error(State& state, int status, int code, std::string_view message) {
  return json_answer(status,
                     {{"code", code},
                      {"httpStatusCode", status_word(status)},
                      {"message", provider_message(state, code, message)}});
}

Body body_object(const Call& call) {
  if (trim(call.request.body).empty()) return {Json::object(), std::nullopt};
  // A document nested deeper than this is garbage; the limit keeps the recursive dump off the
  // stack's end.
  constexpr int kDeepest = 64;
  bool too_deep = false;
  const auto watch = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  auto body = Json::parse(call.request.body, watch, /*allow_exceptions=*/false);
  if (too_deep || body.is_discarded() || !body.is_object())
    return {nullptr,
            gateway_error(400,
                          "InvalidRequestContent",
                          "The request content was invalid and could not be deserialized: it must "
                          "be a JSON object.")};
  return {std::move(body), std::nullopt};
}

}  // namespace dps::sim

#include "reconciler/base/json.hpp"

#include <fmt/format.h>

namespace dps {

Result<Json> parse_json(std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > 64) too_deep = true;
    return !too_deep;
  };
  try {
    auto value = Json::parse(text, watch);
    if (too_deep) return fail(give_up("BadJson", "JSON deeper than 64 levels"));
    return value;
  } catch (const nlohmann::json::parse_error& error) {
    return fail(give_up("BadJson", fmt::format("not JSON: breaks off at byte {}", error.byte)));
  } catch (const nlohmann::json::exception&) {
    return fail(give_up("BadJson", "not JSON"));
  }
}

std::string canonical_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& member(const Json& object, std::string_view name) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

std::string text_member(const Json& object, std::string_view name) {
  const auto& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace dps

// json: the alias, and the only place where nlohmann's exceptions end.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps {

using Json = nlohmann::json;                 ///< members sorted: canonical text comes for nothing
using OrderedJson = nlohmann::ordered_json;  ///< members as added: for what people read

/// Bounded: at most 64 levels deep. GiveUp "BadJson" with the offset; the text itself is not
/// quoted.
Result<Json> parse_json(std::string_view text);

/// Members sorted, no white space: the same value gives the same text. Invalid UTF-8 is replaced.
std::string canonical_text(const Json& value);

/// The member, or null, of an object (or of anything else): never throws.
const Json& member(const Json& object, std::string_view name);
/// The string member, or "" when it is missing or not a string.
std::string text_member(const Json& object, std::string_view name);

}  // namespace dps

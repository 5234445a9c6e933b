// json_fwd: the aliases without the weight, for headers.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace dps {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

}  // namespace dps

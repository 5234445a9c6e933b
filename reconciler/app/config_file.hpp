// config_file: --config FILE: the same flags as YAML, keys in lowerCamelCase.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps::app {

/// Flag name (kebab-case) -> its values as text.
using FlagValues = std::map<std::string, std::vector<std::string>>;

/// GiveUp "Usage" with `file:line:column` for a file that is missing, broken or has unknown keys.
Result<FlagValues> read_config_file(const std::string& path);
Result<FlagValues> parse_config(std::string_view text, const std::string& path);

}  // namespace dps::app

// flags: the one table of flags; names, help, defaults, and how a text becomes a value.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/app/options.hpp"
#include "reconciler/base/result.hpp"

namespace dps::app {

enum class Arity { Switch, Single, Repeated };

/// One flag, whatever channel it comes by. `set` is given every value of it at once.
struct Flag {
  std::string name;  ///< kebab-case; DPS_RECONCILER_KEBAB_CASE; kebabCase in the file
  Arity arity = Arity::Single;
  std::string value_name;
  std::string description;
  std::string default_text;
  std::function<Result<void>(Options&, const std::vector<std::string>&)> set;
};

const std::vector<Flag>& flags();

std::string environment_name(std::string_view flag);  ///< "DPS_RECONCILER_MAX_DELETES"
std::string config_key(std::string_view flag);        ///< "maxDeletes"

}  // namespace dps::app

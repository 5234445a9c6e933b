// interpolate: ${env:NAME} in the values of a document, and the hunt for literal secrets.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/manifest/diagnostic.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::manifest {

struct Variables {
  const std::vector<std::string>& allowed;  ///< globs
  const std::function<std::optional<std::string>(const std::string&)>& environment;
};

/// AZURE_*: credentials of the tool itself, for no manifest.
bool is_reserved_variable(const std::string& name);

/// Replaces ${env:NAME} in every value (not in keys) and `$${` by `${`. A replaced value is text
/// whatever it looks like. Then refuses values and keys that look like a secret: their text is
/// wiped. Values with a fault are marked `reported`.
void lay_in_variables(Node& document,
                      const std::string& file,
                      const Variables& variables,
                      Diagnostics& diagnostics);

}  // namespace dps::manifest

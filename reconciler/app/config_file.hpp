// config_file: --config FILE: the same flags as YAML, keys in lowerCamelCase; and what has no flag:
// the credentials of single subscriptions, and maintenance windows.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/arm/credential_routes.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/controller/maintenance.hpp"

namespace dps::app {

/// Flag name (kebab-case) -> its values as text.
using FlagValues = std::map<std::string, std::vector<std::string>>;

struct ConfigFile {
  FlagValues flags;
  std::vector<arm::SubscriptionCredential> credentials;    ///< `credentials:`
  std::vector<controller::MaintenanceWindow> maintenance;  ///< `maintenance:`
};

/// GiveUp "Usage" with `file:line:column` for a file that is missing, broken or has unknown keys.
Result<ConfigFile> read_config_file(const std::string& path);
Result<ConfigFile> parse_config(std::string_view text, const std::string& path);

}  // namespace dps::app

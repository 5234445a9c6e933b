// maintenance_section: `maintenance:` of the configuration file: when which changes may be made.
#pragma once

#include <string>
#include <vector>

#include "reconciler/base/result.hpp"
#include "reconciler/controller/maintenance.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::app {

/// A list of windows, each
///     {allow: "0 10 * * TUE", for: 2h, changes: [delete], name: "removals"}
/// with one of `allow` and `deny`, `for` from 1m to 31d, and perhaps `changes` (create, update,
/// rotate, delete; without it all of them) and `name`. An empty list has no windows. GiveUp "Usage"
/// with `file:line:column`: an unknown key, a missing one, a cron expression or a length that
/// cannot be.
Result<std::vector<controller::MaintenanceWindow>> parse_maintenance(const manifest::Node& list,
                                                                     const std::string& path);

}  // namespace dps::app

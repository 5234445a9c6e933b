// credential_section: `credentials:` of the configuration file: subscriptions with a way of signing
// in of their own.
#pragma once

#include <string>
#include <vector>

#include "reconciler/arm/credential_routes.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::app {

/// The list of sections. Relative file names start at the folder of `path`. A section is complete
/// in itself: no AZURE_* variable fills it, but AZURE_FEDERATED_TOKEN_FILE, later, where a workload
/// identity names no file. GiveUp "Usage" with `file:line:column`: an unknown key, one of another
/// kind, a missing one, a literal secret (not quoted), a subscription named twice.
Result<std::vector<arm::SubscriptionCredential>> parse_credentials(const manifest::Node& list,
                                                                   const std::string& path);

}  // namespace dps::app

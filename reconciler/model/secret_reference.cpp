#include "reconciler/model/secret_reference.hpp"

#include <fmt/format.h>

#include "reconciler/base/match.hpp"

namespace dps {

std::string describe(const SecretReference& reference) {
  return match(
      reference,
      [](const EnvironmentReference& env) { return "env " + env.variable; },
      [](const FileReference& file) { return "file " + file.shown; },
      [](const ExecReference& exec) {
        return "exec " + (exec.argv.empty() ? std::string() : exec.argv.front());
      });
}

std::string HubKeyReference::hub_path() const {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/IotHubs/{}",
                     subscription,
                     resource_group,
                     hub);
}

std::string describe(const HubCredential& credential) {
  return match(
      credential,
      [](const HubKeyReference& key) {
        return fmt::format("hub {}/{} {} {}",
                           key.resource_group,
                           key.hub,
                           key.policy,
                           key.key == KeyKind::Primary ? "primary" : "secondary");
      },
      [](const SecretReference& reference) { return describe(reference); });
}

}  // namespace dps

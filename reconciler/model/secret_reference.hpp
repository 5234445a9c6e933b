// secret_reference: where a secret is to be had; never the secret.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace dps {

struct EnvironmentReference {
  std::string variable;
  bool operator==(const EnvironmentReference&) const = default;
};
struct FileReference {
  std::string path;   ///< absolute, resolved by the loader
  std::string shown;  ///< as the manifest wrote it
  bool operator==(const FileReference&) const = default;
};
struct ExecReference {
  std::vector<std::string> argv;  ///< run without a shell, only with --allow-exec
  bool operator==(const ExecReference&) const = default;
};
using SecretReference = std::variant<EnvironmentReference, FileReference, ExecReference>;

/// "env HUB_EU_1", "file /run/secrets/hub", "exec get-secret": for plans and messages.
std::string describe(const SecretReference& reference);

enum class KeyKind { Primary, Secondary };

/// A key that the tool asks the IoT hub for (listkeys).
struct HubKeyReference {
  std::string subscription;
  std::string resource_group;
  std::string hub;     ///< the hub's ARM name
  std::string policy;  ///< "iothubowner", "service"
  KeyKind key = KeyKind::Primary;
  bool operator==(const HubKeyReference&) const = default;

  /// "/subscriptions/…/providers/Microsoft.Devices/IotHubs/NAME"
  std::string hub_path() const;
};

/// How a linked hub's connection string is had.
using HubCredential = std::variant<HubKeyReference, SecretReference>;
/// "hub iot-eu/hub-eu-1 iothubowner primary", or as a SecretReference.
std::string describe(const HubCredential& credential);

}  // namespace dps

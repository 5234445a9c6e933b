// secret_source: references -> secrets, at the moment they are needed; the caller lets them go.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/model/secret_reference.hpp"

namespace dps::manifest {

/// What files and programs end their text with is no part of a secret. DER of a key stays whole:
/// its last byte may look like a line end.
void drop_final_newline(std::string& text);

/// Thread-safe.
class SecretSource {
 public:
  virtual ~SecretSource() = default;
  /// The secret without its final newline; never an empty one.
  /// Errors: WaitForOthers "SecretMissing" (not set, no such file, unreadable, empty); GiveUp
  /// "OutsideRoot" (a link has moved since the manifests were loaded), "ExecNotAllowed",
  /// "VariableNotAllowed"; of programs those of run_program.
  virtual Result<Secret> read(const SecretReference& reference, std::stop_token stop) = 0;
};

struct SecretSourceOptions {
  /// Files must lie below one of these when read, links resolved. Empty: not checked again.
  std::vector<std::string> folders;
  bool allow_exec = false;
  /// Empty function: the variables of the process.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

/// The process' environment, the disk, and programs (10 s, 64 KiB each).
class SystemSecretSource final : public SecretSource {
 public:
  explicit SystemSecretSource(SecretSourceOptions options) : options_(std::move(options)) {}
  Result<Secret> read(const SecretReference& reference, std::stop_token stop) override;

 private:
  Result<Secret> from_environment(const EnvironmentReference& reference) const;
  Result<Secret> from_file(const FileReference& reference) const;
  Result<Secret> from_program(const ExecReference& reference, const std::stop_token& stop) const;

  SecretSourceOptions options_;
};

}  // namespace dps::manifest

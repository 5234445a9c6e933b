// load: folders of manifests -> DesiredState. Secrets stay references.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/manifest/diagnostic.hpp"
#include "reconciler/manifest/files.hpp"
#include "reconciler/model/state.hpp"

namespace dps::manifest {

struct LoadOptions {
  std::vector<std::string> roots;                   ///< --manifests; files or folders
  std::vector<std::string> allow_env{"DPS_VAR_*"};  ///< globs for ${env:NAME}; never AZURE_*
  bool allow_exec = false;
  std::string secrets_dir = "/run/secrets";
  Duration min_validity{0};  ///< certificates that end earlier from `now` block their service
  bool allow_empty = false;
  WallTime now{};
  /// Environment variables; empty function: those of the process.
  std::function<std::optional<std::string>(const std::string&)> environment;
};

struct Loaded {
  DesiredState desired;
  std::vector<Diagnostic> faults;  ///< by file, line, column; warnings too
  std::size_t files = 0;           ///< manifests read
  std::size_t documents = 0;       ///< Defaults too
};

/// Reads everything below the roots. Never throws; all faults in one run. `desired.complete` is
/// false as soon as there is one fault of the text: then nothing of `desired` may be applied.
/// Environment faults are diagnostics too, and blocks of their service. The revision is
/// "sha256:" and 12 hex digits of all files read, certificates included.
Loaded load(Files& files, const LoadOptions& options);

}  // namespace dps::manifest

// corpus: the manifests of tests/golden and the options they are read with.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "reconciler/manifest/load.hpp"

namespace dps::manifest {

inline std::string project_folder() {
  return DPS_PROJECT_FOLDER;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

inline std::vector<std::string> folders_in(const std::string& path) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.is_directory()) out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Everything about the run is fixed: 2026-01-01, these variables, no others.
inline LoadOptions corpus_options(const std::string& root) {
  LoadOptions options;
  options.roots = {root};
  options.secrets_dir = project_folder() + "/tests/golden/secrets";
  options.now = parse_rfc3339("2026-01-01T00:00:00Z").value();
  options.min_validity = std::chrono::hours{30 * 24};
  options.environment = [](const std::string& name) -> std::optional<std::string> {
    static const std::map<std::string, std::string> variables = {
        {"DPS_VAR_REGION", "westeurope"},
        {"DPS_VAR_NUMBER", "10"},
        {"DPS_VAR_CONTROL", "a\x1b[31mb"},
        {"DPS_VAR_SECRET", "HostName=h;SharedAccessKeyName=o;SharedAccessKey=CANARYc2VjcmV0"},
        {"HUB_EU_1",
         "HostName=hub-eu-1.azure-devices.net;SharedAccessKeyName=o;SharedAccessKey=CANARY="},
        {"WRONG_HUB", "HostName=other.example.net;SharedAccessKeyName=o;SharedAccessKey=CANARY="},
        {"KEY_EMPTY", ""},
        {"HOME", "/home/canary"},
        {"AZURE_CLIENT_SECRET", "CANARY"},
        {"AZURE_TENANT_ID", "CANARY"},
    };
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return options;
}

inline std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

/// All faults as people see them, each under its id, without the folders of this machine.
inline std::string shown(const Loaded& loaded, const std::string& root) {
  std::string out;
  for (const auto& fault : loaded.faults) {
    out += "[" + fault.id + (fault.fault_class == FaultClass::Environment ? ", environment" : "") +
           "]\n" + render(fault, false);
  }
  out = replaced(out, root + "/", "");
  out = replaced(out, root, ".");
  return replaced(out, project_folder() + "/tests/golden/secrets", "SECRETS");
}

}  // namespace dps::manifest

#include "reconciler/arm/credential_choice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/child_process.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

struct Looked {
  bool configured = false;
  std::string why;
};

struct World {
  const VariableReader& variable;
  Attendance attendance;

  std::string value(std::string_view name) const {
    return variable ? variable(name).value_or("") : std::string();
  }
  bool has(std::string_view name) const { return !value(name).empty(); }
  Looked by_variable(const char* name) const {
    return has(name) ? Looked{true, fmt::format("{} is set", name)}
                     : Looked{false, fmt::format("{} is not set", name)};
  }
};

Looked managed_identity(const World& world) {
  const bool endpoint = world.has("IDENTITY_ENDPOINT");
  const bool header = world.has("IDENTITY_HEADER");
  if (endpoint && header) return {true, "IDENTITY_ENDPOINT and IDENTITY_HEADER are set"};
  if (world.has("AZURE_POD_IDENTITY_AUTHORITY_HOST")) {
    return {true, "AZURE_POD_IDENTITY_AUTHORITY_HOST is set"};
  }
  if (endpoint) return {false, "IDENTITY_ENDPOINT is set without IDENTITY_HEADER"};
  return {false, "IDENTITY_ENDPOINT is not set; on a virtual machine name it with --auth"};
}

Looked azure_cli(const World& world) {
  if (world.attendance != Attendance::Terminal) {
    return {false, "no terminal: a person's login is taken unasked only from a person"};
  }
  if (program_in_path(world.value("PATH"), "az").empty()) return {false, "no program az in PATH"};
  return {true, "this is a terminal and az is in PATH"};
}

Looked look(const std::string& kind, const World& world) {
  if (kind == "client-secret") return world.by_variable("AZURE_CLIENT_SECRET");
  if (kind == "client-certificate") return world.by_variable("AZURE_CLIENT_CERTIFICATE_PATH");
  if (kind == "token") return world.by_variable("AZURE_ACCESS_TOKEN");
  if (kind == "workload-identity") return world.by_variable("AZURE_FEDERATED_TOKEN_FILE");
  if (kind == "managed-identity") return managed_identity(world);
  return azure_cli(world);
}

}  // namespace

const std::vector<std::string>& credential_kinds() {
  static const std::vector<std::string> kinds_in_order = {"client-secret",
                                                          "client-certificate",
                                                          "token",
                                                          "workload-identity",
                                                          "managed-identity",
                                                          "azure-cli"};
  return kinds_in_order;
}

Result<CredentialChoice> choose_credential(std::string_view kind,
                                           const VariableReader& variable,
                                           Attendance attendance) {
  const auto& kinds = credential_kinds();
  if (kind != "auto") {
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) {
      return CredentialChoice{std::string(kind), "--auth names it", {}};
    }
    return fail(give_up("BadCredential",
                        fmt::format("no credential is called \"{}\"", printable(kind, 40)),
                        "auto, " + join(kinds, ", ")));
  }
  const World world{variable, attendance};
  CredentialChoice choice;
  std::vector<std::string> reasons;
  for (const auto& one : kinds) {
    auto looked = look(one, world);
    if (choice.kind.empty() && looked.configured) {
      choice.kind = one;
      choice.why = std::move(looked.why);
    } else if (choice.kind.empty()) {
      reasons.push_back(fmt::format("{}: {}", one, looked.why));
      choice.passed_over.push_back({one, std::move(looked.why)});
    } else if (looked.configured) {
      choice.passed_over.push_back({one, looked.why + ", but comes later in the order"});
    }
  }
  if (choice.kind.empty()) {
    return fail(give_up("NoCredential",
                        fmt::format("no credential is configured ({})", join(reasons, "; ")),
                        "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or name "
                        "another way with --auth; docs/credentials.md lists them"));
  }
  return choice;
}

std::string sentence(const CredentialChoice& choice) {
  auto text = fmt::format("{}: {}", choice.kind, choice.why);
  std::vector<std::string> others;
  for (const auto& one : choice.passed_over) {
    others.push_back(fmt::format("{} ({})", one.kind, one.why));
  }
  if (!others.empty()) text += "; passed over: " + join(others, ", ");
  return text;
}

}  // namespace dps::arm

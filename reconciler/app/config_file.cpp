#include "reconciler/app/config_file.hpp"

#include <fmt/format.h>

#include <set>

#include "reconciler/app/credential_section.hpp"
#include "reconciler/app/flags.hpp"
#include "reconciler/app/maintenance_section.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/manifest/files.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::app {
namespace {

constexpr const char* kCredentials = "credentials";
constexpr const char* kMaintenance = "maintenance";
constexpr std::size_t kMost = std::size_t{1} << 20U;

Failure wrong(const std::string& path,
              manifest::Position at,
              const std::string& what,
              const std::string& remedy) {
  return fail(
      give_up("Usage", fmt::format("{}:{}:{}: {}", path, at.line, at.column, what), remedy));
}

const Flag* flag_of(std::string_view key) {
  for (const auto& flag : flags()) {
    if (config_key(flag.name) == key) return &flag;
  }
  return nullptr;
}

}  // namespace

Result<ConfigFile> parse_config(std::string_view text, const std::string& path) {
  const auto yaml = manifest::parse_yaml(text);
  if (!yaml.faults.empty()) {
    const auto& fault = yaml.faults.front();
    return wrong(path, fault.at, fault.message, fault.remedy);
  }
  if (yaml.documents.empty()) return ConfigFile{};
  const auto& root = yaml.documents.front();
  if (yaml.documents.size() > 1) {
    return wrong(path, yaml.documents[1].at, "a second document", "one document of flags");
  }
  if (root.kind != manifest::NodeKind::Map) {
    return wrong(path, root.at, "the configuration is not a map", "keys such as concurrency: 64");
  }
  ConfigFile config;
  for (const auto& member : root.members) {
    if (member.key == kCredentials) {
      auto sections = parse_credentials(member.value, path);
      if (!sections) return fail(sections.error());
      config.credentials = *std::move(sections);
      continue;
    }
    if (member.key == kMaintenance) {
      auto windows = parse_maintenance(member.value, path);
      if (!windows) return fail(windows.error());
      config.maintenance = *std::move(windows);
      continue;
    }
    const auto* flag = flag_of(member.key);
    if (flag == nullptr) {
      std::vector<std::string> known = {kCredentials, kMaintenance};
      for (const auto& one : flags()) known.push_back(config_key(one.name));
      const auto near = nearest(member.key, known);
      return wrong(path,
                   member.at,
                   fmt::format("unknown key \"{}\"", printable(member.key, 60)),
                   near.empty() ? "the keys are the flags in lowerCamelCase, such as maxDeletes"
                                : fmt::format("did you mean {}?", near));
    }
    const auto& value = member.value;
    auto& out = config.flags[flag->name];
    if (value.kind == manifest::NodeKind::Scalar) {
      out = {value.text};
    } else if (value.kind == manifest::NodeKind::List && flag->arity == Arity::Repeated) {
      for (const auto& item : value.items) {
        if (item.kind != manifest::NodeKind::Scalar) {
          return wrong(path, item.at, fmt::format("{} holds plain values", member.key), "a text");
        }
        out.push_back(item.text);
      }
    } else {
      return wrong(path,
                   value.at,
                   fmt::format("{} cannot be that", member.key),
                   flag->arity == Arity::Repeated ? "a value or a list of values" : "one value");
    }
  }
  return config;
}

Result<ConfigFile> read_config_file(const std::string& path) {
  manifest::DiskFiles files;
  const auto text = files.read(path, kMost);
  if (!text) {
    return fail(give_up("Usage", "--config: " + text.error().what, "a YAML file of flags"));
  }
  return parse_config(*text, path);
}

}  // namespace dps::app

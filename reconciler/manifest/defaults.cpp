#include "reconciler/manifest/defaults.hpp"

#include <fmt/format.h>

#include <map>

#include "reconciler/manifest/files.hpp"

namespace dps::manifest {
namespace {

using ByFolder = std::map<std::string, const DefaultsDocument*>;

template <class Value>
void fill(std::optional<Value>& field, const std::optional<Value>& from) {
  if (!field) field = from;
}

// The folder, its parent, and so on to the top.
template <class Each>
void each_upwards(const ByFolder& defaults, const std::string& file, Each each) {
  std::string folder = tidy_path(folder_of(file));
  for (;;) {
    if (const auto found = defaults.find(folder); found != defaults.end()) each(*found->second);
    if (folder == "." || folder == "/" || folder.ends_with("..")) return;
    folder = folder_of(folder);
  }
}

void fill_identity(Identity& identity, const DefaultsDocument& from) {
  fill(identity.subscription, from.subscription);
  fill(identity.resource_group, from.resource_group);
}

void fill_service(ServiceDocument& document, const DefaultsDocument& from) {
  fill_identity(document.identity, from);
  fill(document.service.location, from.location);
  fill(document.service.sku, from.sku);
  if (from.tags) {
    if (!document.service.tags) document.service.tags.emplace();
    document.service.tags->insert(from.tags->begin(), from.tags->end());
    if (document.tags_mark.line == 0) document.tags_mark = document.service.mark;
  }
  auto& lifecycle = document.lifecycle;
  fill(lifecycle.adopt, from.lifecycle.adopt);
  fill(lifecycle.adopt_from, from.lifecycle.adopt_from);
  // Of a tombstone the mark on the service decides: it must have been taken off on purpose.
  if (lifecycle.state != LifecycleState::Absent) fill(lifecycle.protect, from.lifecycle.protect);
  fill(lifecycle.interval, from.lifecycle.interval);
  fill(lifecycle.hubs, from.lifecycle.hubs);
  fill(lifecycle.policies, from.lifecycle.policies);
  fill(lifecycle.certificates, from.lifecycle.certificates);
  fill(lifecycle.tags, from.lifecycle.tags);
}

}  // namespace

void lay_in_defaults(Documents& documents, Diagnostics& diagnostics) {
  ByFolder by_folder;
  for (const auto& document : documents.defaults) {
    const auto [first, fresh] = by_folder.emplace(document.folder, &document);
    if (fresh) continue;
    diagnostics.text(document.mark,
                     "DuplicateDefaults",
                     fmt::format("a second Defaults document of this folder; the first is {}:{}",
                                 first->second->mark.file,
                                 first->second->mark.line),
                     "one of them");
  }
  if (by_folder.empty()) return;
  for (auto& document : documents.services) {
    each_upwards(by_folder, document.service.mark.file, [&](const DefaultsDocument& from) {
      fill_service(document, from);
    });
  }
  for (auto& document : documents.entries) {
    each_upwards(by_folder, document.mark.file, [&](const DefaultsDocument& from) {
      fill_identity(document.service, from);
    });
  }
}

}  // namespace dps::manifest

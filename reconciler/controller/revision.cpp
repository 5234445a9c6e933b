#include "reconciler/controller/revision.hpp"

#include <algorithm>

namespace dps::controller {

const DesiredService* Revision::find(const ServiceId& id) const {
  const auto part = parts.find(lower(id.subscription));
  if (part == parts.end()) return nullptr;
  const auto found = part->second->services.find(id);
  return found == part->second->services.end() ? nullptr : &found->second;
}

std::size_t Revision::size() const {
  std::size_t all = 0;
  for (const auto& [subscription, part] : parts) all += part->services.size();
  return all;
}

DesiredState Revision::whole() const {
  DesiredState all;
  all.revision = name;
  for (const auto& [subscription, part] : parts) {
    all.services.insert(part->services.begin(), part->services.end());
  }
  return all;
}

std::shared_ptr<const Revision> divide(DesiredState desired, std::string name, const Shard& shard) {
  std::map<std::string, DesiredState> parts;
  for (auto& [id, service] : desired.services) {
    if (!shard.owns(id)) continue;
    auto& part = parts[lower(id.subscription)];
    part.revision = name;
    part.services.emplace_hint(part.services.end(), id, std::move(service));
  }
  auto out = std::make_shared<Revision>();
  out->name = std::move(name);
  for (auto& [subscription, part] : parts) {
    out->parts.emplace(subscription, std::make_shared<const DesiredState>(std::move(part)));
  }
  return out;
}

std::shared_ptr<const Revision> with_changes(
    const Revision& revision,
    const std::function<bool(const DesiredService&)>& concerns,
    const std::function<void(DesiredService&)>& change) {
  auto out = std::make_shared<Revision>(revision);
  for (auto& [subscription, part] : out->parts) {
    const bool any = std::any_of(part->services.begin(),
                                 part->services.end(),
                                 [&](const auto& one) { return concerns(one.second); });
    if (!any) continue;
    auto copy = std::make_shared<DesiredState>(*part);
    for (auto& [id, service] : copy->services) {
      if (concerns(service)) change(service);
    }
    part = std::move(copy);
  }
  return out;
}

RevisionChanges changes_between(const Revision* older, const Revision& newer) {
  RevisionChanges out;
  for (const auto& [subscription, part] : newer.parts) {
    for (const auto& [id, service] : part->services) {
      const auto* before = older == nullptr ? nullptr : older->find(id);
      if (before == nullptr) {
        out.added.push_back(id);
      } else {
        (wants_the_same(*before, service) ? out.unchanged : out.changed).push_back(id);
      }
    }
  }
  if (older == nullptr) return out;
  for (const auto& [subscription, part] : older->parts) {
    for (const auto& [id, service] : part->services) {
      if (newer.find(id) == nullptr) out.removed.push_back(id);
    }
  }
  return out;
}

}  // namespace dps::controller

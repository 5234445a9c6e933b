#include "reconciler/manifest/assemble.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/match.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/model/bookkeeping.hpp"

namespace dps::manifest {
namespace {

constexpr std::size_t kMostTags = 50;
constexpr std::size_t kMostHubs = 50;
constexpr std::size_t kMostCertificates = 25;
constexpr std::size_t kPerKeysTag = 18;  // hubs that one bookkeeping tag remembers

struct Assembled {
  DesiredService service;
  Mark tags_mark;
  Mark hubs_mark;
  Mark certificates_mark;
};
using Services = std::map<ServiceId, Assembled>;

std::string place(const Mark& mark) {
  return fmt::format("{}:{}", mark.file, mark.line);
}

std::optional<ServiceId> whole_id(const Identity& identity,
                                  std::string_view where,
                                  Diagnostics& diagnostics) {
  const auto missing = [&](std::string_view key) {
    diagnostics.text(identity.mark,
                     "MissingKey",
                     fmt::format("{} has no key {}", where, key),
                     fmt::format("{} here, or in a Defaults document of the folder", key));
  };
  if (identity.faulty) return std::nullopt;
  if (!identity.subscription) missing("subscription");
  if (!identity.resource_group) missing("resourceGroup");
  if (!identity.subscription || !identity.resource_group) return std::nullopt;
  return ServiceId{*identity.subscription, *identity.resource_group, identity.name};
}

Lifecycle whole_lifecycle(LifecyclePart part) {
  Lifecycle out;
  out.state = part.state.value_or(out.state);
  out.id_scope = std::move(part.id_scope);
  out.adopt = part.adopt.value_or(out.adopt);
  out.adopt_from = std::move(part.adopt_from);
  out.protect = part.protect;
  out.suspend = std::move(part.suspend);
  out.interval = part.interval;
  out.ignore = std::move(part.ignore);
  out.hubs = part.hubs.value_or(out.hubs);
  out.policies = part.policies.value_or(out.policies);
  out.certificates = part.certificates.value_or(out.certificates);
  out.tags = part.tags.value_or(out.tags);
  return out;
}

void add_service(ServiceDocument document, Services& services, Diagnostics& diagnostics) {
  const auto id = whole_id(document.identity, "metadata", diagnostics);
  if (!id) return;
  if (const auto found = services.find(*id); found != services.end()) {
    const bool tombstone =
        (found->second.service.lifecycle.state == LifecycleState::Absent) !=
        (document.lifecycle.state.value_or(LifecycleState::Present) == LifecycleState::Absent);
    diagnostics.text(document.identity.mark,
                     "DuplicateService",
                     fmt::format("the service {} is {} in {}",
                                 quoted(id->name),
                                 tombstone ? "declared and a tombstone; the other document is"
                                           : "declared a second time; the first is",
                                 place(found->second.service.mark)),
                     "one document for a service");
    return;
  }
  Assembled out{std::move(document.service),
                document.tags_mark,
                document.hubs_mark,
                document.certificates_mark};
  out.service.id = *id;
  out.service.lifecycle = whole_lifecycle(std::move(document.lifecycle));
  services.emplace(*id, std::move(out));
}

std::string name_of(const DesiredHub& hub) {
  return hub.host_name;
}
std::string name_of(const DesiredPolicy& policy) {
  return policy.name;
}
std::string name_of(const DesiredCertificate& certificate) {
  return certificate.name;
}
std::string_view noun(const DesiredHub&) {
  return "hub";
}
std::string_view noun(const DesiredPolicy&) {
  return "policy";
}
std::string_view noun(const DesiredCertificate&) {
  return "certificate";
}

// Joins one entry to the list; a service that is declared without that list keeps what is live.
// One entry wants what another revokes: it would be removed and uploaded without end.
void check_revoked(const DesiredService& service, Diagnostics& diagnostics) {
  if (!service.certificates) return;
  for (const auto& revoker : *service.certificates) {
    for (const auto& wanted : *service.certificates) {
      if (&revoker == &wanted || wanted.thumbprint.empty() || wanted.presence == Presence::Absent ||
          std::find(revoker.revoked.begin(), revoker.revoked.end(), wanted.thumbprint) ==
              revoker.revoked.end()) {
        continue;
      }
      diagnostics.text(wanted.mark,
                       "Contradiction",
                       fmt::format("the certificate {} is wanted here and revoked by {} ({})",
                                   quoted(wanted.name),
                                   quoted(revoker.name),
                                   place(revoker.mark)),
                       "another certificate, or one statement less");
    }
  }
}

template <class Value>
void join_entry(Value entry,
                bool declared,
                std::optional<std::vector<Value>>& list,
                Unlisted& unlisted) {
  if (!list) {
    list.emplace();
    if (declared) unlisted = Unlisted::Keep;
  }
  list->push_back(std::move(entry));
}

DesiredService undeclared(const EntryDocument& document, const ServiceId& id) {
  DesiredService out;
  out.id = id;
  out.declared = false;
  out.mark = document.mark;
  out.lifecycle.hubs = out.lifecycle.policies = Unlisted::Keep;
  out.lifecycle.certificates = out.lifecycle.tags = Unlisted::Keep;
  return out;
}

void add_entry(EntryDocument document, Services& services, Diagnostics& diagnostics) {
  const auto id = whole_id(document.service, "spec.service", diagnostics);
  if (!id) return;
  auto found = services.find(*id);
  if (found == services.end()) {
    found = services.emplace(*id, Assembled{undeclared(document, *id), {}, {}, {}}).first;
  }
  auto& service = found->second.service;
  if (service.lifecycle.state != LifecycleState::Present) {
    diagnostics.text(
        document.service.mark,
        "Contradiction",
        fmt::format("the service {} is {} by {}",
                    quoted(id->name),
                    service.lifecycle.state == LifecycleState::Absent ? "deleted" : "let go",
                    place(service.mark)),
        "take this document away too");
    return;
  }
  if (!service.declared && document.owner) {
    if (service.named_owner && *service.named_owner != *document.owner) {
      diagnostics.text(document.service.mark,
                       "Contradiction",
                       fmt::format("the owner of the service {} is {} here and {} in {}",
                                   quoted(id->name),
                                   quoted(*document.owner),
                                   quoted(*service.named_owner),
                                   place(service.mark)),
                       "the owner that the service's tag names");
    }
    service.named_owner = document.owner;
  }
  auto& lifecycle = service.lifecycle;
  match(
      std::move(document.entry),
      [&](DesiredHub&& hub) {
        join_entry(std::move(hub), service.declared, service.linked_hubs, lifecycle.hubs);
      },
      [&](DesiredPolicy&& policy) {
        join_entry(std::move(policy), service.declared, service.policies, lifecycle.policies);
      },
      [&](DesiredCertificate&& certificate) {
        join_entry(
            std::move(certificate), service.declared, service.certificates, lifecycle.certificates);
      });
  for (auto& path : document.ignore) lifecycle.ignore.push_back(std::move(path));
  for (auto& block : document.blocks) service.blocks.push_back(std::move(block));
}

template <class Value>
void check_unique(const std::optional<std::vector<Value>>& list, Diagnostics& diagnostics) {
  if (!list) return;
  std::map<std::string, const Value*, LessIgnoringCase> seen;
  for (const auto& entry : *list) {
    if (name_of(entry).empty()) continue;
    const auto [first, fresh] = seen.emplace(name_of(entry), &entry);
    if (fresh) continue;
    diagnostics.text(entry.mark,
                     "DuplicateEntry",
                     fmt::format("the {} {} stands here a second time; the first is {}",
                                 noun(entry),
                                 quoted(name_of(entry)),
                                 place(first->second->mark)),
                     "one of them");
  }
}

void check_slots(const DesiredService& service, Diagnostics& diagnostics) {
  if (!service.certificates) return;
  std::map<std::string, const DesiredCertificate*, LessIgnoringCase> names;
  for (const auto& certificate : *service.certificates)
    names.emplace(certificate.name, &certificate);
  std::map<std::string, const DesiredCertificate*, LessIgnoringCase> slots;
  for (const auto& certificate : *service.certificates) {
    if (certificate.strategy != RotationStrategy::Overlap) continue;
    for (const auto& slot : certificate.slots) {
      const auto named = names.find(slot);
      const auto [taken, fresh] = slots.emplace(slot, &certificate);
      const auto* other = named != names.end() && named->second != &certificate ? named->second
                          : !fresh && taken->second != &certificate             ? taken->second
                                                                                : nullptr;
      if (other == nullptr || equal_ignoring_case(other->name, certificate.name)) continue;
      diagnostics.text(certificate.mark,
                       "DuplicateEntry",
                       fmt::format("the certificates {} and {} ({}) share the name {}",
                                   quoted(certificate.name),
                                   quoted(other->name),
                                   place(other->mark),
                                   quoted(slot)),
                       "another name, or rotation.slots");
    }
  }
}

template <class Value>
std::size_t present(const std::optional<std::vector<Value>>& list) {
  if (!list) return 0;
  return static_cast<std::size_t>(std::count_if(list->begin(), list->end(), [](const auto& entry) {
    return entry.presence == Presence::Present;
  }));
}

void check_limits(const Assembled& assembled, Diagnostics& diagnostics) {
  const auto& service = assembled.service;
  const auto too_many = [&](const Mark& mark, std::string message, std::size_t most) {
    diagnostics.text(mark.line > 0 ? mark : service.mark,
                     "TooMany",
                     std::move(message),
                     fmt::format("at most {}", most));
  };
  if (const auto hubs = present(service.linked_hubs); hubs > kMostHubs) {
    too_many(assembled.hubs_mark, fmt::format("{} linked hubs", hubs), kMostHubs);
  }
  if (const auto count = present(service.certificates); count > kMostCertificates) {
    too_many(assembled.certificates_mark, fmt::format("{} certificates", count), kMostCertificates);
  }
  if (!service.tags || service.tags->empty()) return;
  std::size_t with_credential = 0;
  if (service.linked_hubs) {
    for (const auto& hub : *service.linked_hubs) with_credential += hub.credential ? 1U : 0U;
  }
  const auto ours = 3 + (with_credential + kPerKeysTag - 1) / kPerKeysTag +
                    (service.lifecycle.protect.value_or(false) ? 1U : 0U);
  if (service.tags->size() + ours > kMostTags) {
    too_many(assembled.tags_mark,
             fmt::format("{} tags and {} of the tool's own", service.tags->size(), ours),
             kMostTags);
  }
}

void fill_hub_subscription(DesiredService& service) {
  if (!service.linked_hubs) return;
  for (auto& hub : *service.linked_hubs) {
    auto* key = hub.credential ? std::get_if<HubKeyReference>(&*hub.credential) : nullptr;
    if (key != nullptr && key->subscription.empty()) key->subscription = service.id.subscription;
  }
}

// Names are global: the same one in two places can only be a mistake.
void check_names(const Services& services, Diagnostics& diagnostics) {
  std::map<std::string, const DesiredService*, LessIgnoringCase> names;
  for (const auto& [id, assembled] : services) {
    const auto& service = assembled.service;
    if (service.lifecycle.state == LifecycleState::Absent) continue;
    const auto [first, fresh] = names.emplace(id.name, &service);
    if (fresh) continue;
    diagnostics.text(service.mark,
                     "DuplicateName",
                     fmt::format("the name {} is that of another service too ({}, {})",
                                 quoted(id.name),
                                 first->second->id.brief(),
                                 place(first->second->mark)),
                     "a name of its own; names are unique in all of Azure");
  }
}

void report_blocks(const DesiredService& service, Diagnostics& diagnostics) {
  for (const auto& block : service.blocks) {
    Diagnostic diagnostic;
    diagnostic.mark = block.mark;
    diagnostic.id = block.id;
    diagnostic.message = block.message;
    diagnostic.remedy = block.remedy;
    diagnostic.fault_class = FaultClass::Environment;
    diagnostic.service = service.id;
    diagnostics.add(std::move(diagnostic));
  }
}

}  // namespace

std::map<ServiceId, DesiredService> assemble(Documents documents, Diagnostics& diagnostics) {
  Services services;
  for (auto& document : documents.services) add_service(std::move(document), services, diagnostics);
  for (auto& document : documents.entries) add_entry(std::move(document), services, diagnostics);
  check_names(services, diagnostics);
  std::map<ServiceId, DesiredService> out;
  for (auto& [id, assembled] : services) {
    auto& service = assembled.service;
    fill_hub_subscription(service);
    check_unique(service.linked_hubs, diagnostics);
    check_unique(service.policies, diagnostics);
    check_unique(service.certificates, diagnostics);
    check_slots(service, diagnostics);
    check_revoked(service, diagnostics);
    check_limits(assembled, diagnostics);
    // A missing secret is no reason not to delete or to let go.
    if (service.lifecycle.state != LifecycleState::Present) service.blocks.clear();
    report_blocks(service, diagnostics);
    out.emplace_hint(out.end(), id, std::move(service));
  }
  return out;
}

}  // namespace dps::manifest

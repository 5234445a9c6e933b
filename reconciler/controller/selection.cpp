#include "reconciler/controller/selection.hpp"

#include <algorithm>

#include "reconciler/plan/select.hpp"

namespace dps::controller {
namespace {

using manifest::EntryKind;

template <class Entries, class NameOf>
bool any_entry(const manifest::Selector& selector,
               const ServiceId& id,
               EntryKind kind,
               const std::optional<Entries>& entries,
               const NameOf& name_of) {
  return entries && std::any_of(entries->begin(), entries->end(), [&](const auto& entry) {
           return manifest::matches(selector, id, kind, name_of(entry));
         });
}

bool names_something(const manifest::Selector& selector, const DesiredService& service) {
  const auto name = [](const auto& entry) -> const std::string& { return entry.name; };
  const auto host = [](const DesiredHub& hub) -> const std::string& { return hub.host_name; };
  return manifest::matches(selector, service.id) ||
         any_entry(selector, service.id, EntryKind::LinkedHub, service.linked_hubs, host) ||
         any_entry(selector, service.id, EntryKind::SharedAccessPolicy, service.policies, name) ||
         any_entry(selector, service.id, EntryKind::Certificate, service.certificates, name);
}

}  // namespace

Result<void> check_selection(const DesiredState& desired,
                             const std::vector<manifest::Selector>& selectors) {
  for (const auto& selector : selectors) {
    const bool found =
        std::any_of(desired.services.begin(), desired.services.end(), [&](const auto& one) {
          return names_something(selector, one.second);
        });
    if (!found) {
      return fail(give_up("Usage",
                          "--select " + selector.kind + "/" +
                              (selector.entry == "*" ? selector.service : selector.entry) +
                              " names nothing in the manifests",
                          "KIND/NAME or KIND/SUBSCRIPTION/GROUP/NAME[/ENTRY] of a document"));
    }
  }
  return {};
}

void narrow(plan::Plan& plan,
            const DesiredState& desired,
            const std::vector<manifest::Selector>& selectors) {
  plan::select(plan, desired, [&](plan::Kind kind, const ServiceId& id, std::string_view name) {
    switch (kind) {
      case plan::Kind::LinkedHub:
        return manifest::any_matches(selectors, id, EntryKind::LinkedHub, name);
      case plan::Kind::SharedAccessPolicy:
        return manifest::any_matches(selectors, id, EntryKind::SharedAccessPolicy, name);
      case plan::Kind::Certificate:
        return manifest::any_matches(selectors, id, EntryKind::Certificate, name);
      case plan::Kind::ProvisioningService:
      case plan::Kind::Tag:
        return manifest::any_matches(selectors, id);
    }
    return false;
  });
}

}  // namespace dps::controller

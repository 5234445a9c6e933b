#include "reconciler/plan/ownership.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/plan/impact.hpp"

namespace dps::plan {
namespace {

Change bookkeeping_change(Action action, const Subject& subject, std::string impact) {
  auto change = field_change(Kind::ProvisioningService,
                             subject.live->id.name,
                             "",
                             "",
                             subject.bookkeeping.owner ? Json(*subject.bookkeeping.owner) : Json(),
                             action == Action::Adopt ? Json(subject.settings.owner) : Json(),
                             std::move(impact));
  change.action = action;
  return change;
}

void owned_by_other(const Subject& subject, Findings& out, std::string remedy) {
  out.error("OwnedByOther",
            fmt::format("the service belongs to \"{}\" and we are \"{}\": it is not written",
                        printable(*subject.bookkeeping.owner, 80),
                        printable(subject.settings.owner, 80)),
            std::move(remedy));
}

void not_adopted(Findings& out, std::string why, std::string remedy) {
  out.error("NotAdopted", "nobody owns this service yet, and " + std::move(why), std::move(remedy));
}

std::vector<std::string> removals(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  for (const auto& change : changes) {
    if (change.action == Action::Delete || change.destructive) {
      out.push_back(printable(change.path, 120));
    }
  }
  return out;
}

/// Nothing to do but bookkeeping, or a key that is sent because no record of it exists.
bool is_equal_already(const std::vector<Change>& changes) {
  return std::all_of(
      changes.begin(), changes.end(), [](const Change& change) { return change.secret; });
}

/// A list that was not read and from which unlisted entries would go, or "": what the first plan
/// removes is then not known, and once the service is ours nobody asks again.
std::string_view hidden_list(const DesiredService& want, const LiveService& live) {
  const auto hides = [](const auto& wanted, const auto& seen, Unlisted unlisted) {
    return wanted && !seen.entries && unlisted == Unlisted::Remove;
  };
  if (hides(want.policies, live.policies, want.lifecycle.policies)) return "sharedAccessPolicies";
  if (hides(want.certificates, live.certificates, want.lifecycle.certificates)) {
    return "certificates";
  }
  return {};
}

void judge_hidden(const Subject& subject, Findings& out) {
  const auto hidden = hidden_list(subject.desired, *subject.live);
  if (hidden.empty()) return;
  not_adopted(out,
              fmt::format("its {} were not read: what would be removed is not known", hidden),
              fmt::format("the right to read them, lifecycle.unlisted.{}: keep, or "
                          "lifecycle.adopt: always",
                          hidden));
}

void judge_adoption(const Subject& subject, Findings& out) {
  switch (subject.desired.lifecycle.adopt) {
    case Adopt::Always:
      return;
    case Adopt::Never:
      not_adopted(out,
                  "lifecycle.adopt is never",
                  "lifecycle.adopt: additive, or another mode, to take it over");
      return;
    case Adopt::WhenEqual:
      if (is_equal_already(out.changes)) {
        judge_hidden(subject, out);
        return;
      }
      not_adopted(out,
                  "it differs from the manifest",
                  "write the manifest as the service is, or lifecycle.adopt: additive or always");
      return;
    case Adopt::Additive: {
      auto removed = removals(out.changes);
      if (removed.empty()) {
        judge_hidden(subject, out);
        return;
      }
      constexpr std::size_t kShown = 3;
      const auto more = removed.size() > kShown ? removed.size() - kShown : 0;
      removed.resize(removed.size() - more);
      not_adopted(out,
                  fmt::format("the first plan would remove {}{}",
                              join(removed, ", "),
                              more > 0 ? fmt::format(" and {} more", more) : ""),
                  "name them in the manifest, lifecycle.unlisted: keep for the list, or "
                  "lifecycle.adopt: always");
      return;
    }
  }
}

}  // namespace

void judge_ownership(const Subject& subject, Findings& out) {
  const auto& owner = subject.bookkeeping.owner;
  const auto& lifecycle = subject.desired.lifecycle;
  const bool ours = owner == subject.settings.owner;
  if (ours) return;
  if (!subject.desired.declared) {
    if (owner && subject.desired.named_owner != owner) {
      owned_by_other(subject, out, "spec.service.owner: the name of that owner, if it agrees");
    }
    return;
  }
  if (owner && lifecycle.adopt_from != owner) {
    owned_by_other(subject, out, "lifecycle.adoptFrom: the name of that owner, to take it over");
    return;
  }
  if (!owner) judge_adoption(subject, out);
  // Certificates are written beside the service: they leave no owner tag.
  const bool nothing_carries_it =
      std::all_of(out.changes.begin(), out.changes.end(), [](const auto& change) {
        return change.held.has_value() || change.kind == Kind::Certificate;
      });
  if (nothing_carries_it && out.errors.empty()) {
    out.changes.push_back(
        bookkeeping_change(Action::Adopt,
                           subject,
                           owner ? impact::service_taken_over(*owner) : impact::service_adopted()));
  }
}

Change service_deletion(const LiveService& live) {
  Json hubs = Json::array();
  for (const auto& hub : live.linked_hubs) hubs.push_back(hub.host_name);
  auto change = field_change(
      Kind::ProvisioningService,
      live.id.name,
      "",
      "",
      Json{{"idScope", live.id_scope}, {"location", live.location}, {"linkedHubs", hubs}},
      nullptr,
      impact::service_deleted(live.id_scope));
  change.action = Action::Delete;
  change.reversible = false;
  change.destructive = true;
  return change;
}

void judge_tombstone(const Subject& subject, Findings& out) {
  const auto& live = *subject.live;
  const auto& wanted = subject.desired.lifecycle.id_scope;
  if (!wanted || live.id_scope.empty() || *wanted != live.id_scope) {
    out.error("IdScopeDiffers",
              fmt::format("the tombstone is for id scope {} and the service that stands here has "
                          "{}: it is not deleted",
                          wanted ? printable(*wanted, 60) : "(none)",
                          live.id_scope.empty() ? "none" : printable(live.id_scope, 60)),
              "lifecycle.idScope: the id scope of the service that is really meant");
  }
  if (subject.bookkeeping.protect) {
    out.error("Protected",
              "the service is marked as protected: it is not deleted",
              "lifecycle.protect: false in a manifest of the living service, applied in a revision "
              "before the tombstone");
  }
  if (subject.bookkeeping.owner && subject.bookkeeping.owner != subject.settings.owner) {
    owned_by_other(subject, out, "its owner deletes it, or lets it go with state: released");
  }
  out.changes.push_back(service_deletion(live));
}

void judge_release(const Subject& subject, Findings& out) {
  const auto& owner = subject.bookkeeping.owner;
  if (owner && owner != subject.settings.owner) {
    out.warning("OwnedByOther",
                fmt::format("the service belongs to \"{}\": there is nothing of ours to release",
                            printable(*owner, 80)),
                "take the manifest away");
    return;
  }
  if (!owner) return;
  out.changes.push_back(bookkeeping_change(Action::Release, subject, impact::service_released()));
}

bool is_suspended(const DesiredService& desired, WallTime now) {
  const auto& suspend = desired.lifecycle.suspend;
  return suspend && (!suspend->until || now < *suspend->until);
}

}  // namespace dps::plan

#include "reconciler/plan/guard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/certificate_diff.hpp"
#include "reconciler/plan/finish.hpp"

namespace dps::plan {
namespace {

constexpr std::size_t kFewOwned = 10;
constexpr std::size_t kSharePercent = 30;
constexpr std::size_t kApproveDigits = 16;

struct Removal {
  Change* change;
  const ServicePlan* service;
};

bool is_worked_on(const ServicePlan& service) {
  switch (service.service_class) {
    case ServiceClass::Create:
    case ServiceClass::Delete:
    case ServiceClass::Rotate:
    case ServiceClass::Update:
    case ServiceClass::Adopt:
      return true;
    default:
      return false;
  }
}

bool is_revoked(const Change& change) {
  return change.certificate && change.certificate->goes == Goes::Revoked;
}

/// The CA that is removed or replaced, or "".
std::string content_lost(const Change& change) {
  return change.kind == Kind::Certificate ? upper(text_member(change.before, "thumbprint")) : "";
}

std::string described(const Removal& removal) {
  const auto service = printable(removal.service->id.brief(), 200);
  const auto name = printable(removal.change->name, 120);
  switch (removal.change->kind) {
    case Kind::LinkedHub:
      return fmt::format("unlink hub {} of {}", name, service);
    case Kind::SharedAccessPolicy:
      return fmt::format("remove policy {} of {}", name, service);
    case Kind::Certificate:
      return fmt::format("remove {}certificate {} of {} ({})",
                         is_revoked(*removal.change) ? "revoked " : "",
                         name,
                         service,
                         printable(content_lost(*removal.change), 60));
    default:
      return fmt::format(
          "delete service {} (id scope {})", service, printable(removal.service->id_scope, 60));
  }
}

std::string line_of(const Removal& removal) {
  return removal_line(*removal.service, *removal.change);
}

GuardHold hold(std::string guard,
               std::string message,
               std::size_t limit,
               const std::vector<Removal>& removals) {
  GuardHold out;
  out.guard = std::move(guard);
  out.message = std::move(message);
  out.count = removals.size();
  out.limit = limit;
  for (const auto& removal : removals) out.removals.push_back(described(removal));
  return out;
}

std::string made_before(std::size_t count) {
  return count == 0 ? "" : fmt::format(" after {} that this revision has caused", count);
}

std::size_t owned(const LiveState& live, const Settings& settings) {
  return static_cast<std::size_t>(
      std::count_if(live.services.begin(), live.services.end(), [&](const auto& entry) {
        const auto owner = entry.second.tags.find(kOwnerTag);
        return owner != entry.second.tags.end() && owner->second == settings.owner;
      }));
}

/// A slot that came free since (a revoked CA went) does not change where the new one goes.
void keep_slot(Change& change, const ServicePlan& judged) {
  if (change.action != Action::Create || !change.certificate) return;
  auto& detail = *change.certificate;
  const bool planned_there =
      !detail.other_slot.empty() &&
      std::any_of(judged.changes.begin(), judged.changes.end(), [&](const Change& one) {
        return one.action == Action::Create && one.certificate &&
               equal_ignoring_case(one.name, detail.other_slot) &&
               one.certificate->entry == detail.entry;
      });
  if (!planned_there) return;
  std::swap(change.name, detail.other_slot);
  change.path = entry_path(kCertificateList, change.name, change.field);
}

}  // namespace

std::string removal_line(const ServicePlan& service, const Change& change) {
  return fmt::format("{}\t{}\t{}\t{}\t{}\n",
                     word(change.action),
                     service.id.key(),
                     lower(change.path),
                     service.id_scope,
                     content_lost(change));
}

void withhold(ServicePlan& plan, const Settings& settings) {
  if (settings.withheld.empty() && settings.closed.empty()) return;
  const auto fields = settings.withheld.find(plan.id.key());
  const bool creates =
      std::any_of(plan.changes.begin(), plan.changes.end(), [](const Change& change) {
        return change_class(change) == "create";
      });
  for (auto& change : plan.changes) {
    if (change.held) continue;
    if (fields != settings.withheld.end()) {
      const auto field = fields->second.find(identity(change));
      if (field != fields->second.end()) change.held = field->second;
    }
    const auto window = settings.closed.find(creates ? "create" : change_class(change));
    if (!change.held && window != settings.closed.end()) change.held = window->second;
    if (change.held) change.calls.clear();
  }
}

void apply_guards(Plan& plan, const LiveState& live, const Settings& settings) {
  std::vector<Removal> deletes, removals, revoked;
  for (auto& service : plan.services) {
    if (!is_worked_on(service)) continue;
    for (auto& change : service.changes) {
      // New content over a verified CA destroys too, and is no removal: its entry stays.
      if (!change.destructive || change.held || change.action != Action::Delete) continue;
      if (settings.approved.contains(removal_line(service, change))) continue;
      if (is_revoked(change)) revoked.push_back({&change, &service});
      (change.kind == Kind::ProvisioningService ? deletes : removals)
          .push_back({&change, &service});
    }
  }
  std::vector<GuardHold> guards;
  std::vector<Removal> guarded;
  const auto all_deletes = deletes.size() + settings.deletes_made;
  const auto all_removals_made = removals.size() + settings.removals_made;
  if (!deletes.empty() && all_deletes > settings.max_deletes) {
    guards.push_back(hold("max-deletes",
                          fmt::format("{} services would be deleted{}, more than the {} that "
                                      "--max-deletes allows",
                                      deletes.size(),
                                      made_before(settings.deletes_made),
                                      settings.max_deletes),
                          settings.max_deletes,
                          deletes));
  }
  if (!deletes.empty()) {
    const auto ours = owned(live, settings);
    if (ours >= kFewOwned && all_deletes * 100 > (ours + settings.deletes_made) * kSharePercent) {
      guards.push_back(hold("max-deletes-share",
                            fmt::format("{} of {} owned services would be deleted, more than {} %",
                                        deletes.size(),
                                        ours,
                                        kSharePercent),
                            ours * kSharePercent / 100,
                            deletes));
    }
  }
  if (!guards.empty()) guarded = deletes;
  const bool too_many = !removals.empty() && all_removals_made > settings.max_removals;
  if (too_many) {
    guards.push_back(hold("max-removals",
                          fmt::format("{} hubs, policies and certificates would be removed{}, more "
                                      "than the {} that --max-removals allows",
                                      removals.size(),
                                      made_before(settings.removals_made),
                                      settings.max_removals),
                          settings.max_removals,
                          removals));
    guarded.insert(guarded.end(), removals.begin(), removals.end());
  }
  if (!revoked.empty()) {
    guards.push_back(hold("revoked",
                          fmt::format("{} revoked CA{} would be removed, which needs approval",
                                      revoked.size(),
                                      revoked.size() == 1 ? "" : "s"),
                          0,
                          revoked));
    if (!too_many) guarded.insert(guarded.end(), revoked.begin(), revoked.end());
  }
  if (guarded.empty()) return;

  std::vector<std::string> lines;
  for (const auto& removal : guarded) lines.push_back(line_of(removal));
  std::sort(lines.begin(), lines.end());
  const auto digest = hex(sha256(join(lines, ""))).substr(0, kApproveDigits);
  if (settings.approve == digest) {
    plan.approved = std::move(lines);
    return;
  }
  if (!settings.approve.empty()) {
    plan.notices.push_back({"ApprovalDiffers",
                            fmt::format("--approve {} is not for these removals; they are {}",
                                        printable(settings.approve, 80),
                                        digest),
                            ""});
  }
  for (const auto& removal : guarded) {
    const bool service = removal.change->kind == Kind::ProvisioningService;
    const bool by_name = is_revoked(*removal.change);
    const auto by = std::find_if(guards.begin(), guards.end(), [&](const GuardHold& guard) {
      if (service) return true;
      return guard.guard == (by_name ? "revoked" : "max-removals");
    });
    removal.change->held = Hold{by->guard, by->message};
  }
  for (auto& service : plan.services) hold_dependents(service);
  plan.guards = std::move(guards);
  plan.approve_digest = digest;
}

void keep_within(ServicePlan& fresh, const ServicePlan& judged) {
  for (auto& change : fresh.changes) keep_slot(change, judged);
  const auto let_through = [&](const Change& change) {
    return std::any_of(judged.changes.begin(), judged.changes.end(), [&](const Change& one) {
      return one.destructive && !one.held && one.kind == change.kind &&
             one.action == change.action && equal_ignoring_case(one.name, change.name) &&
             content_lost(one) == content_lost(change);
    });
  };
  for (auto& change : fresh.changes) {
    if (!change.destructive || change.held || let_through(change)) continue;
    change.held = Hold{std::string(kNotJudgedHold),
                       "it came up after the guards had judged: the next pass looks"};
    change.calls.clear();
  }
  hold_dependents(fresh);
  const bool more_to_do =
      std::any_of(fresh.changes.begin(), fresh.changes.end(), [](const Change& change) {
        return change.certificate && !change.held && change.action != Action::Delete;
      });
  for (auto& change : fresh.changes) {
    if (!more_to_do || !change.certificate || change.held) continue;
    const auto goes = change.certificate->goes;
    if (goes != Goes::Retired && goes != Goes::Unlisted) continue;
    change.held =
        Hold{std::string(kGoesLastHold), "goes once its successors stand and are verified"};
    change.calls.clear();
  }
  settle_holds(fresh);
}

}  // namespace dps::plan

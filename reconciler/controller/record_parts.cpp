#include "reconciler/controller/record_parts.hpp"

#include <algorithm>
#include <set>

#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

using plan::ServiceClass;

std::size_t index_of(Standing standing) {
  return static_cast<std::size_t>(std::find(kStandings.begin(), kStandings.end(), standing) -
                                  kStandings.begin());
}

/// The names of a kind's wanted entries, in lower case.
template <class Entries, class NameOf>
std::set<std::string> names(const std::optional<Entries>& entries, const NameOf& name_of) {
  std::set<std::string> out;
  if (!entries) return out;
  for (const auto& entry : *entries) {
    if (entry.presence == Presence::Present) out.insert(lower(name_of(entry)));
  }
  return out;
}

}  // namespace

std::string pascal_case(std::string_view text) {
  std::string out;
  bool raise = true;
  for (const char c : text) {
    if (c == '_' || c == '-' || c == ' ') {
      raise = true;
    } else {
      out += raise ? upper(std::string_view(&c, 1)) : std::string(1, c);
      raise = false;
    }
  }
  return out;
}

void set_condition(ServiceStatus& status,
                   std::string_view type,
                   Truth truth,
                   std::string reason,
                   std::string message,
                   std::optional<WallTime> since) {
  for (auto& condition : status.conditions) {
    if (condition.type != type) continue;
    if (condition.status != truth && since) condition.since = *since;
    condition.status = truth;
    condition.reason = std::move(reason);
    condition.message = std::move(message);
  }
}

Standing standing_of(ServiceClass service_class, bool drift, bool differs, bool wanted) {
  switch (service_class) {
    case ServiceClass::Failed:
      return Standing::Failed;
    case ServiceClass::Blocked:
      return Standing::Blocked;
    case ServiceClass::Suspended:
      return Standing::Suspended;
    case ServiceClass::InTransition:
    case ServiceClass::Create:
    case ServiceClass::Delete:
    case ServiceClass::Adopt:
      return Standing::Pending;
    case ServiceClass::Rotate:
    case ServiceClass::Update:
    case ServiceClass::Unchanged:
      break;
  }
  if (!differs) return wanted ? Standing::InSync : Standing::Pending;
  return drift ? Standing::Drifted : Standing::Pending;
}

bool is_owned_by_other(const plan::ServicePlan& plan) {
  return std::any_of(plan.errors.begin(), plan.errors.end(), [](const plan::Problem& problem) {
    return problem.id == "OwnedByOther";
  });
}

std::map<std::string, std::array<std::size_t, 6>> count_entries(const plan::ServicePlan& plan,
                                                                const DesiredService* desired,
                                                                Standing standing,
                                                                bool drift) {
  std::map<std::string, std::array<std::size_t, 6>> out;
  if (desired == nullptr) return out;
  std::map<std::string, std::set<std::string>> wanted;
  wanted["LinkedHub"] =
      names(desired->linked_hubs, [](const DesiredHub& hub) { return hub.host_name; });
  wanted["SharedAccessPolicy"] =
      names(desired->policies, [](const DesiredPolicy& policy) { return policy.name; });
  wanted["Certificate"] =
      names(desired->certificates, [](const DesiredCertificate& ca) { return ca.name; });

  // Where the service as a whole cannot be worked on, neither can its entries.
  const bool whole = standing == Standing::Blocked || standing == Standing::Failed ||
                     standing == Standing::Suspended;
  std::map<std::string, std::map<std::string, Standing>> differing;
  for (const auto& change : plan.changes) {
    const bool drifted = drift || change.cause == plan::Cause::Drift;
    const auto name = change.certificate && !change.certificate->entry.empty()
                          ? change.certificate->entry
                          : change.name;
    differing[std::string(word(change.kind))][lower(name)] =
        drifted ? Standing::Drifted : Standing::Pending;
  }
  for (const auto& [kind, entries] : wanted) {
    auto all = entries;
    for (const auto& [name, how] : differing[kind]) all.insert(name);  // one that is to go, too
    for (const auto& name : all) {
      const auto found = differing[kind].find(name);
      const auto how = whole                            ? standing
                       : found == differing[kind].end() ? Standing::InSync
                                                        : found->second;
      ++out[kind][index_of(how)];
    }
  }
  return out;
}

std::optional<std::vector<CertificateStanding>> certificates_of(const Seen& seen) {
  const bool named = seen.desired != nullptr && seen.desired->certificates.has_value();
  std::vector<CertificateStanding> out;
  if (named && !seen.plan.certificates.empty()) {
    for (const auto& one : seen.plan.certificates) {
      out.push_back({one.name,
                     !one.entry.empty(),
                     std::string(word(one.role)),
                     one.thumbprint,
                     one.subject,
                     one.expires_at,
                     one.verified});
    }
    return out;
  }
  if (seen.live == nullptr || !seen.live->certificates.entries) return std::nullopt;
  for (const auto& one : *seen.live->certificates.entries) {
    out.push_back(
        {one.name, false, "unmanaged", one.thumbprint, one.subject, one.expiry, one.verified});
  }
  return out;
}

}  // namespace dps::controller

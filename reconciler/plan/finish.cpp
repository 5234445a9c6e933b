#include "reconciler/plan/finish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reconciler/base/json.hpp"
#include "reconciler/base/match.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/bookkeeping_after.hpp"
#include "reconciler/plan/certificate_diff.hpp"

namespace dps::plan {
namespace {

int rank(Kind kind) {
  switch (kind) {
    case Kind::ProvisioningService:
      return 0;
    case Kind::Tag:
      return 1;
    case Kind::LinkedHub:
      return 2;
    case Kind::SharedAccessPolicy:
      return 3;
    case Kind::Certificate:
      return 4;
  }
  return 5;
}

/// A revoked CA goes before everything else, other removals come last.
int stage(const Change& change) {
  if (change.certificate && change.certificate->goes == Goes::Revoked) return 0;
  return change.action == Action::Delete ? 2 : 1;
}

bool comes_before(const Change& left, const Change& right) {
  if (stage(left) != stage(right)) return stage(left) < stage(right);
  if (left.kind != right.kind) return rank(left.kind) < rank(right.kind);
  return LessIgnoringCase{}(left.name, right.name);
}

std::string hub_key_call(const DesiredService& desired, const Change& change) {
  if (!desired.linked_hubs) return {};
  for (const auto& hub : *desired.linked_hubs) {
    if (!equal_ignoring_case(hub.host_name, change.name) || !hub.credential) continue;
    if (const auto* key = std::get_if<HubKeyReference>(&*hub.credential)) {
      return fmt::format("POST IotHubs/{}/IotHubKeys/{}/listkeys", key->hub, key->policy);
    }
  }
  return {};
}

std::vector<std::string> certificate_calls(const std::string& service, const Change& change) {
  const auto path = fmt::format("{}/certificates/{}", service, change.name);
  switch (change.action) {
    case Action::Delete:
      return {"DELETE " + path};
    default:
      break;
  }
  std::vector<std::string> out;
  const bool uploads = change.action != Action::Verify;
  const auto& how = uploads ? member(change.after, "verification") : change.after;
  if (uploads || how != kByProof) out.push_back("PUT " + path);
  if (how == kByProof) {
    out.push_back("POST " + path + "/generateVerificationCode");
    out.push_back("POST " + path + "/verify");
  }
  return out;
}

}  // namespace

void sort_changes(std::vector<Change>& changes) {
  std::stable_sort(changes.begin(), changes.end(), comes_before);
}

bool is_tags_only(const Change& change) {
  return change.kind == Kind::Tag || change.field == "lifecycle.protect" ||
         change.action == Action::Adopt || change.action == Action::Release;
}

void assign_calls(ServicePlan& plan, const DesiredService* desired) {
  const auto service = "provisioningServices/" + plan.id.name;
  const bool creates = plan.service_class == ServiceClass::Create;
  const bool patch = std::all_of(plan.changes.begin(), plan.changes.end(), [](const Change& one) {
    return one.held || one.kind == Kind::Certificate || is_tags_only(one);
  });
  for (auto& change : plan.changes) {
    change.calls.clear();
    if (change.held) continue;
    if (change.kind == Kind::Certificate) {
      change.calls = certificate_calls(service, change);
      continue;
    }
    if (change.kind == Kind::ProvisioningService && change.action == Action::Delete) {
      change.calls = {"DELETE " + service};
      continue;
    }
    if (patch) {
      change.calls = {"PATCH " + service};
      continue;
    }
    const bool needs_key = change.kind == Kind::LinkedHub &&
                           (change.action == Action::Create || change.field == "credential");
    if (needs_key && desired != nullptr) {
      if (auto call = hub_key_call(*desired, change); !call.empty()) {
        change.calls.push_back(std::move(call));
      }
    }
    // A PUT that leaves a policy's keys out has them made anew: they are read to be sent back.
    if (!creates) change.calls.push_back("POST " + service + "/listkeys");
    change.calls.push_back("PUT " + service);
  }
}

ServiceClass class_of(const std::vector<Change>& changes) {
  if (changes.empty()) return ServiceClass::Unchanged;
  bool certificates = false, more_than_adoption = false;
  for (const auto& change : changes) {
    if (change.kind == Kind::ProvisioningService && change.action == Action::Create) {
      return ServiceClass::Create;
    }
    if (change.kind == Kind::ProvisioningService && change.action == Action::Delete) {
      return ServiceClass::Delete;
    }
    certificates = certificates || change.kind == Kind::Certificate;
    more_than_adoption = more_than_adoption || change.action != Action::Adopt;
  }
  if (certificates) return ServiceClass::Rotate;
  return more_than_adoption ? ServiceClass::Update : ServiceClass::Adopt;
}

void hold_dependents(ServicePlan& plan) {
  const auto uploads = [](const Change& change) {
    return change.certificate && change.action != Action::Delete;
  };
  const auto hold = [](Change& change, const Hold& by, std::string reason) {
    change.held = Hold{by.id, std::move(reason), by.until};
    change.calls.clear();
  };
  auto room = static_cast<std::ptrdiff_t>(kMaxCertificates) -
              static_cast<std::ptrdiff_t>(plan.certificates.size());
  const Hold* withheld = nullptr;
  for (auto& change : plan.changes) {
    if (!change.certificate || change.certificate->goes != Goes::Revoked) continue;
    if (!change.held) ++room;
    if (change.held) withheld = &*change.held;
  }
  for (auto& change : plan.changes) {
    if (!uploads(change) || change.held || withheld == nullptr) continue;
    const auto in_the_way =
        std::find_if(plan.changes.begin(), plan.changes.end(), [&](const Change& one) {
          return one.certificate && one.held && one.certificate->goes == Goes::Revoked &&
                 equal_ignoring_case(one.name, change.name);
        });
    if (change.action == Action::Create && room <= 0) {
      hold(change, *withheld, "there is no room for it until the revoked CA may be removed");
      continue;
    }
    if (in_the_way == plan.changes.end()) {
      if (change.action == Action::Create) --room;
      continue;
    }
    hold(change, *in_the_way->held, "the revoked CA that stands there must be removed first");
  }
  for (auto& change : plan.changes) {
    if (!change.certificate || change.held) continue;
    const auto goes = change.certificate->goes;
    if (goes != Goes::Unlisted && goes != Goes::Retired) continue;
    const auto waits = std::find_if(plan.changes.begin(), plan.changes.end(), [&](const auto& one) {
      return uploads(one) && one.held &&
             (goes == Goes::Unlisted || one.certificate->entry == change.certificate->entry);
    });
    if (waits == plan.changes.end()) continue;
    hold(change,
         *waits->held,
         fmt::format("goes last, and certificate {} waits: {}",
                     printable(waits->name, 64),
                     waits->held->reason));
  }
}

void settle_holds(ServicePlan& plan) {
  if (!plan.bookkeeping) return;
  const bool writes_service =
      std::any_of(plan.changes.begin(), plan.changes.end(), [](const Change& change) {
        return !change.held && change.kind != Kind::Certificate;
      });
  if (!writes_service) {
    plan.bookkeeping.reset();
    return;
  }
  for (const auto& change : plan.changes) {
    if (change.held) leave_out(change, plan.live_bookkeeping, *plan.bookkeeping);
  }
}

}  // namespace dps::plan

#include "reconciler/plan/saved_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/certificate_diff.hpp"
#include "reconciler/plan/render_json.hpp"
#include "reconciler/plan/select.hpp"

namespace dps::plan {
namespace {

Failure bad_file(std::string what) {
  return fail(give_up("BadPlanFile",
                      "the plan file cannot be used: " + std::move(what),
                      "make it again with: plan --out FILE"));
}

template <class Enum, std::size_t Count>
std::optional<Enum> parse_word(const std::array<Enum, Count>& all, std::string_view text) {
  for (const auto one : all) {
    if (word(one) == text) return one;
  }
  return std::nullopt;
}

constexpr std::array kActions = {Action::Create,
                                 Action::Update,
                                 Action::Delete,
                                 Action::Adopt,
                                 Action::Release,
                                 Action::Rotate,
                                 Action::Verify};
constexpr std::array kKinds = {Kind::ProvisioningService,
                               Kind::LinkedHub,
                               Kind::SharedAccessPolicy,
                               Kind::Certificate,
                               Kind::Tag};
constexpr std::array kGoes = {Goes::Not, Goes::Revoked, Goes::Retired, Goes::Unlisted};
constexpr std::array kClasses = {ServiceClass::Failed,
                                 ServiceClass::Blocked,
                                 ServiceClass::Suspended,
                                 ServiceClass::InTransition,
                                 ServiceClass::Create,
                                 ServiceClass::Delete,
                                 ServiceClass::Rotate,
                                 ServiceClass::Update,
                                 ServiceClass::Adopt,
                                 ServiceClass::Unchanged};

bool flag_member(const Json& object, std::string_view name) {
  const auto& value = member(object, name);
  return value.is_boolean() && value.get<bool>();
}

std::optional<Change> parse_change(const Json& record) {
  const auto action = parse_word(kActions, text_member(record, "action"));
  const auto kind = parse_word(kKinds, text_member(record, "kind"));
  if (!action || !kind) return std::nullopt;
  Change change;
  change.action = *action;
  change.kind = *kind;
  change.name = text_member(record, "name");
  change.field = text_member(record, "field");
  change.path = text_member(record, "path");
  change.before = member(record, "before");
  change.after = member(record, "after");
  change.secret = flag_member(record, "secret");
  change.cause =
      text_member(record, "cause") == word(Cause::Drift) ? Cause::Drift : Cause::Manifest;
  change.impact = text_member(record, "impact");
  change.reversible = flag_member(record, "reversible");
  change.destructive = flag_member(record, "destructive");
  if (const auto& held = member(record, "held"); held.is_object()) {
    change.held = Hold{text_member(held, "id"), text_member(held, "reason")};
    if (const auto until = parse_rfc3339(text_member(held, "until"))) change.held->until = *until;
  }
  if (const auto& detail = member(record, "certificate"); detail.is_object()) {
    const auto goes = parse_word(kGoes, text_member(detail, "goes"));
    if (!goes) return std::nullopt;
    change.certificate = CertificateDetail{text_member(detail, "entry"),
                                           text_member(detail, "thumbprint"),
                                           {text_member(detail, "etag")},
                                           *goes,
                                           ""};
  }
  return change;
}

std::optional<ServicePlan> parse_service(const Json& record) {
  const auto id = parse_service_id(text_member(record, "id"));
  const auto service_class = parse_word(kClasses, text_member(record, "state"));
  if (!id || !service_class) return std::nullopt;
  ServicePlan out;
  out.id = *id;
  out.service_class = *service_class;
  out.etag = {text_member(record, "etag")};
  out.id_scope = text_member(record, "id_scope");
  out.live_state = text_member(record, "live_state");
  for (const auto& path : member(record, "unseen")) {
    if (path.is_string()) out.unseen.push_back(path.get<std::string>());
  }
  for (const auto& one : member(record, "changes")) {
    auto change = parse_change(one);
    if (!change) return std::nullopt;
    out.changes.push_back(std::move(*change));
  }
  return out;
}

bool had_work(const ServicePlan& saved) {
  switch (saved.service_class) {
    case ServiceClass::Create:
    case ServiceClass::Delete:
    case ServiceClass::Rotate:
    case ServiceClass::Update:
    case ServiceClass::Adopt:
      return !saved.changes.empty();
    default:
      return false;
  }
}

/// The same thing done to the same thing; words about it may differ. Values are compared as they
/// are stored, which is not byte for byte where a text is no UTF-8.
bool same_change(const Change& left, const Change& right) {
  return left.action == right.action && left.kind == right.kind && left.field == right.field &&
         equal_ignoring_case(left.name, right.name) &&
         canonical_text(left.before) == canonical_text(right.before) &&
         canonical_text(left.after) == canonical_text(right.after);
}

/// The certificate under a change was written since, although it looks the same.
bool is_rewritten(const Change& then, const Change& now) {
  return then.certificate && now.certificate && same_change(then, now) &&
         !(then.certificate->etag == now.certificate->etag);
}

bool has(const std::vector<Change>& changes, const Change& wanted) {
  return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
    return same_change(change, wanted);
  });
}

std::string named(const Change& change) {
  return fmt::format("{} {}",
                     word(change.action),
                     change.path.empty() ? "the service" : printable(change.path, 200));
}

std::vector<std::string> moved_since(const ServicePlan& saved, const ServicePlan& fresh) {
  std::vector<std::string> out;
  if (fresh.service_class == ServiceClass::InTransition) {
    out.push_back(fmt::format("it is in transition ({})", printable(fresh.live_state, 40)));
    return out;
  }
  if (saved.id_scope != fresh.id_scope) {
    out.push_back(saved.id_scope.empty() ? "it exists by now" : "it is another service by now");
  }
  for (const auto& change : saved.changes) {
    if (!has(fresh.changes, change)) out.push_back(named(change) + " is no longer due");
  }
  for (const auto& change : fresh.changes) {
    if (!has(saved.changes, change)) out.push_back(named(change) + " was not in the saved plan");
  }
  for (const auto& change : fresh.changes) {
    const bool rewritten =
        std::any_of(saved.changes.begin(), saved.changes.end(), [&](const Change& then) {
          return is_rewritten(then, change);
        });
    if (rewritten) {
      out.push_back(fmt::format("{} was written since (its ETag moved)",
                                printable(entry_path(kCertificateList, change.name, ""), 200)));
    }
  }
  if (out.empty() && !(saved.etag == fresh.etag)) {
    out.emplace_back("it was written since (its ETag moved)");
  }
  return out;
}

}  // namespace

Result<SavedPlan> parse_saved_plan(std::string_view text) {
  const auto record = parse_json(text);
  if (!record) return bad_file(record.error().what);
  if (!record->is_object() || text_member(*record, "schema") != kPlanSchema) {
    return bad_file(fmt::format("its schema is not {}", kPlanSchema));
  }
  if (!member(*record, "services").is_array()) return bad_file("it lists no services");
  const auto created_at = parse_rfc3339(text_member(*record, "created_at"));
  if (text_member(*record, "digest") != digest(*record) || !created_at) {
    return bad_file("its digest does not fit its content: it was changed after it was made");
  }
  SavedPlan out;
  out.digest = text_member(*record, "digest");
  out.created_at = *created_at;
  out.api_version = text_member(*record, "api_version");
  out.owner = text_member(*record, "owner");
  out.source_revision = text_member(*record, "source_revision");
  for (const auto& one : member(*record, "services")) {
    auto service = parse_service(one);
    if (!service) return bad_file("it has an entry that this version does not know");
    out.services.push_back(std::move(*service));
  }
  return out;
}

Comparison compare(const SavedPlan& saved, Plan fresh) {
  Comparison out;
  std::vector<ServicePlan> kept;
  for (const auto& then : saved.services) {
    if (!had_work(then)) continue;
    const auto now = std::find_if(fresh.services.begin(),
                                  fresh.services.end(),
                                  [&](const ServicePlan& one) { return one.id == then.id; });
    if (now == fresh.services.end()) {
      out.out_of_date.push_back({then.id, {"nothing is planned for it any more"}});
      continue;
    }
    if (saved.owner != fresh.owner) {
      out.out_of_date.push_back(
          {then.id,
           {fmt::format("the plan was made as owner \"{}\"", printable(saved.owner, 80))}});
      continue;
    }
    if (now->service_class == ServiceClass::Failed) {
      kept.push_back(std::move(*now));
      continue;
    }
    leave_out_changes(*now, [&](const Change& change) {
      return std::any_of(then.unseen.begin(), then.unseen.end(), [&](const std::string& path) {
        return path_covers(path, change.path) && !has(then.changes, change);
      });
    });
    if (auto moved = moved_since(then, *now); !moved.empty()) {
      out.out_of_date.push_back({then.id, std::move(moved)});
    } else {
      kept.push_back(std::move(*now));
    }
  }
  fresh.services = std::move(kept);
  fresh.summary = summarise(fresh.services);
  fresh.digest = digest(fresh);
  out.plan = std::move(fresh);
  return out;
}

}  // namespace dps::plan

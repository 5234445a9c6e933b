#include "reconciler/plan/render_json.hpp"

#include <fmt/format.h>

#include <utility>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"

namespace dps::plan {
namespace {

// One code for both kinds of tree: ordered for people, sorted for the digest.

template <class Tree>
Tree problems_json(const std::vector<Problem>& problems) {
  auto out = Tree::array();
  for (const auto& problem : problems) {
    Tree one = Tree::object();
    one["id"] = problem.id;
    one["message"] = problem.message;
    one["remedy"] = problem.remedy;
    out.push_back(std::move(one));
  }
  return out;
}

template <class Tree>
Tree change_json(const Change& change) {
  Tree out = Tree::object();
  out["action"] = word(change.action);
  out["kind"] = word(change.kind);
  out["name"] = change.name;
  out["field"] = change.field;
  out["path"] = change.path;
  out["before"] = Tree(change.before);
  out["after"] = Tree(change.after);
  out["secret"] = change.secret;
  out["cause"] = word(change.cause);
  out["impact"] = change.impact;
  out["reversible"] = change.reversible;
  out["destructive"] = change.destructive;
  out["calls"] = change.calls;
  if (change.held) {
    Tree held = Tree::object();
    held["id"] = change.held->id;
    held["reason"] = change.held->reason;
    if (change.held->until) held["until"] = rfc3339(*change.held->until);
    out["held"] = std::move(held);
  }
  if (const auto& detail = change.certificate) {
    Tree certificate = Tree::object();
    certificate["entry"] = detail->entry;
    certificate["thumbprint"] = detail->thumbprint;
    certificate["etag"] = detail->etag.text;
    certificate["goes"] = word(detail->goes);
    out["certificate"] = std::move(certificate);
  }
  return out;
}

template <class Tree>
Tree date_json(const std::optional<WallTime>& date) {
  return date ? Tree(rfc3339(*date)) : Tree(nullptr);
}

template <class Tree>
Tree certificates_json(const std::vector<CertificateStatus>& certificates) {
  auto out = Tree::array();
  for (const auto& certificate : certificates) {
    Tree one = Tree::object();
    one["name"] = certificate.name;
    one["entry"] = certificate.entry;
    one["managed"] = certificate.role != CertificateRole::Unmanaged;
    one["role"] = word(certificate.role);
    one["thumbprint"] = certificate.thumbprint;
    one["subject"] = certificate.subject;
    one["etag"] = certificate.etag.text;
    one["verified"] = certificate.verified;
    one["uploaded_at"] = date_json<Tree>(certificate.uploaded_at);
    one["expires_at"] = date_json<Tree>(certificate.expires_at);
    one["retirable_on"] = date_json<Tree>(certificate.retirable_on);
    one["blocked_until"] = date_json<Tree>(certificate.blocked_until);
    out.push_back(std::move(one));
  }
  return out;
}

template <class Tree>
Tree service_json(const ServicePlan& service) {
  Tree out = Tree::object();
  out["id"] = service.id.path();
  if (service.manifest.file.empty()) {
    out["manifest"] = nullptr;
  } else {
    Tree manifest = Tree::object();
    manifest["file"] = service.manifest.file;
    manifest["line"] = service.manifest.line;
    out["manifest"] = std::move(manifest);
  }
  out["etag"] = service.etag.text;
  out["state"] = word(service.service_class);
  out["live_state"] = service.live_state;
  out["id_scope"] = service.id_scope;
  auto changes = Tree::array();
  for (const auto& change : service.changes) changes.push_back(change_json<Tree>(change));
  out["changes"] = std::move(changes);
  out["errors"] = problems_json<Tree>(service.errors);
  out["warnings"] = problems_json<Tree>(service.warnings);
  out["unseen"] = service.unseen;
  if (!service.certificates.empty()) {
    out["certificates"] = certificates_json<Tree>(service.certificates);
  }
  return out;
}

template <class Tree>
Tree summary_json(const Summary& summary) {
  Tree out = Tree::object();
  out["create"] = summary.create;
  out["update"] = summary.update;
  out["rotate"] = summary.rotate;
  out["delete"] = summary.remove;
  out["adopt"] = summary.adopt;
  out["blocked"] = summary.blocked;
  out["unchanged"] = summary.unchanged;
  out["failed"] = summary.failed;
  out["suspended"] = summary.suspended;
  out["in_transition"] = summary.in_transition;
  out["changes"] = summary.changes;
  out["held"] = summary.held;
  if (summary.certificates > 0) {
    Tree certificates = Tree::object();
    certificates["read"] = summary.certificates;
    certificates["unverified"] = summary.unverified;
    certificates["ending_soon"] = summary.ending_soon;
    certificates["ended"] = summary.ended;
    out["certificates"] = std::move(certificates);
  }
  return out;
}

template <class Tree>
Tree guards_json(const std::vector<GuardHold>& guards) {
  auto out = Tree::array();
  for (const auto& guard : guards) {
    Tree one = Tree::object();
    one["guard"] = guard.guard;
    one["message"] = guard.message;
    one["count"] = guard.count;
    one["limit"] = guard.limit;
    one["removals"] = guard.removals;
    out.push_back(std::move(one));
  }
  return out;
}

/// What comes before and after the services.
template <class Tree>
void add_head(const Plan& plan, Tree& out) {
  out["api_version"] = plan.api_version;
  out["owner"] = plan.owner;
  out["source_revision"] = plan.source_revision;
  out["summary"] = summary_json<Tree>(plan.summary);
}

template <class Tree>
void add_tail(const Plan& plan, Tree& out) {
  out["guards"] = guards_json<Tree>(plan.guards);
  out["approve_digest"] = plan.approve_digest;
  auto unseen = Tree::array();
  for (const auto& one : plan.unseen) {
    Tree entry = Tree::object();
    entry["scope"] = one.scope;
    entry["id"] = one.why.id;
    entry["message"] = one.why.what;
    entry["remedy"] = one.why.remedy;
    unseen.push_back(std::move(entry));
  }
  out["unseen"] = std::move(unseen);
  out["notices"] = problems_json<Tree>(plan.notices);
}

std::string sealed(const std::string& sum) {
  return "sha256:" + hex(sum);
}

/// Inside of JSON text such bytes occur in strings only: DEL, and the C1 controls, which a
/// terminal may obey.
std::string without_controls(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0x7F) {
      out += "\\u007f";
    } else if (byte == 0xC2 && i + 1 < text.size() &&
               static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string render_json(const Plan& plan) {
  // A fleet's services are many: each one's tree goes before the next is made.
  const auto text_of = [](const OrderedJson& tree) {
    return without_controls(tree.dump(2, ' ', false, OrderedJson::error_handler_t::replace));
  };
  OrderedJson head = OrderedJson::object();
  head["schema"] = kPlanSchema;
  head["digest"] = plan.digest;
  head["created_at"] = rfc3339(plan.created_at);
  add_head(plan, head);
  auto out = text_of(head);
  out.resize(out.size() - 2);  // the line of the closing brace
  out += ",\n  \"services\": [";
  const char* before = "\n    ";
  for (const auto& service : plan.services) {
    out += std::exchange(before, ",\n    ");
    for (const char c : text_of(service_json<OrderedJson>(service))) {
      out += c;
      if (c == '\n') out += "    ";
    }
  }
  out += plan.services.empty() ? "]," : "\n  ],";
  OrderedJson tail = OrderedJson::object();
  add_tail(plan, tail);
  out += text_of(tail).substr(1);
  out += '\n';
  return out;
}

std::string digest(const Plan& plan) {
  Json head = Json::object();
  head["schema"] = kPlanSchema;
  add_head(plan, head);
  add_tail(plan, head);
  Sha256 sum;
  sum.add(canonical_text(head) + "\n");
  for (const auto& service : plan.services) {
    sum.add(canonical_text(service_json<Json>(service)) + "\n");
  }
  return sealed(sum.finish());
}

std::string digest(const Json& record) {
  Json head = Json::object();
  for (const auto& [name, value] : record.items()) {
    if (name != "digest" && name != "created_at" && name != "services") head[name] = value;
  }
  auto text = canonical_text(head) + "\n";
  for (const auto& service : member(record, "services")) {
    text += canonical_text(service);
    text += '\n';
  }
  return sealed(sha256(text));
}

}  // namespace dps::plan

#include "reconciler/manifest/decode.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/interpolate.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/manifest/names.hpp"
#include "reconciler/manifest/schema.hpp"
#include "reconciler/model/field_path.hpp"

namespace dps::manifest {
namespace {

const Node& nothing() {
  static const Node empty;
  return empty;
}

// The map behind a key, or an empty node: then every part of it is left out.
const Node& part(const Node& node, std::string_view key) {
  const auto* found = node.find(key);
  return found != nullptr && found->kind == NodeKind::Map && !found->reported ? *found : nothing();
}

const Node* list_of(const Node& node, std::string_view key) {
  const auto* found = node.find(key);
  return found != nullptr && found->kind == NodeKind::List && !found->reported ? found : nullptr;
}

Identity decode_identity(const Node& node, const Decoding& decoding) {
  Identity out;
  out.name = text_value(node.find("name")).value_or("");
  out.resource_group = text_value(node.find("resourceGroup"));
  out.subscription = text_value(node.find("subscription"));
  for (const auto* key : {"name", "resourceGroup", "subscription"}) {
    out.faulty = out.faulty || (node.find(key) != nullptr && !text_value(node.find(key)));
  }
  const auto* name = node.find("name");
  out.mark = decoding.mark(name != nullptr ? *name : node);
  return out;
}

std::vector<IpFilterRule> decode_rules(const Node& list, const Decoding& decoding) {
  std::vector<IpFilterRule> out;
  for (const auto& node : list.items) {
    if (node.kind != NodeKind::Map) continue;
    IpFilterRule rule;
    rule.name = text_value(node.find("name")).value_or("");
    rule.action = text_value(node.find("action")).value_or("");
    rule.mask = text_value(node.find("mask")).value_or("");
    rule.target = text_value(node.find("target"));
    const bool twice = std::any_of(out.begin(), out.end(), [&](const IpFilterRule& other) {
      return !rule.name.empty() && equal_ignoring_case(other.name, rule.name);
    });
    if (twice) {
      decoding.diagnostics.text(decoding.mark(node),
                                "DuplicateItem",
                                fmt::format("the rule {} stands here twice", quoted(rule.name)),
                                "a name of its own for each rule");
    }
    out.push_back(std::move(rule));
  }
  return out;
}

void decode_spec(const Node& spec, const Decoding& decoding, ServiceDocument& out) {
  auto& service = out.service;
  service.location = text_value(spec.find("location"));
  if (&part(spec, "sku") != &nothing()) service.sku = decode_sku(part(spec, "sku"));
  service.allocation_policy = text_value(spec.find("allocationPolicy"));
  service.public_network_access = text_value(spec.find("publicNetworkAccess"));
  if (const auto* rules = list_of(spec, "ipFilterRules")) {
    service.ip_filter_rules = decode_rules(*rules, decoding);
  }
  if (const auto* residency = spec.find("dataResidency"); residency != nullptr) {
    service.data_residency = boolean_value(*residency);
  }
  if (const auto& tags = part(spec, "tags"); &tags != &nothing()) {
    service.tags = decode_tags(tags, decoding);
    out.tags_mark = decoding.mark(tags);
  }
  if (const auto* hubs = list_of(spec, "linkedHubs")) {
    out.hubs_mark = decoding.mark(*hubs);
    service.linked_hubs.emplace();
    for (const auto& node : hubs->items) {
      if (node.kind != NodeKind::Map) continue;
      service.linked_hubs->push_back(decode_hub(node, decoding, service.blocks));
    }
  }
  if (const auto* policies = list_of(spec, "sharedAccessPolicies")) {
    service.policies.emplace();
    for (const auto& node : policies->items) {
      if (node.kind != NodeKind::Map) continue;
      service.policies->push_back(decode_policy(node, decoding, service.blocks));
    }
  }
  if (const auto* certificates = list_of(spec, "certificates")) {
    out.certificates_mark = decoding.mark(*certificates);
    service.certificates.emplace();
    for (const auto& node : certificates->items) {
      if (node.kind != NodeKind::Map) continue;
      service.certificates->push_back(decode_certificate(node, decoding, service.blocks));
      finish_certificate(service.certificates->back(), node, decoding);
    }
  }
}

void decode_service(const Node& document, const Decoding& decoding, Documents& out) {
  ServiceDocument service;
  service.identity = decode_identity(part(document, "metadata"), decoding);
  service.service.mark = decoding.mark(document);
  decode_spec(part(document, "spec"), decoding, service);
  const auto* lifecycle = document.find("lifecycle");
  service.lifecycle = decode_lifecycle(lifecycle, decoding);
  service.lifecycle_mark = decoding.mark(lifecycle != nullptr ? *lifecycle : document);
  if (service.lifecycle.state == LifecycleState::Absent) {
    if (!service.lifecycle.id_scope && !part(document, "lifecycle").find("idScope")) {
      decoding.diagnostics.text(service.lifecycle_mark,
                                "MissingKey",
                                "lifecycle.state is absent without idScope",
                                "the id scope of the service to delete, as `show` prints it");
    }
    if (service.lifecycle.protect.value_or(false)) {
      decoding.diagnostics.text(service.lifecycle_mark,
                                "Contradiction",
                                "lifecycle wants the service absent and protected",
                                "protect: false, applied in an earlier revision");
    }
  }
  if (!service.identity.name.empty()) out.services.push_back(std::move(service));
}

// The entry's name: from metadata or from its own field; both may stand if they say the same.
std::string entry_name(const Node& document, std::string_view key, const Decoding& decoding) {
  const auto& spec = part(document, "spec");
  const auto own = text_value(spec.find(key));
  const auto name = text_value(part(document, "metadata").find("name"));
  if (own && name && key != "hostName" && *own != *name) {
    decoding.diagnostics.text(decoding.mark(*spec.find(key)),
                              "Contradiction",
                              fmt::format("spec.{} is not metadata.name", key),
                              "one of them");
  }
  if (!own && !name && spec.find(key) == nullptr && !part(document, "metadata").find("name")) {
    decoding.diagnostics.text(decoding.mark(document),
                              "MissingKey",
                              "the entry has no name",
                              fmt::format("metadata.name or spec.{}", key));
  }
  return own ? *own : name.value_or("");
}

std::vector<std::string> decode_entry_ignore(const Node& lifecycle,
                                             std::string_view list,
                                             const std::string& name,
                                             const Decoding& decoding) {
  std::vector<std::string> out;
  const auto* ignore = list_of(lifecycle, "ignore");
  if (ignore == nullptr) return out;
  for (const auto& item : ignore->items) {
    const auto text = text_value(&item);
    if (!text) continue;
    const auto whole = text->starts_with(list) ? *text : entry_path(list, name, *text);
    const auto path = parse_field_path(whole);
    if (path && path_covers(entry_path(list, name, ""), *path)) {
      out.push_back(*path);
    } else {
      decoding.diagnostics.text(decoding.mark(item),
                                "BadValue",
                                fmt::format("{} is no field of this entry", quoted(*text)),
                                list == "linkedHubs" ? "a field such as allocationWeight"
                                : list == "sharedAccessPolicies" ? "rights or keys"
                                                                 : "verification");
    }
  }
  return out;
}

void decode_entry(Kind kind, const Node& document, const Decoding& decoding, Documents& out) {
  const auto& spec = part(document, "spec");
  const auto& lifecycle = part(document, "lifecycle");
  const auto presence =
      text_value(lifecycle.find("state")) == "absent" ? Presence::Absent : Presence::Present;
  EntryDocument entry;
  entry.mark = decoding.mark(document);
  entry.service = decode_identity(part(spec, "service"), decoding);
  entry.owner = text_value(part(spec, "service").find("owner"));
  std::string name;
  std::string_view list;
  if (kind == Kind::LinkedHub) {
    name = entry_name(document, "hostName", decoding);
    list = "linkedHubs";
    // The host is part of the credential: it must be known before.
    Node node = spec;
    if (node.find("hostName") == nullptr) {
      Node host;
      host.kind = NodeKind::Scalar;
      host.style = Style::Quoted;
      host.at = document.at;
      host.text = name;
      node.members.push_back({"hostName", document.at, std::move(host)});
      if (!name.empty() && !is_host_name(name)) {
        decoding.diagnostics.text(
            decoding.mark(*part(document, "metadata").find("name")),
            "BadValue",
            fmt::format("metadata.name is {}, which is no host name", quoted(name)),
            "spec.hostName such as hub-eu-1.azure-devices.net");
      }
    }
    auto hub = decode_hub(node, decoding, entry.blocks);
    hub.presence = presence;
    hub.mark = entry.mark;
    entry.entry = std::move(hub);
  } else if (kind == Kind::SharedAccessPolicy) {
    name = entry_name(document, "name", decoding);
    list = "sharedAccessPolicies";
    auto policy = decode_policy(spec, decoding, entry.blocks);
    policy.name = name;
    policy.presence = presence;
    policy.mark = entry.mark;
    entry.entry = std::move(policy);
  } else {
    name = entry_name(document, "name", decoding);
    list = "certificates";
    auto certificate = decode_certificate(spec, decoding, entry.blocks);
    certificate.name = name;
    certificate.presence = presence;
    certificate.mark = entry.mark;
    if (presence == Presence::Present && spec.find("certificate") == nullptr) {
      decoding.diagnostics.text(decoding.mark(spec),
                                "MissingKey",
                                "spec has no key certificate",
                                "certificate: {file: PATH}, {pem: TEXT} or {thumbprint: HEX}");
    }
    finish_certificate(certificate, spec, decoding);
    entry.entry = std::move(certificate);
  }
  entry.ignore = decode_entry_ignore(lifecycle, list, name, decoding);
  if (presence == Presence::Absent) entry.blocks.clear();
  if (!name.empty() && !entry.service.name.empty()) out.entries.push_back(std::move(entry));
}

void decode_defaults(const Node& document, const Decoding& decoding, Documents& out) {
  DefaultsDocument defaults;
  const auto& spec = part(document, "spec");
  defaults.folder = tidy_path(folder_of(decoding.file));
  defaults.mark = decoding.mark(document);
  defaults.subscription = text_value(spec.find("subscription"));
  defaults.resource_group = text_value(spec.find("resourceGroup"));
  defaults.location = text_value(spec.find("location"));
  if (&part(spec, "sku") != &nothing()) defaults.sku = decode_sku(part(spec, "sku"));
  if (const auto& tags = part(spec, "tags"); &tags != &nothing()) {
    defaults.tags = decode_tags(tags, decoding);
  }
  defaults.lifecycle = decode_lifecycle(document.find("lifecycle"), decoding);
  out.defaults.push_back(std::move(defaults));
}

const KindSchema* kind_of(const Node& document, const Decoding& decoding) {
  if (document.kind != NodeKind::Map) {
    decoding.diagnostics.text(decoding.mark(document),
                              "WrongType",
                              "the document is no map",
                              "a map with apiVersion, kind, metadata and spec");
    return nullptr;
  }
  std::vector<std::string> names;
  const auto* kind = document.find("kind");
  const auto text = text_value(kind);
  for (const auto& row : kind_schemas()) {
    if (text && *text == row.name) return &row;
    names.emplace_back(row.name);
  }
  if (kind == nullptr) {
    decoding.diagnostics.text(decoding.mark(document),
                              "MissingKey",
                              "the document has no key kind",
                              "one of " + join(names, ", "));
  } else if (!kind->reported) {
    const auto meant = nearest(kind->text, names);
    decoding.diagnostics.text(
        decoding.mark(*kind),
        "UnknownValue",
        kind->kind == NodeKind::Scalar ? fmt::format("kind is {}", quoted(kind->text))
                                       : "kind is no text",
        meant.empty() ? "one of " + join(names, ", ") : fmt::format("did you mean {}?", meant));
  }
  return nullptr;
}

}  // namespace

Sku decode_sku(const Node& node) {
  Sku out;
  out.name = text_value(node.find("name")).value_or("");
  if (const auto* capacity = node.find("capacity")) out.capacity = integer_value(*capacity);
  return out;
}

void decode_document(Node& document, const Decoding& decoding, Documents& out) {
  const std::function<std::optional<std::string>(const std::string&)> environment =
      [&](const std::string& name) { return decoding.references.variable(name); };
  lay_in_variables(document,
                   decoding.file,
                   {decoding.references.options().allow_env, environment},
                   decoding.diagnostics);
  const auto* row = kind_of(document, decoding);
  if (row == nullptr) return;
  check_shape(document, row->shape, decoding.file, decoding.diagnostics);
  switch (row->kind) {
    case Kind::ProvisioningService:
      return decode_service(document, decoding, out);
    case Kind::Defaults:
      return decode_defaults(document, decoding, out);
    case Kind::LinkedHub:
    case Kind::Certificate:
    case Kind::SharedAccessPolicy:
      return decode_entry(row->kind, document, decoding, out);
  }
}

}  // namespace dps::manifest

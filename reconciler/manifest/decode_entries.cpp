#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/decode.hpp"
#include "reconciler/manifest/interpolate.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/manifest/names.hpp"
#include "reconciler/model/connection_string.hpp"

namespace dps::manifest {
namespace {

std::optional<std::int64_t> integer_member(const Node& node, std::string_view key) {
  const auto* value = node.find(key);
  return value == nullptr || value->reported ? std::nullopt : integer_value(*value);
}
std::optional<bool> boolean_member(const Node& node, std::string_view key) {
  const auto* value = node.find(key);
  return value == nullptr || value->reported ? std::nullopt : boolean_value(*value);
}
std::string text_member(const Node& node, std::string_view key) {
  return text_value(node.find(key)).value_or("");
}

// A map that the table found right so far.
const Node* map_member(const Node& node, std::string_view key) {
  const auto* value = node.find(key);
  return value != nullptr && value->kind == NodeKind::Map && !value->reported ? value : nullptr;
}

std::optional<ExecReference> decode_exec(const Node& list, const Decoding& decoding) {
  if (list.kind != NodeKind::List || list.reported) return std::nullopt;
  if (!decoding.references.options().allow_exec) {
    decoding.diagnostics.text(decoding.mark(list),
                              "ExecNotAllowed",
                              "programs may not be run for secrets",
                              "--allow-exec, or {env: NAME} or {file: PATH}");
    return std::nullopt;
  }
  ExecReference out;
  for (const auto& item : list.items) out.argv.push_back(text_value(&item).value_or(""));
  return out;
}

// The connection string itself, where it can be had: a wrong one is better found here than by
// Azure, which takes any.
void check_connection_string(const Secret& secret,
                             const std::string& host,
                             const std::string& what,
                             const Mark& mark,
                             std::vector<Block>& blocks) {
  const auto parsed = parse_connection_string(secret.reveal());
  if (!parsed) {
    blocks.push_back(
        {"SecretUnusable", what + ": " + parsed.error().what, parsed.error().remedy, mark});
  } else if (!equal_ignoring_case(parsed->host_name, host)) {
    blocks.push_back({"SecretUnusable",
                      what + " is that of another host",
                      "the connection string of " + printable(host, 100),
                      mark});
  }
}

std::optional<HubCredential> decode_credential(const Node& node,
                                               const std::string& host,
                                               const Decoding& decoding,
                                               std::vector<Block>& blocks) {
  if (const auto* hub = map_member(node, "hub")) {
    HubKeyReference out;
    out.subscription = text_member(*hub, "subscription");
    out.resource_group = text_member(*hub, "resourceGroup");
    out.hub = text_value(hub->find("name")).value_or(host.substr(0, host.find('.')));
    out.policy = text_member(*hub, "policy");
    out.key = text_member(*hub, "key") == "secondary" ? KeyKind::Secondary : KeyKind::Primary;
    return out;
  }
  const auto* text = node.find("connectionString");
  const auto reference = decode_secret(text, decoding);
  if (!reference) return std::nullopt;
  const auto what = "the connection string of the hub " + printable(host, 100);
  const auto mark = decoding.mark(*text);
  if (const auto secret = decoding.references.peek(*reference, what, mark, blocks)) {
    check_connection_string(*secret, host, what, mark, blocks);
  }
  return *reference;
}

std::optional<SecretReference> decode_policy_key(const Node& keys,
                                                 std::string_view which,
                                                 const std::string& policy,
                                                 const Decoding& decoding,
                                                 std::vector<Block>& blocks) {
  const auto* node = keys.find(which);
  auto reference = decode_secret(node, decoding);
  if (reference) {
    decoding.references.peek(
        *reference,
        fmt::format("the {} key of the policy {}", which, printable(policy, 64)),
        decoding.mark(*node),
        blocks);
  }
  return reference;
}

bool allows(const Node& content, std::string_view what) {
  const auto* list = content.find("allow");
  if (list == nullptr || list->reported || list->kind != NodeKind::List) return false;
  return std::any_of(list->items.begin(), list->items.end(), [&](const Node& item) {
    return text_value(&item) == what;
  });
}

// What Azure takes and devices would not, unless the manifest says that it is meant.
void check_ca(const DesiredCertificate& certificate,
              const Node& content,
              const Decoding& decoding) {
  for (const auto& fault : ca_faults(*certificate.content)) {
    const std::string_view switched_by = fault.id == "NotACa" ? "notCa" : "weak";
    if (allows(content, switched_by)) continue;
    decoding.diagnostics.text(
        decoding.mark(content),
        fault.id,
        fmt::format("the certificate {}: {}", quoted(certificate.name), printable(fault.what, 400)),
        fmt::format("{}; or allow: [{}] here if that is meant", fault.remedy, switched_by));
  }
}

// Dates: faults of the environment.
void check_dates(const DesiredCertificate& certificate,
                 const Node& content,
                 const Decoding& decoding,
                 std::vector<Block>& blocks) {
  const auto mark = decoding.mark(content);
  const auto& facts = *certificate.content;
  const auto& options = decoding.references.options();
  const auto name = quoted(certificate.name);
  const bool ends_soon = facts.not_after - options.now <= options.min_validity;
  if (ends_soon && allows(content, "expired")) return;
  if (facts.not_after <= options.now) {
    blocks.push_back(
        {"CertificateExpired",
         fmt::format("the certificate {} expired on {}", name, rfc3339(facts.not_after)),
         "a successor of it; or allow: [expired] beside it if that is meant",
         mark});
  } else if (facts.not_before > options.now) {
    blocks.push_back(
        {"CertificateNotYetValid",
         fmt::format(
             "the certificate {} is valid from {} on only", name, rfc3339(facts.not_before)),
         "wait, or check the clock",
         mark});
  } else if (options.min_validity.count() > 0 &&
             facts.not_after - options.now < options.min_validity) {
    blocks.push_back({"CertificateExpiresSoon",
                      fmt::format("the certificate {} expires on {}, within --min-validity {}",
                                  name,
                                  rfc3339(facts.not_after),
                                  duration_text(options.min_validity)),
                      "a successor of it",
                      mark});
  }
}

void check_signer(const DesiredCertificate& certificate,
                  const Node& proof,
                  const Decoding& decoding,
                  std::vector<Block>& blocks) {
  const auto* signer = certificate.signer ? std::get_if<KeySigner>(&*certificate.signer) : nullptr;
  if (signer == nullptr) return;
  const auto* node = proof.find("key");
  const auto mark = decoding.mark(*node);
  const auto what = "the private key of the certificate " + quoted(certificate.name);
  const auto key = decoding.references.peek(signer->key, what, mark, blocks);
  std::optional<Secret> phrase;
  if (signer->passphrase) {
    phrase =
        decoding.references.peek(*signer->passphrase, "the passphrase of " + what, mark, blocks);
    if (!phrase) return;
  } else if (node->find("passphrase") != nullptr) {
    return;  // a fault of its own
  }
  if (!key || !certificate.content) return;
  const auto fits =
      check_key(*certificate.content, key->reveal(), phrase ? phrase->reveal() : std::string());
  if (!fits) {
    blocks.push_back({fits.error().id, what + ": " + fits.error().what, fits.error().remedy, mark});
  }
}

void decode_verification(const Node& node,
                         const Decoding& decoding,
                         DesiredCertificate& out,
                         std::vector<Block>& blocks) {
  if (const auto* proof = map_member(node, "proofOfPossession")) {
    out.verification = Verification::ProofOfPossession;
    out.strategy = RotationStrategy::Overlap;
    if (const auto* exec = proof->find("exec")) {
      if (auto signer = decode_exec(*exec, decoding)) out.signer = std::move(*signer);
    } else if (const auto* key = proof->find("key")) {
      if (auto reference = decode_secret(key, decoding)) {
        out.signer =
            KeySigner{std::move(*reference), decode_secret(key->find("passphrase"), decoding)};
      }
    }
    check_signer(out, *proof, decoding, blocks);
  } else if (boolean_member(node, "trusted").value_or(false)) {
    out.verification = Verification::Trusted;
  } else if (boolean_member(node, "none").value_or(false)) {
    out.verification = Verification::None;
  }
}

void decode_rotation(const Node& node, DesiredCertificate& out) {
  const auto strategy = text_value(node.find("strategy"));
  if (strategy) {
    out.strategy = *strategy == "overlap" ? RotationStrategy::Overlap : RotationStrategy::InPlace;
  }
  if (const auto overlap = text_value(node.find("overlap"))) {
    out.overlap = parse_duration(*overlap).value_or(out.overlap);
  }
  if (text_member(node, "retire") == "automatic") out.retire = Retire::Automatic;
  if (const auto* slots = node.find("slots"); slots != nullptr && !slots->reported) {
    for (const auto& slot : slots->items) {
      if (auto name = text_value(&slot)) out.slots.push_back(std::move(*name));
    }
  }
}

void decode_content(const Node& node, const Decoding& decoding, DesiredCertificate& out) {
  if (const auto thumbprint = text_value(node.find("thumbprint"))) {
    out.thumbprint = upper(*thumbprint);
    return;
  }
  if (const auto file = text_value(node.find("file"))) {
    out.content = decoding.references.certificate_file(
        decoding.file, *file, decoding.mark(*node.find("file")), decoding.diagnostics);
  } else if (const auto pem = text_value(node.find("pem"))) {
    out.content = decoding.references.certificate_text(
        *pem, decoding.mark(*node.find("pem")), decoding.diagnostics);
  }
  if (out.content) out.thumbprint = out.content->thumbprint;
}

}  // namespace

std::optional<SecretReference> decode_secret(const Node* node, const Decoding& decoding) {
  if (node == nullptr || node->kind != NodeKind::Map || node->reported) return std::nullopt;
  if (const auto variable = text_value(node->find("env"))) {
    if (is_reserved_variable(*variable)) {
      decoding.diagnostics.text(
          decoding.mark(*node->find("env")),
          "VariableNotAllowed",
          fmt::format("the variable {} may not be used in manifests", *variable),
          "AZURE_* are credentials of the tool itself; use another name");
      return std::nullopt;
    }
    return EnvironmentReference{*variable};
  }
  if (const auto* file = node->find("file")) {
    const auto shown = text_value(file);
    if (!shown) return std::nullopt;
    const auto path = path_below(folder_of(decoding.file), *shown);
    if (!decoding.references.may_read(path, *shown, decoding.mark(*file), decoding.diagnostics)) {
      return std::nullopt;
    }
    if (!decoding.references.files().may_hold_secrets(path)) {
      decoding.diagnostics.text(
          decoding.mark(*file),
          "SecretInRepository",
          fmt::format("the file {} lies in the repository, where no secret may be", quoted(*shown)),
          "a file below --secrets-dir, with its absolute path; a key that was ever committed is "
          "to be replaced");
      return std::nullopt;
    }
    return FileReference{decoding.references.files().absolute(path), *shown};
  }
  if (const auto* exec = node->find("exec")) {
    if (auto program = decode_exec(*exec, decoding)) return std::move(*program);
  }
  return std::nullopt;
}

DesiredHub decode_hub(const Node& node, const Decoding& decoding, std::vector<Block>& blocks) {
  DesiredHub out;
  out.mark = decoding.mark(node);
  out.host_name = text_member(node, "hostName");
  out.location = text_value(node.find("location"));
  out.allocation_weight = integer_member(node, "allocationWeight");
  out.apply_allocation_policy = boolean_member(node, "applyAllocationPolicy");
  if (const auto* credential = map_member(node, "credential")) {
    out.credential = decode_credential(*credential, out.host_name, decoding, blocks);
  }
  return out;
}

DesiredPolicy decode_policy(const Node& node,
                            const Decoding& decoding,
                            std::vector<Block>& blocks) {
  DesiredPolicy out;
  out.mark = decoding.mark(node);
  out.name = text_member(node, "name");
  if (const auto* rights = node.find("rights"); rights != nullptr && !rights->reported) {
    out.rights.emplace();
    std::set<std::string> seen;
    for (const auto& item : rights->items) {
      const auto name = text_value(&item);
      const auto right = name ? parse_right(*name) : fail(give_up("BadRight", ""));
      if (!right) continue;
      out.rights->add(*right);
      if (!seen.insert(*name).second) {
        decoding.diagnostics.text(decoding.mark(item),
                                  "DuplicateItem",
                                  fmt::format("the right {} stands here twice", *name),
                                  "once");
      }
    }
  }
  if (const auto* keys = map_member(node, "keys")) {
    out.primary_key = decode_policy_key(*keys, "primary", out.name, decoding, blocks);
    out.secondary_key = decode_policy_key(*keys, "secondary", out.name, decoding, blocks);
  }
  return out;
}

DesiredCertificate decode_certificate(const Node& node,
                                      const Decoding& decoding,
                                      std::vector<Block>& blocks) {
  DesiredCertificate out;
  out.mark = decoding.mark(node);
  out.name = text_member(node, "name");
  if (const auto* content = map_member(node, "certificate")) {
    decode_content(*content, decoding, out);
    if (out.content) {
      check_ca(out, *content, decoding);
      check_dates(out, *content, decoding, blocks);
    }
  }
  if (const auto* verification = map_member(node, "verification")) {
    decode_verification(*verification, decoding, out, blocks);
  }
  if (const auto* rotation = map_member(node, "rotation")) decode_rotation(*rotation, out);
  if (const auto* revoked = node.find("revoked"); revoked != nullptr && !revoked->reported) {
    for (const auto& item : revoked->items) {
      if (const auto text = text_value(&item)) out.revoked.push_back(upper(*text));
    }
  }
  return out;
}

void finish_certificate(DesiredCertificate& certificate,
                        const Node& node,
                        const Decoding& decoding) {
  const auto contradiction = [&](const Node& at, std::string message, std::string remedy) {
    decoding.diagnostics.text(
        decoding.mark(at), "Contradiction", std::move(message), std::move(remedy));
  };
  const bool overlap = certificate.strategy == RotationStrategy::Overlap;
  if (const auto* rotation = map_member(node, "rotation"); rotation != nullptr && !overlap) {
    for (const auto& member : rotation->members) {
      if (member.key != "overlap" && member.key != "retire" && member.key != "slots") continue;
      contradiction(member.value,
                    fmt::format("rotation.{} has no meaning with the strategy inPlace", member.key),
                    "strategy: overlap, or leave it out");
    }
  }
  if (const auto* verification = map_member(node, "verification");
      verification != nullptr && !certificate.content && !certificate.thumbprint.empty() &&
      certificate.verification != Verification::None &&
      certificate.verification != Verification::Unmanaged) {
    contradiction(*verification,
                  "a certificate that is named by its thumbprint cannot be verified",
                  "certificate: {file: PATH}, or verification: {none: true}");
  }
  for (const auto& thumbprint : certificate.revoked) {
    if (thumbprint == certificate.thumbprint) {
      contradiction(
          *node.find("revoked"),
          fmt::format("the certificate {} is wanted and revoked", quoted(certificate.name)),
          "another certificate");
    }
  }
  if (certificate.slots.empty()) {
    certificate.slots = {certificate.name, certificate.name + "-2"};
    if (overlap && certificate.slots[1].size() > 64) {
      decoding.diagnostics.text(certificate.mark,
                                "BadValue",
                                "the second name NAME-2 of the certificate is longer than 64",
                                "a shorter name, or rotation.slots");
    }
  } else if (certificate.slots.size() == 2 && overlap) {
    if (certificate.slots[0] == certificate.slots[1]) {
      contradiction(*node.find("rotation"), "rotation.slots names the same twice", "two names");
    } else if (certificate.slots[0] != certificate.name &&
               certificate.slots[1] != certificate.name) {
      contradiction(*node.find("rotation"),
                    fmt::format("rotation.slots does not name {}", quoted(certificate.name)),
                    "the entry's own name and one more");
    }
  }
}

}  // namespace dps::manifest

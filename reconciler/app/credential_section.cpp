#include "reconciler/app/credential_section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>

#include "reconciler/base/text.hpp"

namespace dps::app {
namespace {

using arm::CredentialSpec;
using arm::SecretPlace;
using manifest::Node;
using manifest::NodeKind;
using manifest::Position;

struct KindKeys {
  const char* kind;
  std::vector<std::string> needed;
  std::vector<std::string> optional;
};

const std::vector<KindKeys>& kinds() {
  static const std::vector<KindKeys> table = {
      {"client-secret", {"tenantId", "clientId", "clientSecret"}, {}},
      {"client-certificate", {"tenantId", "clientId", "clientCertificate"}, {}},
      {"workload-identity", {"tenantId", "clientId"}, {"federatedTokenFile"}},
      {"managed-identity", {}, {"managedIdentity"}},
      {"azure-cli", {}, {"tenantId"}},
      {"token", {"accessToken"}, {}},
  };
  return table;
}

bool has(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_guid(std::string_view text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (kShape[i] == '-' ? text[i] != '-' : !digit) return false;
  }
  return true;
}

// The first fault ends it: it is a flag file, not a fleet of manifests.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<std::vector<arm::SubscriptionCredential>> sections(const Node& list) {
    if (list.kind != NodeKind::List) {
      return wrong(
          list.at, "credentials is no list", "- subscriptions: [GUID]\n  auth: client-secret");
    }
    std::vector<arm::SubscriptionCredential> out;
    for (const auto& item : list.items) {
      auto one = section(item);
      if (!one) return fail(one.error());
      out.push_back(*std::move(one));
    }
    return out;
  }

 private:
  Failure wrong(Position at, const std::string& what, const std::string& remedy) const {
    return fail(
        give_up("Usage", fmt::format("{}:{}:{}: {}", path_, at.line, at.column, what), remedy));
  }

  Result<arm::SubscriptionCredential> section(const Node& node) {
    if (node.kind != NodeKind::Map) {
      return wrong(
          node.at, "a section of credentials is no map", "subscriptions, auth and its keys");
    }
    const auto keys = kind_of(node);
    if (!keys) return fail(keys.error());
    arm::SubscriptionCredential out;
    out.place = fmt::format("{}:{}:{}", path_, node.at.line, node.at.column);
    out.spec.kind = (*keys)->kind;
    if (const auto known = check_keys(node, **keys); !known) return fail(known.error());
    for (const auto& member : node.members) {
      if (const auto read = take(out, member.key, member.value); !read) return fail(read.error());
    }
    if (const auto first = subscriptions(out, node); !first) return fail(first.error());
    return out;
  }

  Result<const KindKeys*> kind_of(const Node& node) const {
    std::vector<std::string> names;
    for (const auto& one : kinds()) names.emplace_back(one.kind);
    const auto all = join(names, ", ");
    const auto* auth = node.find("auth");
    if (auth == nullptr) return wrong(node.at, "the section has no auth", "auth: one of " + all);
    for (const auto& one : kinds()) {
      if (auth->kind == NodeKind::Scalar && auth->text == one.kind) return &one;
    }
    const auto near = nearest(auth->text, names);
    return wrong(auth->at,
                 fmt::format("auth cannot be \"{}\"", printable(auth->text, 40)),
                 near.empty() ? "one of " + all : fmt::format("did you mean {}?", near));
  }

  [[nodiscard]] Result<void> check_keys(const Node& node, const KindKeys& keys) const {
    std::vector<std::string> allowed = {"subscriptions", "auth"};
    allowed.insert(allowed.end(), keys.needed.begin(), keys.needed.end());
    allowed.insert(allowed.end(), keys.optional.begin(), keys.optional.end());
    for (const auto& member : node.members) {
      if (has(allowed, member.key)) continue;
      for (const auto& other : kinds()) {
        if (has(other.needed, member.key) || has(other.optional, member.key)) {
          return wrong(member.at,
                       fmt::format("{} does not belong to auth: {}", member.key, keys.kind),
                       "its keys are " + join(allowed, ", "));
        }
      }
      const auto near = nearest(member.key, allowed);
      return wrong(member.at,
                   fmt::format("unknown key \"{}\"", printable(member.key, 60)),
                   near.empty() ? "the keys of this section are " + join(allowed, ", ")
                                : fmt::format("did you mean {}?", near));
    }
    for (const auto& needed : keys.needed) {
      if (node.find(needed) == nullptr) {
        return wrong(node.at, fmt::format("auth: {} needs {}", keys.kind, needed), "add " + needed);
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> take(arm::SubscriptionCredential& out,
                                  const std::string& key,
                                  const Node& value) const {
    auto& spec = out.spec;
    if (key == "tenantId") return text(value, key, spec.tenant);
    if (key == "clientId") return text(value, key, spec.client_id);
    if (key == "federatedTokenFile") return file(value, key, spec.federated_token_file);
    if (key == "clientSecret") return secret(value, key, spec.client_secret);
    if (key == "accessToken") return secret(value, key, spec.access_token);
    if (key == "clientCertificate") return certificate(value, spec);
    if (key == "managedIdentity") return managed_identity(value, spec.managed_identity);
    return {};
  }

  [[nodiscard]] Result<void> text(const Node& value,
                                  const std::string& key,
                                  std::string& out) const {
    if (value.kind != NodeKind::Scalar || trim(value.text).empty()) {
      return wrong(value.at, key + " is no text", key + ": its value");
    }
    out = std::string(trim(value.text));
    return {};
  }

  [[nodiscard]] Result<void> file(const Node& value,
                                  const std::string& key,
                                  std::string& out) const {
    if (const auto read = text(value, key, out); !read) return read;
    const std::filesystem::path name(out);
    if (name.is_relative()) {
      out = (std::filesystem::path(path_).parent_path() / name).lexically_normal().string();
    }
    return {};
  }

  [[nodiscard]] Result<void> secret(const Node& value,
                                    const std::string& key,
                                    SecretPlace& out) const {
    const std::string remedy = fmt::format("{}: {{env: NAME}} or {}: {{file: PATH}}", key, key);
    if (value.kind != NodeKind::Map) {
      return wrong(
          value.at, fmt::format("{} must say where the secret lies, not what it is", key), remedy);
    }
    if (value.members.size() != 1) {
      return wrong(value.at, fmt::format("{} names one place", key), remedy);
    }
    const auto& place = value.members.front();
    if (place.key == "env") {
      out.kind = SecretPlace::Kind::Variable;
      return text(place.value, "env", out.name);
    }
    if (place.key == "file") {
      out.kind = SecretPlace::Kind::File;
      return file(place.value, "file", out.name);
    }
    return wrong(place.at, fmt::format("unknown key \"{}\"", printable(place.key, 60)), remedy);
  }

  [[nodiscard]] Result<void> certificate(const Node& value, CredentialSpec& spec) const {
    constexpr const char* kRemedy = "clientCertificate: {file: PATH, password: {file: PATH}}";
    if (value.kind != NodeKind::Map || value.find("file") == nullptr) {
      return wrong(value.at, "clientCertificate names no file", kRemedy);
    }
    for (const auto& member : value.members) {
      Result<void> read;
      if (member.key == "file") {
        read = file(member.value, "file", spec.certificate_file);
      } else if (member.key == "password") {
        read = secret(member.value, "password", spec.certificate_password);
      } else if (member.key == "sendChain") {
        const auto chain = manifest::boolean_value(member.value);
        if (!chain) return wrong(member.value.at, "sendChain is true or false", kRemedy);
        spec.chain = *chain ? arm::ChainSending::WholeChain : arm::ChainSending::LeafOnly;
      } else {
        const auto near = nearest(member.key, {"file", "password", "sendChain"});
        return wrong(member.at,
                     fmt::format("unknown key \"{}\"", printable(member.key, 60)),
                     near.empty() ? kRemedy : fmt::format("did you mean {}?", near));
      }
      if (!read) return read;
    }
    return {};
  }

  [[nodiscard]] Result<void> managed_identity(const Node& value,
                                              arm::ManagedIdentityName& out) const {
    const std::string remedy =
        "managedIdentity: {clientId: GUID}, or resourceId or objectId; without it the "
        "system-assigned one";
    if (value.kind != NodeKind::Map || value.members.size() != 1) {
      return wrong(value.at, "managedIdentity names one identity by one key", remedy);
    }
    const auto& name = value.members.front();
    if (name.key == "clientId") return text(name.value, name.key, out.client_id);
    if (name.key == "objectId") return text(name.value, name.key, out.object_id);
    if (name.key == "resourceId") return text(name.value, name.key, out.resource_id);
    return wrong(name.at, fmt::format("unknown key \"{}\"", printable(name.key, 60)), remedy);
  }

  [[nodiscard]] Result<void> subscriptions(arm::SubscriptionCredential& out, const Node& node) {
    const auto* list = node.find("subscriptions");
    if (list == nullptr || list->kind != NodeKind::List || list->items.empty()) {
      return wrong(list == nullptr ? node.at : list->at,
                   "the section names no subscriptions",
                   "subscriptions: [GUID, …]");
    }
    for (const auto& item : list->items) {
      if (item.kind != NodeKind::Scalar || !is_guid(item.text)) {
        return wrong(item.at,
                     fmt::format("\"{}\" is no subscription id", printable(item.text, 60)),
                     "a GUID such as 91d12660-3dec-467a-be2a-213b5544ddc0");
      }
      const auto [before, fresh] = seen_.emplace(item.text, item.at);
      if (!fresh) {
        return wrong(
            item.at,
            fmt::format(
                "subscription {} is named twice, first in line {}", item.text, before->second.line),
            "one section for a subscription");
      }
      out.subscriptions.push_back(item.text);
    }
    return {};
  }

  const std::string& path_;
  std::map<std::string, Position, LessIgnoringCase> seen_;
};

}  // namespace

Result<std::vector<arm::SubscriptionCredential>> parse_credentials(const Node& list,
                                                                   const std::string& path) {
  return Reader(path).sections(list);
}

}  // namespace dps::app

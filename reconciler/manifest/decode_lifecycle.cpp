#include <fmt/format.h>

#include <array>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/decode.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/field_path.hpp"

namespace dps::manifest {
namespace {

template <class Value, std::size_t Size>
std::optional<Value> choose(const Node& node,
                            std::string_view key,
                            const std::array<std::pair<std::string_view, Value>, Size>& table) {
  const auto text = text_value(node.find(key));
  for (const auto& [name, value] : table) {
    if (text && *text == name) return value;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, LifecycleState>, 3> kStates = {
    {{"present", LifecycleState::Present},
     {"absent", LifecycleState::Absent},
     {"released", LifecycleState::Released}}};
constexpr std::array<std::pair<std::string_view, Adopt>, 4> kAdopt = {
    {{"always", Adopt::Always},
     {"additive", Adopt::Additive},
     {"whenEqual", Adopt::WhenEqual},
     {"never", Adopt::Never}}};
constexpr std::array<std::pair<std::string_view, Unlisted>, 2> kUnlisted = {
    {{"remove", Unlisted::Remove}, {"keep", Unlisted::Keep}}};

std::optional<Suspension> decode_suspension(const Node* node, const Decoding& decoding) {
  if (node == nullptr || node->reported) return std::nullopt;
  if (node->kind != NodeKind::Map) {
    if (boolean_value(*node).value_or(false)) return Suspension{};
    return std::nullopt;
  }
  Suspension out;
  out.reason = text_value(node->find("reason")).value_or("");
  if (const auto until = text_value(node->find("until"))) {
    out.until = parse_rfc3339(*until);
    if (out.until && *out.until <= decoding.references.options().now) {
      decoding.diagnostics.warning(decoding.mark(*node->find("until")),
                                   "SuspensionOver",
                                   "the suspension ended on " + rfc3339(*out.until),
                                   "leave lifecycle.suspend out, or a later time");
    }
  }
  return out;
}

}  // namespace

Tags decode_tags(const Node& node, const Decoding& decoding) {
  Tags out;
  for (const auto& member : node.members) {
    const Mark mark{decoding.file, member.at.line, member.at.column};
    const auto bad = [&](std::string message, std::string remedy) {
      decoding.diagnostics.text(mark, "BadTag", std::move(message), std::move(remedy));
    };
    const auto length = character_count(member.key);
    if (length == 0 || length > 512) {
      bad(fmt::format("a tag name of {} characters", length), "1 to 512 characters");
    } else if (member.key.find_first_of("<>%&\\?/") != std::string::npos) {
      bad(fmt::format("the tag name {} has a character that Azure refuses", quoted(member.key)),
          "none of < > % & \\ ? /");
    } else if (is_bookkeeping_tag(member.key) ||
               (member.key.size() > kOwnerTag.size() &&
                equal_ignoring_case(member.key.substr(0, kOwnerTag.size() + 1),
                                    std::string(kOwnerTag) + "-"))) {
      bad(fmt::format("the tag {} is one of the tool's own", quoted(member.key)), "another name");
    } else if (is_hidden_tag(member.key)) {
      bad(fmt::format("the tag {} belongs to the portal", quoted(member.key)),
          "a name that does not begin with hidden-");
    }
    const auto value = text_value(&member.value);
    if (value && character_count(*value) > 256) {
      bad(fmt::format("the value of the tag {} has {} characters",
                      quoted(member.key),
                      character_count(*value)),
          "at most 256 characters");
    }
    const auto [entry, fresh] = out.emplace(member.key, value.value_or(""));
    if (!fresh) {
      decoding.diagnostics.text(
          mark,
          "DuplicateTag",
          fmt::format(
              "the tags {} and {} differ only in case", quoted(entry->first), quoted(member.key)),
          "one of them; Azure takes them for the same");
    }
  }
  return out;
}

LifecyclePart decode_lifecycle(const Node* node, const Decoding& decoding) {
  LifecyclePart out;
  if (node == nullptr || node->kind != NodeKind::Map || node->reported) return out;
  out.state = choose(*node, "state", kStates);
  out.id_scope = text_value(node->find("idScope"));
  out.adopt = choose(*node, "adopt", kAdopt);
  out.adopt_from = text_value(node->find("adoptFrom"));
  if (const auto* protect = node->find("protect")) out.protect = boolean_value(*protect);
  out.suspend = decode_suspension(node->find("suspend"), decoding);
  if (const auto interval = text_value(node->find("interval"))) {
    if (const auto length = parse_duration(*interval)) out.interval = *length;
  }
  if (const auto* ignore = node->find("ignore"); ignore != nullptr && !ignore->reported) {
    for (const auto& item : ignore->items) {
      const auto text = text_value(&item);
      if (const auto path = text ? parse_field_path(*text) : fail(give_up("BadPath", ""))) {
        out.ignore.push_back(*path);
      }
    }
  }
  const auto* found = node->find("unlisted");
  if (found == nullptr || found->reported) return out;
  const auto& unlisted = *found;
  out.hubs = choose(unlisted, "linkedHubs", kUnlisted);
  out.policies = choose(unlisted, "sharedAccessPolicies", kUnlisted);
  out.certificates = choose(unlisted, "certificates", kUnlisted);
  out.tags = choose(unlisted, "tags", kUnlisted);
  return out;
}

}  // namespace dps::manifest

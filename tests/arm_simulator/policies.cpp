#include "tests/arm_simulator/policies.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace dps::sim {

namespace {
/// Members that no version knows: as newer members of the service itself (see service_content).
Json others_after(const State& state, const Json& sent, const Policy* old) {
  const bool keep_all = state.switches.is("unknown-members", "kept");
  Json others = Json::object();
  const Json received = other_members(sent);
  for (const auto& [name, value] : received.items())
    if (keep_all || (old != nullptr && old->others.contains(name))) others[name] = value;
  if (old == nullptr || state.switches.is("newer-members-omitted", "dropped")) return others;
  for (const auto& [name, value] : old->others.items())
    if (!others.contains(name)) others[name] = value;
  return others;
}
}  // namespace

Policy default_policy(State& state) {
  return {std::string(kOwnerPolicy),
          state.random.key(),
          state.random.key(),
          owner_rights(),
          Json::object()};
}

Json policy_json(const Policy& policy, const Switches& switches) {
  Json out = {{"keyName", policy.name},
              {"primaryKey", policy.primary},
              {"secondaryKey", policy.secondary},
              {"rights", rights_text(policy.rights, switches)}};
  for (const auto& [name, value] : policy.others.items()) out[name] = value;
  return out;
}

Json other_members(const Json& policy) {
  Json others = Json::object();
  for (const auto& [name, value] : policy.items())
    if (name != "keyName" && name != "primaryKey" && name != "secondaryKey" && name != "rights")
      others[name] = value;
  return others;
}

Json policies_json(const std::vector<Policy>& policies, const Switches& switches) {
  Json list = Json::array();
  for (const auto& policy : policies) list.push_back(policy_json(policy, switches));
  return list;
}

Response list_keys(State& state, const Call&, const Service& service) {
  std::vector<Policy> ordered;
  for (const auto& policy : service.content.policies)
    if (policy.name == kOwnerPolicy) ordered.push_back(policy);
  for (const auto& policy : service.content.policies)
    if (policy.name != kOwnerPolicy) ordered.push_back(policy);
  return json_answer(200, {{"value", policies_json(ordered, state.switches)}});
}

Response list_keys_of(State& state, const Call&, const Service& service, std::string_view name) {
  for (const auto& policy : service.content.policies)
    if (equal_ignoring_case(policy.name, name))
      return json_answer(200, policy_json(policy, state.switches));
  return provider_error(
      state, 404, 404003, fmt::format("Key '{}' not found in '{}'.", name, service.name));
}

std::variant<std::vector<Policy>, Response> replaced_policies(State& state,
                                                              const Json& sent,
                                                              const std::vector<Policy>& current) {
  const auto refused = [&](std::string_view why) {
    return provider_error(
        state, 400, 400004, fmt::format("Invalid authorizationPolicies: {}.", why));
  };
  if (!sent.is_array()) return refused("a list is expected");
  std::vector<Policy> policies;
  for (const auto& entry : sent) {
    if (!entry.is_object()) return refused("each must be an object");
    const auto name = entry.find("keyName");
    if (name == entry.end() || !name->is_string() || name->get<std::string>().empty())
      return refused("keyName is missing");
    const auto rights_at = entry.find("rights");
    if (rights_at == entry.end() || !rights_at->is_string()) return refused("rights are missing");
    const auto rights = parse_rights(rights_at->get<std::string>());
    if (!rights) return refused("rights are unknown");
    Policy policy{name->get<std::string>(), {}, {}, *rights, Json::object()};
    for (const auto& other : policies)
      if (equal_ignoring_case(other.name, policy.name)) return refused("a keyName stands twice");
    const std::pair<const char*, std::string*> keys[] = {{"primaryKey", &policy.primary},
                                                         {"secondaryKey", &policy.secondary}};
    for (const auto& [member, key] : keys) {
      const auto found = entry.find(member);
      if (found == entry.end() || found->is_null()) {
        *key = state.random.key();
        continue;
      }
      if (!found->is_string() || found->get<std::string>().empty())
        return refused("a key is empty");
      if (!from_base64(found->get<std::string>())) return refused("a key is not base64");
      *key = found->get<std::string>();
    }
    // The service keeps the first spelling of a name.
    const Policy* before = nullptr;
    for (const auto& old : current)
      if (equal_ignoring_case(old.name, policy.name)) before = &old;
    if (before != nullptr) policy.name = before->name;
    policy.others = others_after(state, entry, before);
    policies.push_back(std::move(policy));
  }
  return policies;
}

}  // namespace dps::sim

#include "tests/arm_simulator/permissions.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/resources.hpp"

namespace dps::sim {

namespace {
struct Denied {
  std::string_view name;  // in the switch `deny`
  std::string_view actions[4];
};

// Of two that share an action in Azure (get and list, PUT and PATCH) either takes it away here.
constexpr Denied kDenied[] = {
    {"read", {"Microsoft.Devices/provisioningServices/Read"}},
    {"list-group", {"Microsoft.Devices/provisioningServices/Read"}},
    {"listkeys",
     {"Microsoft.Devices/provisioningServices/listkeys/Action",
      "Microsoft.Devices/provisioningServices/keys/listkeys/Action"}},
    {"hub-read", {"Microsoft.Devices/IotHubs/Read"}},
    {"hub-listkeys",
     {"Microsoft.Devices/IotHubs/listkeys/Action",
      "Microsoft.Devices/IotHubs/IotHubKeys/listkeys/Action"}},
    {"name-check", {"Microsoft.Devices/checkProvisioningServiceNameAvailability/Action"}},
    {"read-group", {"Microsoft.Resources/subscriptions/resourceGroups/read"}},
    {"write-group", {"Microsoft.Resources/subscriptions/resourceGroups/write"}},
    {"skus", {"Microsoft.Devices/provisioningServices/skus/Read"}},
    {"write", {"Microsoft.Devices/provisioningServices/Write"}},
    {"patch", {"Microsoft.Devices/provisioningServices/Write"}},
    {"delete", {"Microsoft.Devices/provisioningServices/Delete"}},
    {"read-certificates", {"Microsoft.Devices/provisioningServices/certificates/Read"}},
    {"write-certificates",
     {"Microsoft.Devices/provisioningServices/certificates/Write",
      "Microsoft.Devices/provisioningServices/certificates/Delete",
      "Microsoft.Devices/provisioningServices/certificates/generateVerificationCode/Action",
      "Microsoft.Devices/provisioningServices/certificates/verify/Action"}},
};

Response permissions(const State& state, bool of_group) {
  Json denied = Json::array();
  const auto deny = [&](const Denied& row) {
    if (!state.switches.holds("deny", row.name)) return;
    for (const auto action : row.actions)
      if (!action.empty()) denied.push_back(action);
  };
  for (const auto& row : kDenied) deny(row);
  // A role on the group alone: services can be read there and not be listed above it.
  if (!of_group) {
    deny({"list", {"Microsoft.Devices/provisioningServices/Read"}});
    deny({"read-subscription", {"Microsoft.Resources/subscriptions/read"}});
  }
  return json_answer(200,
                     {{"value",
                       Json::array({{{"actions", Json::array({"*"})},
                                     {"notActions", std::move(denied)},
                                     {"dataActions", Json::array()},
                                     {"notDataActions", Json::array()}}})}});
}

Response locks(const State& state, const std::string& scope) {
  Json all = Json::array();
  if (!state.switches.is("lock", "none")) {
    all.push_back(
        {{"id", scope + "/providers/Microsoft.Authorization/locks/simulated"},
         {"type", "Microsoft.Authorization/locks"},
         {"name", "simulated"},
         {"properties",
          {{"level", state.switches.is("lock", "read-only") ? "ReadOnly" : "CanNotDelete"}}}});
  }
  return json_answer(200, {{"value", std::move(all)}});
}
}  // namespace

std::optional<Response> serve_authorization(State& state, const Call& call) {
  const auto& segments = call.segments;
  const bool of_group = segments.size() == 7 && segments[2] == "resourcegroups";
  const std::size_t at = of_group ? 4 : 2;
  if (segments.size() != at + 3 || segments[at] != "providers" ||
      segments[at + 1] != "microsoft.authorization" || call.request.method != "GET")
    return std::nullopt;
  const auto& what = segments[at + 2];
  if (what != "permissions" && what != "locks") return std::nullopt;
  if (of_group && !state.groups.contains(group_key(call.subscription(), call.group())))
    return group_missing(call.group());
  if (what == "permissions") return permissions(state, of_group);
  std::string scope;
  for (std::size_t index = 0; index < at; ++index) scope += "/" + call.path[index];
  return locks(state, scope);
}

}  // namespace dps::sim

#include "reconciler/arm/permissions.hpp"

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  if (!list.is_array()) return out;
  for (const auto& one : list) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  }
  return out;
}

// Only `*` is special in an action: glob_match() would give `?` a meaning too.
bool matches(std::string_view pattern, std::string_view action) {
  const auto wanted = lower(pattern), given = lower(action);
  std::size_t at = 0, from = 0;
  std::size_t star = std::string::npos, resumed = 0;
  while (from < given.size()) {
    if (at < wanted.size() && wanted[at] == '*') {
      star = at++;
      resumed = from;
    } else if (at < wanted.size() && wanted[at] == given[from]) {
      ++at;
      ++from;
    } else if (star != std::string::npos) {
      at = star + 1;
      from = ++resumed;
    } else {
      return false;
    }
  }
  while (at < wanted.size() && wanted[at] == '*') ++at;
  return at == wanted.size();
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view action) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return matches(pattern, action);
  });
}

}  // namespace

Result<std::vector<Grant>> parse_permissions(std::string_view body) {
  const auto json = parse_json(body);
  if (!json || !member(*json, "value").is_array()) {
    return fail({NextMove::RetryLater,
                 "BadAnswer",
                 "the answer is no list of permissions",
                 "look for a proxy between here and Azure",
                 0,
                 {}});
  }
  std::vector<Grant> grants;
  for (const auto& one : member(*json, "value")) {
    grants.push_back({texts(member(one, "actions")), texts(member(one, "notActions"))});
  }
  return grants;
}

bool allows(const std::vector<Grant>& grants, std::string_view action) {
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    return any_matches(grant.actions, action) && !any_matches(grant.not_actions, action);
  });
}

std::string_view word(NeededBy by) {
  switch (by) {
    case NeededBy::Plan:
      return "plan and apply";
    case NeededBy::KeyCheck:
      return "comparing keys, and every PUT";
    case NeededBy::Apply:
      return "apply";
  }
  return "";
}

const std::vector<Need>& needs() {
  using enum NeededBy;
  using enum Scope;
  static const std::string services = "Microsoft.Devices/provisioningServices/";
  static const std::vector<Need> all = {
      {"Microsoft.Resources/subscriptions/resourceGroups/read",
       ServiceGroup,
       When::Creates,
       Plan,
       "a service that does not exist yet cannot be planned"},
      {services + "Read", ServiceGroup, When::Always, Plan, "nothing can be seen"},
      {services + "listkeys/Action",
       ServiceGroup,
       When::Always,
       KeyCheck,
       "policies are not compared, and only tags and certificates can be written (KeysUnreadable)"},
      {"Microsoft.Devices/iotHubs/iotHubKeys/listkeys/Action",
       HubGroup,
       When::Hubs,
       KeyCheck,
       "hubs cannot be linked, and a changed key of a hub is not seen"},
      {services + "certificates/Read",
       ServiceGroup,
       When::Certificates,
       Plan,
       "certificates are not compared"},
      {"Microsoft.Devices/checkProvisioningServiceNameAvailability/Action",
       Subscription,
       When::Creates,
       Plan,
       "a taken name is found only when the service is made"},
      {services + "Write", ServiceGroup, When::Always, Apply, "nothing can be made or changed"},
      {services + "certificates/Write",
       ServiceGroup,
       When::CertificateWrites,
       Apply,
       "certificates cannot be uploaded"},
      {services + "certificates/generateVerificationCode/Action",
       ServiceGroup,
       When::CertificateWrites,
       Apply,
       "certificates cannot be verified"},
      {services + "certificates/verify/Action",
       ServiceGroup,
       When::CertificateWrites,
       Apply,
       "certificates cannot be verified"},
      {services + "certificates/Delete",
       ServiceGroup,
       When::Certificates,
       Apply,
       "certificates cannot be removed"},
      {services + "Delete",
       ServiceGroup,
       When::Deletes,
       Apply,
       "services cannot be deleted (lifecycle.state: absent, --prune)"},
  };
  return all;
}

}  // namespace dps::arm

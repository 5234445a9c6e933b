// permissions: what a caller may do at a scope, as Microsoft.Authorization/permissions tells it,
// and what this program needs to be allowed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps::arm {

/// One role: what its actions match, less what its notActions match. `*` stands for any run of
/// characters, slashes included; letters without case.
struct Grant {
  std::vector<std::string> actions;
  std::vector<std::string> not_actions;
  bool operator==(const Grant&) const = default;
};

/// The `value` of an answer (2022-04-01); RetryLater "BadAnswer" when there is none. Empty: no
/// role at all.
Result<std::vector<Grant>> parse_permissions(std::string_view body);

/// Roles add up: a notAction takes away from its own role only.
bool allows(const std::vector<Grant>& grants, std::string_view action);

/// The commands, in the order in which they need more.
enum class NeededBy { Plan, KeyCheck, Apply };
std::string_view word(NeededBy by);  ///< "plan", "plan and apply with keys", "apply"

enum class Scope { Subscription, ServiceGroup, HubGroup };

/// Which parts of the manifests make an action needed.
enum class When { Always, Policies, Hubs, Certificates, CertificateWrites, Creates, Deletes };

struct Need {
  std::string action;  ///< as Azure's operations are called
  Scope scope = Scope::ServiceGroup;
  When when = When::Always;
  NeededBy by = NeededBy::Plan;
  std::string without;  ///< what happens where it is missing
};
/// All of them, in a fixed order; source: the operations of Microsoft.Devices.
const std::vector<Need>& needs();

}  // namespace dps::arm

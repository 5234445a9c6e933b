// select: --select KIND/NAME or KIND/SUB/RG/NAME[/ENTRY], with globs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::manifest {

enum class EntryKind { LinkedHub, Certificate, SharedAccessPolicy };

/// What a selector names. All parts are globs, without case; `*` is any.
struct Selector {
  std::string kind;  ///< ProvisioningService, LinkedHub, Certificate, SharedAccessPolicy or a glob
  std::string subscription = "*";
  std::string resource_group = "*";
  std::string service = "*";
  std::string entry = "*";  ///< host name, certificate name, policy name
  bool operator==(const Selector&) const = default;
};

/// `KIND/NAME`: of a ProvisioningService its name, of the other kinds the entry's name in any
/// service. `KIND/SUB/RG/NAME`: a service, or all entries of that kind of it; with `/ENTRY` one of
/// them. GiveUp "BadSelector" says what would be right.
Result<Selector> parse_selector(std::string_view text);

/// Does it select the whole service? Then its entries as well.
bool matches(const Selector& selector, const ServiceId& service);
/// Does it select this entry, by itself or with its service?
bool matches(const Selector& selector,
             const ServiceId& service,
             EntryKind kind,
             std::string_view name);

/// The same over several; none given selects everything.
bool any_matches(const std::vector<Selector>& selectors, const ServiceId& service);
bool any_matches(const std::vector<Selector>& selectors,
                 const ServiceId& service,
                 EntryKind kind,
                 std::string_view name);

}  // namespace dps::manifest

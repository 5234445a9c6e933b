// Fleets of any size, the same for the same numbers, and the manifests that describe them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace dps::sim {

struct FleetSpec {
  unsigned subs = 1;          // subscriptions
  unsigned services = 1;      // per subscription
  unsigned hubs = 1;          // linked to each service
  unsigned policies = 1;      // per service, beside provisioningserviceowner
  unsigned certificates = 1;  // per service
  unsigned seed = 1;
  bool operator==(const FleetSpec&) const = default;
};

/// `subs=5,services=40,hubs=2,policies=3,certificates=3,seed=1`; what is left out is as above.
/// A text: what is wrong.
[[nodiscard]] std::variant<FleetSpec, std::string> parse_fleet(std::string_view text);

/// A seed with that fleet.
[[nodiscard]] nlohmann::ordered_json make_fleet(const FleetSpec& spec);

/// Writes manifests that describe exactly what a seed holds: a folder per subscription, a YAML file
/// per service, certificates beside them. The problem as one sentence.
[[nodiscard]] std::optional<std::string> write_manifests(const nlohmann::ordered_json& seed,
                                                         const std::string& folder);

}  // namespace dps::sim

// write_request: what is to be changed, as values. Independent of plans: whoever writes says it so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/secret.hpp"
#include "reconciler/model/desired_service.hpp"
#include "reconciler/model/rights.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::arm {

/// One linked hub, by host name. Absent members stay as they are.
struct HubWrite {
  std::string host;
  bool remove = false;
  std::optional<Secret> connection_string;  ///< in full; needed to link
  std::optional<std::string> location;      ///< needed to link
  std::optional<std::int64_t> weight;
  std::optional<bool> apply;  ///< applyAllocationPolicy
  bool operator==(const HubWrite&) const = default;
};

/// One shared access policy, by name. Absent keys stay, or are made by the service.
struct PolicyWrite {
  std::string name;
  bool remove = false;
  std::optional<Rights> rights;  ///< needed to create
  std::optional<Secret> primary;
  std::optional<Secret> secondary;
  bool operator==(const PolicyWrite&) const = default;
};

/// Changes to a service that is there. Whatever is absent or unnamed stays untouched.
struct ServiceWrite {
  std::optional<std::string> sku_name;
  std::optional<std::int64_t> sku_capacity;
  std::optional<std::string> allocation_policy;
  std::optional<std::string> public_network_access;
  std::optional<std::vector<IpFilterRule>> ip_filter_rules;  ///< all of them, in order
  std::vector<HubWrite> hubs;
  std::vector<PolicyWrite> policies;
  Tags tags_set;                          ///< bookkeeping included
  std::vector<std::string> tags_removed;  ///< without regard to case

  bool empty() const;
  /// Nothing but tags: goes by PATCH, which needs no keys.
  bool only_tags() const;
  bool operator==(const ServiceWrite&) const = default;
};

/// A service that is not there yet.
struct ServiceCreate {
  ServiceId id;
  std::string location;
  Sku sku;
  std::optional<std::string> allocation_policy;
  std::optional<std::string> public_network_access;
  std::optional<std::vector<IpFilterRule>> ip_filter_rules;
  std::optional<bool> data_residency;
  std::vector<HubWrite> hubs;         ///< each with connection string and location
  std::vector<PolicyWrite> policies;  ///< each with rights
  Tags tags;                          ///< bookkeeping included
};

}  // namespace dps::arm

// live_service: what ARM shows of one service. The document is kept as it came: what we do not know
// goes back untouched.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/error.hpp"
#include "reconciler/model/desired_service.hpp"
#include "reconciler/model/etag.hpp"

namespace dps {

struct LiveHub {
  std::string host_name;
  std::string key_name;  ///< of the masked connection string; empty when there is none
  std::string location;  ///< as written by whoever linked it
  std::optional<std::int64_t> allocation_weight;
  std::optional<bool> apply_allocation_policy;  ///< absent behaves as true
  std::string authentication_type;              ///< empty, "KeyBased", "SystemAssigned", …
  bool operator==(const LiveHub&) const = default;
};

/// Of listkeys. The keys themselves are not kept: only digests, see key_facts.
struct LivePolicy {
  std::string name;
  Rights rights;
  std::string primary_digest;
  std::string secondary_digest;
  bool operator==(const LivePolicy&) const = default;
};

struct LiveCertificate {
  std::string name;
  Etag etag;
  std::string thumbprint;  ///< upper-case hex
  std::string subject;
  std::optional<WallTime> expiry;
  std::optional<WallTime> updated;
  bool verified = false;
  bool operator==(const LiveCertificate&) const = default;
};

/// A list that costs a request of its own: not asked for, asked and refused, or seen.
template <class Entry>
struct Seen {
  std::optional<std::vector<Entry>> entries;
  std::optional<Error> refused;
  bool operator==(const Seen&) const = default;
};

struct LiveService {
  ServiceId id;  ///< in the live spelling
  Etag etag;
  std::string location;
  std::string state;  ///< properties.state: "Active", "Transitioning", …
  std::string sku_name;
  std::optional<std::int64_t> sku_capacity;
  std::string allocation_policy;
  std::optional<std::string> public_network_access;  ///< absent: Enabled
  std::vector<IpFilterRule> ip_filter_rules;
  std::optional<bool> data_residency;
  Tags tags;  ///< bookkeeping and hidden-* ones too
  std::vector<LiveHub> linked_hubs;
  std::string id_scope;
  std::string device_host;    ///< deviceProvisioningHostName
  std::string service_host;   ///< serviceOperationsHostName
  std::string identity_type;  ///< empty or "None": no identity
  bool local_auth_disabled = false;
  bool private_endpoints = false;  ///< there are some
  std::string api_version;         ///< the version the document was read with
  std::string document;            ///< the ARM document as JSON text, masked secrets only
  Seen<LivePolicy> policies;
  Seen<LiveCertificate> certificates;
};

}  // namespace dps

// fixtures: a service and its manifest that agree, to be made different by a test.
#pragma once

#include <string>

#include "reconciler/plan/plan.hpp"

namespace dps::plan::testing {

inline constexpr const char* kSubscription = "91d12660-3dec-467a-be2a-213b5544ddc0";
inline constexpr const char* kHub1 = "hub-eu-1.azure-devices.net";
inline constexpr const char* kHub2 = "hub-eu-2.azure-devices.net";

/// 2026-06-01T12:00:00Z
WallTime noon();

ServiceId service_id(const std::string& name, const std::string& group = "iot-eu");

/// Location, S1, Hashed, tag env=prod, kHub1 with weight 10, policy "writer".
DesiredService wanted(const std::string& name = "fleet-eu");
/// What ARM shows when that was applied by owner "default".
LiveService standing(const std::string& name = "fleet-eu");

DesiredHub hub(const std::string& host, std::int64_t weight = 10);
LiveHub live_hub(const std::string& host, std::int64_t weight = 10);
DesiredPolicy policy(const std::string& name, std::initializer_list<Right> rights);
LivePolicy live_policy(const std::string& name, std::initializer_list<Right> rights);
Rights rights(std::initializer_list<Right> all);

/// The fingerprint facts that say: the key of the hub is the one with this fingerprint.
KeyFacts hub_key(const DesiredService& service,
                 const std::string& host,
                 const std::string& fingerprint);
/// The bookkeeping of the live service changed by `edit`.
template <class Edit>
void edit_bookkeeping(LiveService& service, Edit edit) {
  auto bookkeeping = read_bookkeeping(service.tags);
  edit(bookkeeping);
  service.tags = with_bookkeeping(service.tags, bookkeeping);
}

/// One line a change: "update linkedHubs[h].allocationWeight 10 -> 0".
std::vector<std::string> lines(const ServicePlan& plan);
std::vector<std::string> error_ids(const ServicePlan& plan);

DesiredState desired_of(std::vector<DesiredService> services);
LiveState live_of(std::vector<LiveService> services);

/// make_service with nothing known of keys and default settings.
ServicePlan plan_of(const DesiredService& desired, const LiveService& live);

}  // namespace dps::plan::testing

// impact: what a change means for devices and clients, in words. Every sentence of the plan that
// says so stands here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/model/desired_service.hpp"

namespace dps::plan::impact {

std::string service_created();
std::string service_deleted(std::string_view id_scope);
std::string service_adopted();
std::string service_taken_over(std::string_view former_owner);
std::string service_released();
std::string sku_changed();
std::string allocation_policy_changed();
std::string public_access_changed(std::string_view after);
std::string ip_rules_changed();
std::string protection_changed(bool after);
std::string tag_changed();

std::string hub_linked(const DesiredHub& hub);
std::string hub_unlinked();
std::string weight_changed(std::optional<std::int64_t> before, std::int64_t after);
std::string policy_use_changed(bool after);
std::string hub_location_changed();

/// Why a hub's key is sent.
enum class KeyReason { Changed, NeverRecorded, Asked, Distrusted };
std::string hub_key_sent(KeyReason reason);

std::string policy_added();
std::string policy_removed();
std::string rights_changed(const Rights& before, const Rights& after);
std::string policy_key_changed(std::string_view which);

std::string certificate_added(Verification verification);
std::string certificate_followed(Verification verification, std::string_view slot);
std::string certificate_replaced(bool verified_before, Verification verification);
std::string certificate_slot_reused(std::string_view slot, bool was_of_use);
std::string certificate_waits(std::string_view slot, std::string_view until);
std::string certificate_revoked();
std::string certificate_removed();
std::string certificate_retired();
std::string certificate_verified();

}  // namespace dps::plan::impact

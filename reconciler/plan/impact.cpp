#include "reconciler/plan/impact.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"

namespace dps::plan::impact {
namespace {

/// Every right that the set grants, implied ones too.
std::vector<std::string> granted(const Rights& rights) {
  std::vector<std::string> out;
  for (const auto& name : right_names()) {
    Rights more = rights;
    more.add(*parse_right(name));
    if (more == rights) out.push_back(name);
  }
  for (const auto& name : rights.names()) {
    if (std::find(right_names().begin(), right_names().end(), name) == right_names().end()) {
      out.push_back(name);  // of a newer service
    }
  }
  return out;
}

std::vector<std::string> without(const std::vector<std::string>& all,
                                 const std::vector<std::string>& taken) {
  std::vector<std::string> out;
  for (const auto& one : all) {
    if (std::find(taken.begin(), taken.end(), one) == taken.end()) out.push_back(one);
  }
  return out;
}

}  // namespace

std::string service_created() {
  return "a new service with a new id scope, which devices must be given";
}
std::string service_deleted(std::string_view id_scope) {
  return fmt::format(
      "all enrollments and registrations of this service are lost; devices with id scope {} cannot "
      "register any more",
      id_scope.empty() ? "(unknown)" : printable(id_scope, 60));
}
std::string service_adopted() {
  return "equal already: only our bookkeeping tags are added";
}
std::string service_taken_over(std::string_view former_owner) {
  return fmt::format("equal already: only the owner tag changes, from {}",
                     printable(former_owner, 60));
}
std::string service_released() {
  return "our bookkeeping tags are taken off; nothing else changes";
}
std::string sku_changed() {
  return "changes the bill and the quota; no effect on registered devices";
}
std::string allocation_policy_changed() {
  return "affects new registrations only; registered devices stay on their hubs";
}
std::string public_access_changed(std::string_view after) {
  return equal_ignoring_case(after, "Disabled")
             ? "devices and clients outside of private endpoints can no longer reach the service"
             : "reachable from public networks again, within the IP rules";
}
std::string ip_rules_changed() {
  return "devices and clients at addresses that the new rules reject are refused from now on";
}
std::string protection_changed(bool after) {
  return after ? "no manifest and no --prune can delete this service any more"
               : "from the next revision on the service may be deleted";
}
std::string tag_changed() {
  return "no effect on devices";
}

std::string hub_linked(const DesiredHub& hub) {
  if (!hub.apply_allocation_policy.value_or(true)) {
    return "linked, but left out of allocation: only enrollments that name this hub use it";
  }
  if (hub.allocation_weight == 0) return "weight 0: no new devices to this hub";
  return "new registrations may be assigned to this hub";
}
std::string hub_unlinked() {
  return "hub unlinked: devices stay where they are; when they register again, they are assigned "
         "to another hub";
}
std::string weight_changed(std::optional<std::int64_t> before, std::int64_t after) {
  if (after == 0) return "no new devices to this hub";
  if (before == 0) return "new devices are assigned to this hub again";
  return "changes this hub's share of new registrations; registered devices stay";
}
std::string policy_use_changed(bool after) {
  return after ? "new registrations may be assigned to this hub again"
               : "left out of allocation: devices cannot register to this hub unless their "
                 "enrollment names it";
}
std::string hub_location_changed() {
  return "a label of the link; no effect on devices";
}
std::string hub_key_sent(KeyReason reason) {
  switch (reason) {
    case KeyReason::Changed:
      return "the key changed at its source; with the old one, registrations to this hub fail once "
             "it is revoked";
    case KeyReason::NeverRecorded:
      return "no record says which key is stored: it is sent once; no effect if it is the same";
    case KeyReason::Asked:
      return "sent again, as asked; no effect if it is the same";
    case KeyReason::Distrusted:
      return "the last write failed, so the record is not believed: the key is sent again";
  }
  return {};
}

std::string policy_added() {
  return "a new policy; clients of the others notice nothing";
}
std::string policy_removed() {
  return "policy removed: clients with its key fail now";
}
std::string rights_changed(const Rights& before, const Rights& after) {
  const auto lost = without(granted(before), granted(after));
  const auto gained = without(granted(after), granted(before));
  std::string out;
  if (!lost.empty()) out = "clients with its key lose " + join(lost, ", ");
  if (!gained.empty()) {
    out += (out.empty() ? "clients with its key gain " : "; they gain ") + join(gained, ", ");
  }
  return out;
}
std::string policy_key_changed(std::string_view which) {
  return fmt::format("clients that use the present {} key fail now", which);
}

std::string certificate_added(Verification verification) {
  const bool verified =
      verification == Verification::ProofOfPossession || verification == Verification::Trusted;
  return verified ? "a new CA; no device uses it until an enrollment group names it"
                  : "a new CA; no device can use it until it is verified, which is left to others";
}
std::string certificate_followed(Verification verification, std::string_view slot) {
  const bool verified =
      verification == Verification::ProofOfPossession || verification == Verification::Trusted;
  return fmt::format("a successor beside the CA that stands: groups that name {} too take both{}",
                     printable(slot, 64),
                     verified ? "" : ", once it is verified, which is left to others");
}
std::string certificate_replaced(bool verified_before, Verification verification) {
  std::string out =
      "enrollment groups that name this CA trust the new one instead; leaves of the old one fail";
  if (!verified_before) return out;
  switch (verification) {
    case Verification::ProofOfPossession:
      return out + "; unverified for a moment: no device can register through it meanwhile";
    case Verification::None:
      return out + "; unverified from then on, until others verify it";
    default:
      return out;
  }
}
std::string certificate_slot_reused(std::string_view slot, bool was_of_use) {
  const auto name = printable(slot, 64);
  return was_of_use ? fmt::format(
                          "the CA in slot {} is past its overlap and gives way; its leaves "
                          "fail",
                          name)
                    : fmt::format(
                          "the CA in slot {} is expired or was never verified, so no device "
                          "depends on it: it gives way at once",
                          name);
}
std::string certificate_waits(std::string_view slot, std::string_view until) {
  return fmt::format("waits until {}: then the CA in slot {} is past its overlap and gives way",
                     until,
                     printable(slot, 64));
}
std::string certificate_revoked() {
  return "revoked: devices with its leaves fail now, and enrollment groups that name this CA fail";
}
std::string certificate_removed() {
  return "enrollment groups that name this CA fail";
}
std::string certificate_retired() {
  return "past its overlap: leaves of this CA fail";
}
std::string certificate_verified() {
  return "devices can register through this CA once it is verified";
}

}  // namespace dps::plan::impact

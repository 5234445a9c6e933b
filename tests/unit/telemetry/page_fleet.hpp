// page_fleet: what a daemon might know of fleets small and large: for the page and the JSON.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "reconciler/controller/control.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry::test {

inline WallTime fleet_time() {
  return *parse_rfc3339("2026-11-22T12:00:00Z");
}

inline WallTime days_from_now(int days) {
  return fleet_time() + std::chrono::hours{24} * days;
}

inline ServiceId fleet_id(std::size_t number) {
  static const std::vector<std::string> kRegions = {"eu", "us", "asia", "lab"};
  const auto& region = kRegions[number % kRegions.size()];
  return {number % 2 == 0 ? "91d12660-3dec-467a-be2a-213b5544ddc0"
                          : "2a7c2f5e-51c0-4b7e-9a0d-2f1f5f5f0b11",
          "iot-" + region,
          fmt::format("fleet-{}-{:03}", region, number)};
}

/// All conditions, as of a service that is as wanted.
inline std::vector<controller::Condition> calm_conditions() {
  std::vector<controller::Condition> conditions;
  for (const auto* type : controller::kConditions) {
    const bool ready = std::string(type) == "Ready";
    conditions.push_back({type,
                          ready ? controller::Truth::True : controller::Truth::False,
                          ready ? "InSync" : "AsWanted",
                          ready ? "Azure is as the manifest wants" : "",
                          fleet_time() - std::chrono::hours{26}});
  }
  return conditions;
}

/// As wanted, with two certificates and a history.
inline controller::ServiceStatus calm_service(std::size_t number) {
  controller::ServiceStatus service;
  service.id = fleet_id(number);
  service.id_scope = fmt::format("0ne{:08X}", 0x10000 + number);
  service.live_state = "Active";
  service.standing = controller::Standing::InSync;
  service.manifest_file =
      fmt::format("manifests/{}/{}.yaml", service.id.resource_group, service.id.name);
  service.manifest_line = 1;
  service.desired_revision = "4f1c2d9ab03e";
  service.observed_revision = "4f1c2d9ab03e";
  service.attempted_revision = "1b77c0ffee12";
  service.conditions = calm_conditions();
  service.history = {{fleet_time() - std::chrono::hours{26},
                      "updated",
                      "2 changes were made",
                      {"linkedHubs[hub-1.azure-devices.net].allocationWeight: 1 → 10",
                       "tags.env: \"test\" → \"prod\""},
                      "1b77c0ffee12"},
                     {fleet_time() - std::chrono::hours{24 * 40},
                      "created",
                      "the service was created",
                      {},
                      "9d00aa11bb22"}};
  service.certificates = {{"factory-ca",
                           true,
                           "current",
                           "A909502DD82AE41433E6F83886B00D4277A32A7B",
                           "CN=Factory CA",
                           days_from_now(200 + static_cast<int>(number * 37 % 700)),
                           true},
                          {"factory-ca-2",
                           true,
                           "predecessor",
                           "0563B8630D62D75ABBC8AB1E4BDFB5A899B24D43",
                           "CN=Factory CA 2024",
                           days_from_now(35 + static_cast<int>(number * 13 % 300)),
                           true}};
  service.entries["LinkedHub"] = {2, 0, 0, 0, 0, 0};
  service.entries["Certificate"] = {2, 0, 0, 0, 0, 0};
  service.last_read = fleet_time() - std::chrono::seconds{130};
  service.last_write = fleet_time() - std::chrono::hours{26};
  service.last_success = service.last_read;
  service.next_due = fleet_time() + std::chrono::seconds{170};
  service.last_request_id = "7f3a1c52-6d80-4a53-9a0e-2b1f0c9d8e77";
  service.requests = {{fleet_time() - std::chrono::seconds{130},
                       "get_service",
                       "GET",
                       200,
                       "",
                       std::chrono::milliseconds{184},
                       service.last_request_id,
                       "c1b6f0de-0000-4000-8000-000000000001"},
                      {fleet_time() - std::chrono::hours{26},
                       "put_service",
                       "PUT",
                       0,
                       "no first byte within 60 s",
                       std::chrono::seconds{60},
                       "",
                       ""}};
  return service;
}

inline void set_condition(controller::ServiceStatus& service,
                          const std::string& type,
                          controller::Truth status,
                          const std::string& reason,
                          const std::string& message) {
  for (auto& condition : service.conditions) {
    if (condition.type != type) continue;
    condition = {type, status, reason, message, fleet_time() - std::chrono::minutes{17}};
  }
}

inline controller::ServiceStatus failed_service(std::size_t number) {
  auto service = calm_service(number);
  service.standing = controller::Standing::Failed;
  service.troubles = {{"AuthorizationFailed",
                       "writing: 403: the client may not perform provisioningServices/write",
                       "give the identity the role \"Contributor\" on the resource group; "
                       "`dps-reconciler doctor` lists what is missing"}};
  service.differences = {"~ allocationPolicy: Hashed → GeoLatency"};
  service.failures = 4;
  service.desired_revision = "77aa0b1c2d3e";
  service.next_due = fleet_time() + std::chrono::minutes{8};
  service.history.insert(service.history.begin(),
                         {fleet_time() - std::chrono::minutes{17},
                          "failed",
                          "403: the client may not perform provisioningServices/write",
                          {},
                          "77aa0b1c2d3e"});
  set_condition(service,
                "Ready",
                controller::Truth::False,
                "AuthorizationFailed",
                "the client may not perform provisioningServices/write");
  set_condition(
      service, "Stalled", controller::Truth::True, "AuthorizationFailed", "somebody has to act");
  return service;
}

inline controller::ServiceStatus drifted_service(std::size_t number) {
  auto service = calm_service(number);
  service.standing = controller::Standing::Drifted;
  service.differences = {"~ linkedHubs[hub-1.azure-devices.net].allocationWeight: 1 → 10  (drift)",
                         "- ipFilterRules[office]: removed by somebody  (drift)"};
  service.queue_position = 0;
  service.running = true;
  set_condition(service, "Ready", controller::Truth::False, "DriftFound", "2 fields differ");
  set_condition(service, "Drifted", controller::Truth::True, "DriftFound", "2 fields differ");
  return service;
}

inline controller::ServiceStatus blocked_service(std::size_t number) {
  auto service = calm_service(number);
  service.standing = controller::Standing::Blocked;
  service.troubles = {{"OwnedByOther",
                       "the service carries the owner tag \"team-red\"",
                       "lifecycle.adoptFrom: team-red takes it over"}};
  service.held_by = "OwnedByOther";
  set_condition(service, "Ready", controller::Truth::False, "OwnedByOther", "another owner's tag");
  set_condition(service, "Stalled", controller::Truth::True, "OwnedByOther", "another owner's tag");
  return service;
}

inline controller::ServiceStatus contested_service(std::size_t number) {
  auto service = drifted_service(number);
  service.running = false;
  service.queue_position.reset();
  service.contested = {"tags.costCenter"};
  service.differences = {"~ tags.costCenter: \"7\" → \"12\"  (contested)"};
  set_condition(service,
                "Contested",
                controller::Truth::True,
                "Contested",
                "tags.costCenter came back three times");
  return service;
}

inline controller::ServiceStatus suspended_service(std::size_t number) {
  auto service = calm_service(number);
  service.standing = controller::Standing::Suspended;
  service.held_by = "suspended";
  set_condition(service,
                "Suspended",
                controller::Truth::True,
                "ByPerson",
                "migration of the hubs, until 2026-12-01T00:00:00Z");
  return service;
}

inline controller::Status fleet(std::vector<controller::ServiceStatus> services) {
  controller::Status status;
  status.now = fleet_time();
  status.started_at = fleet_time() - std::chrono::hours{24 * 9};
  status.owner = "platform";
  status.source.kind = "git";
  status.source.location = "https://git.example.com/platform/fleets.git";
  status.source.revision = "4f1c2d9ab03e57c1d2e3f40516273849aabbccdd";
  status.source.loaded_at = fleet_time() - std::chrono::hours{26};
  status.source.last_success = fleet_time() - std::chrono::seconds{40};
  status.source.last_reload_was_good = true;
  status.last_success = fleet_time() - std::chrono::seconds{130};
  for (auto& service : services) {
    status.services.push_back(
        std::make_shared<const controller::ServiceStatus>(std::move(service)));
  }
  return status;
}

/// Nothing is wrong.
inline controller::Status calm_fleet(std::size_t count) {
  std::vector<controller::ServiceStatus> services;
  for (std::size_t i = 0; i < count; ++i) services.push_back(calm_service(i));
  return fleet(std::move(services));
}

/// Everything that may be wrong, once.
inline controller::Status troubled_fleet() {
  auto pending = calm_service(5);
  pending.standing = controller::Standing::Pending;
  pending.differences = {"+ certificates[factory-ca-3]"};
  auto lost = drifted_service(7);
  set_condition(lost,
                "OwnershipLost",
                controller::Truth::True,
                "OwnershipLost",
                "the tag dps-reconciler was wiped; it is put back");
  auto ending = calm_service(8);
  ending.certificates[1].expires_at = days_from_now(4);
  ending.certificates[0].expires_at = days_from_now(-2);
  auto status = fleet({calm_service(0),
                       failed_service(1),
                       drifted_service(2),
                       blocked_service(3),
                       contested_service(4),
                       pending,
                       suspended_service(6),
                       lost,
                       ending});
  status.source.refused_revision = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
  status.source.last_reload_was_good = false;
  status.source.fault_count = 2;
  status.source.faults = {
      {"manifests/iot-eu/fleet-eu-000.yaml:14:7: unknown key \"alocationWeight\"; did you mean "
       "\"allocationWeight\"?",
       true},
      {"manifests/iot-us/fleet-us-001.yaml:31:9: secret file /run/secrets/hub-us is missing; mount "
       "it",
       false}};
  status.guards = {{"max-removals",
                    "14 hubs, policies and certificates would be removed; 10 are allowed",
                    14,
                    10,
                    {"linked hub hub-us-1.azure-devices.net of fleet-us-001",
                     "certificate line-4-ca of fleet-us-001"}}};
  status.approve_digest = "Xk3vT9q2mZ8w";
  status.subscriptions["2a7c2f5e-51c0-4b7e-9a0d-2f1f5f5f0b11"] = {
      "AuthorizationFailed",
      "listing: 403: no role on the subscription",
      "give it the role Reader"};
  status.notices = {"SIGHUP: the new configuration was refused and the old one kept"};
  status.queue_depth = 2;
  status.queue_oldest = std::chrono::milliseconds{1500};
  return status;
}

/// Three hundred services, some of each standing.
inline controller::Status large_fleet(std::size_t count = 300) {
  std::vector<controller::ServiceStatus> services;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 97 == 3) {
      services.push_back(failed_service(i));
    } else if (i % 53 == 7) {
      services.push_back(drifted_service(i));
    } else if (i % 101 == 9) {
      services.push_back(blocked_service(i));
    } else if (i % 71 == 11) {
      services.push_back(suspended_service(i));
    } else {
      services.push_back(calm_service(i));
    }
  }
  return fleet(std::move(services));
}

/// What others may put into every string that reaches the page. "pwned" stands where a script
/// would run.
inline std::string hostile(const std::string& place) {
  return place + "\"'><script>pwned()</script><img src=x onerror=pwned()>&lt;\x1b[31m\xff\u202e";
}

/// Every string of others is hostile, over and over.
inline controller::Status hostile_fleet() {
  auto status = troubled_fleet();
  std::vector<std::shared_ptr<const controller::ServiceStatus>> services;
  for (const auto& known : status.services) {
    auto service = *known;
    service.id.subscription = hostile("subscription");
    service.id.resource_group = hostile("group");
    service.id.name = hostile(known->id.name);
    for (auto* text : {&service.id_scope,
                       &service.live_state,
                       &service.manifest_file,
                       &service.desired_revision,
                       &service.observed_revision,
                       &service.attempted_revision,
                       &service.held_by,
                       &service.last_request_id}) {
      *text = hostile("text");
    }
    for (auto& condition : service.conditions) {
      condition.reason = hostile("reason");
      condition.message = hostile("message");
    }
    service.differences.push_back(hostile("difference"));
    service.troubles.push_back({hostile("id"), hostile("message"), hostile("remedy")});
    service.contested.push_back(hostile("field"));
    service.stale_hubs.push_back(hostile("hub"));
    service.entries[hostile("kind")] = {1, 1, 1, 1, 1, 1};
    service.history.insert(
        service.history.begin(),
        {fleet_time(), hostile("event"), hostile("message"), {hostile("detail")}, hostile("r")});
    for (auto& request : service.requests) {
      for (auto* text : {&request.operation,
                         &request.method,
                         &request.failure,
                         &request.request_id,
                         &request.client_request_id}) {
        *text = hostile("request");
      }
    }
    for (auto& certificate : service.certificates) {
      certificate.name = hostile("certificate");
      certificate.role = hostile("role");
      certificate.subject = hostile("subject");
      certificate.thumbprint = hostile("thumbprint");
    }
    services.push_back(std::make_shared<const controller::ServiceStatus>(std::move(service)));
  }
  status.services = std::move(services);
  status.owner = hostile("owner");
  status.shard = hostile("shard");
  status.source.location = hostile("location");
  status.source.revision = hostile("r");
  status.source.refused_revision = hostile("r");
  for (auto& fault : status.source.faults) fault.text = hostile("fault");
  status.source.trouble = {hostile("id"), hostile("message"), hostile("remedy")};
  status.guards = {{hostile("guard"), hostile("message"), 2, 1, {hostile("removal")}}};
  status.approve_digest = hostile("digest");
  status.subscriptions[hostile("subscription")] = {hostile("id"), hostile("message"), ""};
  status.notices = {hostile("notice")};
  return status;
}

}  // namespace dps::telemetry::test

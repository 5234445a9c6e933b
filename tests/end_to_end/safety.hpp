// safety: what the tests of second writers, lost answers and deletion share: a fleet of which we
// manage one half and others the other, and faults on one request of a pass.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/base/text.hpp"
#include "reconciler/plan/render_text.hpp"
#include "tests/end_to_end/lab.hpp"

namespace dps::lab {

inline constexpr const char* kHead = R"(
apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {name: fleet, resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}
)";

/// Ours: allocationPolicy, tag env, hub-1, policy writer. The rest of each list is others'.
inline std::string shared_fleet(int weight,
                                const std::string& env,
                                const std::string& more_policies = "") {
  return std::string(kHead) + fmt::format(R"(spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  allocationPolicy: GeoLatency
  tags: {{env: {}}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
      credential: {{hub: {{resourceGroup: rg, policy: iothubowner, key: primary}}}}
  sharedAccessPolicies:
    - {{name: writer, rights: [EnrollmentWrite]}}
{}lifecycle:
  unlisted: {{linkedHubs: keep, sharedAccessPolicies: keep}}
)",
                                          env,
                                          weight,
                                          more_policies);
}

inline std::string connection(Lab& lab, const std::string& hub) {
  return fmt::format(
      "HostName={}.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={}",
      hub,
      lab.hub_key(hub));
}

inline std::string random_key(char letter) {
  return std::string(43, letter) + "=";
}

/// What others keep on the same service: hub-2, policy theirs, tag team, an IP rule.
inline void add_the_others(Lab& lab) {
  const auto service = lab.service("fleet");
  auto hubs = service.at("properties").at("iotHubs");
  hubs.push_back({{"connectionString", connection(lab, "hub-2")},
                  {"location", "westeurope"},
                  {"allocationWeight", 5}});
  auto policies = service.at("properties").at("authorizationPolicies");
  policies.push_back({{"keyName", "theirs"},
                      {"primaryKey", random_key('T')},
                      {"secondaryKey", random_key('U')},
                      {"rights", "ServiceConfig"}});
  lab.edit(service_path("fleet"),
           {{"tags", {{"team", "blue"}}},
            {"properties",
             {{"iotHubs", hubs},
              {"authorizationPolicies", policies},
              {"ipFilterRules",
               {{{"filterName", "office"},
                 {"action", "Accept"},
                 {"ipMask", "10.0.0.0/8"},
                 {"target", "all"}}}}}}});
}

inline SimJson entry(const SimJson& service,
                     const char* list,
                     const char* member,
                     const std::string& name) {
  if (service.is_null() || !service.at("properties").contains(list)) return nullptr;
  for (const auto& one : service.at("properties").at(list)) {
    if (one.contains(member) && equal_ignoring_case(one.at(member).get<std::string>(), name))
      return one;
  }
  return nullptr;
}
inline SimJson hub_link(const SimJson& service, const std::string& hub) {
  if (service.is_null() || !service.at("properties").contains("iotHubs")) return nullptr;
  for (const auto& one : service.at("properties").at("iotHubs")) {
    const auto text = one.value("connectionString", std::string());
    if (text.find("HostName=" + hub + ".azure-devices.net") != std::string::npos) return one;
  }
  return nullptr;
}
inline SimJson policy(const SimJson& service, const std::string& name) {
  return entry(service, "authorizationPolicies", "keyName", name);
}

/// One fault on the nth request to ARM (tokens do not count).
inline void fault_on(Lab& lab, std::size_t nth, SimJson action) {
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"path", "/subscriptions/**"}, {"nth", nth}}}, {"do", std::move(action)}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
}
inline void no_faults(Lab& lab) {
  lab.simulator().faults().clear();
}

/// The requests to ARM since forget_requests(), as "PUT provisioningServices/fleet": without the
/// part of the path that is always the same, and operations by that word alone.
inline std::vector<std::string> arm_requests(Lab& lab) {
  std::vector<std::string> out;
  for (const auto& one : lab.requests()) {
    if (!one.path.starts_with("/subscriptions/")) continue;
    auto path = one.path;
    if (lower(path).find("operationresults") != std::string::npos) {
      path = "operation";
    } else if (const auto at = path.find("Microsoft.Devices/"); at != std::string::npos) {
      path = path.substr(at + 18);
    }
    out.push_back(one.method + " " + path);
  }
  return out;
}

inline std::set<std::string> error_ids(const Report& report) {
  std::set<std::string> out;
  for (const auto& service : report.services) {
    for (const auto& error : service.errors) out.insert(error.id);
  }
  return out;
}

/// Everything that a failing test wants to see of a report.
inline std::string told(const Report& report) {
  std::string out;
  for (const auto& service : report.services) {
    out += fmt::format(
        "{} ({} writes, {} rounds)", word(service.outcome), service.writes, service.attempts);
    for (const auto& line : service.done) out += "\n  done " + line;
    for (const auto& line : service.left) out += "\n  left " + line;
    for (const auto& line : service.moved) out += "\n  moved " + line;
    for (const auto& line : service.notices) out += "\n  notice " + line;
    for (const auto& error : service.errors) out += "\n  error " + error.id + ": " + error.what;
    out += "\n";
  }
  return out;
}

/// Passes until nothing is left to do, at most `most`; the number of passes that were needed, or
/// nothing.
inline std::optional<int> converge(Lab& lab, int most = 3) {
  for (int pass = 0; pass <= most; ++pass) {
    const auto now = lab.plan();
    if (!now.has_changes() && !now.has_problems()) return pass;
    if (pass < most) lab.apply();
  }
  return std::nullopt;
}

}  // namespace dps::lab

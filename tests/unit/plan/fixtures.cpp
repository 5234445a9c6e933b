#include "fixtures.hpp"

#include "reconciler/base/json.hpp"
#include "reconciler/plan/bookkeeping_after.hpp"

namespace dps::plan::testing {

WallTime noon() {
  return *parse_rfc3339("2026-06-01T12:00:00Z");
}

ServiceId service_id(const std::string& name, const std::string& group) {
  return {kSubscription, group, name};
}

Rights rights(std::initializer_list<Right> all) {
  Rights out;
  for (const auto right : all) out.add(right);
  return out;
}

DesiredHub hub(const std::string& host, std::int64_t weight) {
  DesiredHub out;
  out.host_name = host;
  out.location = "westeurope";
  out.allocation_weight = weight;
  return out;
}

LiveHub live_hub(const std::string& host, std::int64_t weight) {
  return {host, "iothubowner", "westeurope", weight, std::nullopt, ""};
}

DesiredPolicy policy(const std::string& name, std::initializer_list<Right> all) {
  DesiredPolicy out;
  out.name = name;
  out.rights = rights(all);
  return out;
}

LivePolicy live_policy(const std::string& name, std::initializer_list<Right> all) {
  return {name, rights(all), name + "-primary", name + "-secondary"};
}

DesiredService wanted(const std::string& name) {
  DesiredService out;
  out.id = service_id(name);
  out.location = "westeurope";
  out.sku = Sku{"S1", 1};
  out.allocation_policy = "Hashed";
  out.tags = Tags{{"env", "prod"}};
  out.linked_hubs = {hub(kHub1)};
  out.policies = {policy("writer", {Right::EnrollmentWrite})};
  out.mark = {"fleet/" + name + ".yaml", 3, 1};
  return out;
}

LiveService standing(const std::string& name) {
  LiveService out;
  out.id = service_id(name);
  out.etag = {"AAAAAAAAAAE="};
  out.location = "westeurope";
  out.state = "Active";
  out.sku_name = "S1";
  out.sku_capacity = 1;
  out.allocation_policy = "Hashed";
  out.linked_hubs = {live_hub(kHub1)};
  out.id_scope = "0ne000" + name;
  out.policies.entries = {live_policy("provisioningserviceowner", {Right::ServiceConfig}),
                          live_policy("writer", {Right::EnrollmentWrite})};
  Bookkeeping bookkeeping;
  bookkeeping.owner = "default";
  bookkeeping.revision = desired_revision(wanted(name));
  bookkeeping.tag_digests = {tag_digest("env")};
  out.tags = with_bookkeeping(Tags{{"env", "prod"}}, bookkeeping);
  return out;
}

KeyFacts hub_key(const DesiredService& service,
                 const std::string& host,
                 const std::string& fingerprint) {
  KeyFacts facts;
  facts.hubs[{service.id, lower(host)}] = {fingerprint, std::nullopt};
  return facts;
}

std::vector<std::string> lines(const ServicePlan& plan) {
  std::vector<std::string> out;
  for (const auto& change : plan.changes) {
    auto line = std::string(word(change.action)) + " " +
                (change.path.empty() ? std::string(word(change.kind)) : change.path);
    if (change.action == Action::Update) {
      line += " " + canonical_text(change.before) + " -> " + canonical_text(change.after);
    }
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<std::string> error_ids(const ServicePlan& plan) {
  std::vector<std::string> out;
  for (const auto& error : plan.errors) out.push_back(error.id);
  return out;
}

DesiredState desired_of(std::vector<DesiredService> services) {
  DesiredState out;
  out.revision = "4f2c9d1";
  for (auto& service : services) out.services.emplace(service.id, std::move(service));
  return out;
}

LiveState live_of(std::vector<LiveService> services) {
  LiveState out;
  for (auto& service : services) out.services.emplace(service.id, std::move(service));
  return out;
}

ServicePlan plan_of(const DesiredService& desired, const LiveService& live) {
  return make_service(desired, live, {}, {}, noon());
}

}  // namespace dps::plan::testing

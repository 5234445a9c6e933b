#include "tests/arm_simulator/edit.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/seed.hpp"

namespace dps::sim {

namespace {
std::optional<std::string> edit_service(State& state,
                                        const std::string& key,
                                        std::string_view id,
                                        const Json& patch) {
  const auto found = state.services.find(key);
  if (patch.is_null()) {
    if (found == state.services.end()) return fmt::format("there is no '{}'", id);
    remember_gone(state, service_id(found->second), "edited");
    remove_service(state, key);
    return std::nullopt;
  }
  Json document =
      found == state.services.end() ? Json::object() : service_seed(found->second, state.switches);
  document.merge_patch(patch);
  document["id"] = found == state.services.end() ? std::string(id) : service_id(found->second);
  if (!patch.contains("etag")) document["etag"] = counter_etag(state.next_counter());
  // A running operation goes on: its end overwrites nothing but the state.
  Service before;
  if (found != state.services.end()) before = found->second;
  if (auto fault = plant_service(state, document)) return fault;
  auto& after = state.services.at(key);
  after.operation = before.operation;
  after.previous = before.previous;
  remember(state, after, "edited");
  return std::nullopt;
}

std::optional<std::string> edit_certificate(State& state,
                                            const std::string& service_key,
                                            const std::string& name,
                                            const Json& patch) {
  const auto found = state.services.find(service_key);
  if (found == state.services.end()) return fmt::format("there is no '{}'", service_key);
  auto& service = found->second;
  auto& all = service.certificates;
  const auto at = std::find_if(all.begin(), all.end(), [&](const Certificate& certificate) {
    return equal_ignoring_case(certificate.name, name);
  });
  if (patch.is_null()) {
    if (at == all.end()) return fmt::format("there is no certificate '{}'", name);
    remember_gone(state, certificate_id(service, *at), "edited");
    all.erase(at);
    return std::nullopt;
  }
  Json document = at == all.end() ? Json::object() : certificate_seed(*at);
  document.merge_patch(patch);
  document["name"] = at == all.end() ? name : at->name;
  if (!patch.contains("etag")) document["etag"] = new_certificate_etag(state);
  const auto patched = patch.find("properties");
  if (patched == patch.end() || !patched->is_object() || !patched->contains("updated"))
    if (document.contains("properties")) document["properties"]["updated"] = rfc1123(state.now());
  if (auto fault = plant_certificate(state, service, document)) return fault;
  for (const auto& certificate : service.certificates)
    if (equal_ignoring_case(certificate.name, name))
      remember(state, service, certificate, "edited");
  return std::nullopt;
}

std::optional<std::string> edit_hub(State& state,
                                    const std::string& key,
                                    std::string_view id,
                                    const Json& patch) {
  const auto found = state.hubs.find(key);
  if (patch.is_null()) {
    if (found == state.hubs.end()) return fmt::format("there is no '{}'", id);
    remember_gone(state, hub_id(found->second), "edited");
    remove_hub(state, key);
    return std::nullopt;
  }
  Json document = found == state.hubs.end() ? Json::object() : hub_seed(found->second);
  document.merge_patch(patch);
  document["id"] = found == state.hubs.end() ? std::string(id) : hub_id(found->second);
  if (!patch.contains("etag")) document["etag"] = counter_etag(state.next_counter());
  if (auto fault = plant_hub(state, document)) return fault;
  remember(state, state.hubs.at(key), "edited");
  return std::nullopt;
}

std::optional<std::string> edit_group(State& state,
                                      const std::string& key,
                                      std::string_view id,
                                      const Json& patch) {
  const auto found = state.groups.find(key);
  if (patch.is_null()) {
    if (found == state.groups.end()) return fmt::format("there is no '{}'", id);
    state.groups.erase(found);
    return std::nullopt;
  }
  Json document = found == state.groups.end() ? Json::object() : group_seed(found->second);
  document.merge_patch(patch);
  document["id"] = id;
  return plant_group(state, document);
}
}  // namespace

std::optional<std::string> edit_resource(State& state, std::string_view id, const Json& patch) {
  if (!patch.is_object() && !patch.is_null())
    return "the patch must be an object, or null to delete";
  const auto key = lower(id);
  const auto parts = split(key, '/');
  const auto names = split(id, '/');
  if (parts.size() < 5 || parts[1] != "subscriptions" || parts[3] != "resourcegroups")
    return fmt::format("'{}' is not the id of a service, certificate, hub or resource group", id);
  if (parts.size() == 5) return edit_group(state, key, id, patch);
  if (parts.size() == 9 && parts[7] == "provisioningservices")
    return edit_service(state, key, id, patch);
  if (parts.size() == 9 && parts[7] == "iothubs") return edit_hub(state, key, id, patch);
  if (parts.size() == 11 && parts[7] == "provisioningservices" && parts[9] == "certificates")
    return edit_certificate(state, key.substr(0, key.rfind("/certificates/")), names[10], patch);
  return fmt::format("'{}' is not the id of a service, certificate, hub or resource group", id);
}

}  // namespace dps::sim

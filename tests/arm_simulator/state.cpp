#include "tests/arm_simulator/state.hpp"

#include <fmt/core.h>

#include "tests/arm_simulator/seed.hpp"

namespace dps::sim {

namespace {
constexpr std::size_t kHistoryKept = 20'000;

void push_history(
    State& state, std::string id, std::string_view event, std::string etag, std::string document) {
  state.history.push_back({++state.last_history,
                           state.now(),
                           std::move(id),
                           std::string(event),
                           std::move(etag),
                           std::move(document)});
  if (state.history.size() > kHistoryKept) state.history.pop_front();
}

std::string provider_id(std::string_view subscription,
                        std::string_view group,
                        std::string_view type,
                        std::string_view name) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Devices/{}/{}",
                     subscription,
                     group,
                     type,
                     name);
}
}  // namespace

std::string subscription_key(std::string_view subscription) {
  return lower(fmt::format("/subscriptions/{}", subscription));
}
std::string group_key(std::string_view subscription, std::string_view group) {
  return lower(fmt::format("/subscriptions/{}/resourcegroups/{}", subscription, group));
}
std::string service_id(const Service& service) {
  return provider_id(service.subscription, service.group, "provisioningServices", service.name);
}
std::string hub_id(const Hub& hub) {
  return provider_id(hub.subscription, hub.group, "IotHubs", hub.name);
}
std::string certificate_id(const Service& service, const Certificate& certificate) {
  return service_id(service) + "/certificates/" + certificate.name;
}
std::string group_id(const ResourceGroup& group) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}", group.subscription, group.name);
}

void ensure_group(State& state,
                  const std::string& subscription,
                  const std::string& group,
                  const std::string& location) {
  const auto subscription_at = subscription_key(subscription);
  if (!state.subscriptions.contains(subscription_at))
    state.subscriptions.emplace(subscription_at,
                                Subscription{subscription, "Simulated subscription", true});
  const auto group_at = group_key(subscription, group);
  if (!state.groups.contains(group_at))
    state.groups.emplace(group_at, ResourceGroup{subscription, group, location, Json::object()});
}

Service& add_service(State& state, Service service) {
  const auto key = lower(service_id(service));
  state.service_names[lower(service.name)] = key;
  return state.services.insert_or_assign(key, std::move(service)).first->second;
}

Hub& add_hub(State& state, Hub hub) {
  const auto key = lower(hub_id(hub));
  if (const auto old = state.hubs.find(key); old != state.hubs.end())
    state.hub_hosts.erase(lower(old->second.host_name));
  state.hub_hosts[lower(hub.host_name)] = key;
  return state.hubs.insert_or_assign(key, std::move(hub)).first->second;
}

void remove_service(State& state, const std::string& key) {
  const auto found = state.services.find(key);
  if (found == state.services.end()) return;
  state.service_names.erase(lower(found->second.name));
  state.services.erase(found);
}

void remove_hub(State& state, const std::string& key) {
  const auto found = state.hubs.find(key);
  if (found == state.hubs.end()) return;
  state.hub_hosts.erase(lower(found->second.host_name));
  state.hubs.erase(found);
}

void remember(State& state, const Service& service, std::string_view event) {
  push_history(state,
               service_id(service),
               event,
               counter_etag(service.content.etag),
               service_seed(service, state.switches).dump());
}

void remember(State& state,
              const Service& service,
              const Certificate& certificate,
              std::string_view event) {
  push_history(state,
               certificate_id(service, certificate),
               event,
               certificate.etag,
               certificate_seed(certificate).dump());
}

void remember(State& state, const Hub& hub, std::string_view event) {
  push_history(state, hub_id(hub), event, counter_etag(hub.etag), hub_seed(hub).dump());
}

void remember_gone(State& state, std::string id, std::string_view event) {
  push_history(state, std::move(id), event, "", "");
}

std::string new_certificate_etag(State& state) {
  if (state.switches.is("certificate-etag", "counter")) return counter_etag(state.next_counter());
  const auto counter = state.next_counter();
  return base64(
      fmt::format("\"{:08x}-0000-0700-0000-{:012x}\"", state.random.next() & 0xFFFFFFFFU, counter));
}

std::string new_id_scope(State& state) {
  return fmt::format("0ne00{:06X}", ++state.last_scope);
}

std::optional<ConnectionString> parse_connection_string(std::string_view text) {
  ConnectionString parts;
  for (const auto& field : split(text, ';')) {
    const auto equals = field.find('=');
    if (equals == std::string::npos) {
      if (trim(field).empty()) continue;
      return std::nullopt;
    }
    const auto name = trim(std::string_view(field).substr(0, equals));
    const auto value = field.substr(equals + 1);
    if (equal_ignoring_case(name, "HostName")) parts.host_name = value;
    if (equal_ignoring_case(name, "SharedAccessKeyName")) parts.key_name = value;
    if (equal_ignoring_case(name, "SharedAccessKey")) parts.key = value;
  }
  if (parts.host_name.empty() || parts.key_name.empty() || parts.key.empty()) return std::nullopt;
  return parts;
}

std::string masked(std::string_view connection_string) {
  const auto parts = parse_connection_string(connection_string);
  if (!parts) return std::string(kStars);
  return fmt::format("HostName={};SharedAccessKeyName={};SharedAccessKey={}",
                     parts->host_name,
                     parts->key_name,
                     kStars);
}

}  // namespace dps::sim

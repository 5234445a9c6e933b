#include "tests/arm_simulator/world.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>

#include "tests/arm_simulator/certificates.hpp"
#include "tests/arm_simulator/edit.hpp"
#include "tests/arm_simulator/gates.hpp"
#include "tests/arm_simulator/hubs.hpp"
#include "tests/arm_simulator/identities.hpp"
#include "tests/arm_simulator/managed_identities.hpp"
#include "tests/arm_simulator/operations.hpp"
#include "tests/arm_simulator/permissions.hpp"
#include "tests/arm_simulator/policies.hpp"
#include "tests/arm_simulator/resources.hpp"
#include "tests/arm_simulator/seed.hpp"
#include "tests/arm_simulator/services.hpp"
#include "tests/arm_simulator/tokens.hpp"

namespace dps::sim {

namespace {
constexpr std::size_t kRequestsKept = 200'000;

Response no_route() {
  return gateway_error(404, "NotFound", "No route was found for this path.");
}

Response method_not_allowed(const Call& call) {
  return gateway_error(405,
                       "MethodNotAllowed",
                       fmt::format("The method {} is not allowed here.", call.request.method));
}

/// Below …/provisioningServices/{name}/: everything but certificates.
Response serve_children(State& state, const Call& call, const Service& service) {
  const auto& segments = call.segments;
  const auto& method = call.request.method;
  const auto& child = segments[8];
  if (child == "listkeys" && segments.size() == 9 && method == "POST")
    return list_keys(state, call, service);
  if (child == "keys" && segments.size() == 11 && segments[10] == "listkeys" && method == "POST")
    return list_keys_of(state, call, service, call.at(9));
  if (child == "skus" && segments.size() == 9 && method == "GET")
    return json_answer(200, {{"value", Json::array({{{"name", "S1"}}})}});
  if (call.version->network && child == "privatelinkresources" && method == "GET") {
    if (segments.size() == 9) return json_answer(200, {{"value", Json::array()}});
    return gateway_error(404, "ResourceNotFound", "The private link resource was not found.");
  }
  if (call.version->network && child == "privateendpointconnections") {
    // The one list that is a bare array.
    if (segments.size() == 9 && method == "GET") return json_answer(200, Json::array());
    return gateway_error(404, "ResourceNotFound", "The private endpoint connection was not found.");
  }
  return method == "GET" || method == "POST" ? no_route() : method_not_allowed(call);
}

Response serve_services(State& state, const Call& call) {
  const auto& segments = call.segments;
  const auto& method = call.request.method;
  if (segments.size() == 5)
    return method == "GET" ? list_services(state, call, subscription_key(call.subscription()))
                           : method_not_allowed(call);
  if (segments.size() == 7)
    return method == "GET"
               ? list_services(state, call, group_key(call.subscription(), call.group()))
               : method_not_allowed(call);
  if (segments.size() == 8) {
    if (method == "GET") return get_service(state, call);
    if (method == "PUT") return put_service(state, call);
    if (method == "PATCH") return patch_service(state, call);
    if (method == "DELETE") return delete_service(state, call);
    return method_not_allowed(call);
  }
  if (segments.size() == 10 && segments[8] == "operationresults" && method == "GET")
    return poll(state, call, call.at(9));
  // The Location of a finished DELETE carries its part twice.
  if (segments.size() == 12 && segments[8] == "operationresults" && method == "GET")
    return poll(state, call, call.at(9));
  const auto found = state.services.find(call.resource_key());
  if (found == state.services.end()) return service_missing(state, call);
  if (segments[8] == "certificates") return serve_certificates(state, call, found->second);
  return serve_children(state, call, found->second);
}

/// `/subscriptions/{s}/providers/Microsoft.Devices/…`
Response serve_subscription_provider(State& state, const Call& call) {
  const auto& segments = call.segments;
  if (segments.size() == 4 || (segments.size() == 5 && segments[4] == "register"))
    return serve_provider(state, call);
  if (segments[4] == "provisioningservices") return serve_services(state, call);
  if (segments[4] == "iothubs") return serve_hubs(state, call);
  if (segments.size() == 5 && segments[4] == "checkprovisioningservicenameavailability")
    return call.request.method == "POST" ? check_name(state, call) : method_not_allowed(call);
  const bool result =
      segments.size() >= 8 && segments[4] == "locations" &&
      (segments[6] == "provisioningserviceoperationresults" || segments[6] == "operationresults");
  if (result)
    return call.request.method == "GET" ? poll(state, call, call.at(7)) : method_not_allowed(call);
  return no_route();
}

/// Everything that needs a token, after the front door.
Response serve(State& state, const Call& call) {
  const auto& segments = call.segments;
  const auto is = [&](std::size_t index, std::string_view text) {
    return index < segments.size() && segments[index] == text;
  };
  if (segments.size() == 1 && is(0, "tenants")) return serve_tenants(state);
  if (is(0, "providers") && is(1, "microsoft.devices") && is(2, "operations") &&
      segments.size() == 3)
    return list_operations();
  if (segments.size() == 1 && is(0, "subscriptions")) return list_subscriptions(state);
  if (segments.size() == 2) return get_subscription(state, call);
  if (is(2, "providers") && is(3, "microsoft.devices"))
    return serve_subscription_provider(state, call);
  if (auto response = serve_authorization(state, call)) return *response;
  if (is(2, "resourcegroups") && segments.size() <= 4) return serve_groups(state, call);
  if (is(2, "resourcegroups") && is(4, "providers") && is(5, "microsoft.devices")) {
    if (!state.groups.contains(group_key(call.subscription(), call.group())))
      return group_missing(call.group());
    if (is(6, "provisioningservices")) return serve_services(state, call);
    if (is(6, "iothubs")) return serve_hubs(state, call);
  }
  return no_route();
}

Response answer(State& state, Call& call) {
  const auto& segments = call.segments;
  if (auto response = serve_sign_in(state, call)) return *response;
  if (auto response = serve_managed_identity(state, call)) return *response;
  if (segments.size() == 2 && segments[0] == "metadata" && segments[1] == "endpoints")
    return cloud_metadata(state, call);
  const bool known_root =
      !segments.empty() &&
      (segments[0] == "subscriptions" || segments[0] == "providers" || segments[0] == "tenants");
  if (!known_root) return no_route();
  if (auto refusal = unauthorized(state, call)) return *refusal;
  const auto gate = classify(call);
  const bool of_subscription = segments.size() >= 2 && segments[0] == "subscriptions";
  if (of_subscription && !state.subscriptions.contains(subscription_key(call.subscription())))
    return subscription_missing(call.subscription());
  if (auto refusal = not_for_identity(state, call)) return *refusal;
  auto charged = charge(state, call, gate);
  const auto judged = [&]() -> Response {
    if (charged.refusal) return *charged.refusal;
    if (auto refusal = version_refused(state, call, gate)) return *refusal;
    if (auto refusal = forbidden(state, call, gate)) return *refusal;
    if (auto refusal = not_registered(state, call, gate)) return *refusal;
    if (auto refusal = locked(state, call, gate)) return *refusal;
    return serve(state, call);
  };
  auto response = judged();
  response.set(charged.header, charged.remaining);
  return response;
}

void add_common_headers(State& state, const Request& request, TimePoint now, Response& response) {
  const auto correlation = request.header("x-ms-correlation-request-id");
  const auto id = state.random.guid();
  response.set("Cache-Control", "no-cache");
  response.set("Pragma", "no-cache");
  response.set("Expires", "-1");
  response.set("x-ms-request-id", id);
  response.set("x-ms-correlation-request-id", correlation.empty() ? id : std::string(correlation));
  response.set("x-ms-routing-request-id", fmt::format("SIMULATOR:{}:{}", provider_time(now), id));
  if (equal_ignoring_case(request.header("x-ms-return-client-request-id"), "true"))
    response.set("x-ms-client-request-id", std::string(request.header("x-ms-client-request-id")));
  response.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Date", rfc1123(now));
}

std::string body_etag(const Request& request) {
  if (request.body.find("\"etag\"") == std::string::npos) return {};
  const auto body = Json::parse(request.body, nullptr, false);
  if (body.is_discarded() || !body.is_object()) return {};
  const auto found = body.find("etag");
  return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
}
}  // namespace

struct World::Data {
  mutable std::mutex mutex;
  State state;
  std::deque<RequestRecord> requests;
  std::uint64_t last_request = 0;
};

World::World(const WorldOptions& options) : options_(options), data_(std::make_unique<Data>()) {
  auto& state = data_->state;
  auto& identity = state.identities.front();
  identity.tenant = options.tenant;
  identity.client_id = options.client_id;
  identity.client_secret = options.client_secret;
  state.random = Random(options.random_seed);
}

World::~World() = default;

Response World::handle(const Request& request) {
  const std::lock_guard lock(data_->mutex);
  auto& state = data_->state;
  const auto now = state.now();
  settle(state, now);
  Call call{request, {}, {}, form_fields(request.query), nullptr, {}, now};
  for (const auto& segment : split(request.path, '/')) {
    if (segment.empty()) continue;
    call.path.push_back(percent_decoded(segment));
    call.segments.push_back(lower(call.path.back()));
  }
  for (const auto& [name, value] : call.query)
    if (equal_ignoring_case(name, "api-version")) call.api_version = value;
  auto response = answer(state, call);
  add_common_headers(state, request, now, response);
  return response;
}

void World::log(const Request& request, TimePoint arrived, int status, std::string_view fault) {
  RequestRecord record{0,
                       arrived,
                       request.method,
                       request.path,
                       request.query,
                       status,
                       std::string(request.header("If-Match")),
                       body_etag(request),
                       std::string(request.header("x-ms-client-request-id")),
                       request.connection,
                       std::string(fault)};
  const std::lock_guard lock(data_->mutex);
  record.seq = ++data_->last_request;
  data_->requests.push_back(std::move(record));
  if (data_->requests.size() > kRequestsKept) data_->requests.pop_front();
}

Json World::state() const {
  const std::lock_guard lock(data_->mutex);
  settle(data_->state, data_->state.now());
  return world_seed(data_->state);
}

std::optional<std::string> World::set_state(const Json& seed) {
  const std::lock_guard lock(data_->mutex);
  State next = data_->state;
  clear_world(next);
  if (auto fault = sim::plant(next, seed)) return fault;
  data_->state = std::move(next);
  return std::nullopt;
}

std::optional<std::string> World::plant(const Json& seed) {
  const std::lock_guard lock(data_->mutex);
  return sim::plant(data_->state, seed);
}

std::optional<std::string> World::set_identity(const Json& entry) {
  const std::lock_guard lock(data_->mutex);
  return plant_identity(data_->state, entry);
}

Json World::identities() const {
  const std::lock_guard lock(data_->mutex);
  Json list = Json::array();
  for (const auto& identity : data_->state.identities) list.push_back(identity_seed(identity));
  return list;
}

std::string World::identity_header() const {
  const std::lock_guard lock(data_->mutex);
  return data_->state.identity_header;
}

std::optional<std::string> World::edit(std::string_view id, const Json& patch) {
  const std::lock_guard lock(data_->mutex);
  settle(data_->state, data_->state.now());
  return edit_resource(data_->state, id, patch);
}

std::optional<std::string> World::set_switch(std::string_view name, std::string_view value) {
  const std::lock_guard lock(data_->mutex);
  auto fault = data_->state.switches.set(name, value);
  if (!fault && name.starts_with("quota-")) data_->state.buckets.clear();
  return fault;
}

std::string World::switch_value(std::string_view name) const {
  const std::lock_guard lock(data_->mutex);
  return data_->state.switches.value(name);
}

Json World::switches() const {
  const std::lock_guard lock(data_->mutex);
  Json all = Json::object();
  for (const auto& row : switch_table())
    all[std::string(row.name)] = data_->state.switches.value(row.name);
  return all;
}

void World::advance(Milliseconds by) {
  const std::lock_guard lock(data_->mutex);
  data_->state.advanced += by;
  settle(data_->state, data_->state.now());
}

void World::expire_tokens() {
  const std::lock_guard lock(data_->mutex);
  const auto now = data_->state.now();
  for (auto& [text, token] : data_->state.tokens) token.expiry = std::min(token.expiry, now);
}

TimePoint World::now() const {
  const std::lock_guard lock(data_->mutex);
  return data_->state.now();
}

Milliseconds World::latency() const {
  const std::lock_guard lock(data_->mutex);
  return data_->state.switches.duration_of("latency");
}

Json World::requests(std::uint64_t since) const {
  const std::lock_guard lock(data_->mutex);
  Json list = Json::array();
  for (const auto& record : data_->requests) {
    if (record.seq <= since) continue;
    list.push_back({{"seq", record.seq},
                    {"time", rfc3339(record.time)},
                    {"method", record.method},
                    {"path", record.path},
                    {"query", record.query},
                    {"status", record.status},
                    {"if_match", record.if_match},
                    {"body_etag", record.body_etag},
                    {"client_request_id", record.client_request_id},
                    {"connection", record.connection},
                    {"fault", record.fault}});
  }
  return list;
}

void World::forget_requests() {
  const std::lock_guard lock(data_->mutex);
  data_->requests.clear();
}

void World::forget_history() {
  const std::lock_guard lock(data_->mutex);
  data_->state.history.clear();
  for (const auto& id : data_->state.ended) data_->state.operations.erase(id);
  data_->state.ended.clear();
}

Json World::history(std::uint64_t since) const {
  const std::lock_guard lock(data_->mutex);
  settle(data_->state, data_->state.now());
  Json list = Json::array();
  for (const auto& entry : data_->state.history) {
    if (entry.seq <= since) continue;
    list.push_back(
        {{"seq", entry.seq},
         {"time", rfc3339(entry.time)},
         {"id", entry.id},
         {"event", entry.event},
         {"etag", entry.etag},
         {"document", entry.document.empty() ? Json(nullptr) : Json::parse(entry.document)}});
  }
  return list;
}

std::vector<std::string> World::subscriptions() const {
  const std::lock_guard lock(data_->mutex);
  std::vector<std::string> ids;
  for (const auto& [key, subscription] : data_->state.subscriptions) ids.push_back(subscription.id);
  return ids;
}

}  // namespace dps::sim

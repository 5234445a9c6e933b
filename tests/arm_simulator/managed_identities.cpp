#include "tests/arm_simulator/managed_identities.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/identities.hpp"

namespace dps::sim {

namespace {
Response machine_error(int status, std::string_view error, std::string_view text) {
  return json_answer(status, {{"error", error}, {"error_description", text}});
}

Response app_error(int status, std::string_view text) {
  return json_answer(status, {{"statusCode", status}, {"message", text}});
}

std::string value(const Call& call, const char* name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? std::string() : found->second;
}

const Identity* chosen(const State& state, const Call& call) {
  const auto client = value(call, "client_id");
  auto object = value(call, "object_id");
  if (object.empty()) object = value(call, "principal_id");
  auto resource = value(call, "mi_res_id");
  if (resource.empty()) resource = value(call, "msi_res_id");
  if (client.empty() && object.empty() && resource.empty()) {
    for (const auto& one : state.identities)
      if (one.managed == "system") return &one;
    return &state.identity();
  }
  for (const auto& one : state.identities) {
    const bool assigned = !one.managed.empty() || &one == &state.identity();
    if (!assigned) continue;
    if ((!client.empty() && equal_ignoring_case(one.client_id, client)) ||
        (!object.empty() && equal_ignoring_case(one.object_id, object)) ||
        (!resource.empty() && equal_ignoring_case(one.resource_id, resource)))
      return &one;
  }
  return nullptr;
}

/// `expires_in` is text at the one, and not there at the other.
Response given(State& state, const Call& call, const Identity& identity, bool machine) {
  auto resource = value(call, "resource");
  const auto lifetime = state.switches.duration_of("token-lifetime");
  const auto expiry = call.now + lifetime;
  const auto seconds = [](TimePoint time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  auto audience = resource;
  while (audience.ends_with('/')) audience.pop_back();
  auto text = issue_token(state, identity, audience, call.now, expiry);
  Json answer = {{"access_token", std::move(text)}, {"client_id", identity.client_id}};
  if (machine)
    answer["expires_in"] = std::to_string(std::max<std::int64_t>(lifetime.count() / 1000 - 1, 0));
  answer["expires_on"] = std::to_string(seconds(expiry));
  if (machine) answer["not_before"] = std::to_string(seconds(call.now));
  answer["resource"] = resource;
  answer["token_type"] = "Bearer";
  return json_answer(200, answer);
}

Response machine(State& state, const Call& call) {
  if (call.request.method != "GET")
    return machine_error(405, "invalid_request", "The method is not allowed.");
  if (!equal_ignoring_case(call.request.header("Metadata"), "true"))
    return machine_error(400, "bad_request_102", "Required metadata header not specified");
  if (call.request.has_header("X-Forwarded-For"))
    return machine_error(400, "bad_request", "Requests by a proxy are not answered");
  if (call.api_version.empty())
    return machine_error(
        400, "invalid_request", "Required query variable 'api-version' is missing");
  if (value(call, "resource").empty())
    return machine_error(400, "invalid_request", "Required query variable 'resource' is missing");
  const auto* identity = chosen(state, call);
  if (identity == nullptr) return machine_error(400, "invalid_request", "Identity not found");
  return given(state, call, *identity, true);
}

Response app(State& state, const Call& call) {
  if (call.request.header("X-IDENTITY-HEADER") != state.identity_header)
    return app_error(401, "The X-IDENTITY-HEADER is missing or wrong.");
  if (call.api_version != "2019-08-01") return app_error(400, "Unsupported api-version.");
  if (value(call, "resource").empty()) return app_error(400, "The resource is missing.");
  const auto* identity = chosen(state, call);
  if (identity == nullptr)
    return app_error(400, "No User Assigned or Delegated Managed Identity found for specified id.");
  return given(state, call, *identity, false);
}
}  // namespace

std::optional<Response> serve_managed_identity(State& state, const Call& call) {
  const auto& segments = call.segments;
  if (segments.size() == 4 && segments[0] == "metadata" && segments[1] == "identity" &&
      segments[2] == "oauth2" && segments[3] == "token")
    return machine(state, call);
  if (segments.size() == 2 && segments[0] == "msi" && segments[1] == "token")
    return app(state, call);
  return std::nullopt;
}

}  // namespace dps::sim

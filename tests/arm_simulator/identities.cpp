#include "tests/arm_simulator/identities.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "tests/arm_simulator/x509.hpp"

namespace dps::sim {

namespace {
std::optional<std::vector<std::string>> texts(const Json& value) {
  std::vector<std::string> out;
  if (value.is_string()) return std::vector<std::string>{value.get<std::string>()};
  if (!value.is_array()) return std::nullopt;
  for (const auto& one : value) {
    if (!one.is_string()) return std::nullopt;
    out.push_back(one.get<std::string>());
  }
  return out;
}

std::string at(const Json& entry, const char* name) {
  const auto found = entry.find(name);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string subscription_tenant(const State& state, std::string_view subscription) {
  const auto found = state.subscriptions.find(subscription_key(subscription));
  if (found == state.subscriptions.end() || found->second.tenant.empty())
    return state.identities.front().tenant;
  return found->second.tenant;
}

std::optional<std::string> lay_over(Identity& identity, const Json& entry) {
  for (const auto& [name, value] : entry.items()) {
    if (name == "tenant" || name == "client_id") continue;
    const std::array<std::pair<const char*, std::string*>, 5> single = {
        {{"client_secret", &identity.client_secret},
         {"expired_secret", &identity.expired_secret},
         {"object_id", &identity.object_id},
         {"resource_id", &identity.resource_id},
         {"managed", &identity.managed}}};
    const std::array<std::pair<const char*, std::vector<std::string>*>, 3> several = {
        {{"certificates", &identity.certificates},
         {"federated_tokens", &identity.federated_tokens},
         {"subscriptions", &identity.subscriptions}}};
    bool known = false;
    for (const auto& [key, target] : single) {
      if (name != key) continue;
      if (!value.is_string()) return fmt::format("{} of an identity must be text", name);
      *target = value.get<std::string>();
      known = true;
    }
    for (const auto& [key, target] : several) {
      if (name != key) continue;
      auto list = texts(value);
      if (!list) return fmt::format("{} of an identity must be a list of texts", name);
      *target = *std::move(list);
      known = true;
    }
    if (!known) return fmt::format("an identity has no '{}'", name);
  }
  if (!identity.managed.empty() && identity.managed != "system" && identity.managed != "user")
    return "managed of an identity is 'system' or 'user'";
  for (const auto& pem : identity.certificates)
    if (!read_certificate(pem)) return "a certificate of an identity cannot be read";
  return std::nullopt;
}
}  // namespace

std::optional<std::string> plant_identity(State& state, const Json& entry) {
  if (!entry.is_object()) return "an identity must be an object";
  const auto tenant = at(entry, "tenant");
  const auto client_id = at(entry, "client_id");
  if (tenant.empty() || client_id.empty()) return "an identity needs tenant and client_id";
  const auto found =
      std::find_if(state.identities.begin(), state.identities.end(), [&](const auto& one) {
        return equal_ignoring_case(one.tenant, tenant) &&
               equal_ignoring_case(one.client_id, client_id);
      });
  Identity identity;
  if (found != state.identities.end()) identity = *found;
  identity.tenant = tenant;
  identity.client_id = client_id;
  if (auto fault = lay_over(identity, entry)) return fault;
  if (found != state.identities.end())
    *found = std::move(identity);
  else
    state.identities.push_back(std::move(identity));
  return std::nullopt;
}

Json identity_seed(const Identity& identity) {
  Json seed = {{"tenant", identity.tenant},
               {"client_id", identity.client_id},
               {"client_secret", identity.client_secret}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) seed[name] = value;
  };
  text("expired_secret", identity.expired_secret);
  text("object_id", identity.object_id);
  text("resource_id", identity.resource_id);
  text("managed", identity.managed);
  const auto list = [&](const char* name, const std::vector<std::string>& values) {
    if (!values.empty()) seed[name] = values;
  };
  list("certificates", identity.certificates);
  list("federated_tokens", identity.federated_tokens);
  list("subscriptions", identity.subscriptions);
  return seed;
}

const Identity* find_identity(const State& state,
                              std::string_view tenant,
                              std::string_view client_id) {
  for (const auto& one : state.identities)
    if (equal_ignoring_case(one.tenant, tenant) && equal_ignoring_case(one.client_id, client_id))
      return &one;
  return nullptr;
}

bool has_tenant(const State& state, std::string_view tenant) {
  return std::any_of(state.identities.begin(), state.identities.end(), [&](const auto& one) {
    return equal_ignoring_case(one.tenant, tenant);
  });
}

std::string issue_token(State& state,
                        const Identity& identity,
                        std::string_view audience,
                        TimePoint now,
                        TimePoint expiry) {
  const auto seconds = [](TimePoint time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  // Shaped like a JSON web token, because some clients look inside.
  const Json head = {{"typ", "JWT"}, {"alg", "RS256"}, {"kid", "simulator"}};
  const Json claims = {
      {"aud", audience},
      {"iss", fmt::format("https://sts.windows.net/{}/", identity.tenant)},
      {"iat", seconds(now)},
      {"nbf", seconds(now)},
      {"exp", seconds(expiry)},
      {"appid", identity.client_id},
      {"oid",
       identity.object_id.empty() ? "00000000-0000-4000-8000-00000000000a" : identity.object_id},
      {"tid", identity.tenant},
      {"uti", state.random.guid()},
      {"ver", "1.0"}};
  auto text = base64_url(head.dump()) + "." + base64_url(claims.dump()) + "." +
              base64_url(state.random.bytes(64));
  if (state.tokens.size() > 20'000)
    std::erase_if(state.tokens, [&](const auto& known) { return known.second.expiry <= now; });
  state.tokens.insert_or_assign(text, GoodToken{expiry, identity.tenant, identity.client_id});
  return text;
}

std::optional<Response> not_for_identity(const State& state, const Call& call) {
  if (call.segments.size() < 2 || call.segments[0] != "subscriptions") return std::nullopt;
  const auto header = call.request.header("Authorization");
  const auto found =
      header.size() > 7 ? state.tokens.find(trim(header.substr(7))) : state.tokens.end();
  if (found == state.tokens.end()) return std::nullopt;
  const auto& token = found->second;
  const auto tenant = subscription_tenant(state, call.subscription());
  if (!equal_ignoring_case(tenant, token.tenant)) {
    auto response = gateway_error(
        401,
        "InvalidAuthenticationTokenTenant",
        fmt::format("The access token is from the wrong issuer 'https://sts.windows.net/{}/'. It "
                    "must match the tenant 'https://sts.windows.net/{}/' associated with this "
                    "subscription. Please use the authority (URL) "
                    "'https://login.windows.net/{}' to get the token.",
                    token.tenant,
                    tenant,
                    tenant));
    response.set("WWW-Authenticate",
                 fmt::format("Bearer authorization_uri=\"{}/{}\", error=\"invalid_token\"",
                             call.request.base_url,
                             tenant));
    return response;
  }
  const auto* identity = find_identity(state, token.tenant, token.client_id);
  const bool may =
      identity != nullptr &&
      (identity->subscriptions.empty() ||
       std::any_of(identity->subscriptions.begin(),
                   identity->subscriptions.end(),
                   [&](const auto& one) { return equal_ignoring_case(one, call.subscription()); }));
  if (may) return std::nullopt;
  return gateway_error(
      403,
      "AuthorizationFailed",
      fmt::format("The client '{}' with object id '00000000-0000-4000-8000-00000000000a' does not "
                  "have authorization to perform action 'Microsoft.Devices/*' over scope "
                  "'/subscriptions/{}' or the scope is invalid. If access was recently granted, "
                  "please refresh your credentials.",
                  token.client_id,
                  call.subscription()));
}

}  // namespace dps::sim

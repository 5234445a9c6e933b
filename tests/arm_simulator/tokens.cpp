#include "tests/arm_simulator/tokens.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "tests/arm_simulator/assertion.hpp"
#include "tests/arm_simulator/identities.hpp"

namespace dps::sim {

namespace {
using Fields = std::map<std::string, std::string>;

Response sign_in_error(
    State& state, int status, std::string_view error, int number, std::string_view text) {
  const auto trace = state.random.guid();
  const auto correlation = state.random.guid();
  const auto time = provider_time(state.now());
  return json_answer(
      status,
      {{"error", error},
       {"error_description",
        fmt::format("AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
                    number,
                    text,
                    trace,
                    correlation,
                    time)},
       {"error_codes", Json::array({number})},
       {"timestamp", time},
       {"trace_id", trace},
       {"correlation_id", correlation},
       {"error_uri", fmt::format("https://login.microsoftonline.com/error?code={}", number)}});
}

std::string field(const Fields& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

/// What is wrong with the client's proof of itself. One function for each kind of credential.
using ProofCheck = std::optional<Response> (*)(State&, const Call&, const Identity&, const Fields&);

std::optional<Response> check_secret(State& state,
                                     const Call&,
                                     const Identity& identity,
                                     const Fields& fields) {
  const auto secret = field(fields, "client_secret");
  if (!identity.client_secret.empty() && secret == identity.client_secret) return std::nullopt;
  if (!secret.empty() && secret == identity.expired_secret)
    return sign_in_error(
        state,
        401,
        "invalid_client",
        7000222,
        fmt::format("The provided client secret keys for app '{}' are expired. Visit the Azure "
                    "portal to create new keys for your app: https://aka.ms/NewClientSecret.",
                    identity.client_id));
  return sign_in_error(
      state,
      401,
      "invalid_client",
      7000215,
      fmt::format("Invalid client secret provided. Ensure the secret being sent in the request is "
                  "the client secret value, not the client secret ID, for a secret added to app "
                  "'{}'.",
                  identity.client_id));
}

std::optional<Response> check_assertion(State& state,
                                        const Call& call,
                                        const Identity& identity,
                                        const Fields& fields) {
  if (field(fields, "client_assertion_type") !=
      "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    return sign_in_error(
        state, 400, "invalid_request", 90014, "The field 'client_assertion_type' is missing.");
  const auto assertion = field(fields, "client_assertion");
  if (!names_certificate(assertion)) {
    const auto& good = identity.federated_tokens;
    if (std::find(good.begin(), good.end(), assertion) != good.end()) return std::nullopt;
    return sign_in_error(state,
                         401,
                         "invalid_client",
                         70021,
                         "No matching federated identity record found for presented assertion. "
                         "Please check your federated identity credential Subject, Audience and "
                         "Issuer against the presented assertion.");
  }
  const auto judged = judge_assertion(assertion,
                                      {call.request.base_url + call.request.path,
                                       identity.client_id,
                                       identity.certificates,
                                       call.now});
  if (judged.fault)
    return sign_in_error(state, 401, "invalid_client", judged.fault->number, judged.fault->text);
  std::erase_if(state.used_assertions, [&](const auto& one) { return one.second < call.now; });
  if (!state.used_assertions.emplace(judged.jti, judged.expiry).second)
    return sign_in_error(
        state, 401, "invalid_client", 50013, "Assertion is replayed: its jti was used before.");
  return std::nullopt;
}

struct CredentialKind {
  const char* field;  // the form field by which it is known
  ProofCheck check;
};
constexpr std::array<CredentialKind, 2> kCredentials = {
    {{"client_secret", check_secret}, {"client_assertion", check_assertion}}};

Response token(State& state, const Call& call) {
  if (call.request.method != "POST")
    return sign_in_error(
        state, 405, "invalid_request", 900561, "The endpoint only accepts POST requests.");
  const auto fields = form_fields(call.request.body);
  for (const char* needed : {"grant_type", "client_id", "scope"})
    if (field(fields, needed).empty())
      return sign_in_error(
          state,
          400,
          "invalid_request",
          900144,
          fmt::format("The request body must contain the following parameter: '{}'.", needed));
  if (field(fields, "grant_type") != "client_credentials")
    return sign_in_error(
        state, 400, "unsupported_grant_type", 70003, "The grant type is not supported.");
  if (!has_tenant(state, call.at(0)))
    return sign_in_error(
        state, 400, "invalid_request", 90002, fmt::format("Tenant '{}' not found.", call.at(0)));
  const auto* identity = find_identity(state, call.at(0), field(fields, "client_id"));
  if (identity == nullptr)
    return sign_in_error(
        state,
        400,
        "unauthorized_client",
        700016,
        fmt::format("Application with identifier '{}' was not found in the directory.",
                    field(fields, "client_id")));
  const auto kind = std::find_if(kCredentials.begin(), kCredentials.end(), [&](const auto& known) {
    return fields.contains(known.field);
  });
  if (kind == kCredentials.end())
    return sign_in_error(
        state,
        401,
        "invalid_client",
        7000218,
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'.");
  if (auto refusal = kind->check(state, call, *identity, fields)) return *refusal;
  // MSAL asks for openid and the like beside the one scope that counts.
  std::string audience;
  for (const auto& scope : split(field(fields, "scope"), ' '))
    if (scope.ends_with("/.default")) audience = scope.substr(0, scope.size() - 9);
  if (audience.empty())
    return sign_in_error(state,
                         400,
                         "invalid_scope",
                         1002012,
                         "The provided value for scope is not valid. Client credential flows must "
                         "have a scope value with /.default suffixed to the resource identifier.");
  const auto lifetime = state.switches.duration_of("token-lifetime");
  const auto expiry = call.now + lifetime;
  auto text = issue_token(state, *identity, audience, call.now, expiry);
  const auto seconds = std::max<std::int64_t>(lifetime.count() / 1000 - 1, 0);
  return json_answer(200,
                     {{"token_type", "Bearer"},
                      {"expires_in", seconds},
                      {"ext_expires_in", seconds},
                      {"access_token", std::move(text)}});
}

Response openid_configuration(const State& state, const Call& call) {
  const auto base = call.request.base_url + "/" + call.at(0);
  return json_answer(
      200,
      {{"token_endpoint", base + "/oauth2/v2.0/token"},
       {"token_endpoint_auth_methods_supported",
        Json::array({"client_secret_post", "private_key_jwt", "client_secret_basic"})},
       {"jwks_uri", base + "/discovery/v2.0/keys"},
       {"response_modes_supported", Json::array({"query", "fragment", "form_post"})},
       {"subject_types_supported", Json::array({"pairwise"})},
       {"id_token_signing_alg_values_supported", Json::array({"RS256"})},
       {"response_types_supported", Json::array({"code", "token"})},
       {"scopes_supported", Json::array({"openid", "profile", "email", "offline_access"})},
       {"issuer", fmt::format("{}/{}/v2.0", call.request.base_url, state.identity().tenant)},
       {"authorization_endpoint", base + "/oauth2/v2.0/authorize"},
       {"device_authorization_endpoint", base + "/oauth2/v2.0/devicecode"},
       {"end_session_endpoint", base + "/oauth2/v2.0/logout"},
       {"tenant_region_scope", "EU"}});
}

Response discovery(const Call& call, const State& state) {
  const auto& base = call.request.base_url;
  const auto host = base.substr(base.find("://") + 3);
  return json_answer(
      200,
      {{"tenant_discovery_endpoint",
        fmt::format("{}/{}/v2.0/.well-known/openid-configuration", base, state.identity().tenant)},
       {"api-version", "1.1"},
       {"metadata",
        Json::array({{{"preferred_network", host},
                      {"preferred_cache", host},
                      {"aliases", Json::array({host})}}})}});
}
}  // namespace

std::optional<Response> serve_sign_in(State& state, const Call& call) {
  const auto& segments = call.segments;
  if (segments.size() == 4 && segments[1] == "oauth2" && segments[2] == "v2.0" &&
      segments[3] == "token")
    return token(state, call);
  if (segments.size() == 4 && segments[1] == "v2.0" && segments[2] == ".well-known" &&
      segments[3] == "openid-configuration")
    return openid_configuration(state, call);
  if (segments.size() == 3 && segments[0] == "common" && segments[1] == "discovery" &&
      segments[2] == "instance")
    return discovery(call, state);
  if (segments.size() == 4 && segments[1] == "discovery" && segments[3] == "keys")
    return json_answer(200, {{"keys", Json::array()}});
  return std::nullopt;
}

std::optional<Response> unauthorized(State& state, const Call& call) {
  const auto header = call.request.header("Authorization");
  std::string_view code = "AuthenticationFailed";
  std::string_view message = "Authentication failed. The 'Authorization' header is missing.";
  if (header.size() > 7 && equal_ignoring_case(header.substr(0, 7), "Bearer ")) {
    const auto found = state.tokens.find(trim(header.substr(7)));
    if (found != state.tokens.end() && found->second.expiry > call.now) return std::nullopt;
    code =
        found == state.tokens.end() ? "InvalidAuthenticationToken" : "ExpiredAuthenticationToken";
    message = found == state.tokens.end() ? "The access token is invalid."
                                          : "The access token expiry is in the past.";
  }
  auto response = state.switches.is("unauthorized-body", "empty")
                      ? empty_answer(401)
                      : gateway_error(401, code, message);
  response.set("x-ms-failure-cause", "gateway");
  response.set("WWW-Authenticate",
               fmt::format("Bearer authorization_uri=\"{}/{}\", error=\"invalid_token\", "
                           "error_description=\"{}\"",
                           call.request.base_url,
                           state.identity().tenant,
                           message));
  return response;
}

}  // namespace dps::sim

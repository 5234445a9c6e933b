#include "tests/arm_simulator/certificates.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tests/arm_simulator/services.hpp"

namespace dps::sim {

namespace {
enum class Content { AsTheSwitchSays, Echoed };

Json certificate_view(const State& state,
                      const Call& call,
                      const Service& service,
                      const Certificate& certificate,
                      Content content = Content::AsTheSwitchSays) {
  const auto& switches = state.switches;
  const auto& facts = certificate.facts;
  const auto& name = facts.common_name.empty() ? facts.subject : facts.common_name;
  Json properties = Json::object();
  if (content == Content::Echoed) properties["verificationCode"] = certificate.verification_code;
  properties["subject"] = switches.is("certificate-subject", "cn") ? "CN=" + name : name;
  properties["expiry"] = rfc1123(facts.not_after);
  properties["thumbprint"] = facts.thumbprint;
  properties["isVerified"] = certificate.verified;
  properties["created"] = switches.is("certificate-created", "real")
                              ? rfc1123(certificate.created)
                              : std::string("Mon, 01 Jan 0001 00:00:00 GMT");
  properties["updated"] = rfc1123(certificate.updated);
  if (call.version->certificate_content) {
    const bool echo =
        content == Content::Echoed || switches.is("certificate-echo", "echo") ||
        (switches.is("certificate-echo", "by-version") && call.version->certificate_echo);
    properties["certificate"] = echo ? Json(certificate.content) : Json(nullptr);
  }
  return {{"properties", std::move(properties)},
          {"id", certificate_id(service, certificate)},
          {"name", certificate.name},
          {"type", "Microsoft.Devices/provisioningServices/Certificates"},
          {"etag", certificate.etag}};
}

Certificate* find_certificate(Service& service, std::string_view name) {
  for (auto& certificate : service.certificates)
    if (equal_ignoring_case(certificate.name, name)) return &certificate;
  return nullptr;
}

Response missing(State& state, std::string_view name) {
  return provider_error(state, 404, 404015, fmt::format("Certificate '{}' not found.", name));
}

Response wrong_etag(State& state) {
  return provider_error(state, 412, 412001, "Precondition failed: Invalid ETag supplied.");
}

/// Etags are opaque and sent as they are; some clients quote them as HTTP asks.
bool matches(std::string_view header, const std::string& etag) {
  auto wanted = trim(header);
  if (wanted == "*" || wanted == etag) return true;
  return wanted.size() >= 2 && wanted.front() == '"' && wanted.back() == '"' &&
         wanted.substr(1, wanted.size() - 2) == etag;
}

/// The refusal of a step that demands If-Match.
std::optional<Response> unmatched(State& state, const Call& call, const Certificate& certificate) {
  if (!call.request.has_header("If-Match"))
    return provider_error(state, 400, 400004, "The header If-Match is missing.");
  if (!matches(call.request.header("If-Match"), certificate.etag)) return wrong_etag(state);
  return std::nullopt;
}

void touch(State& state, const Call& call, Certificate& certificate) {
  certificate.etag = new_certificate_etag(state);
  certificate.updated = call.now;
}

bool name_is_sound(std::string_view name) {
  return !name.empty() && name.size() <= 256 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

Response put_certificate(State& state, const Call& call, Service& service) {
  const auto name = call.at(9);
  if (!name_is_sound(name))
    return provider_error(state, 400, 400004, "The name of the certificate is not valid.");
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  const bool flat = call.version->certificate_body == CertificateBody::Flat;
  const auto inner = body.json.find("properties");
  if (!flat && (inner == body.json.end() || !inner->is_object()))
    return provider_error(state, 400, 400004, "properties.certificate is missing.");
  const Json& fields = flat ? body.json : *inner;
  const auto content = fields.find("certificate");
  if (content == fields.end() || !content->is_string())
    return provider_error(state, 400, 400004, "The certificate is missing.");
  const auto facts = read_certificate(content->get<std::string>());
  if (!facts) return provider_error(state, 400, 400051, "The certificate could not be read.");

  auto* old = find_certificate(service, name);
  if (old != nullptr) {
    if (!call.request.has_header("If-Match")) {
      if (state.switches.is("certificate-put-without-if-match", "refused"))
        return wrong_etag(state);
    } else if (!matches(call.request.header("If-Match"), old->etag)) {
      return wrong_etag(state);
    }
  }
  if (old == nullptr && service.certificates.size() >= 25 && !state.switches.is("limits", "off")) {
    constexpr std::string_view message = "The number of certificates exceeds 25.";
    if (state.switches.is("limits", "forbidden"))
      return gateway_error(403, "QuotaExceeded", message);
    return provider_error(state, 400, 400308, message);
  }
  const auto trusted = fields.find("isVerified");
  const bool settable = call.version->certificate_trusted;
  bool verified =
      settable && trusted != fields.end() && trusted->is_boolean() && trusted->get<bool>();
  const bool silent = !settable || trusted == fields.end() || !trusted->is_boolean();
  if (old != nullptr && silent && state.switches.is("reput-verified", "kept"))
    verified = old->verified;

  if (old == nullptr) {
    service.certificates.emplace_back();
    old = &service.certificates.back();
    old->name = name;
    old->created = call.now;
  }
  old->content = content->get<std::string>();
  old->facts = *facts;
  old->verified = verified;
  old->verification_code.clear();
  touch(state, call, *old);
  remember(state, service, *old, "uploaded");
  return json_answer(200, certificate_view(state, call, service, *old));
}

Response delete_certificate(State& state, const Call& call, Service& service) {
  auto* certificate = find_certificate(service, call.at(9));
  if (certificate == nullptr) {
    if (state.switches.is("delete-missing-certificate", "204")) return empty_answer(204);
    return missing(state, call.at(9));
  }
  if (auto refusal = unmatched(state, call, *certificate)) return *refusal;
  remember_gone(state, certificate_id(service, *certificate), "deleted");
  service.certificates.erase(service.certificates.begin() +
                             (certificate - service.certificates.data()));
  return empty_answer(200);
}

Response generate_code(State& state, const Call& call, Service& service, Certificate& certificate) {
  if (auto refusal = unmatched(state, call, certificate)) return *refusal;
  certificate.verification_code = hex(state.random.bytes(24));
  touch(state, call, certificate);
  remember(state, service, certificate, "code-generated");
  return json_answer(200, certificate_view(state, call, service, certificate, Content::Echoed));
}

Response verify(State& state, const Call& call, Service& service, Certificate& certificate) {
  const auto body = body_object(call);
  if (body.refusal) return *body.refusal;
  if (auto refusal = unmatched(state, call, certificate)) return *refusal;
  const auto leaf = body.json.find("certificate");
  if (leaf == body.json.end() || !leaf->is_string())
    return provider_error(state, 400, 400004, "The certificate is missing.");
  if (certificate.verification_code.empty())
    return provider_error(state, 400, 400053, "No verification code was generated.");
  const auto fault = proof_fault(
      certificate.facts, leaf->get<std::string>(), certificate.verification_code, call.now);
  if (fault)
    return provider_error(
        state, 400, 400053, fmt::format("The certificate could not be verified: {}.", *fault));
  certificate.verified = true;
  certificate.verification_code.clear();
  touch(state, call, certificate);
  remember(state, service, certificate, "verified");
  return json_answer(200, certificate_view(state, call, service, certificate));
}
}  // namespace

Response serve_certificates(State& state, const Call& call, Service& service) {
  const auto& segments = call.segments;
  const auto& method = call.request.method;
  if (segments.size() == 9 && method == "GET") {
    Json value = Json::array();
    for (const auto& certificate : service.certificates)
      value.push_back(certificate_view(state, call, service, certificate));
    return json_answer(200, {{"value", std::move(value)}});
  }
  if (method != "GET")
    if (auto early = in_transition(state, service)) return *early;
  if (segments.size() == 10 && method == "PUT") return put_certificate(state, call, service);
  if (segments.size() == 10 && method == "DELETE") return delete_certificate(state, call, service);
  auto* certificate = segments.size() >= 10 ? find_certificate(service, call.at(9)) : nullptr;
  if (certificate == nullptr) return missing(state, call.at(9));
  if (segments.size() == 10 && method == "GET")
    return json_answer(200, certificate_view(state, call, service, *certificate));
  if (segments.size() == 11 && method == "POST" && segments[10] == "generateverificationcode")
    return generate_code(state, call, service, *certificate);
  if (segments.size() == 11 && method == "POST" && segments[10] == "verify")
    return verify(state, call, service, *certificate);
  return gateway_error(404, "NotFound", "The resource cannot be found.");
}

}  // namespace dps::sim

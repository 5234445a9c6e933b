#include <fmt/format.h>

#include "reconciler/arm/fetchers.hpp"
#include "reconciler/base/client_certificate.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/jwt.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

constexpr std::size_t kLargest = std::size_t{1} << 20U;

std::int64_t epoch(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Error of_file(const CredentialSpec& spec, Error error) {
  auto out = in_context(
      fmt::format("the client certificate {}", printable(spec.certificate_file, 200)), error);
  if (error.id == "BadPassword") {
    const auto& place = spec.certificate_password;
    out.remedy =
        place.kind == SecretPlace::Kind::File
            ? "check the password in " + printable(place.name, 200)
            : fmt::format("{} must hold its password",
                          place.name.empty() ? "AZURE_CLIENT_CERTIFICATE_PASSWORD, or in a "
                                               "section clientCertificate.password,"
                                             : place.name);
  }
  return out;
}

Failure out_of_time(const CredentialSpec& spec, const std::string& what) {
  return fail(
      {NextMove::WaitForOthers,
       "BadClientCertificate",
       fmt::format("the client certificate {} {}", printable(spec.certificate_file, 200), what),
       "renew it and register the new one with the application, or set this machine's clock",
       0,
       {}});
}

Result<Secret> assertion(const CredentialSpec& spec,
                         const std::string& audience,
                         const ClientCertificate& certificate,
                         WallTime now) {
  const auto& leaf = certificate.chain().front();
  Json header = {{"alg", "PS256"}, {"typ", "JWT"}, {"x5t#S256", base64url(sha256(leaf))}};
  if (spec.chain == ChainSending::WholeChain) {
    header["x5c"] = Json::array();
    for (const auto& one : certificate.chain()) header["x5c"].push_back(base64(one));
  }
  const Json claims = {{"aud", audience},
                       {"iss", spec.client_id},
                       {"sub", spec.client_id},
                       {"jti", random_uuid()},
                       {"nbf", epoch(now)},
                       {"iat", epoch(now)},
                       {"exp", epoch(now + std::chrono::minutes{5})}};
  auto text = jwt_signing_input(header, claims);
  const auto signature = certificate.sign_ps256(text);
  if (!signature) return fail(signature.error());
  Secret whole(text + "." + base64url(*signature));
  wipe(text);
  return whole;
}

}  // namespace

Proof client_certificate_proof(const CredentialSpec& spec,
                               const Cloud& cloud,
                               const VariableReader& variable) {
  return [spec, variable, audience = token_url(cloud, spec.tenant)](
             WallTime now) -> Result<std::vector<ProofField>> {
    const auto content = read_secret_file(spec.certificate_file, kLargest);
    if (!content) return fail(in_context("the client certificate", content.error()));
    const auto password = read_secret(spec.certificate_password, variable);
    if (!password) {
      return fail(in_context("the password of the client certificate", password.error()));
    }
    const auto certificate = ClientCertificate::read(content->reveal(), *password);
    if (!certificate) return fail(of_file(spec, certificate.error()));
    if (certificate->not_after() <= now) {
      return out_of_time(spec, "expired at " + rfc3339(certificate->not_after()));
    }
    if (certificate->not_before() > now) {
      return out_of_time(spec, "is valid only from " + rfc3339(certificate->not_before()));
    }
    auto signed_text = assertion(spec, audience, *certificate, now);
    if (!signed_text) return fail(of_file(spec, signed_text.error()));
    return assertion_fields(*std::move(signed_text));
  };
}

}  // namespace dps::arm

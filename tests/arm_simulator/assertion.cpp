#include "tests/arm_simulator/assertion.hpp"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <nlohmann/json.hpp>

#include "tests/arm_simulator/x509.hpp"

namespace dps::sim {

namespace {
using Json = nlohmann::json;
constexpr std::chrono::minutes kSkew{5};

struct Parts {
  Json header;
  Json claims;
  std::string signed_text;
  std::string signature;
};

std::optional<Parts> taken_apart(std::string_view assertion) {
  const auto pieces = split(assertion, '.');
  if (pieces.size() != 3) return std::nullopt;
  const auto header = from_base64_url(pieces[0]);
  const auto claims = from_base64_url(pieces[1]);
  const auto signature = from_base64_url(pieces[2]);
  if (!header || !claims || !signature) return std::nullopt;
  Parts parts{Json::parse(*header, nullptr, false),
              Json::parse(*claims, nullptr, false),
              pieces[0] + "." + pieces[1],
              *signature};
  if (!parts.header.is_object() || !parts.claims.is_object()) return std::nullopt;
  return parts;
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<TimePoint> time_of(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  return TimePoint(std::chrono::seconds(found->get<std::int64_t>()));
}

std::string digest(const std::string& der, const EVP_MD* kind) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(der.data(), der.size(), out, &length, kind, nullptr);
  return base64_url({reinterpret_cast<const char*>(out), length});
}

bool signature_fits(const std::string& der, const Parts& parts, const std::string& algorithm) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  X509* certificate = d2i_X509(nullptr, &bytes, static_cast<long>(der.size()));
  EVP_PKEY* key = certificate == nullptr ? nullptr : X509_get_pubkey(certificate);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* settings = nullptr;
  bool fits = key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
              EVP_DigestVerifyInit(context, &settings, EVP_sha256(), nullptr, key) == 1;
  if (fits && algorithm == "PS256")
    fits = EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1;
  fits = fits && EVP_DigestVerify(context,
                                  reinterpret_cast<const unsigned char*>(parts.signature.data()),
                                  parts.signature.size(),
                                  reinterpret_cast<const unsigned char*>(parts.signed_text.data()),
                                  parts.signed_text.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  X509_free(certificate);
  ERR_clear_error();
  return fits;
}

AssertionJudged refused(int number, std::string text) {
  return {AssertionFault{number, std::move(text)}, {}, {}};
}
}  // namespace

bool names_certificate(std::string_view assertion) {
  const auto parts = taken_apart(assertion);
  return parts && (parts->header.contains("x5t") || parts->header.contains("x5t#S256"));
}

AssertionJudged judge_assertion(std::string_view assertion, const AssertionWish& wish) {
  const auto parts = taken_apart(assertion);
  if (!parts) return refused(50027, "JWT token is invalid or malformed.");
  const auto algorithm = text_of(parts->header, "alg");
  if (algorithm != "PS256" && algorithm != "RS256")
    return refused(5002730, fmt::format("Unsupported key for signing algorithm '{}'.", algorithm));
  const auto sha256 = text_of(parts->header, "x5t#S256");
  const auto sha1 = text_of(parts->header, "x5t");
  std::optional<CertificateFacts> named;
  for (const auto& pem : wish.certificates) {
    const auto facts = read_certificate(pem);
    if (!facts) continue;
    const bool fits = sha256.empty() ? digest(facts->der, EVP_sha1()) == sha1
                                     : digest(facts->der, EVP_sha256()) == sha256;
    if (fits) named = facts;
  }
  if (!named)
    return refused(700027,
                   "The certificate with identifier used to sign the client assertion is not "
                   "registered on application.");
  if (!signature_fits(named->der, *parts, algorithm))
    return refused(700027, "Client assertion failed signature validation.");
  if (wish.now > named->not_after || wish.now < named->not_before)
    return refused(700030, "Invalid certificate - the certificate is expired or not yet valid.");
  if (text_of(parts->claims, "iss") != wish.client_id ||
      text_of(parts->claims, "sub") != wish.client_id)
    return refused(700021, "Client assertion application identifier doesn't match 'client_id'.");
  if (text_of(parts->claims, "aud") != wish.audience)
    return refused(700023, "Client assertion audience claim does not match Realm issuer.");
  const auto from = time_of(parts->claims, "nbf");
  const auto until = time_of(parts->claims, "exp");
  if (!from || !until || wish.now + kSkew < *from || *until + kSkew < wish.now ||
      *until - *from > std::chrono::hours(24))
    return refused(700024, "Client assertion is not within its valid time range.");
  const auto id = text_of(parts->claims, "jti");
  if (id.empty()) return refused(50027, "JWT token is invalid: it has no jti.");
  return {std::nullopt, id, *until + kSkew};
}

}  // namespace dps::sim

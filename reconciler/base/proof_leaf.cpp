#include "reconciler/base/proof_leaf.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/private_key.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/base/x509_openssl.hpp"

namespace dps {
namespace {

using namespace openssl;

Failure refused(std::string what) {
  ERR_clear_error();
  return fail(give_up("ProofRefused",
                      "the proof leaf would be refused: " + std::move(what),
                      "have the signer sign the code on its stdin with the CA's own key"));
}

Failure no_leaf() {
  ERR_clear_error();
  return fail(give_up("SigningFailed", "OpenSSL could not make the proof leaf"));
}

bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}

bool set_time(ASN1_TIME* to, WallTime time) {
  return ASN1_TIME_set(to, std::chrono::system_clock::to_time_t(time)) != nullptr;
}

bool set_random_serial(X509* leaf) {
  auto bytes = random_bytes(16);
  // Positive, and of full length.
  bytes[0] = static_cast<char>((static_cast<unsigned char>(bytes[0]) & 0x3FU) | 0x40U);
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), 16, nullptr);
  const bool set =
      number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf)) != nullptr;
  BN_free(number);
  return set;
}

bool extend(X509* leaf, X509* ca, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, ca, leaf, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  const bool added = extension != nullptr && X509_add_ext(leaf, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

const EVP_MD* digest_for(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return EVP_sha256();
  const int bits = EVP_PKEY_get_bits(key);
  return bits <= 256 ? EVP_sha256() : bits <= 384 ? EVP_sha384() : EVP_sha512();
}

bool set_names_and_times(X509* leaf, X509* ca, std::string_view code, WallTime from, WallTime to) {
  return X509_set_version(leaf, X509_VERSION_3) == 1 && set_random_serial(leaf) &&
         X509_NAME_add_entry_by_NID(X509_get_subject_name(leaf),
                                    NID_commonName,
                                    MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(code.data()),
                                    static_cast<int>(code.size()),
                                    -1,
                                    0) == 1 &&
         X509_set_issuer_name(leaf, X509_get_subject_name(ca)) == 1 &&
         set_time(X509_getm_notBefore(leaf), from) && set_time(X509_getm_notAfter(leaf), to);
}

bool set_extensions(X509* leaf, X509* ca) {
  return extend(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") &&
         extend(leaf, ca, NID_key_usage, "critical,digitalSignature") &&
         extend(leaf, ca, NID_ext_key_usage, "clientAuth") &&
         extend(leaf, ca, NID_subject_key_identifier, "hash") &&
         // A CA without an identifier of its own has none that could be named.
         (X509_get0_subject_key_id(ca) == nullptr ||
          extend(leaf, ca, NID_authority_key_identifier, "keyid:always"));
}

std::string pem_of(X509* certificate) {
  const BioPointer out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_X509(out.get(), certificate) != 1) return {};
  return text_of(out.get());
}

// Of the last common name, which is the one that counts.
std::string common_name(const X509* certificate) {
  const X509_NAME* name = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) last = at;
  if (last < 0) return {};
  unsigned char* utf8 = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
  std::string text;
  if (length > 0) text.assign(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(length));
  OPENSSL_free(utf8);
  return text;
}

// What a chain of these two would be refused for beyond names, signature and dates: constraints,
// usages, key identifiers. "" when nothing.
std::string chain_fault(X509* ca, X509* leaf, WallTime now) {
  const StorePointer store(X509_STORE_new());
  const StoreContextPointer context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_add_cert(store.get(), ca) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr) != 1) {
    return "it could not be checked";
  }
  // The CA alone is the anchor: an intermediate one is one too.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(now));
  if (X509_verify_cert(context.get()) == 1) return {};
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

std::string dates_fault(const X509* certificate, WallTime now) {
  const auto from = time_of(X509_get0_notBefore(certificate));
  const auto to = time_of(X509_get0_notAfter(certificate));
  if (now < from)
    return fmt::format("is valid only from {}, and it is {}", rfc3339(from), rfc3339(now));
  if (now > to) return fmt::format("expired at {}, and it is {}", rfc3339(to), rfc3339(now));
  return {};
}

}  // namespace

Result<std::string> make_proof_leaf(const CertificateFacts& ca,
                                    const Secret& key,
                                    const Secret& passphrase,
                                    std::string_view code,
                                    WallTime now) {
  using std::chrono::hours;
  if (!is_code(code)) {
    return fail(give_up("BadCode", "the verification code is no common name that we would sign"));
  }
  const auto authority = certificate_from_der(ca.der.text());
  if (!authority) return fail(give_up("BadCertificate", "the CA's certificate cannot be read"));
  const auto signing = read_private_key(key.reveal(), passphrase.reveal());
  if (!signing) return fail(signing.error());
  if (const auto kind = check_kind(signing->get()); !kind) return fail(kind.error());
  const bool fits = X509_check_private_key(authority.get(), signing->get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return fail(give_up("KeyDoesNotFit",
                        "the private key is not that of the CA",
                        "the key that the CA's certificate was made with"));
  }
  if (const auto fault = dates_fault(authority.get(), now); !fault.empty()) {
    return fail(give_up("BadCertificate", "the CA " + fault, "a CA that is valid now"));
  }
  const auto from = std::max(now - hours{1}, ca.not_before);
  const auto to = std::min(now + hours{48}, ca.not_after);

  const X509Pointer leaf(X509_new());
  const KeyPointer own(EVP_EC_gen("P-256"));
  if (!leaf || !own || !set_names_and_times(leaf.get(), authority.get(), code, from, to) ||
      X509_set_pubkey(leaf.get(), own.get()) != 1 || !set_extensions(leaf.get(), authority.get()) ||
      X509_sign(leaf.get(), signing->get(), digest_for(signing->get())) <= 0) {
    return no_leaf();
  }
  auto pem = pem_of(leaf.get());
  if (pem.empty()) return no_leaf();
  ERR_clear_error();
  return pem;
}

Result<std::string> check_proof_leaf(const CertificateFacts& ca,
                                     std::string_view leaf,
                                     std::string_view code,
                                     WallTime now) {
  const auto authority = certificate_from_der(ca.der.text());
  if (!authority) return refused("the CA's certificate cannot be read");
  const auto bio = reading(leaf);
  const X509Pointer parsed(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!parsed) return refused("the signer gave no certificate in PEM");

  const auto* issuer = X509_get_issuer_name(parsed.get());
  const auto* subject = X509_get_subject_name(authority.get());
  if (X509_NAME_cmp(issuer, subject) != 0) {
    return refused(fmt::format("its issuer is {}, and the CA is {}",
                               printable(name_text(issuer), 200),
                               printable(name_text(subject), 200)));
  }
  const int verified = X509_verify(parsed.get(), X509_get0_pubkey(authority.get()));
  ERR_clear_error();
  if (verified != 1) return refused("its signature was not made with the key of the CA");
  if (const auto name = common_name(parsed.get()); name != code) {
    return refused(fmt::format("its common name is {} where the code {} has to stand",
                               name.empty() ? "missing" : printable(name, 80),
                               printable(code, 80)));
  }
  if (const auto fault = dates_fault(authority.get(), now); !fault.empty()) {
    return refused("the CA " + fault);
  }
  if (const auto fault = dates_fault(parsed.get(), now); !fault.empty()) {
    return refused("it " + fault);
  }
  if (const auto fault = chain_fault(authority.get(), parsed.get(), now); !fault.empty()) {
    return refused(fault);
  }
  ERR_clear_error();
  auto pem = pem_of(parsed.get());
  if (pem.empty()) return no_leaf();
  return pem;
}

}  // namespace dps

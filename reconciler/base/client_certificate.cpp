#include "reconciler/base/client_certificate.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "reconciler/base/x509.hpp"
#include "reconciler/base/x509_openssl.hpp"

namespace dps {
namespace {

using openssl::BioPointer;
using openssl::KeyPointer;
using openssl::Release;
using openssl::X509Pointer;
using Pkcs12Pointer = std::unique_ptr<PKCS12, Release<PKCS12_free>>;
using DigestPointer = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using ContextPointer = std::unique_ptr<OSSL_LIB_CTX, Release<OSSL_LIB_CTX_free>>;
using ProviderPointer = std::unique_ptr<OSSL_PROVIDER, Release<OSSL_PROVIDER_unload>>;

constexpr int kLeastBits = 2048;

struct Parts {
  KeyPointer key;
  std::vector<X509Pointer> certificates;
};

// Whatever OpenSSL has to say is dropped: its queue belongs to the thread, not to us.
struct QuietErrors {
  ~QuietErrors() { ERR_clear_error(); }
};

Failure bad(const std::string& what, const std::string& remedy) {
  return fail({NextMove::WaitForOthers, "BadClientCertificate", what, remedy, 0, {}});
}

Failure bad_password(const Secret& password) {
  return fail({NextMove::WaitForOthers,
               "BadPassword",
               password.empty() ? "the file with the client certificate is encrypted"
                                : "the password does not open the client certificate",
               password.empty() ? "give its password" : "check the password",
               0,
               {}});
}

BioPointer reading(std::string_view bytes) {
  return BioPointer(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

struct PasswordAsked {
  const Secret& password;
  bool asked = false;
};

// Without it OpenSSL asks on the terminal.
int give_password(char* buffer, int size, int /*writing*/, void* user) {
  auto& asked = *static_cast<PasswordAsked*>(user);
  asked.asked = true;
  const auto& text = asked.password.reveal();
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

Result<Parts> from_pem(std::string_view text, const Secret& password) {
  Parts parts;
  const auto certificates = reading(text);
  while (auto* one = PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
    parts.certificates.emplace_back(one);
  }
  if (parts.certificates.empty()) {
    return bad("the PEM file has no certificate in it",
               "put the private key and the certificate into one file");
  }
  PasswordAsked asked{password};
  const auto keys = reading(text);
  parts.key.reset(PEM_read_bio_PrivateKey(keys.get(), nullptr, give_password, &asked));
  if (parts.key) return parts;
  if (asked.asked) return bad_password(password);
  return bad("the PEM file has no private key in it",
             "put the private key and the certificate into one file");
}

std::optional<Parts> opened(PKCS12* file, const Secret& password) {
  EVP_PKEY* key = nullptr;
  X509* leaf = nullptr;
  STACK_OF(X509)* others = nullptr;
  if (PKCS12_parse(file, password.reveal().c_str(), &key, &leaf, &others) != 1) return std::nullopt;
  Parts parts;
  parts.key.reset(key);
  if (leaf != nullptr) parts.certificates.emplace_back(leaf);
  while (others != nullptr && sk_X509_num(others) > 0) {
    parts.certificates.emplace_back(sk_X509_shift(others));
  }
  sk_X509_free(others);
  return parts;
}

bool password_fits(PKCS12* file, const Secret& password) {
  const auto& text = password.reveal();
  if (PKCS12_mac_present(file) == 0) return true;
  if (PKCS12_verify_mac(file, text.c_str(), static_cast<int>(text.size())) == 1) return true;
  return text.empty() && PKCS12_verify_mac(file, nullptr, 0) == 1;
}

// Out of a library context that goes, into the one that stays.
bool move_here(Parts& parts) {
  if (parts.key) {
    unsigned char* der = nullptr;
    const int length = i2d_PrivateKey(parts.key.get(), &der);
    if (length <= 0) return false;
    const unsigned char* at = der;
    parts.key.reset(d2i_AutoPrivateKey(nullptr, &at, length));
    OPENSSL_clear_free(der, static_cast<std::size_t>(length));
    if (!parts.key) return false;
  }
  for (auto& certificate : parts.certificates) {
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate.get(), &der);
    if (length <= 0) return false;
    const unsigned char* at = der;
    certificate.reset(d2i_X509(nullptr, &at, length));
    OPENSSL_free(der);
    if (!certificate) return false;
  }
  return true;
}

// Older exports are sealed with RC2 or 3DES, which OpenSSL 3 keeps in a provider of its own. It is
// loaded for this file alone.
std::optional<Parts> opened_with_old_ciphers(std::string_view bytes, const Secret& password) {
  const ContextPointer context(OSSL_LIB_CTX_new());
  if (!context) return std::nullopt;
  const ProviderPointer old(OSSL_PROVIDER_load(context.get(), "legacy"));
  const ProviderPointer usual(OSSL_PROVIDER_load(context.get(), "default"));
  if (!old || !usual) return std::nullopt;
  PKCS12* raw = PKCS12_init_ex(NID_pkcs7_data, context.get(), nullptr);
  if (raw == nullptr) return std::nullopt;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  if (d2i_PKCS12(&raw, &at, static_cast<long>(bytes.size())) == nullptr) return std::nullopt;
  const Pkcs12Pointer file(raw);
  auto parts = opened(file.get(), password);
  if (parts && !move_here(*parts)) return std::nullopt;
  return parts;
}

Result<Parts> from_pkcs12(std::string_view bytes, const Secret& password) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const Pkcs12Pointer file(d2i_PKCS12(nullptr, &at, static_cast<long>(bytes.size())));
  if (!file) {
    return bad("the client certificate is neither PEM nor PKCS#12",
               "a PEM file with key and certificate, or a .pfx file");
  }
  if (!password_fits(file.get(), password)) return bad_password(password);
  auto parts = opened(file.get(), password);
  if (!parts) parts = opened_with_old_ciphers(bytes, password);
  if (!parts) {
    return bad("the PKCS#12 file is sealed with a cipher that this machine does not have",
               "convert it: openssl pkcs12 -legacy -in OLD.pfx -out NEW.pem");
  }
  if (!parts->key)
    return bad("the PKCS#12 file has no private key in it", "export it with its key");
  return std::move(*parts);
}

std::string der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  std::string out;
  if (length > 0) out.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

// From the leaf upwards, as far as the file goes.
std::vector<std::string> sorted_chain(X509* leaf, const std::vector<X509Pointer>& all) {
  std::vector<std::string> chain{der_of(leaf)};
  X509* last = leaf;
  while (chain.size() <= all.size()) {
    const auto issuer = std::find_if(all.begin(), all.end(), [&](const X509Pointer& one) {
      return one.get() != last && X509_check_issued(one.get(), last) == X509_V_OK;
    });
    if (issuer == all.end() || X509_check_issued(last, last) == X509_V_OK) break;
    last = issuer->get();
    chain.push_back(der_of(last));
  }
  return chain;
}

}  // namespace

struct ClientCertificate::Key {
  KeyPointer key;
};

Result<ClientCertificate> ClientCertificate::read(std::string_view bytes, const Secret& password) {
  const QuietErrors quiet;
  constexpr std::size_t kMost = std::size_t{1} << 20U;
  if (bytes.size() > kMost) {
    return bad("the client certificate has more than 1 MiB", "the key and its chain alone");
  }
  const bool pem = bytes.find("-----BEGIN ") != std::string_view::npos;
  auto parts = pem ? from_pem(bytes, password) : from_pkcs12(bytes, password);
  if (!parts) return fail(parts.error());
  const auto leaf = std::find_if(
      parts->certificates.begin(), parts->certificates.end(), [&](const X509Pointer& one) {
        return X509_check_private_key(one.get(), parts->key.get()) == 1;
      });
  if (leaf == parts->certificates.end()) {
    return bad("the private key fits no certificate of the file", "the key of the certificate");
  }
  if (EVP_PKEY_get_base_id(parts->key.get()) != EVP_PKEY_RSA) {
    return bad(fmt::format("the client certificate has a key of type {}",
                           EVP_PKEY_get0_type_name(parts->key.get())),
               "an RSA key: Microsoft Entra ID takes no other for signing in");
  }
  if (EVP_PKEY_get_bits(parts->key.get()) < kLeastBits) {
    return bad(fmt::format("the client certificate has an RSA key of {} bits",
                           EVP_PKEY_get_bits(parts->key.get())),
               "at least 2048 bits");
  }
  ClientCertificate made;
  made.chain_ = sorted_chain(leaf->get(), parts->certificates);
  const auto facts = parse_certificate(made.chain_.front());
  if (!facts) return bad("the client certificate cannot be read", "a new one");
  made.not_before_ = facts->not_before;
  made.not_after_ = facts->not_after;
  made.thumbprint_ = facts->thumbprint;
  made.key_ = std::make_shared<const Key>(Key{std::move(parts->key)});
  return made;
}

Result<std::string> ClientCertificate::sign_ps256(std::string_view text) const {
  const QuietErrors quiet;
  const DigestPointer context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* signing = nullptr;  // belongs to the context
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t length = 0;
  const bool ready =
      context &&
      EVP_DigestSignInit(context.get(), &signing, EVP_sha256(), nullptr, key_->key.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(signing, RSA_PKCS1_PSS_PADDING) == 1 &&
      EVP_PKEY_CTX_set_rsa_pss_saltlen(signing, RSA_PSS_SALTLEN_DIGEST) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &length, bytes, text.size()) == 1;
  std::string signature(ready ? length : 0, '\0');
  if (!ready || EVP_DigestSign(context.get(),
                               reinterpret_cast<unsigned char*>(signature.data()),
                               &length,
                               bytes,
                               text.size()) != 1) {
    return bad("the key of the client certificate cannot sign", "another key");
  }
  signature.resize(length);
  return signature;
}

}  // namespace dps

// client_identity: throw-away keys and certificates to sign in with, in the forms in which people
// have them on disk. Header-only, with OpenSSL: no key stands in the tree.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace dps::test {

class ClientIdentity {
 public:
  enum class KeyType { Rsa2048, Rsa1024, EcP256 };

  /// Valid from `from` to `until` in seconds from now; signed by `issuer`, or by itself.
  explicit ClientIdentity(const std::string& name,
                          KeyType type = KeyType::Rsa2048,
                          const ClientIdentity* issuer = nullptr,
                          long from = -3600,
                          long until = 30L * 24 * 3600)
      : key_(type == KeyType::EcP256 ? EVP_EC_gen("P-256")
                                     : EVP_RSA_gen(type == KeyType::Rsa2048 ? 2048 : 1024),
             EVP_PKEY_free),
        certificate_(X509_new(), X509_free) {
    auto* made = certificate_.get();
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made), from);
    X509_gmtime_adj(X509_getm_notAfter(made), until);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made),
                               "CN",
                               MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()),
                               -1,
                               -1,
                               0);
    const auto& signer = issuer == nullptr ? *this : *issuer;
    X509_set_issuer_name(made, X509_get_subject_name(signer.certificate_.get()));
    X509_set_pubkey(made, key_.get());
    X509_sign(made, signer.key_.get(), EVP_sha256());
  }

  std::string certificate_pem() const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(out, certificate_.get());
    return taken(out);
  }
  /// PKCS#8, encrypted when there is a password.
  std::string key_pem(const std::string& password = {}) const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(out,
                                  key_.get(),
                                  password.empty() ? nullptr : EVP_aes_256_cbc(),
                                  password.empty() ? nullptr : password.data(),
                                  static_cast<int>(password.size()),
                                  nullptr,
                                  nullptr);
    return taken(out);
  }
  /// "-----BEGIN RSA PRIVATE KEY-----"
  std::string old_key_pem(const std::string& password = {}) const {
    BIO* out = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(
        out,
        key_.get(),
        password.empty() ? nullptr : EVP_aes_128_cbc(),
        reinterpret_cast<unsigned char*>(const_cast<char*>(password.data())),
        static_cast<int>(password.size()),
        nullptr,
        nullptr);
    return taken(out);
  }
  /// Sealed with 40-bit RC2 and 3DES; needs OpenSSL's legacy provider. Empty without it.
  std::string old_pfx(const std::string& password) const {
    PKCS12* file = PKCS12_create(password.c_str(),
                                 "test",
                                 key_.get(),
                                 certificate_.get(),
                                 nullptr,
                                 NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                                 NID_pbe_WithSHA1And40BitRC2_CBC,
                                 2048,
                                 1,
                                 0);
    if (file == nullptr) return {};
    BIO* out = BIO_new(BIO_s_mem());
    i2d_PKCS12_bio(out, file);
    PKCS12_free(file);
    return taken(out);
  }
  std::string pfx(const std::string& password, const ClientIdentity* issuer = nullptr) const {
    STACK_OF(X509)* others = sk_X509_new_null();
    if (issuer != nullptr) sk_X509_push(others, issuer->certificate_.get());
    PKCS12* file = PKCS12_create(password.empty() ? nullptr : password.c_str(),
                                 "test",
                                 key_.get(),
                                 certificate_.get(),
                                 others,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0);
    sk_X509_free(others);
    BIO* out = BIO_new(BIO_s_mem());
    i2d_PKCS12_bio(out, file);
    PKCS12_free(file);
    return taken(out);
  }
  std::string der() const {
    BIO* out = BIO_new(BIO_s_mem());
    i2d_X509_bio(out, certificate_.get());
    return taken(out);
  }
  /// Is it the PS256 signature of the text by this identity's key?
  bool signed_by_this(const std::string& text, const std::string& signature) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* settings = nullptr;
    EVP_DigestVerifyInit(context, &settings, EVP_sha256(), nullptr, key_.get());
    EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST);
    const bool good = EVP_DigestVerify(context,
                                       reinterpret_cast<const unsigned char*>(signature.data()),
                                       signature.size(),
                                       reinterpret_cast<const unsigned char*>(text.data()),
                                       text.size()) == 1;
    EVP_MD_CTX_free(context);
    return good;
  }

 private:
  static std::string taken(BIO* bio) {
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<std::size_t>(length));
    BIO_free(bio);
    return out;
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

}  // namespace dps::test

#include "tests/arm_simulator/x509.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace dps::sim {

namespace {
template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

struct StringFree {
  void operator()(unsigned char* text) const { OPENSSL_free(text); }
};

X509Ptr from_der(std::string_view der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = bytes + der.size();
  X509Ptr parsed(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  ERR_clear_error();
  if (parsed && bytes != end) return nullptr;  // something follows the certificate
  return parsed;
}

X509Ptr from_pem(std::string_view text) {
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string_view::npos) return nullptr;
  const BioPtr source(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  X509Ptr parsed(PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return parsed;
}

X509Ptr parse(std::string_view content) {
  if (content.size() > 256 * 1024) return nullptr;
  if (auto parsed = from_pem(content)) return parsed;
  const auto bytes = from_base64(content);
  if (!bytes) return nullptr;
  if (auto parsed = from_pem(*bytes)) return parsed;
  return from_der(*bytes);
}

TimePoint time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  // Years past 2262 do not fit into the clock's nanoseconds.
  if (parts.tm_year > 2261 - 1900) parts.tm_year = 2261 - 1900;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  unsigned char* encoded = nullptr;
  const int size = i2d_X509(certificate, &encoded);
  const std::unique_ptr<unsigned char, StringFree> owned(encoded);
  if (size > 0)
    facts.der.assign(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(size));
  const X509_NAME* name = X509_get_subject_name(certificate);
  const int last = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (last >= 0) {
    unsigned char* utf8 = nullptr;
    const int length =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    const std::unique_ptr<unsigned char, StringFree> owned_name(utf8);
    if (length > 0)
      facts.common_name.assign(reinterpret_cast<const char*>(utf8),
                               static_cast<std::size_t>(length));
  }
  const BioPtr line(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(line.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  facts.subject = text_of(line.get());
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(facts.der.data()), facts.der.size(), digest);
  facts.thumbprint = hex({reinterpret_cast<const char*>(digest), sizeof digest});
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  ERR_clear_error();
  return facts;
}

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL failed to make a certificate");
}

void extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  require(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void add_name(X509_NAME* name, const std::string& text) {
  require(X509_NAME_add_entry_by_txt(name,
                                     "CN",
                                     MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()),
                                     -1,
                                     0) == 1);
}

void set_time(ASN1_TIME* target, TimePoint time) {
  require(ASN1_TIME_set(target, std::chrono::system_clock::to_time_t(time)) != nullptr);
}
}  // namespace

std::optional<CertificateFacts> read_certificate(std::string_view content) {
  const auto parsed = parse(content);
  if (!parsed) return std::nullopt;
  return facts_of(parsed.get());
}

std::optional<std::string> proof_fault(const CertificateFacts& ca,
                                       std::string_view leaf_content,
                                       std::string_view code,
                                       TimePoint now) {
  const auto leaf = parse(leaf_content);
  if (!leaf) return "the certificate cannot be read";
  const auto authority = from_der(ca.der);
  if (!authority) return "the stored certificate cannot be read";
  if (X509_NAME_cmp(X509_get_issuer_name(leaf.get()), X509_get_subject_name(authority.get())) != 0)
    return "issuer not found in chain";
  const int signature = X509_verify(leaf.get(), X509_get0_pubkey(authority.get()));
  ERR_clear_error();
  if (signature != 1) return "issuer not found in chain: the signature is not the CA's";
  const auto facts = facts_of(leaf.get());
  if (now < facts.not_before || now > facts.not_after) return "the certificate is not valid now";
  if (facts.common_name != code) return "the common name is not the verification code";
  return std::nullopt;
}

struct KeyPair::Handle {
  KeyPtr key;
};

KeyPair::KeyPair() : handle_(std::make_unique<Handle>()) {
  handle_->key.reset(EVP_EC_gen("P-256"));
  require(handle_->key != nullptr);
}
KeyPair::~KeyPair() = default;
KeyPair::KeyPair(KeyPair&&) noexcept = default;
KeyPair& KeyPair::operator=(KeyPair&&) noexcept = default;

std::string KeyPair::pem() const {
  const BioPtr sink(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PrivateKey(
              sink.get(), handle_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(sink.get());
}

std::string issue(const Issue& wish, const KeyPair& subject_key, const KeyPair& issuer_key) {
  const X509Ptr certificate(X509_new());
  require(certificate != nullptr);
  require(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), wish.serial) == 1);
  set_time(X509_getm_notBefore(certificate.get()), wish.not_before);
  set_time(X509_getm_notAfter(certificate.get()), wish.not_after);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  add_name(subject, wish.common_name);
  X509_NAME* issuer = X509_NAME_new();
  add_name(issuer, wish.issuer_name.empty() ? wish.common_name : wish.issuer_name);
  X509_set_issuer_name(certificate.get(), issuer);
  X509_NAME_free(issuer);
  require(X509_set_pubkey(certificate.get(), subject_key.handle().key.get()) == 1);
  if (wish.purpose == Purpose::Authority) {
    extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  } else {
    extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
    extend(certificate.get(), certificate.get(), NID_key_usage, "critical,digitalSignature");
  }
  if (wish.purpose == Purpose::Server) {
    extend(certificate.get(), certificate.get(), NID_ext_key_usage, "serverAuth");
    extend(certificate.get(),
           certificate.get(),
           NID_subject_alt_name,
           "DNS:localhost,DNS:arm-simulator,IP:127.0.0.1,IP:::1");
  }
  require(X509_sign(certificate.get(), issuer_key.handle().key.get(), EVP_sha256()) > 0);
  const BioPtr sink(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(sink.get(), certificate.get()) == 1);
  return text_of(sink.get());
}

}  // namespace dps::sim

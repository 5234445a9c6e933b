#include "reconciler/base/x509.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/x509_openssl.hpp"

namespace dps {
namespace openssl {

BioPointer reading(std::string_view bytes) {
  return BioPointer(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

X509Pointer certificate_from_der(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  X509Pointer certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (at != end) return nullptr;
  return certificate;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::string name_text(const X509_NAME* name) {
  const BioPointer out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return text_of(out.get());
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return WallTime::min();
  const std::chrono::year_month_day date{
      std::chrono::year{broken.tm_year + 1900},
      std::chrono::month{static_cast<unsigned>(broken.tm_mon + 1)},
      std::chrono::day{static_cast<unsigned>(broken.tm_mday)}};
  // 99991231235959Z means "no end", and is past what a 64-bit nanosecond clock can say.
  if (broken.tm_year + 1900 > 2261) return WallTime::max();
  if (broken.tm_year + 1900 < 1678) return WallTime::min();
  return WallTime{std::chrono::sys_days{date}.time_since_epoch() +
                  std::chrono::hours{broken.tm_hour} + std::chrono::minutes{broken.tm_min} +
                  std::chrono::seconds{broken.tm_sec}};
}

}  // namespace openssl

namespace {

using namespace openssl;

std::string key_text(X509* certificate) {
  const KeyPointer key(X509_get_pubkey(certificate));
  if (!key) return "unknown";
  const int bits = EVP_PKEY_get_bits(key.get());
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      return fmt::format("RSA {}", bits);
    case EVP_PKEY_EC:
      return fmt::format("EC P-{}", bits);
    default:
      return fmt::format("{} {}", EVP_PKEY_get0_type_name(key.get()), bits);
  }
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  if (length > 0) facts.der.assign(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  facts.thumbprint = upper_hex(sha1(facts.der));
  facts.subject = name_text(X509_get_subject_name(certificate));
  facts.issuer = name_text(X509_get_issuer_name(certificate));
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  // 1: a CA by its basic constraints; 3, 4: by older habits that devices' stacks do not accept.
  facts.is_ca = X509_check_ca(certificate) == 1;
  facts.key = key_text(certificate);
  return facts;
}

}  // namespace

Result<CertificateFacts> parse_certificate(std::string_view bytes) {
  const auto wrong = [](std::string what) {
    ERR_clear_error();
    return fail(give_up("BadCertificate", std::move(what), "a certificate as PEM or DER"));
  };
  if (bytes.empty()) return wrong("the certificate is empty");
  if (bytes.size() > 1U << 20U) return wrong("more than 1 MiB is no certificate");
  if (bytes.find("-----BEGIN") == std::string_view::npos) {
    const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
    const X509Pointer certificate(d2i_X509(nullptr, &data, static_cast<long>(bytes.size())));
    if (!certificate) return wrong("neither PEM nor DER of a certificate");
    return facts_of(certificate.get());
  }
  const auto bio = reading(bytes);
  Result<CertificateFacts> first = wrong("no certificate in the PEM");
  bool any = false;
  while (const X509Pointer certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    auto facts = facts_of(certificate.get());
    if (facts.is_ca) return facts;
    if (!any) first = std::move(facts);
    any = true;
  }
  ERR_clear_error();
  return first;
}

}  // namespace dps

#include "reconciler/base/x509.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <initializer_list>

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

std::string curve_text(EVP_PKEY* key) {
  char group[64] = {};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key, group, sizeof group, &length) != 1) return "EC unnamed";
  const std::string_view name(group, length);
  if (name == "prime256v1" || name == "P-256") return "EC P-256";
  if (name == "secp384r1" || name == "P-384") return "EC P-384";
  if (name == "secp521r1" || name == "P-521") return "EC P-521";
  return fmt::format("EC {}", name);
}

void read_key(X509* certificate, CertificateFacts& facts) {
  const KeyPointer key(X509_get_pubkey(certificate));
  if (!key) {
    facts.key = "unknown";
    return;
  }
  facts.key_bits = EVP_PKEY_get_bits(key.get());
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      facts.key = fmt::format("RSA {}", facts.key_bits);
      break;
    case EVP_PKEY_EC:
      facts.key = curve_text(key.get());
      break;
    default:
      facts.key = EVP_PKEY_get0_type_name(key.get());
  }
}

void read_signature(X509* certificate, CertificateFacts& facts) {
  const int algorithm = X509_get_signature_nid(certificate);
  if (algorithm != NID_undef) facts.signature_algorithm = OBJ_nid2ln(algorithm);
  int digest = NID_undef;
  X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr);
  if (digest != NID_undef) facts.signature_digest = OBJ_nid2sn(digest);
}

// Stricter than X509_check_ca, which also takes what only older habits call a CA; devices' stacks
// do not.
std::string why_no_ca(X509* certificate) {
  if (X509_check_ca(certificate) == 1) return {};
  const auto flags = X509_get_extension_flags(certificate);
  if ((flags & EXFLAG_INVALID) != 0) return "its extensions are damaged";
  if ((flags & EXFLAG_BCONS) == 0) {
    return X509_get_version(certificate) < X509_VERSION_3
               ? "it is of a version without basicConstraints"
               : "it has no basicConstraints";
  }
  if ((flags & EXFLAG_CA) == 0) return "its basicConstraints say CA:FALSE";
  return "its keyUsage lacks keyCertSign";
}

CertificateFacts facts_of(X509* certificate) {
  CertificateFacts facts;
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  if (length > 0) {
    facts.der =
        SharedBytes(std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(length)));
  }
  OPENSSL_free(der);
  facts.thumbprint = upper_hex(sha1(facts.der.text()));
  facts.subject = name_text(X509_get_subject_name(certificate));
  facts.issuer = name_text(X509_get_issuer_name(certificate));
  facts.not_before = time_of(X509_get0_notBefore(certificate));
  facts.not_after = time_of(X509_get0_notAfter(certificate));
  facts.why_no_ca = why_no_ca(certificate);
  facts.is_ca = facts.why_no_ca.empty();
  facts.version = static_cast<int>(X509_get_version(certificate)) + 1;
  read_key(certificate, facts);
  read_signature(certificate, facts);
  ERR_clear_error();
  return facts;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

}  // namespace

const std::string& SharedBytes::text() const {
  static const std::string none;
  return bytes_ ? *bytes_ : none;
}

std::vector<CertificateFault> ca_faults(const CertificateFacts& facts) {
  std::vector<CertificateFault> out;
  if (!facts.is_ca) {
    out.push_back({"NotACa",
                   fmt::format("{} is no CA: {}", facts.subject, facts.why_no_ca),
                   "a certificate with basicConstraints CA:TRUE and keyUsage keyCertSign"});
  }
  if (is_one_of(facts.signature_digest, {"MD2", "MD4", "MD5", "SHA1", "RIPEMD160"})) {
    out.push_back(
        {"WeakSignature",
         fmt::format(
             "{} was signed with {}, which can be forged", facts.subject, facts.signature_digest),
         "a CA signed with SHA-256 or stronger"});
  }
  const bool rsa = facts.key.starts_with("RSA ");
  if (rsa && facts.key_bits < 2048) {
    out.push_back(
        {"WeakKey",
         fmt::format("the key of {} is {}, which can be broken", facts.subject, facts.key),
         "an RSA key of 2048 bits or more, or EC on P-256, P-384, P-521"});
  }
  if (facts.version < 3 && facts.is_ca) {
    out.push_back(
        {"OldVersion",
         fmt::format("{} is an X.509 certificate of version {}", facts.subject, facts.version),
         "a certificate of version 3"});
  }
  if (!rsa && !is_one_of(facts.key, {"EC P-256", "EC P-384", "EC P-521"})) {
    out.push_back({"UnusualKey",
                   fmt::format("the key of {} is {}, which is not known to be accepted by Azure",
                               facts.subject,
                               facts.key),
                   "an RSA key of 2048 bits or more, or EC on P-256, P-384, P-521"});
  }
  return out;
}

Result<CertificateFacts> parse_certificate(std::string_view bytes) {
  const auto wrong = [](std::string what) {
    ERR_clear_error();
    return fail(give_up("BadCertificate", std::move(what), "a certificate as PEM or DER"));
  };
  // Editors of Windows put a byte order mark before the text, which hides its first line.
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (bytes.empty()) return wrong("the certificate is empty");
  if (bytes.size() > 1U << 20U) return wrong("more than 1 MiB is no certificate");
  if (bytes.find("-----BEGIN") == std::string_view::npos) {
    const auto certificate = certificate_from_der(bytes);
    if (!certificate) return wrong("neither PEM nor DER of a certificate");
    return facts_of(certificate.get());
  }
  const auto bio = reading(bytes);
  Result<CertificateFacts> first = wrong("no certificate in the PEM");
  bool any = false;
  for (;;) {
    const X509Pointer certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
    if (!certificate) {
      // What follows a damaged block may be the one that is meant.
      if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        return wrong("a certificate in the PEM is damaged");
      }
      break;
    }
    auto facts = facts_of(certificate.get());
    if (facts.is_ca) return facts;
    if (!any) first = std::move(facts);
    any = true;
  }
  ERR_clear_error();
  return first;
}

std::string certificate_pem(const CertificateFacts& facts) {
  const auto text = base64(facts.der.text());
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < text.size(); at += 64) out += text.substr(at, 64) + "\n";
  return out + "-----END CERTIFICATE-----\n";
}

}  // namespace dps

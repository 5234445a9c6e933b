// x509: what is in a certificate. With crypto the only OpenSSL of the core.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"

namespace dps {

/// Bytes that many values hold and none changes: a copy costs nothing. Compared by content.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(std::string bytes)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}
  const std::string& text() const;
  operator const std::string&() const { return text(); }
  bool empty() const { return text().empty(); }
  bool operator==(const SharedBytes& other) const { return text() == other.text(); }

 private:
  std::shared_ptr<const std::string> bytes_;
};

/// One certificate, parsed. Times are UTC.
struct CertificateFacts {
  SharedBytes der;         ///< as it goes to ARM, before base64
  std::string thumbprint;  ///< SHA-1 of the DER, upper-case hex, 40 digits
  std::string subject;     ///< RFC 2253 text
  std::string issuer;
  WallTime not_before;
  WallTime not_after;
  bool is_ca = false;               ///< may sign others, by basicConstraints and keyUsage
  std::string why_no_ca;            ///< "it has no basicConstraints"; empty when it is one
  std::string key;                  ///< "RSA 2048", "EC P-256", "EC secp256k1", "ED25519"
  int key_bits = 0;                 ///< of an RSA key its modulus
  std::string signature_algorithm;  ///< how it was signed: "sha256WithRSAEncryption"
  std::string signature_digest;  ///< "SHA256", "SHA1", "MD5"; empty: not known, or none (Ed25519)
  int version = 3;               ///< 1 to 3
  bool operator==(const CertificateFacts&) const = default;
};

/// Why a certificate should not be trusted as a CA, whatever the time is; each a whole sentence.
struct CertificateFault {
  std::string id;  ///< "NotACa", "WeakSignature", "WeakKey", "OldVersion", "UnusualKey"
  std::string what;
  std::string remedy;
  bool operator==(const CertificateFault&) const = default;
};
/// In the order of the ids above. WeakSignature: MD5, SHA-1 and older. WeakKey: RSA of less than
/// 2048 bits. UnusualKey: not known to be accepted by Azure (other than RSA, P-256, P-384, P-521).
std::vector<CertificateFault> ca_faults(const CertificateFacts& facts);

/// Reads PEM with one or more blocks, or DER of one. Of several blocks the first that is a CA is
/// taken, else the first: of a chain written leaf, intermediate, root that is the CA which signs
/// the devices. GiveUp "BadCertificate"; the content is not quoted.
Result<CertificateFacts> parse_certificate(std::string_view bytes);

/// The certificate as PEM.
std::string certificate_pem(const CertificateFacts& facts);

/// Does the private key (PEM or DER, perhaps encrypted) belong to the certificate?
/// GiveUp "KeyDoesNotFit" when it is another's; "BadKey", "PassphraseMissing", "PassphraseWrong"
/// when it cannot be read.
[[nodiscard]] Result<void> check_key(const CertificateFacts& certificate,
                                     std::string_view key,
                                     std::string_view passphrase);

}  // namespace dps

// x509: what is in a certificate. With crypto the only OpenSSL of the core.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"

namespace dps {

/// One certificate, parsed. Times are UTC.
struct CertificateFacts {
  std::string der;         ///< as it goes to ARM, before base64
  std::string thumbprint;  ///< SHA-1 of the DER, upper-case hex, 40 digits
  std::string subject;     ///< RFC 2253 text
  std::string issuer;
  WallTime not_before;
  WallTime not_after;
  bool is_ca = false;
  std::string key;  ///< "RSA 2048", "EC P-256"
  bool operator==(const CertificateFacts&) const = default;
};

/// Reads PEM with one or more blocks, or DER. Of several blocks the first that is a CA is taken,
/// else the first. GiveUp "BadCertificate"; the content is not quoted.
Result<CertificateFacts> parse_certificate(std::string_view bytes);

/// Does the private key (PEM or DER, perhaps encrypted) belong to the certificate?
/// GiveUp "KeyDoesNotFit" when it is another's; "BadKey", "PassphraseMissing", "PassphraseWrong"
/// when it cannot be read.
[[nodiscard]] Result<void> check_key(const CertificateFacts& certificate,
                                     std::string_view key,
                                     std::string_view passphrase);

}  // namespace dps

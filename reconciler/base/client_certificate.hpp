// client_certificate: a private key with its certificate, as programs sign in with: read from PEM
// or PKCS#12, and the signature that proves it. With crypto and x509 the only OpenSSL below http/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"

namespace dps {

/// Copies share the key, which is wiped with the last of them. Const members from any thread.
class ClientCertificate {
 public:
  /// PEM: one private key (PKCS#8 or PKCS#1, perhaps encrypted) and one or more certificates in
  /// any order, other blocks ignored; or a PKCS#12 file. The leaf is the certificate that the key
  /// fits; the others are its chain, sorted from the leaf's issuer upwards, strangers left out.
  /// RSA of at least 2048 bits: the identity platform takes no other key for this.
  /// All errors are WaitForOthers and quote nothing of the content: "BadClientCertificate" (no PEM
  /// and no PKCS#12; a part is missing; the key fits none; not RSA, too short), "BadPassword" (it
  /// is needed, or wrong).
  static Result<ClientCertificate> read(std::string_view bytes, const Secret& password);

  /// RSASSA-PSS with SHA-256, salt as long as the digest (RFC 7518, 3.5: PS256). Raw bytes.
  Result<std::string> sign_ps256(std::string_view text) const;

  /// DER, the leaf first.
  const std::vector<std::string>& chain() const { return chain_; }
  WallTime not_before() const { return not_before_; }
  WallTime not_after() const { return not_after_; }
  /// SHA-1, 40 upper-case digits: as portals show it.
  const std::string& thumbprint() const { return thumbprint_; }

 private:
  struct Key;
  std::shared_ptr<const Key> key_;
  std::vector<std::string> chain_;
  WallTime not_before_{};
  WallTime not_after_{};
  std::string thumbprint_;
};

}  // namespace dps

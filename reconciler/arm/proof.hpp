// proof: the proof of possession of a CA's private key: a trial, then code, leaf, verify.
#pragma once

#include <stop_token>
#include <string>

#include "reconciler/arm/client.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/model/desired_service.hpp"

namespace dps::arm {

/// The port behind which a CA's private key is used: read from a reference, or in a program of its
/// own. Callable from any thread.
class ProofSigner {
 public:
  virtual ~ProofSigner() = default;
  /// PEM of a certificate with `code` as its common name, signed by the CA of `ca.content`.
  /// Errors never quote a key or what a program printed.
  virtual Result<std::string> leaf(const DesiredCertificate& ca,
                                   const std::string& code,
                                   std::stop_token stop) = 0;
};

/// Has the signer sign a leaf for a random code and verifies it against the CA as ARM would:
/// issuer, signature, dates, common name. Before the first request of a proof, so that a signer
/// that cannot sign changes nothing. GiveUp "ProofRefused", or what the signer said.
[[nodiscard]] Result<void> try_signer(const DesiredCertificate& ca,
                                      ProofSigner& signer,
                                      WallTime now,
                                      const std::stop_token& stop);

/// Code, leaf, verify for the certificate that stands under `name` at `etag`; each step with the
/// etag of the answer before. The leaf is checked here before it is sent.
/// Errors: those of the client (412 is ReadAgain: somebody else wrote it) and of try_signer.
Result<LiveCertificate> prove_possession(Client& client,
                                         const ServiceId& id,
                                         std::string_view version,
                                         const std::string& name,
                                         const DesiredCertificate& ca,
                                         const Etag& etag,
                                         ProofSigner& signer,
                                         const std::stop_token& stop);

}  // namespace dps::arm

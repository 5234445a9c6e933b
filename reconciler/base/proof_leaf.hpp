// proof_leaf: the certificate that proves that we hold a CA's private key: made, and checked.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/base/x509.hpp"

namespace dps {

/// PEM of a certificate for `code`, signed by the CA: a fresh P-256 key that nobody keeps, common
/// name `code` (1 to 64 ASCII letters, digits, hyphens), valid from an hour before `now` (clocks
/// differ) for two days, but never outside of the CA's own validity; no CA, digitalSignature,
/// clientAuth. SHA-256, with larger curves SHA-384 and SHA-512; RSA keys sign by PKCS#1 v1.5.
/// Errors (GiveUp): those of read_private_key and check_key; "BadCertificate" for a CA that is not
/// valid `now`; "BadCode"; "SigningFailed".
Result<std::string> make_proof_leaf(const CertificateFacts& ca,
                                    const Secret& key,
                                    const Secret& passphrase,
                                    std::string_view code,
                                    WallTime now);

/// The leaf, as clean PEM of that one certificate, when ARM would take it: issued and signed by the
/// CA, both valid `now`, its common name the code. GiveUp "ProofRefused" says which of these is not
/// so; nothing of `leaf` is quoted but its names and dates.
Result<std::string> check_proof_leaf(const CertificateFacts& ca,
                                     std::string_view leaf,
                                     std::string_view code,
                                     WallTime now);

}  // namespace dps

// proof_signer: signs proofs of possession with what the manifests name: a key, or a program.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "reconciler/arm/proof.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/manifest/secret_source.hpp"

namespace dps::controller {

struct SignerSettings {
  bool allow_exec = false;  ///< --allow-exec
  /// What time it is where the leaf is judged: ARM's, as far as it is known. From any thread.
  std::function<WallTime()> now;
  Duration limit = std::chrono::seconds{30};  ///< of a program
};

/// A key is read at the moment of the signature and wiped after it; see base/proof_leaf.
///
/// A program (argv, no shell) gets the code and a line end on its stdin, and beside the variables
/// of this process DPS_RECONCILER_CA_FILE, a PEM file of the CA that can be read as long as the
/// program runs and was never on a disk, and DPS_RECONCILER_CERTIFICATE, the entry's name. It
/// prints the leaf as PEM (64 KiB at most) and ends with 0. The first line of its stderr is in the
/// error when it ends otherwise.
///
/// Errors: of a key those of SecretSource and make_proof_leaf; of a program GiveUp
/// "ExecNotAllowed", "SignerSaidNothing", those of run_program; GiveUp "NoSigner" for an entry that
/// names none. Thread-safe. The source outlives it.
class ManifestSigner final : public arm::ProofSigner {
 public:
  ManifestSigner(manifest::SecretSource& secrets, SignerSettings settings);
  Result<std::string> leaf(const DesiredCertificate& ca,
                           const std::string& code,
                           std::stop_token stop) override;

 private:
  Result<std::string> with_key(const DesiredCertificate& ca,
                               const KeySigner& signer,
                               const std::string& code,
                               const std::stop_token& stop);
  Result<std::string> with_program(const DesiredCertificate& ca,
                                   const ExecReference& program,
                                   const std::string& code,
                                   const std::stop_token& stop);

  manifest::SecretSource& secrets_;
  const SignerSettings settings_;
};

}  // namespace dps::controller

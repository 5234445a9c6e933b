// authority: a CA of the tests' own making with its key, and a signer that has the key in hand.
#pragma once

#include <string>

#include "reconciler/arm/proof.hpp"
#include "reconciler/base/proof_leaf.hpp"
#include "reconciler/base/x509.hpp"
#include "reconciler/model/desired_service.hpp"
#include "tests/arm_simulator/x509.hpp"

namespace dps::test {

/// Valid from 2026-01-01 to 2036-01-01.
struct Authority {
  explicit Authority(const std::string& name = "factory") {
    const auto at = [](const char* text) {
      return std::chrono::time_point_cast<sim::TimePoint::duration>(*parse_rfc3339(text));
    };
    pem = sim::issue({name,
                      sim::Purpose::Authority,
                      7,
                      at("2026-01-01T00:00:00Z"),
                      at("2036-01-01T00:00:00Z"),
                      {}},
                     key,
                     key);
    facts = *parse_certificate(pem);
  }
  DesiredCertificate desired() const {
    DesiredCertificate out;
    out.name = "factory-ca";
    out.content = facts;
    out.thumbprint = facts.thumbprint;
    out.verification = Verification::ProofOfPossession;
    return out;
  }

  sim::KeyPair key;
  std::string pem;
  CertificateFacts facts;
};

/// Signs with the authority's key whatever CA is asked for; counts.
class SignerInHand final : public arm::ProofSigner {
 public:
  explicit SignerInHand(const Authority& authority) : authority_(authority) {}
  Result<std::string> leaf(const DesiredCertificate&,
                           const std::string& code,
                           std::stop_token) override {
    codes.push_back(code);
    return make_proof_leaf(
        authority_.facts, Secret(authority_.key.pem()), {}, said.value_or(code), now);
  }

  std::vector<std::string> codes;
  std::optional<std::string> said;  ///< signed in place of the code
  WallTime now = *parse_rfc3339("2026-11-22T12:00:00Z");

 private:
  const Authority& authority_;
};

}  // namespace dps::test

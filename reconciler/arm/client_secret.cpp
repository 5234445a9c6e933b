#include "reconciler/arm/fetchers.hpp"

namespace dps::arm {

Proof client_secret_proof(const SecretPlace& secret, const VariableReader& variable) {
  return [secret, variable](WallTime /*now*/) -> Result<std::vector<ProofField>> {
    auto text = read_secret(secret, variable);
    if (!text) return fail(in_context("the client secret", text.error()));
    return std::vector<ProofField>{{"client_secret", *std::move(text)}};
  };
}

}  // namespace dps::arm

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/arm/fetchers.hpp"
#include "reconciler/base/jwt.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

Failure unfit(const std::string& file, const std::string& what, const std::string& remedy) {
  return fail({NextMove::WaitForOthers,
               "BadFederatedToken",
               fmt::format("the federated token in {} {}", printable(file, 200), what),
               remedy,
               0,
               {}});
}

}  // namespace

Proof federated_token_proof(const std::string& file) {
  return [file](WallTime now) -> Result<std::vector<ProofField>> {
    auto token = read_secret_word(file);
    if (!token) {
      auto error = in_context("the federated token", token.error());
      error.remedy =
          "check that the platform puts it there: on Kubernetes the pod's label "
          "azure.workload.identity/use and its service account";
      return fail(std::move(error));
    }
    const auto& text = token->reveal();
    if (!std::all_of(text.begin(), text.end(), [](char one) { return one > ' ' && one < 127; })) {
      return unfit(file, "is no token", "a file with the token alone");
    }
    if (const auto expiry = jwt_expiry(text); expiry && *expiry <= now) {
      return unfit(file,
                   "expired at " + rfc3339(*expiry),
                   "whatever renews the file has stopped, or this machine's clock is wrong");
    }
    return assertion_fields(*std::move(token));
  };
}

}  // namespace dps::arm

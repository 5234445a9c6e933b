#include "reconciler/arm/proof.hpp"

#include <fmt/format.h>

#include <functional>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/proof_leaf.hpp"

namespace dps::arm {
namespace {

// How far the clock of a signer may be ahead of ARM's: a leaf is often valid from the very second
// in which it was made.
constexpr Duration kAhead = std::chrono::minutes{2};

struct CheckedLeaf {
  std::string pem;
  WallTime valid_from;
};

Result<CheckedLeaf> checked_leaf(const DesiredCertificate& ca,
                                 const std::string& code,
                                 ProofSigner& signer,
                                 const std::function<WallTime()>& now,
                                 const std::stop_token& stop) {
  if (!ca.content) {
    return fail(give_up("ProofRefused",
                        "the manifest names the CA by thumbprint alone, so no leaf can be checked",
                        "certificate: {file: …}"));
  }
  const auto leaf = signer.leaf(ca, code, stop);
  if (!leaf) return fail(leaf.error());
  auto judged = now();
  CheckedLeaf out;
  if (const auto facts = parse_certificate(*leaf)) out.valid_from = facts->not_before;
  if (out.valid_from > judged && out.valid_from <= judged + kAhead) judged = out.valid_from;
  auto checked = check_proof_leaf(*ca.content, *leaf, code, judged);
  if (!checked) return fail(checked.error());
  out.pem = *std::move(checked);
  return out;
}

Error moved(std::string what) {
  return Error{NextMove::ReadAgain,
               "PreconditionFailed",
               std::move(what),
               "nothing: the live certificate is read again",
               0,
               {}};
}

}  // namespace

Result<void> try_signer(const DesiredCertificate& ca,
                        ProofSigner& signer,
                        WallTime now,
                        const std::stop_token& stop) {
  // As long as ARM's codes are, and as random.
  const auto leaf = checked_leaf(
      ca, upper_hex(random_bytes(24)), signer, [now] { return now; }, stop);
  if (!leaf) return fail(leaf.error());
  return {};
}

Result<LiveCertificate> prove_possession(Client& client,
                                         const ServiceId& id,
                                         std::string_view version,
                                         const std::string& name,
                                         const DesiredCertificate& ca,
                                         const Etag& etag,
                                         ProofSigner& signer,
                                         const std::stop_token& stop) {
  const auto asked = client.generate_verification_code(id, version, name, etag, stop);
  if (!asked) return fail(in_context("asking for a verification code", asked.error()));
  if (asked->certificate.thumbprint != ca.thumbprint) {
    return fail(moved(fmt::format("another CA stands under {} now", name)));
  }
  const auto now = [&] { return client.memory().server_time(client.clock().wall()); };
  const auto leaf = checked_leaf(ca, asked->code, signer, now, stop);
  if (!leaf) return fail(in_context("signing the verification code", leaf.error()));
  if (const auto time = now(); leaf->valid_from > time) {
    const auto pause = std::chrono::ceil<std::chrono::seconds>(leaf->valid_from - time);
    if (!client.clock().sleep(pause + std::chrono::seconds{1}, stop)) {
      return fail(give_up("Cancelled", "cancelled before the proof was sent"));
    }
  }
  auto verified =
      client.verify_certificate(id, version, name, leaf->pem, asked->certificate.etag, stop);
  if (!verified) return fail(in_context("sending the proof", verified.error()));
  if (verified->thumbprint != ca.thumbprint) {
    return fail(moved(fmt::format("another CA stands under {} now", name)));
  }
  if (!verified->verified) {
    return fail(Error{NextMove::ReadAgain,
                      "BadAnswer",
                      "ARM took the proof but does not show the CA as verified",
                      "nothing: the live certificate is read again",
                      200,
                      {}});
  }
  return verified;
}

}  // namespace dps::arm

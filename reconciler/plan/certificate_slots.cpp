#include "reconciler/plan/certificate_slots.hpp"

#include <algorithm>

#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

bool is_expired(const LiveCertificate& live, WallTime now) {
  return live.expiry && *live.expiry <= now;
}

/// 2: devices can use it; 1: verified once, of no use now; 0: unverified.
int rank(const LiveCertificate& live, WallTime now) {
  if (!live.verified) return 0;
  return is_expired(live, now) ? 1 : 2;
}

bool is_older(const LiveCertificate* left, const LiveCertificate* right) {
  return left->updated.value_or(WallTime{}) < right->updated.value_or(WallTime{});
}

}  // namespace

std::vector<std::string> slots_of(const DesiredCertificate& certificate) {
  if (certificate.strategy == RotationStrategy::InPlace) return {certificate.name};
  if (!certificate.slots.empty()) return certificate.slots;
  return {certificate.name, certificate.name + "-2"};
}

std::string second_slot_of(const DesiredCertificate& certificate) {
  for (const auto& slot : certificate.slots) {
    if (!same(Field::CertificateName, slot, certificate.name)) return slot;
  }
  return certificate.name + "-2";
}

bool is_verified_by_us(const DesiredCertificate& certificate) {
  return certificate.verification == Verification::ProofOfPossession ||
         certificate.verification == Verification::Trusted;
}

const LiveCertificate* current_of(const DesiredCertificate& wanted, const LiveCertificates& found) {
  const LiveCertificate* best = nullptr;
  for (const auto* live : found) {
    if (!same(Field::CertificateContent, wanted.thumbprint, live->thumbprint)) continue;
    const bool better = best == nullptr || (live->verified && !best->verified) ||
                        (live->verified == best->verified && is_older(best, live));
    if (better) best = live;
  }
  return best;
}

std::optional<WallTime> overlap_ends(const DesiredCertificate& wanted,
                                     const LiveCertificates& found) {
  std::optional<WallTime> newest;
  for (const auto* live : found) {
    if (!live->updated) return std::nullopt;
    newest = newest ? std::max(*newest, *live->updated) : *live->updated;
  }
  if (!newest) return std::nullopt;
  return *newest + wanted.overlap;
}

bool is_overlap_over(const DesiredCertificate& wanted,
                     const LiveCertificates& found,
                     WallTime now) {
  if (wanted.overlap == Duration::zero()) return true;
  const auto ends = overlap_ends(wanted, found);
  return ends && *ends <= now;
}

bool may_go_beside(const LiveCertificate& other,
                   const LiveCertificate& current,
                   const DesiredCertificate& wanted) {
  return current.verified || (!other.verified && !is_verified_by_us(wanted));
}

Victim victim_of(const DesiredCertificate& wanted, const LiveCertificates& found, WallTime now) {
  const auto* lesser = found.front();
  for (const auto* live : found) {
    const int left = rank(*live, now), right = rank(*lesser, now);
    if (left < right || (left == right && is_older(live, lesser))) lesser = live;
  }
  if (is_expired(*lesser, now)) return {lesser, Wait::Not};
  if (!lesser->verified && is_verified_by_us(wanted)) return {lesser, Wait::Not};
  return {lesser, Wait::Overlap};
}

}  // namespace dps::plan

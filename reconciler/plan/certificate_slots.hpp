// certificate_slots: what stands in the names that an entry of the manifest may use, and which of
// it may give way. Pure questions; certificate_diff makes changes of the answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/model/live_service.hpp"

namespace dps::plan {

using LiveCertificates = std::vector<const LiveCertificate*>;

/// The names that an entry may use: its slots, or [<name>, <name>-2] with overlap, or its name.
std::vector<std::string> slots_of(const DesiredCertificate& certificate);

/// With inPlace: the second name that the entry would have, and may have had, with overlap.
std::string second_slot_of(const DesiredCertificate& certificate);

/// Is the entry's verification something that a write brings about?
bool is_verified_by_us(const DesiredCertificate& certificate);

/// The one whose thumbprint is wanted: a verified one before an unverified one, then the newest.
/// Null: none.
const LiveCertificate* current_of(const DesiredCertificate& wanted, const LiveCertificates& found);

/// When the overlap ends that began with the newest of `found`. No value: ARM does not say how old
/// one of them is, so nobody knows.
std::optional<WallTime> overlap_ends(const DesiredCertificate& wanted,
                                     const LiveCertificates& found);
bool is_overlap_over(const DesiredCertificate& wanted, const LiveCertificates& found, WallTime now);

/// May `other` be removed beside `current`, as far as verification decides? Never a verified one
/// for one that is not, and none before the current one is verified as the manifest wants it.
bool may_go_beside(const LiveCertificate& other,
                   const LiveCertificate& current,
                   const DesiredCertificate& wanted);

enum class Wait { Not, Overlap };

/// Which of two gives way to a third, and whether it must stand to the end of the overlap.
struct Victim {
  const LiveCertificate* live = nullptr;
  Wait wait = Wait::Overlap;
};
/// Of two that devices can use (verified, not expired): the older, after the overlap. Of two that
/// differ in use the lesser one, at once: no device depends on it. Whether a certificate that is
/// only unverified is of no use, nobody can say where the manifest leaves verification to others:
/// then it waits too. `found` is not empty.
Victim victim_of(const DesiredCertificate& wanted, const LiveCertificates& found, WallTime now);

}  // namespace dps::plan

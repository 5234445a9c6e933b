#include "reconciler/plan/certificate_diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/certificate_status.hpp"
#include "reconciler/plan/impact.hpp"
#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

Json shown(const LiveCertificate& live) {
  Json out = {{"thumbprint", live.thumbprint}, {"verified", live.verified}};
  if (live.expiry) out["expires"] = rfc3339(*live.expiry);
  return out;
}

std::string_view words(Verification verification) {
  switch (verification) {
    case Verification::ProofOfPossession:
      return kByProof;
    case Verification::Trusted:
      return "trusted";
    case Verification::None:
      return "none";
    case Verification::Unmanaged:
      return "";
  }
  return "";
}

Json shown(const DesiredCertificate& wanted) {
  Json out = {{"thumbprint", wanted.thumbprint}};
  if (wanted.content) out["expires"] = rfc3339(wanted.content->not_after);
  const auto verification = words(wanted.verification);
  if (!verification.empty()) out["verification"] = verification;
  return out;
}

bool is_named(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& one) {
    return same(Field::CertificateName, one, name);
  });
}

/// All certificates of a service: who speaks of each live one, and what becomes of it.
class Comparing {
 public:
  Comparing(const Subject& subject, Findings& out)
      : subject_(subject), out_(out), entries_(*subject.desired.certificates) {
    if (subject.live == nullptr) return;
    for (const auto& live : *subject.live->certificates.entries) {
      known_[&live] = status_of(live, subject_);
    }
  }

  void run() {
    for (const auto& [live, status] : known_) {
      if (const auto* entry = revoker_of(*live)) {
        settle(*live, CertificateRole::Revoked, entry);
        remove(*live, Goes::Revoked, entry, impact::certificate_revoked());
      }
    }
    for (const auto& entry : entries_) compare(entry);
    if (subject_.desired.lifecycle.certificates == Unlisted::Remove) remove_unlisted();
    if (subject_.live == nullptr) return;
    for (const auto& live : *subject_.live->certificates.entries) {
      const auto& status = known_.at(&live);
      out_.certificates.push_back(status);
      const bool stays =
          status.role == CertificateRole::Current || status.role == CertificateRole::Unmanaged;
      if (stays) warn_of_end(live.name, live.expiry, subject_, out_);
    }
  }

 private:
  using Entry = DesiredCertificate;

  // ---- who stands where ----

  bool is_revoked(const LiveCertificate& live) const {
    const auto known = known_.find(&live);
    return known != known_.end() && known->second.role == CertificateRole::Revoked;
  }

  LiveCertificates standing_in(const std::vector<std::string>& names) const {
    LiveCertificates out;
    if (subject_.live == nullptr) return out;
    for (const auto& name : names) {
      for (const auto& live : *subject_.live->certificates.entries) {
        if (same(Field::CertificateName, name, live.name)) out.push_back(&live);
      }
    }
    return out;
  }

  bool is_slot_of_another(const Entry& entry, const std::string& name) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& one) {
      return &one != &entry && is_named(slots_of(one), name);
    });
  }

  /// What an entry has to do with. Revoked ones are on their way out and not among it. In place,
  /// the second name counts if the wanted CA stands there and not under the first: it came there
  /// by a rotation with overlap, groups may name it, and it is never renamed.
  LiveCertificates found_of(const Entry& entry) const {
    auto found = standing_in(slots_of(entry));
    std::erase_if(found, [&](const auto* live) { return is_revoked(*live); });
    if (entry.strategy == RotationStrategy::InPlace && entry.presence == Presence::Present &&
        current_of(entry, found) == nullptr) {
      if (const auto* second = leftover_of(entry);
          second != nullptr &&
          same(Field::CertificateContent, entry.thumbprint, second->thumbprint)) {
        found.push_back(second);
      }
    }
    return found;
  }

  /// In place: what an earlier rotation with overlap left under the second name.
  const LiveCertificate* leftover_of(const Entry& entry) const {
    if (entry.strategy != RotationStrategy::InPlace) return nullptr;
    const auto name = second_slot_of(entry);
    if (is_slot_of_another(entry, name)) return nullptr;
    const auto standing = standing_in({name});
    return standing.empty() || is_revoked(*standing.front()) ? nullptr : standing.front();
  }

  /// The entry that revokes it: its own before another. Documents of single entries speak for
  /// their own names only.
  const Entry* revoker_of(const LiveCertificate& live) const {
    const Entry* found = nullptr;
    for (const auto& entry : entries_) {
      const bool revokes =
          std::any_of(entry.revoked.begin(), entry.revoked.end(), [&](const auto& one) {
            return equal_ignoring_case(one, live.thumbprint);
          });
      if (!revokes) continue;
      if (is_named(slots_of(entry), live.name)) return &entry;
      if (found == nullptr && subject_.desired.declared) found = &entry;
    }
    return found;
  }

  // ---- changes ----

  Change* add(Action action,
              const std::string& slot,
              std::string field,
              Json before,
              Json after,
              std::string impact,
              CertificateDetail detail) {
    auto path = entry_path(kCertificateList, slot, field);
    if (subject_.ignores(path)) return nullptr;
    auto change = field_change(Kind::Certificate,
                               slot,
                               std::move(field),
                               std::move(path),
                               std::move(before),
                               std::move(after),
                               std::move(impact));
    change.action = action;
    change.destructive = action == Action::Delete;
    change.certificate = std::move(detail);
    out_.changes.push_back(std::move(change));
    return &out_.changes.back();
  }

  void remove(const LiveCertificate& live, Goes goes, const Entry* entry, std::string impact) {
    add(Action::Delete,
        live.name,
        "",
        shown(live),
        nullptr,
        std::move(impact),
        {entry == nullptr ? "" : entry->name, live.thumbprint, live.etag, goes, ""});
  }

  void create(const Entry& entry, const std::string& slot, std::string other_slot) {
    const bool follows = entry.strategy == RotationStrategy::Overlap && !found_of(entry).empty();
    add(Action::Create,
        slot,
        "",
        nullptr,
        shown(entry),
        follows ? impact::certificate_followed(entry.verification, slot)
                : impact::certificate_added(entry.verification),
        {entry.name, entry.thumbprint, {}, Goes::Not, std::move(other_slot)});
  }

  Change* rotate(const Entry& entry, const LiveCertificate& live, std::string impact) {
    auto* change = add(Action::Rotate,
                       live.name,
                       "",
                       shown(live),
                       shown(entry),
                       std::move(impact),
                       {entry.name, entry.thumbprint, live.etag, Goes::Not, ""});
    if (change != nullptr) change->destructive = live.verified;
    return change;
  }

  void settle(const LiveCertificate& live, CertificateRole role, const Entry* entry) {
    auto& status = known_.at(&live);
    status.role = role;
    if (entry != nullptr) status.entry = entry->name;
  }

  // ---- one entry ----

  void compare(const Entry& entry) {
    const auto found = found_of(entry);
    if (entry.presence == Presence::Absent) {
      for (const auto* live : found) {
        settle(*live, CertificateRole::Unlisted, &entry);
        remove(*live, Goes::Unlisted, &entry, impact::certificate_removed());
      }
      return;
    }
    const auto* current = current_of(entry, found);
    for (const auto* live : found) {
      settle(
          *live, live == current ? CertificateRole::Current : CertificateRole::Predecessor, &entry);
    }
    if (current != nullptr) {
      verify(entry, *current);
      if (entry.strategy == RotationStrategy::Overlap) retire_beside(entry, *current, found);
    } else if (!entry.content) {
      out_.error("CertificateMissing",
                 fmt::format("no certificate with thumbprint {} stands under the name {}",
                             printable(entry.thumbprint, 60),
                             printable(entry.name, 64)),
                 "give its content with certificate: {file: …}, or upload it by hand");
    } else if (is_decided(entry, found)) {
      warn_of_end(entry.name, entry.content->not_after, subject_, out_);
      bring_in(entry, found);
    }
  }

  void verify(const Entry& entry, const LiveCertificate& live) {
    if (!is_verified_by_us(entry) || live.verified) return;
    add(Action::Verify,
        live.name,
        "verification",
        "unverified",
        words(entry.verification),
        impact::certificate_verified(),
        {entry.name, live.thumbprint, live.etag, Goes::Not, ""});
  }

  void retire_beside(const Entry& entry,
                     const LiveCertificate& current,
                     const LiveCertificates& found) {
    const auto ends = overlap_ends(entry, found);
    const bool over = is_overlap_over(entry, found, subject_.now);
    for (const auto* live : found) {
      if (live == &current) continue;
      known_.at(live).retirable_on = ends;
      // Where the current one is verified in the same pass, that comes first: see keep_within.
      const bool may_go = may_go_beside(*live, current, entry) || is_verified_by_us(entry);
      if (over && entry.retire == Retire::Automatic && may_go) {
        remove(*live, Goes::Retired, &entry, impact::certificate_retired());
      }
    }
  }

  bool is_decided(const Entry& entry, const LiveCertificates& found) {
    const bool any_verified =
        std::any_of(found.begin(), found.end(), [](const auto* live) { return live->verified; });
    if (entry.verification != Verification::Unmanaged || !any_verified) return true;
    out_.error("VerificationUndecided",
               fmt::format("certificate {} is verified, its content is to change, and the manifest "
                           "does not say how the new one is verified",
                           printable(entry.name, 64)),
               "verification: {proofOfPossession: …}, {trusted: true} or {none: true}");
    return false;
  }

  void bring_in(const Entry& entry, const LiveCertificates& found) {
    if (entry.strategy == RotationStrategy::InPlace) {
      if (found.empty()) return create(entry, entry.name, "");
      rotate(entry,
             *found.front(),
             impact::certificate_replaced(found.front()->verified, entry.verification));
      return;
    }
    std::vector<std::string> empty, emptied;
    for (const auto& slot : slots_of(entry)) {
      const auto standing = standing_in({slot});
      if (standing.empty()) {
        empty.push_back(slot);
      } else if (is_revoked(*standing.front())) {
        emptied.push_back(slot);
      }
    }
    if (!empty.empty() || !emptied.empty()) {
      // Where nothing stands before where a revoked one does: its removal may be withheld.
      create(
          entry, empty.empty() ? emptied.front() : empty.front(), empty.size() > 1 ? empty[1] : "");
      retire_at_once(entry, found, nullptr);
      return;
    }
    take_a_slot(entry, found);
  }

  /// Without an overlap what the new one leaves behind goes in the same pass.
  void retire_at_once(const Entry& entry,
                      const LiveCertificates& found,
                      const LiveCertificate* replaced) {
    if (entry.overlap != Duration::zero() || entry.retire != Retire::Automatic) return;
    for (const auto* live : found) {
      if (live == replaced || (live->verified && !is_verified_by_us(entry))) continue;
      remove(*live, Goes::Retired, &entry, impact::certificate_retired());
    }
  }

  void take_a_slot(const Entry& entry, const LiveCertificates& found) {
    const auto victim = victim_of(entry, found, subject_.now);
    if (victim.wait == Wait::Not || is_overlap_over(entry, found, subject_.now)) {
      rotate(entry,
             *victim.live,
             impact::certificate_slot_reused(victim.live->name, victim.wait == Wait::Overlap));
      retire_at_once(entry, found, victim.live);
      return;
    }
    const auto ends = overlap_ends(entry, found);
    const auto date = ends ? rfc3339(*ends) : "a date that ARM does not let us know";
    auto reason = fmt::format("both slots are in use and their overlap runs until {}", date);
    known_.at(victim.live).blocked_until = ends;
    auto* change = rotate(entry, *victim.live, impact::certificate_waits(victim.live->name, date));
    if (change == nullptr) return;
    change->held = Hold{std::string(kOverlapHold), reason, ends};
    out_.warning("OverlapRunning",
                 fmt::format("certificate {}: {}", printable(entry.name, 64), reason),
                 "wait until then, or shorten rotation.overlap; a CA that must go at once stands "
                 "under revoked");
  }

  // ---- what no entry names ----

  /// An entry that changed from overlap to inPlace: what it left behind goes as any unlisted one,
  /// but not for a successor that nobody will have verified.
  bool is_needed_still(const LiveCertificate& live) {
    for (const auto& entry : entries_) {
      if (entry.presence == Presence::Absent || leftover_of(entry) != &live || !live.verified) {
        continue;
      }
      const auto found = found_of(entry);
      const auto* current = current_of(entry, found);
      if (is_verified_by_us(entry) || (current != nullptr && current->verified)) continue;
      settle(live, CertificateRole::Predecessor, &entry);
      return true;
    }
    return false;
  }

  void remove_unlisted() {
    for (auto& [live, status] : known_) {
      if (status.role != CertificateRole::Unmanaged || is_needed_still(*live)) continue;
      if (subject_.ignores(entry_path(kCertificateList, live->name, ""))) continue;
      settle(*live, CertificateRole::Unlisted, nullptr);
      remove(*live, Goes::Unlisted, nullptr, impact::certificate_removed());
    }
  }

  const Subject& subject_;
  Findings& out_;
  const std::vector<Entry>& entries_;
  std::map<const LiveCertificate*, CertificateStatus> known_;
};

void judge_count(const Subject& subject, Findings& out, std::size_t first) {
  auto peak = subject.live == nullptr ? 0 : subject.live->certificates.entries->size();
  bool uploads = false;
  for (auto i = first; i < out.changes.size(); ++i) {
    const auto& change = out.changes[i];
    uploads = uploads || change.action == Action::Create;
    if (change.action == Action::Create) ++peak;
    if (change.certificate->goes == Goes::Revoked) --peak;
  }
  if (peak <= kMaxCertificates || !uploads) return;
  out.error("LimitExceeded",
            fmt::format("{} certificates would stand before the first is removed; a service takes "
                        "{}",
                        peak,
                        kMaxCertificates),
            "remove certificates first, in a revision of its own");
}

}  // namespace

void compare_certificates(const Subject& subject, Findings& out) {
  if (!subject.desired.certificates) {
    if (subject.live == nullptr || !subject.live->certificates.entries) return;
    for (const auto& live : *subject.live->certificates.entries) {
      out.certificates.push_back(status_of(live, subject));
      warn_of_end(live.name, live.expiry, subject, out);
    }
    return;
  }
  if (subject.live != nullptr && !subject.live->certificates.entries) {
    out.unseen.emplace_back(kCertificateList);
    if (const auto& refused = subject.live->certificates.refused) {
      out.warning(refused->id,
                  "the certificates could not be read and are not compared: " + refused->what,
                  refused->remedy);
    }
    return;
  }
  const auto first = out.changes.size();
  Comparing(subject, out).run();
  judge_count(subject, out, first);
}

}  // namespace dps::plan

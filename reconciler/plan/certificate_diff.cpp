#include "reconciler/plan/certificate_diff.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/plan/impact.hpp"
#include "reconciler/plan/normalise.hpp"

namespace dps::plan {
namespace {

constexpr std::string_view kList = kCertificateList;

Json shown(const LiveCertificate& live) {
  Json out = {{"thumbprint", live.thumbprint}, {"verified", live.verified}};
  if (live.expiry) out["expires"] = rfc3339(*live.expiry);
  return out;
}

Json shown(const DesiredCertificate& wanted) {
  Json out = {{"thumbprint", wanted.thumbprint}};
  if (wanted.content) out["expires"] = rfc3339(wanted.content->not_after);
  return out;
}

std::string_view wanted_verification(const DesiredCertificate& wanted) {
  return wanted.verification == Verification::Trusted ? "trusted" : "proof of possession";
}

/// One entry of the manifest against the live certificates of its slots.
class Entry {
 public:
  Entry(const Subject& subject, const DesiredCertificate& wanted, Findings& out)
      : subject_(subject), wanted_(wanted), out_(out), slots_(slots_of(wanted)) {
    if (subject.live == nullptr) return;
    for (const auto& slot : slots_) {
      for (const auto& live : *subject.live->certificates.entries) {
        if (same(Field::CertificateName, slot, live.name)) found_.push_back(&live);
      }
    }
  }

  void compare() {
    if (wanted_.presence == Presence::Absent) {
      for (const auto* live : found_) remove(*live, Goes::Unlisted, impact::certificate_removed());
      return;
    }
    for (const auto* live : found_) {
      if (is_revoked(*live))
        remove(*live, Goes::Revoked, impact::certificate_removed() + " (revoked)");
    }
    std::erase_if(found_, [&](const LiveCertificate* live) { return is_revoked(*live); });
    const auto current = std::find_if(found_.begin(), found_.end(), [&](const auto* live) {
      return same(Field::CertificateContent, wanted_.thumbprint, live->thumbprint);
    });
    if (current != found_.end()) {
      verify(**current);
      retire_beside(**current);
    } else if (!wanted_.content) {
      out_.error("CertificateMissing",
                 fmt::format("no certificate with thumbprint {} stands under the name {}",
                             printable(wanted_.thumbprint, 60),
                             name()),
                 "give its content with certificate: {file: …}, or upload it by hand");
    } else if (may_change_content()) {
      bring_in();
    }
  }

 private:
  std::string name() const { return printable(wanted_.name, 64); }

  bool is_revoked(const LiveCertificate& live) const {
    return std::any_of(wanted_.revoked.begin(), wanted_.revoked.end(), [&](const auto& one) {
      return equal_ignoring_case(one, live.thumbprint);
    });
  }

  /// `live`: what stands in the slot now; null: nothing.
  void add(Action action,
           const std::string& slot,
           std::string field,
           Json before,
           Json after,
           std::string impact,
           const LiveCertificate* live,
           Goes goes = Goes::Not) {
    auto path = entry_path(kList, slot, field);
    if (subject_.ignores(path)) return;
    auto change = field_change(Kind::Certificate,
                               slot,
                               std::move(field),
                               std::move(path),
                               std::move(before),
                               std::move(after),
                               std::move(impact));
    change.action = action;
    change.destructive = action == Action::Delete;
    change.certificate =
        CertificateDetail{wanted_.name,
                          action == Action::Delete ? live->thumbprint : wanted_.thumbprint,
                          live == nullptr ? Etag{} : live->etag,
                          goes};
    out_.changes.push_back(std::move(change));
  }

  void remove(const LiveCertificate& live, Goes goes, std::string impact) {
    add(Action::Delete, live.name, "", shown(live), nullptr, std::move(impact), &live, goes);
  }

  void verify(const LiveCertificate& live) {
    const bool due = wanted_.verification == Verification::ProofOfPossession ||
                     wanted_.verification == Verification::Trusted;
    if (!due || live.verified) return;
    add(Action::Verify,
        live.name,
        "verification",
        "unverified",
        wanted_verification(wanted_),
        impact::certificate_verified(),
        &live);
  }

  WallTime overlap_ends(const LiveCertificate& successor) const {
    return successor.updated.value_or(subject_.now) + wanted_.overlap;
  }

  void retire_beside(const LiveCertificate& current) {
    if (wanted_.strategy != RotationStrategy::Overlap || wanted_.retire != Retire::Automatic ||
        !current.verified || subject_.now < overlap_ends(current)) {
      return;
    }
    for (const auto* live : found_) {
      if (live != &current) remove(*live, Goes::Retired, impact::certificate_retired());
    }
  }

  bool may_change_content() {
    if (wanted_.verification != Verification::Unmanaged) return true;
    const auto verified =
        std::find_if(found_.begin(), found_.end(), [](const auto* live) { return live->verified; });
    if (verified == found_.end()) return true;
    out_.error("VerificationUndecided",
               fmt::format("certificate {} is verified, its content is to change, and the manifest "
                           "does not say how the new one is verified",
                           name()),
               "verification: {proofOfPossession: …}, {trusted: true} or {none: true}");
    return false;
  }

  void bring_in() {
    if (wanted_.strategy == RotationStrategy::InPlace) {
      if (found_.empty()) {
        add(Action::Create,
            wanted_.name,
            "",
            nullptr,
            shown(wanted_),
            impact::certificate_added(),
            nullptr);
      } else {
        rotate(*found_.front(), impact::certificate_replaced(found_.front()->verified));
      }
      return;
    }
    for (const auto& slot : slots_) {
      const bool taken = std::any_of(found_.begin(), found_.end(), [&](const auto* live) {
        return same(Field::CertificateName, slot, live->name);
      });
      if (taken) continue;
      add(Action::Create, slot, "", nullptr, shown(wanted_), impact::certificate_added(), nullptr);
      return;
    }
    const auto by_age = [](const auto* left, const auto* right) {
      return left->updated.value_or(WallTime{}) < right->updated.value_or(WallTime{});
    };
    const auto* oldest = *std::min_element(found_.begin(), found_.end(), by_age);
    const auto* newest = *std::max_element(found_.begin(), found_.end(), by_age);
    if (subject_.now < overlap_ends(*newest)) {
      out_.error(
          "OverlapRunning",
          fmt::format("certificate {}: both slots are in use and their overlap runs until {}",
                      name(),
                      rfc3339(overlap_ends(*newest))),
          "wait until then, or shorten rotation.overlap");
      return;
    }
    rotate(*oldest, impact::certificate_slot_reused(oldest->name));
  }

  void rotate(const LiveCertificate& live, std::string impact) {
    add(Action::Rotate, live.name, "", shown(live), shown(wanted_), std::move(impact), &live);
  }

  const Subject& subject_;
  const DesiredCertificate& wanted_;
  Findings& out_;
  std::vector<std::string> slots_;
  std::vector<const LiveCertificate*> found_;
};

bool in_slots(const DesiredCertificate& wanted, const std::string& name) {
  const auto slots = slots_of(wanted);
  return std::any_of(slots.begin(), slots.end(), [&](const std::string& slot) {
    return same(Field::CertificateName, slot, name);
  });
}

void remove_unlisted(const Subject& subject, Findings& out) {
  const auto& wanted = *subject.desired.certificates;
  for (const auto& live : *subject.live->certificates.entries) {
    const bool named = std::any_of(
        wanted.begin(), wanted.end(), [&](const auto& one) { return in_slots(one, live.name); });
    auto path = entry_path(kList, live.name, "");
    if (named || subject.ignores(path)) continue;
    auto change = field_change(Kind::Certificate,
                               live.name,
                               "",
                               std::move(path),
                               shown(live),
                               nullptr,
                               impact::certificate_removed());
    change.action = Action::Delete;
    change.destructive = true;
    change.certificate = CertificateDetail{"", live.thumbprint, live.etag, Goes::Unlisted};
    out.changes.push_back(std::move(change));
  }
}

}  // namespace

std::vector<std::string> slots_of(const DesiredCertificate& certificate) {
  if (certificate.strategy == RotationStrategy::InPlace) return {certificate.name};
  if (!certificate.slots.empty()) return certificate.slots;
  return {certificate.name, certificate.name + "-2"};
}

void compare_certificates(const Subject& subject, Findings& out) {
  if (!subject.desired.certificates) return;
  if (subject.live != nullptr && !subject.live->certificates.entries) {
    out.unseen.emplace_back(kList);
    if (const auto& refused = subject.live->certificates.refused) {
      out.warning(refused->id,
                  "the certificates could not be read and are not compared: " + refused->what,
                  refused->remedy);
    }
    return;
  }
  const auto first = out.changes.size();
  for (const auto& wanted : *subject.desired.certificates) Entry(subject, wanted, out).compare();
  if (subject.live != nullptr && subject.desired.lifecycle.certificates == Unlisted::Remove) {
    remove_unlisted(subject, out);
  }

  std::size_t count = subject.live == nullptr ? 0 : subject.live->certificates.entries->size();
  const auto before = count;
  for (auto i = first; i < out.changes.size(); ++i) {
    const auto& change = out.changes[i];
    if (change.action == Action::Create) ++count;
    if (change.action == Action::Delete) --count;
  }
  if (count > kMaxCertificates && count > before) {
    out.error(
        "LimitExceeded",
        fmt::format("{} certificates would stand; a service takes {}", count, kMaxCertificates),
        "remove certificates first");
  }
}

}  // namespace dps::plan

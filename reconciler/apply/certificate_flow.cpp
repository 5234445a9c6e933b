#include "reconciler/apply/certificate_flow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/apply/describe.hpp"
#include "reconciler/apply/rounds.hpp"
#include "reconciler/apply/translate.hpp"
#include "reconciler/arm/operation.hpp"
#include "reconciler/arm/proof.hpp"
#include "reconciler/arm/read.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/plan/guard.hpp"

namespace dps::apply {
namespace {

using plan::Action;
using plan::Change;
using plan::Goes;

/// What the manifests say of the certificates alone; whose service it is, and who may write it,
/// stays.
DesiredService certificates_of(const DesiredService& desired) {
  DesiredService only;
  only.id = desired.id;
  only.declared = desired.declared;
  only.named_owner = desired.named_owner;
  only.certificates = desired.certificates;
  only.lifecycle = desired.lifecycle;
  only.lifecycle.protect.reset();
  only.mark = desired.mark;
  return only;
}

class Certificates final : public Rounds {
 public:
  Certificates(CertificatePart part,
               const plan::ServicePlan& plan,
               const DesiredService& desired,
               const Settings& settings,
               Tools& tools,
               const Stops& stops)
      : Rounds(plan, settings, tools, stops), part_(part), desired_(certificates_of(desired)) {
    for (const auto& change : plan.changes) {
      if (change.held || !change.certificate) continue;
      planned_.insert(identity(change));
      etags_[lower(change.name)].insert(change.certificate->etag.text);
    }
  }

 private:
  // As many steps as go well; what comes in the way ends the round, and the next begins with a
  // read.
  void round() override {
    while (!over_) {
      auto live = arm::read_one(desired_, {}, tools_.arm, tools_.digester, stops_.abort);
      if (!live) return stumble(live.error());
      if (arm::in_transition(live->state)) return settle();
      if (!plan_.id_scope.empty() && live->id_scope != plan_.id_scope) return another_service();
      remember(*live);
      if (const auto& refused = live->certificates.refused) return stumble(*refused);
      if (const auto name = moved_since_the_plan(*live); !name.empty()) return moved(name);
      judge(*live);
      if (current_.service_class == plan::ServiceClass::Suspended) return end(Outcome::Suspended);
      if (!current_.errors.empty()) {
        take_problems(current_);
        return end(made_ ? Outcome::Conflict : Outcome::Blocked);
      }
      const auto due = due_changes();
      settle_pending(due);
      if (due.empty()) return finish();
      if (draining() || is_answered_by_another()) return;
      const auto& next = due.front();
      if (saved() && has_moved(next)) return moved(next.name);
      if (contested({next})) return;
      if (const auto done = make(next); done) {
        record({next}, Outcome::Rotated);
      } else if (!go_on_after(next, done.error())) {
        return;
      }
    }
  }

  std::vector<std::string> still_differing() const override {
    std::vector<std::string> names;
    for (const auto& change : due_changes()) names.push_back(subject_of(change));
    return names;
  }

  void judge(const LiveService& live) {
    current_ = plan::make_service(desired_, live, KeyFacts{}, settings_.plan, server_now());
    plan::keep_within(current_, plan_);
  }

  bool due(const Change& change) const {
    if (!is_of(part_, change) || failed_.contains(lower(change.name))) return false;
    // What an upload that was planned leaves to do is planned with it.
    if (saved() && !etags_.contains(lower(change.name))) return false;
    return is_due(change, planned_);
  }

  std::vector<Change> due_changes() const {
    std::vector<Change> out;
    for (const auto& change : current_.changes) {
      if (due(change)) out.push_back(change);
    }
    return out;
  }

  // ---- one step ----

  const DesiredCertificate* entry_of(const Change& change) const {
    for (const auto& entry : *desired_.certificates) {
      if (entry.name == change.certificate->entry) return &entry;
    }
    return nullptr;
  }

  [[nodiscard]] Result<void> make(const Change& change) {
    const auto& detail = *change.certificate;
    attempted_.insert(lower(change.name));
    if (change.action == Action::Delete) {
      step("removing certificate " + change.name);
      ++finished_.writes;
      return tools_.arm.delete_certificate(
          plan_.id, version_, change.name, detail.etag, stops_.abort);
    }
    const auto* entry = entry_of(change);
    if (entry == nullptr || !entry->content) {
      return fail(give_up("CertificateMissing", "the manifest has no content for it"));
    }
    const bool proof = entry->verification == Verification::ProofOfPossession;
    if (proof && tools_.proofs == nullptr) {
      return fail(give_up("NoSigner", "nothing here can sign the proof"));
    }
    if (proof && !tried_.contains(entry->name)) {
      step("trying the signer of " + entry->name);
      const auto tried = arm::try_signer(*entry, *tools_.proofs, server_now(), stops_.abort);
      if (!tried) return tried;
      tried_.insert(entry->name);
    }
    auto etag = detail.etag;
    if (change.action != Action::Verify || !proof) {
      const auto uploaded = upload(change, *entry);
      if (!uploaded) return fail(uploaded.error());
      if (!proof || uploaded->verified) return {};
      etag = uploaded->etag;
      if (draining()) return fail(give_up("Interrupted", "interrupted before the proof"));
    }
    return prove(change, *entry, etag);
  }

  Result<LiveCertificate> upload(const Change& change, const DesiredCertificate& entry) {
    step((change.action == Action::Verify ? "marking as verified certificate "
                                          : "uploading certificate ") +
         change.name);
    arm::CertificateUpload upload;
    upload.name = change.name;
    upload.der = entry.content->der;
    upload.verified = entry.verification == Verification::Trusted;
    if (!change.certificate->etag.text.empty()) upload.if_match = change.certificate->etag;
    ++finished_.writes;
    auto answer =
        tools_.arm.put_certificate(plan_.id, settings_.plan.capabilities, upload, stops_.abort);
    if (answer) etags_[lower(change.name)].insert(answer->etag.text);
    return answer;
  }

  [[nodiscard]] Result<void> prove(const Change& change,
                                   const DesiredCertificate& entry,
                                   const Etag& etag) {
    step("proving possession of the key of certificate " + change.name);
    finished_.writes += 2;  // the code and the proof
    const auto proved = arm::prove_possession(
        tools_.arm, plan_.id, version_, change.name, entry, etag, *tools_.proofs, stops_.abort);
    if (!proved) return fail(proved.error());
    etags_[lower(change.name)].insert(proved->etag.text);
    return {};
  }

  // True: the other certificates may go on in this round.
  bool go_on_after(const Change& change, const Error& error) {
    if (error.id == "Cancelled" || error.id == "Interrupted") {
      end(Outcome::Interrupted, error);
      return false;
    }
    if (error.next == NextMove::ReadAgain) {
      pending_.push_back(change);
      stumble(in_context("certificate " + printable(change.name, 64), error));
      return false;
    }
    failed_.insert(lower(change.name));
    finished_.errors.push_back(in_context("certificate " + printable(change.name, 64), error));
    finished_.left.push_back(describe(change) + ": it failed");
    return true;
  }

  // A step whose answer was lost was made, as far as it is no longer due.
  void settle_pending(const std::vector<Change>& due_now) {
    for (const auto& change : pending_) {
      const bool open = std::any_of(due_now.begin(), due_now.end(), [&](const Change& one) {
        return equal_ignoring_case(one.name, change.name);
      });
      if (!open) record({change}, Outcome::Rotated);
    }
    pending_.clear();
  }

  // ---- saved plans ----

  // Before the first step: does each certificate that the plan is to change stand as it did?
  std::string moved_since_the_plan(const LiveService& live) const {
    if (!saved() || !attempted_.empty()) return {};
    for (const auto& change : plan_.changes) {
      if (change.held || !is_of(part_, change)) continue;
      Etag etag;
      for (const auto& one : *live.certificates.entries) {
        if (equal_ignoring_case(one.name, change.name)) etag = one.etag;
      }
      if (etag != change.certificate->etag) return change.name;
    }
    return {};
  }

  bool has_moved(const Change& change) const {
    if (attempted_.contains(lower(change.name))) return false;
    const auto known = etags_.find(lower(change.name));
    return known == etags_.end() || !known->second.contains(change.certificate->etag.text);
  }

  void moved(const std::string& name) {
    const auto what =
        fmt::format("certificate {} was written since the plan was made", printable(name, 64));
    if (!made_) return out_of_date(what);
    end(Outcome::Conflict, {NextMove::ReadAgain, "Conflict", what, "make a new plan", 0, {}});
  }

  // ---- the ends ----

  void another_service() {
    end(Outcome::Conflict,
        give_up("Conflict",
                "another service of the same name stands here by now; it is not written",
                "the next plan judges that one"));
  }

  void finish() {
    for (const auto& change : current_.changes) {
      if (!is_of(part_, change) || due(change) || failed_.contains(lower(change.name))) continue;
      const auto why = change.held
                           ? change.held->reason
                           : std::string("it appeared after the plan; the next pass judges it");
      finished_.left.push_back(describe(change) + ": " + why);
    }
    if (!failed_.empty()) return end(Outcome::Failed);
    if (made_) return end(*made_);
    end(finished_.left.empty() ? Outcome::Unchanged : Outcome::Held);
  }

  const CertificatePart part_;
  const DesiredService desired_;
  plan::ServicePlan current_;
  std::set<std::string> planned_;
  /// By name: the etags that the plan or we know it by. A saved plan trusts no other.
  std::map<std::string, std::set<std::string>> etags_;
  std::set<std::string> tried_;      // entries whose signer can sign
  std::set<std::string> failed_;     // names
  std::set<std::string> attempted_;  // names: what stands there by now may be ours
  std::vector<Change> pending_;
};

}  // namespace

bool is_of(CertificatePart part, const plan::Change& change) {
  if (!change.certificate) return false;
  const bool revoked = change.certificate->goes == Goes::Revoked;
  const bool removal = change.action == Action::Delete;
  switch (part) {
    case CertificatePart::Revoked:
      return revoked;
    case CertificatePart::Wanted:
      return !removal;
    case CertificatePart::Removals:
      return removal && !revoked;
  }
  return false;
}

Finished run_certificates(CertificatePart part,
                          const plan::ServicePlan& plan,
                          const DesiredService& desired,
                          const Settings& settings,
                          Tools& tools,
                          const Stops& stops) {
  return Certificates(part, plan, desired, settings, tools, stops).run();
}

}  // namespace dps::apply

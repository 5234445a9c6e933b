#include "reconciler/apply/service_flow.hpp"

#include <algorithm>
#include <utility>

#include "reconciler/apply/certificate_flow.hpp"
#include "reconciler/apply/describe.hpp"
#include "reconciler/apply/document_flow.hpp"
#include "reconciler/apply/remove_flow.hpp"

namespace dps::apply {
namespace {

using plan::Change;

bool is_problem(Outcome outcome) {
  switch (outcome) {
    case Outcome::Created:
    case Outcome::Updated:
    case Outcome::Rotated:
    case Outcome::Adopted:
    case Outcome::Released:
    case Outcome::Deleted:
    case Outcome::Unchanged:
    case Outcome::Held:
      return false;
    default:
      return true;
  }
}

/// The outcome of the whole, by what its parts came to: trouble first, then what was made.
Outcome together(Outcome earlier, Outcome later) {
  if (is_problem(earlier)) return earlier;
  if (is_problem(later)) return later;
  const auto quiet = [](Outcome one) { return one == Outcome::Unchanged || one == Outcome::Held; };
  if (quiet(later)) return earlier == Outcome::Unchanged ? later : earlier;
  if (quiet(earlier)) return later;
  return earlier == Outcome::Created ? earlier : later;
}

template <class Value>
void append(std::vector<Value>& to, std::vector<Value>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void add(Finished& whole, Finished part) {
  whole.outcome = together(whole.outcome, part.outcome);
  append(whole.done, part.done);
  append(whole.made, part.made);
  append(whole.left, part.left);
  append(whole.moved, part.moved);
  append(whole.notices, part.notices);
  append(whole.errors, part.errors);
  if (!part.id_scope.empty()) whole.id_scope = std::move(part.id_scope);
  if (!part.device_host.empty()) whole.device_host = std::move(part.device_host);
  if (!part.service_host.empty()) whole.service_host = std::move(part.service_host);
  whole.writes += part.writes;
  whole.attempts = std::max(whole.attempts, part.attempts);
  whole.window = std::max(whole.window, part.window);
  whole.took += part.took;
}

/// One service, part by part.
class Parts {
 public:
  Parts(const plan::ServicePlan& plan,
        const DesiredService& desired,
        const KeyFacts& keys,
        const Settings& settings,
        Tools& tools,
        const Stops& stops)
      : plan_(plan),
        desired_(desired),
        keys_(keys),
        settings_(settings),
        tools_(tools),
        stops_(stops) {
    whole_.id = plan.id;
    whole_.id_scope = plan.id_scope;
  }

  Finished run() {
    certificates(CertificatePart::Revoked);
    document();
    certificates(CertificatePart::Wanted);
    certificates(CertificatePart::Removals);
    return std::move(whole_);
  }

 private:
  void document() {
    auto alone = plan_;
    std::erase_if(alone.changes, [](const Change& change) { return change.certificate; });
    if (!alone.has_work()) return tell_held(alone.changes);
    if (stopped()) return tell_left(alone.changes);
    auto desired = desired_;
    desired.certificates.reset();
    add(whole_, run_document(alone, desired, keys_, settings_, tools_, stops_));
  }

  void certificates(CertificatePart part) {
    std::vector<Change> changes;
    std::copy_if(plan_.changes.begin(),
                 plan_.changes.end(),
                 std::back_inserter(changes),
                 [&](const Change& change) { return is_of(part, change); });
    if (changes.empty()) return;
    const bool work = std::any_of(
        changes.begin(), changes.end(), [](const Change& change) { return !change.held; });
    if (!work) return tell_held(changes);
    if (stopped(part)) return tell_left(changes);
    auto plan = plan_;
    plan.id_scope = whole_.id_scope;  // of the service that was just made
    add(whole_, run_certificates(part, plan, desired_, settings_, tools_, stops_));
  }

  bool stopped() const { return is_problem(whole_.outcome); }

  bool stopped(CertificatePart part) const {
    const bool keys_alone = whole_.outcome == Outcome::Blocked && whole_.errors.size() == 1 &&
                            whole_.errors.front().id == "KeysUnreadable";
    return stopped() && !(keys_alone && part == CertificatePart::Wanted);
  }

  void tell_held(const std::vector<Change>& changes) {
    for (const auto& change : changes) {
      if (!change.held) continue;
      whole_.left.push_back(describe(change) + ": " + change.held->reason);
      whole_.outcome = together(whole_.outcome, Outcome::Held);
    }
  }

  void tell_left(const std::vector<Change>& changes) {
    for (const auto& change : changes) {
      whole_.left.push_back(
          describe(change) + ": " +
          (change.held ? change.held->reason : "not begun, as what comes before it failed"));
    }
  }

  const plan::ServicePlan& plan_;
  const DesiredService& desired_;
  const KeyFacts& keys_;
  const Settings& settings_;
  Tools& tools_;
  const Stops& stops_;
  Finished whole_;
};

}  // namespace

Finished run_service(const plan::ServicePlan& plan,
                     const DesiredService* desired,
                     const KeyFacts& keys,
                     const Settings& settings,
                     Tools& tools,
                     const Stops& stops) {
  if (plan.service_class == plan::ServiceClass::Delete || desired == nullptr) {
    return run_removal(plan, desired, settings, tools, stops);
  }
  return Parts(plan, *desired, keys, settings, tools, stops).run();
}

}  // namespace dps::apply

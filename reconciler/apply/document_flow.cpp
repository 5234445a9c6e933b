#include "reconciler/apply/document_flow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/apply/comes_to.hpp"
#include "reconciler/apply/describe.hpp"
#include "reconciler/apply/forget.hpp"
#include "reconciler/apply/rounds.hpp"
#include "reconciler/apply/translate.hpp"
#include "reconciler/arm/operation.hpp"
#include "reconciler/arm/read.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/plan/guard.hpp"
#include "reconciler/plan/policy_diff.hpp"

namespace dps::apply {
namespace {

using plan::Change;
using plan::ServiceClass;
using plan::ServicePlan;

class Convergence final : public Rounds {
 public:
  Convergence(const ServicePlan& plan,
              const DesiredService& desired,
              const KeyFacts& keys,
              const Settings& settings,
              Tools& tools,
              const Stops& stops)
      : Rounds(plan, settings, tools, stops),
        desired_(desired),
        keys_(keys.of(plan.id)),
        current_(plan),
        id_scope_(plan.id_scope),
        exists_(plan.service_class != ServiceClass::Create) {
    for (const auto& change : plan.changes) {
      if (!change.held) planned_.insert(identity(change));
    }
    tags_plan_ = is_tags_only(due_changes(plan));
  }

 private:
  void round() override { exists_ ? update() : create(); }

  std::vector<std::string> still_differing() const override {
    std::vector<std::string> fields;
    for (const auto& change : due_changes(current_)) fields.push_back(subject_of(change));
    return fields;
  }

  // ---- judging ----

  bool due(const Change& change) const {
    if (saved() && !planned_.contains(identity(change))) return false;
    return is_due(change, planned_);
  }

  std::vector<Change> due_changes(const ServicePlan& plan) const {
    std::vector<Change> out;
    std::copy_if(plan.changes.begin(),
                 plan.changes.end(),
                 std::back_inserter(out),
                 [&](const Change& change) { return due(change); });
    return out;
  }

  // The difference, made again. Policies as far as they were read just now.
  void judge(LiveService live, const std::optional<std::vector<arm::PolicyWithKeys>>& policies) {
    auto etag = live.etag;
    if (policies) {
      live.policies.entries.emplace();
      for (const auto& policy : *policies) {
        live.policies.entries->push_back(arm::without_keys(policy, tools_.digester));
      }
    }
    current_ = plan::make_service(desired_, live, keys_, settings_.plan, server_now());
    current_.etag = std::move(etag);
    // Removals that the guards have not seen are held, and leave no trace in the bookkeeping.
    plan::keep_within(current_, plan_);
  }

  bool is_forbidden() const {
    return current_.service_class == ServiceClass::Blocked ||
           current_.service_class == ServiceClass::Failed;
  }

  // The plan with only the changes that this flow may make.
  ServicePlan restricted(ServicePlan plan) const {
    std::erase_if(plan.changes, [&](const Change& change) { return !due(change); });
    return plan;
  }

  Secrets secrets() {
    return {[this](const ServiceId& id, const DesiredHub& hub) -> Result<ConnectionString> {
              auto connection = arm::hub_connection(
                  hub.host_name, *hub.credential, tools_.arm, tools_.secrets, stops_.abort);
              // What is sent is what the next comparison must expect.
              if (connection) {
                keys_.hubs[{id, lower(hub.host_name)}] = {hub_fingerprint(id, *connection), {}};
                sent_.insert(host_digest(hub.host_name));
              }
              return connection;
            },
            [this](const SecretReference& reference) {
              return tools_.secrets.read(reference, stops_.abort);
            }};
  }

  // ---- create ----

  void create() {
    auto create = to_create(current_, desired_, secrets());
    if (!create) return stumble(create.error());
    if (draining() || is_answered_by_another()) return;
    step("creating");
    auto reached = arm::Reached::Nothing;
    const auto live = arm::create_service(tools_.arm, version_, *create, stops_.abort, &reached);
    count_write(reached);
    if (live) {
      record(due_changes(current_), Outcome::Created);
      exists_ = true;
      id_scope_ = live->id_scope;
      remember(*live);
      return look_again(*live, {});
    }
    const auto& error = live.error();
    if (error.id == "AlreadyExists") {
      if (saved()) return out_of_date("the service exists by now");
      exists_ = true;
      return stumble(error);
    }
    const bool lost = is_lost(error, reached);
    stumble(lost ? read_again(error) : error);
    if (over_ || !lost) return;
    // Ours or another's: the live state decides. Begun anew only if that says that nothing is
    // there, and never after ARM had taken it.
    const auto there = tools_.arm.get_service(plan_.id, version_, stops_.abort);
    exists_ = there.has_value() || there.error().id != "ServiceNotFound";
    if (exists_) {
      pending_ = due_changes(current_);
      pending_outcome_ = Outcome::Created;
    } else if (reached == arm::Reached::Begun) {
      end(Outcome::Failed, error);
    }
  }

  // ---- update, adoption, release ----

  void update() {
    auto fresh = read();
    if (!fresh) return stumble(fresh.error());
    const auto& live = fresh->live;
    if (arm::in_transition(live.state)) return settle();
    if (!id_scope_.empty() && live.id_scope != id_scope_) return another_service(live);
    id_scope_ = live.id_scope;
    remember(live);

    auto changes = due_changes(current_);
    // What the plan did not see and we do belongs to what is written: else its revision would stay
    // that of an earlier write, and what drifts later would be called a change of the manifests.
    const bool sees_more = !saved() && fresh->policies && !plan::sees_policies(current_);
    if (live.etag != current_.etag || !first_round() || sees_more) {
      if (saved() && live.etag != plan_.etag && pending_.empty() && !made_) {
        return out_of_date("the service was written since the plan was made");
      }
      if (!fresh->policies && desired_.policies && !keys_denied_) {
        with_keys_ = true;  // else what others did to the policies would not be seen
        return;
      }
      judge(live, fresh->policies);
      changes = due_changes(current_);
      settle_pending(changes);
      if (is_forbidden()) return forbidden();
      if (current_.service_class == ServiceClass::Suspended) return end(Outcome::Suspended);
      if (changes.empty()) return converged(current_);
      if (saved() && live.etag != plan_.etag && !plan_.etag.text.empty()) {
        return out_of_date("the service was written while the saved plan was applied");
      }
      if (contested(changes)) return;
    }

    auto write = is_release(changes)
                     ? Result<arm::ServiceWrite>(to_release(live))
                     : to_update(restricted(current_), desired_, live, planned_, secrets());
    if (!write) return stumble(write.error());
    if (write->empty()) return converged(current_);
    if (!write->only_tags() && !fresh->policies) {
      if (keys_denied_) return stumble(*keys_denied_);
      with_keys_ = true;
      current_.etag = {};
      return;
    }
    if (!draining() && !is_answered_by_another()) send(*std::move(fresh), *write, changes);
  }

  // Keys are read when a PUT is likely. Where they may not be read, tags alone can still go.
  Result<arm::FreshService> read() {
    const bool blind = !saved() && !plan::sees_policies(plan_);
    const bool without = keys_denied_ || (tags_plan_ && first_round() && !with_keys_ && !blind);
    const auto need = without ? arm::Keys::NotNeeded : arm::Keys::Needed;
    const std::optional<Etag> known =
        current_.etag.text.empty() ? std::nullopt : std::optional(current_.etag);
    auto fresh = arm::read_for_write(tools_.arm, plan_.id, version_, need, known, stops_.abort);
    if (fresh || fresh.error().id != "KeysUnreadable" || !tags_plan_) return fresh;
    keys_denied_ = fresh.error();
    return arm::read_for_write(
        tools_.arm, plan_.id, version_, arm::Keys::NotNeeded, known, stops_.abort);
  }

  void another_service(const LiveService& live) {
    end(Outcome::Conflict,
        give_up("Conflict",
                fmt::format("idScope moved: {} stands here by now and not {}, which is another "
                            "service of the same name; it is not written",
                            live.id_scope.empty() ? "none" : printable(live.id_scope, 60),
                            printable(id_scope_, 60)),
                "find out who deleted the service and made another; the next plan judges that "
                "one"));
  }

  void forbidden() {
    take_problems(current_);
    end(made_ ? Outcome::Conflict : Outcome::Blocked);
  }

  // A write whose answer was lost was made, as far as its changes are no longer due.
  void settle_pending(const std::vector<Change>& due_now) {
    std::set<std::string> open;
    for (const auto& change : due_now) open.insert(identity(change));
    std::vector<Change> made;
    std::copy_if(pending_.begin(), pending_.end(), std::back_inserter(made), [&](const auto& one) {
      return !open.contains(identity(one));
    });
    pending_.clear();
    if (!made.empty()) record(made, pending_outcome_);
  }

  void send(arm::FreshService fresh,
            const arm::ServiceWrite& write,
            const std::vector<Change>& changes) {
    step(changes.size() == 1 ? "updating (1 change)"
                             : fmt::format("updating ({} changes)", changes.size()));
    const auto stood_at = fresh.live.etag;
    auto reached = arm::Reached::Nothing;
    const auto outcome =
        arm::write_service(tools_.arm, std::move(fresh), write, stops_.abort, &reached);
    count_write(reached);
    if (!outcome) {
      current_.etag = {};
      const auto& error = outcome.error();
      if (is_lost(error, reached)) {
        pending_ = changes;
        pending_outcome_ = outcome_of(changes);
        return stumble(read_again(error));
      }
      if (error.next == NextMove::ReadAgain) return stumble(error);
      if (reached == arm::Reached::Begun && error.id != "Cancelled") return after_failure(error);
      if (error.http_status == 400 && moved_since(stood_at)) {
        // What was laid over the old document does not fit the new one: a hub that is gone by now.
        return stumble(read_again(error));
      }
      return stumble(error);
    }
    finished_.window = std::max(finished_.window, outcome->window);
    if (outcome->unclear && !outcome->moved.not_taken.empty()) {
      // No poll said that it succeeded, and what was sent is not there: it failed.
      auto why = *outcome->unclear;
      return after_failure(
          {NextMove::WaitForOthers,
           "OperationFailed",
           "the write was accepted and is not there; the operation said: " + why.what,
           "look at the service's activity log in the portal",
           why.http_status,
           why.request_id});
    }
    settings_.plan.resend_keys = false;  // they have been
    record(changes, outcome_of(changes));
    remember(outcome->after);
    for (const auto& field : outcome->moved.fields) finished_.moved.push_back(field);
    for (const auto& tag : outcome->moved.foreign_tags) {
      finished_.notices.push_back(printable(tag, 160) + " of others changed meanwhile");
    }
    look_again(outcome->after, outcome->moved.not_taken);
  }

  bool moved_since(const Etag& etag) {
    const auto live = tools_.arm.get_service(plan_.id, version_, stops_.abort);
    return live ? live->etag != etag : live.error().id == "ServiceNotFound";
  }

  // Is what was just written there, and nothing else to do? `not_taken`: ours, and not as sent;
  // policies among it, which only a round with keys can judge.
  void look_again(const LiveService& after, const std::vector<std::string>& not_taken) {
    if (after.id_scope != id_scope_) return another_service(after);
    judge(after, std::nullopt);
    const auto left = due_changes(current_);
    if (is_forbidden()) return forbidden();
    if (left.empty() && not_taken.empty()) {
      // Of the plan's changes some may be held: they are said with the plan's own reasons.
      auto said = plan_;
      std::erase_if(said.changes, [&](const Change& change) { return !change.held; });
      for (const auto& change : current_.changes) {
        // Held here and not in the plan: it appeared since, and no guard has seen it.
        const bool appeared = !change.held || change.held->id == plan::kNotJudgedHold;
        if (appeared && !due(change)) said.changes.push_back(change);
      }
      return converged(said);
    }
    if (saved()) {
      auto fields = not_taken;
      for (const auto& change : left) fields.push_back(subject_of(change));
      return second_writer(fields);
    }
    current_.etag = {};
    contested(left);
  }

  // ---- the ends ----

  void note_left(const ServicePlan& plan) {
    for (const auto& change : plan.changes) {
      if (due(change)) continue;
      const auto why = change.held
                           ? change.held->reason
                           : std::string("it appeared after the plan; the next pass judges it");
      const auto line = describe(change) + ": " + why;
      if (std::find(finished_.left.begin(), finished_.left.end(), line) == finished_.left.end()) {
        finished_.left.push_back(line);
      }
    }
  }

  void second_writer(const std::vector<std::string>& fields) {
    end(Outcome::Conflict,
        {NextMove::ReadAgain,
         "Conflict",
         "a second writer moved " + join(fields, ", ") + " during our write",
         "see who else writes this service; the next plan shows what is live",
         0,
         {}});
  }

  // Nothing is left to do: how did it come out?
  void converged(const ServicePlan& plan) {
    note_left(plan);
    if (!finished_.moved.empty()) return second_writer(finished_.moved);
    if (made_) return end(*made_);
    end(finished_.left.empty() ? Outcome::Unchanged : Outcome::Held);
  }

  // The operation ran and failed: what stuck? The fingerprints that went with it are not believed.
  void after_failure(const Error& error) {
    finished_.errors.push_back(error);
    settings_.plan.distrusted_keys.insert(plan_.id.key());
    const auto live =
        tools_.arm.wait_until_settled(plan_.id, version_, settings_.timeout, stops_.abort);
    if (live) {
      judge(*live, std::nullopt);
      for (const auto& change : due_changes(current_)) {
        finished_.left.push_back(describe(change) + ": the operation failed");
      }
      auto forgotten =
          forget_fingerprints(tools_.arm, *live, sent_, settings_.timeout, stops_.abort);
      finished_.writes += forgotten.writes;
      if (forgotten.error) finished_.errors.push_back(*std::move(forgotten.error));
    }
    end(Outcome::Failed);
  }

  const DesiredService& desired_;
  KeyFacts keys_;
  ServicePlan current_;   // the plan, or the difference as it was last made
  std::string id_scope_;  // of the service that is meant
  std::set<std::string> planned_;
  std::set<std::string> sent_;   // host digests of the connection strings that were sent
  std::vector<Change> pending_;  // sent, and the answer was lost
  Outcome pending_outcome_ = Outcome::Updated;
  bool exists_;
  bool tags_plan_ = false;  // the plan needs no PUT
  bool with_keys_ = false;  // a round found that tags alone will not do
  std::optional<Error> keys_denied_;
};

}  // namespace

Finished run_document(const ServicePlan& plan,
                      const DesiredService& desired,
                      const KeyFacts& keys,
                      const Settings& settings,
                      Tools& tools,
                      const Stops& stops) {
  return Convergence(plan, desired, keys, settings, tools, stops).run();
}

}  // namespace dps::apply

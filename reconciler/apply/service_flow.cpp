#include "reconciler/apply/service_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "reconciler/apply/translate.hpp"
#include "reconciler/arm/operation.hpp"
#include "reconciler/arm/read.hpp"
#include "reconciler/arm/write_service.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/bookkeeping.hpp"

namespace dps::apply {
namespace {

using plan::Action;
using plan::Change;
using plan::Kind;
using plan::ServiceClass;
using plan::ServicePlan;

constexpr int kMostRounds = 5;
constexpr int kContested = 3;
constexpr Duration kPause = std::chrono::milliseconds{500};

std::string shown(const Json& value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>(), 60);
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : value) {
      if (item.is_object())
        return value.size() == 1 ? "1 entry" : fmt::format("{} entries", value.size());
      items.push_back(shown(item));
    }
    return "[" + join(items, ", ") + "]";
  }
  return printable(canonical_text(value), 120);
}

/// The facts of one service only, so that a flow may correct them as it sends keys.
KeyFacts of_service(const KeyFacts& all, const ServiceId& id) {
  KeyFacts mine;
  const auto copy = [&](const auto& from, auto& to) {
    for (auto at = from.lower_bound({id, ""}); at != from.end() && at->first.first == id; ++at) {
      to.insert(*at);
    }
  };
  copy(all.hubs, mine.hubs);
  copy(all.primary_keys, mine.primary_keys);
  copy(all.secondary_keys, mine.secondary_keys);
  return mine;
}

class Flow {
 public:
  Flow(const ServicePlan& plan,
       const DesiredService* desired,
       const KeyFacts& keys,
       const Settings& settings,
       Tools& tools,
       const Stops& stops)
      : plan_(plan),
        desired_(desired),
        keys_(of_service(keys, plan.id)),
        settings_(settings),
        tools_(tools),
        stops_(stops),
        version_(settings.plan.capabilities.version),
        current_(plan) {
    finished_.id = plan.id;
    finished_.id_scope = plan.id_scope;
    for (const auto& change : plan.changes) {
      if (!change.held) planned_.insert(identity(change));
    }
  }

  Finished run() {
    const auto begun = tools_.arm.clock().now();
    for (int round = 1; !over_; ++round) {
      if (stops_.drain.stop_requested()) {
        end(Outcome::Interrupted,
            give_up("Interrupted", "interrupted before the write", "run it again"));
        break;
      }
      if (round > kMostRounds) {
        conflict();
        break;
      }
      finished_.attempts = static_cast<std::size_t>(round);
      if (round > 1) {
        const auto spread = kPause * (round - 1) * (1.0 + tools_.jitter());
        tools_.arm.clock().sleep(std::chrono::duration_cast<Duration>(spread), stops_.drain);
      }
      if (plan_.service_class == ServiceClass::Delete) {
        remove_round();
      } else if (plan_.service_class == ServiceClass::Create && !exists_) {
        create_round();
      } else {
        update_round();
      }
    }
    finished_.took = std::chrono::duration_cast<Duration>(tools_.arm.clock().now() - begun);
    return std::move(finished_);
  }

 private:
  void step(std::string what) const {
    if (tools_.step) tools_.step({plan_.id, std::move(what)});
  }

  void end(Outcome outcome) {
    finished_.outcome = outcome;
    over_ = true;
  }
  void end(Outcome outcome, Error error) {
    finished_.errors.push_back(std::move(error));
    end(outcome);
  }

  // What came in the way of a round: another round, or the end.
  void stumble(const Error& error) {
    if (error.id == "Cancelled" || error.id == "Interrupted")
      return end(Outcome::Interrupted, error);
    if (error.id == "KeysUnreadable") return end(Outcome::Blocked, error);
    const bool again = error.next == NextMove::ReadAgain;
    if (!again) return end(Outcome::Failed, error);
    last_stumble_ = error;
    if (error.id == "InTransition" || error.id == "OperationTimeout" || error.id == "LostAnswer")
      settle();
  }

  // Azure is at work on the service: wait, within the time that one operation may take.
  void settle() {
    step("in transition, waiting");
    const auto live =
        tools_.arm.wait_until_settled(plan_.id, version_, settings_.timeout, stops_.abort);
    if (live || live.error().id == "ServiceNotFound") return;
    if (live.error().id == "InTransition") return end(Outcome::InTransition, live.error());
    if (live.error().id == "Cancelled") return end(Outcome::Interrupted, live.error());
    // Anything else shows itself in the next round's own read.
  }

  bool saved() const { return settings_.origin == Origin::Saved; }

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

  // Nothing is left to do: how did it come out?
  void converged(const ServicePlan& plan) {
    note_left(plan);
    if (!finished_.moved.empty()) {
      return end(Outcome::Conflict,
                 {NextMove::ReadAgain,
                  "Conflict",
                  "a second writer moved " + join(finished_.moved, ", ") + " during our write",
                  "see who else writes this service; the next plan shows what is live",
                  0,
                  {}});
    }
    if (made_) return end(*made_);
    end(finished_.left.empty() ? Outcome::Unchanged : Outcome::Held);
  }

  void conflict() {
    std::vector<std::string> fields = finished_.moved;
    for (const auto& change : due_changes(current_)) fields.push_back(change.path);
    const auto what = fields.empty() ? std::string("the service never held still")
                                     : "after " + std::to_string(kMostRounds) +
                                           " rounds these still differ: " + join(fields, ", ");
    Error error{NextMove::ReadAgain, "Conflict", what, "see who else writes this service", 0, {}};
    if (last_stumble_) {
      error.what += "; last: " + last_stumble_->what;
      error.request_id = last_stumble_->request_id;
    }
    end(Outcome::Conflict, std::move(error));
  }

  // Counts what was just written; true when something has been written so often that somebody must
  // be putting it back.
  bool contested(const std::vector<Change>& again) {
    std::vector<std::string> fields;
    for (const auto& change : again) {
      if (written_[identity(change)] >= kContested) fields.push_back(change.path);
    }
    if (fields.empty()) return false;
    end(Outcome::Contested,
        {NextMove::WaitForOthers,
         "Contested",
         fmt::format("{} came back {} times after it was written", join(fields, ", "), kContested),
         "find out who else writes it, or name it in lifecycle.ignore",
         0,
         {}});
    return true;
  }

  void record(const std::vector<Change>& changes, Outcome outcome) {
    for (const auto& change : changes) {
      ++written_[identity(change)];
      const auto line = describe(change);
      if (std::find(finished_.done.begin(), finished_.done.end(), line) == finished_.done.end()) {
        finished_.done.push_back(line);
      }
    }
    if (!made_) made_ = outcome;
  }

  void remember(const LiveService& live) {
    finished_.id_scope = live.id_scope;
    finished_.device_host = live.device_host;
    finished_.service_host = live.service_host;
  }

  // The difference, made again. Policies as far as they were read just now.
  ServicePlan judge(LiveService live,
                    const std::optional<std::vector<arm::PolicyWithKeys>>& policies,
                    WallTime now) const {
    if (policies) {
      live.policies.entries.emplace();
      for (const auto& policy : *policies) {
        live.policies.entries->push_back(arm::without_keys(policy, tools_.digester));
      }
    }
    return plan::make_service(*desired_, live, keys_, settings_.plan, now);
  }

  // ---- create ----

  void create_round() {
    auto create = to_create(current_, *desired_, secrets());
    if (!create) return stumble(create.error());
    step("creating");
    ++finished_.writes;
    const auto live = arm::create_service(tools_.arm, version_, *create, stops_.abort);
    if (live) {
      record(due_changes(current_), Outcome::Created);
      remember(*live);
      exists_ = true;
      return look_again(*live);
    }
    const auto& error = live.error();
    if (error.id == "AlreadyExists") --finished_.writes;  // nothing was sent
    if (error.id == "AlreadyExists" || error.id == "LostAnswer" || error.id == "OperationTimeout") {
      // Ours or another's: the live state decides. A create that was lost is begun anew only if the
      // next look still says that nothing is there.
      if (saved() && error.id == "AlreadyExists" && finished_.writes == 0) {
        return end(Outcome::OutOfDate,
                   give_up("OutOfDate", "the service exists by now", "make a new plan"));
      }
      stumble(error);
      if (over_) return;
      const auto there = tools_.arm.get_service(plan_.id, version_, stops_.abort);
      exists_ = there.has_value() || there.error().id != "ServiceNotFound";
      if (exists_ && error.id != "AlreadyExists") record(due_changes(current_), Outcome::Created);
      return;
    }
    stumble(error);
  }

  // ---- update, adoption, release ----

  void update_round() {
    const bool first = finished_.attempts == 1;
    auto changes = due_changes(current_);
    const bool tags_only = std::all_of(changes.begin(), changes.end(), [](const Change& change) {
      return change.kind == Kind::Tag || change.action == Action::Adopt ||
             change.action == Action::Release || change.field == "lifecycle.protect";
    });
    const auto need = tags_only && first ? arm::Keys::NotNeeded : arm::Keys::Needed;
    const std::optional<Etag> known =
        current_.etag.text.empty() ? std::nullopt : std::optional(current_.etag);
    auto fresh = arm::read_for_write(tools_.arm, plan_.id, version_, need, known, stops_.abort);
    if (!fresh) return stumble(fresh.error());
    if (arm::in_transition(fresh->live.state)) {
      return settle();
    }
    remember(fresh->live);

    if (fresh->live.etag != current_.etag || !first) {
      if (saved() && first) {
        return end(
            Outcome::OutOfDate,
            give_up(
                "OutOfDate", "the service was written since the plan was made", "make a new plan"));
      }
      current_ = judge(fresh->live, fresh->policies, tools_.arm.clock().wall());
      current_.etag = fresh->live.etag;
      if (current_.service_class == ServiceClass::Blocked ||
          current_.service_class == ServiceClass::Failed) {
        for (const auto& problem : current_.errors) {
          finished_.errors.push_back(give_up(problem.id, problem.message, problem.remedy));
        }
        return end(Outcome::Blocked);
      }
      if (current_.service_class == ServiceClass::Suspended) return end(Outcome::Suspended);
      changes = due_changes(current_);
      if (changes.empty()) return converged(current_);
      if (contested(changes)) return;
    }

    auto write = is_release(changes)
                     ? Result<arm::ServiceWrite>(to_release(fresh->live))
                     : to_update(restricted(current_), *desired_, fresh->live, planned_, secrets());
    if (!write) return stumble(write.error());
    if (write->empty()) return converged(current_);
    if (!write->only_tags() && !fresh->policies) {
      current_.etag = {};  // what was tags alone is more by now: read again, with the keys
      return;
    }
    if (stops_.drain.stop_requested()) return;

    step(changes.size() == 1 ? "updating (1 change)"
                             : fmt::format("updating ({} changes)", changes.size()));
    ++finished_.writes;
    const auto before = fresh->live;
    const auto outcome = arm::write_service(tools_.arm, std::move(*fresh), *write, stops_.abort);
    if (!outcome) {
      current_.etag = {};
      if (is_failed_operation(outcome.error())) return after_failure(outcome.error());
      return stumble(outcome.error());
    }
    finished_.window = std::max(finished_.window, outcome->window);
    record(changes, outcome_of(changes));
    remember(outcome->after);
    for (const auto& field : outcome->moved.fields) finished_.moved.push_back(field);
    for (const auto& tag : outcome->moved.foreign_tags) {
      finished_.notices.push_back("the tag " + printable(tag, 80) + " of others changed meanwhile");
    }
    look_again(outcome->after);
  }

  // Is what was just written there, and nothing else to do?
  void look_again(const LiveService& after) {
    current_ = judge(after, std::nullopt, tools_.arm.clock().wall());
    current_.etag = after.etag;
    const auto left = due_changes(current_);
    if (left.empty()) {
      // Of the plan's changes some may be held: they are said with the plan's own reasons.
      auto said = plan_;
      std::erase_if(said.changes, [&](const Change& change) { return !change.held; });
      for (const auto& change : current_.changes) {
        if (!change.held && !due(change)) said.changes.push_back(change);
      }
      return converged(said);
    }
    current_.etag = {};
    contested(left);
  }

  static bool is_failed_operation(const Error& error) {
    return error.what.find("writing: ") == 0 && error.next != NextMove::ReadAgain &&
           (error.id == "OperationFailed" || error.id == "HubNotFound");
  }

  // The operation ran and failed: what stuck? The fingerprints that went with it are not believed.
  void after_failure(const Error& error) {
    finished_.errors.push_back(error);
    settings_.plan.distrusted_keys.insert(plan_.id.key());
    const auto fresh = arm::read_for_write(
        tools_.arm, plan_.id, version_, arm::Keys::NotNeeded, std::nullopt, stops_.abort);
    if (fresh && !arm::in_transition(fresh->live.state)) {
      auto book = read_bookkeeping(fresh->live.tags);
      const auto known = book.fingerprints.size();
      for (const auto& host : sent_) book.fingerprints.erase(host);
      const auto stuck = judge(fresh->live, std::nullopt, tools_.arm.clock().wall());
      for (const auto& change : stuck.changes) {
        if (!change.held) finished_.left.push_back(describe(change) + ": the operation failed");
      }
      if (book.fingerprints.size() != known) {
        // Else the next pass would take the key for sent.
        arm::ServiceWrite forget;
        const auto tags = bookkeeping_tags(book);
        for (const auto& [name, value] : tags) forget.tags_set[name] = value;
        for (const auto& [name, value] : fresh->live.tags) {
          if (is_bookkeeping_tag(name) && !tags.contains(name)) forget.tags_removed.push_back(name);
        }
        ++finished_.writes;
        if (const auto forgotten = arm::write_service(tools_.arm, *fresh, forget, stops_.abort);
            !forgotten) {
          finished_.errors.push_back(
              in_context("forgetting the fingerprints of keys that may not have been taken",
                         forgotten.error()));
        }
      }
    }
    end(Outcome::Failed);
  }

  static bool is_release(const std::vector<Change>& changes) {
    return !changes.empty() && changes.front().action == Action::Release;
  }

  static Outcome outcome_of(const std::vector<Change>& changes) {
    if (is_release(changes)) return Outcome::Released;
    const bool adopts = std::all_of(changes.begin(), changes.end(), [](const Change& change) {
      return change.action == Action::Adopt;
    });
    return adopts ? Outcome::Adopted : Outcome::Updated;
  }

  // The plan with only the changes that this flow may make.
  ServicePlan restricted(ServicePlan plan) const {
    std::erase_if(plan.changes, [&](const Change& change) { return !due(change); });
    return plan;
  }

  // ---- delete ----

  void remove_round() {
    const auto live = tools_.arm.get_service(plan_.id, version_, stops_.abort);
    if (!live) {
      if (live.error().id == "ServiceNotFound") {
        if (finished_.writes > 0) record(plan_.changes, Outcome::Deleted);
        return converged(ServicePlan{});
      }
      return stumble(live.error());
    }
    if (arm::in_transition(live->state) && live->state != "Deleting") return settle();
    if (live->etag != plan_.etag) {
      if (saved() && finished_.writes == 0) {
        return end(
            Outcome::OutOfDate,
            give_up(
                "OutOfDate", "the service was written since the plan was made", "make a new plan"));
      }
      // Written since the plan: it may be another service of the same name, or protected by now.
      if (const auto refusal = no_longer_to_go(*live); !refusal.empty()) {
        return end(Outcome::Blocked, give_up("MovedBeforeDelete", refusal, "make a new plan"));
      }
    }
    if (stops_.drain.stop_requested()) return;
    step("deleting");
    ++finished_.writes;
    const auto removed = arm::remove_service(
        tools_.arm, plan_.id, version_, {live->etag, live->id_scope}, stops_.abort);
    if (!removed) return stumble(removed.error());
    record(plan_.changes, Outcome::Deleted);
    end(Outcome::Deleted);
  }

  std::string no_longer_to_go(const LiveService& live) const {
    if (live.id_scope != plan_.id_scope) {
      return fmt::format(
          "its id scope is {} by now, the plan was to delete {}", live.id_scope, plan_.id_scope);
    }
    const auto book = read_bookkeeping(live.tags);
    if (book.protect) return "it is protected by now";
    const bool prune = desired_ == nullptr;
    if (book.owner != settings_.plan.owner && (prune || book.owner.has_value())) {
      return "its owner tag says \"" + printable(book.owner.value_or(""), 60) + "\" by now";
    }
    return {};
  }

  const ServicePlan& plan_;
  const DesiredService* desired_;
  KeyFacts keys_;
  Settings settings_;
  Tools& tools_;
  const Stops& stops_;
  const std::string version_;
  ServicePlan current_;  // the plan, or the difference as it was last made
  std::set<std::string> planned_;
  std::set<std::string> sent_;  // host digests of the connection strings that were sent
  std::map<std::string, int> written_;
  std::optional<Outcome> made_;
  std::optional<Error> last_stumble_;
  bool exists_ = false;
  bool over_ = false;
  Finished finished_;
};

}  // namespace

std::string describe(const Change& change) {
  const auto what = change.path.empty()
                        ? std::string(word(change.kind)) + " " + printable(change.name, 80)
                        : printable(change.path, 160);
  if (change.secret) return "~ " + what + " (secret, changed)";
  switch (change.action) {
    case Action::Create:
      return "+ " + what + (change.after.is_string() ? " " + shown(change.after) : "");
    case Action::Delete:
      return "- " + what;
    case Action::Adopt:
      return "= " + what + " adopted";
    case Action::Release:
      return "= " + what + " released";
    case Action::Rotate:
    case Action::Verify:
      return "↻ " + what;
    case Action::Update:
      break;
  }
  return fmt::format("~ {} {} → {}", what, shown(change.before), shown(change.after));
}

Finished run_service(const ServicePlan& plan,
                     const DesiredService* desired,
                     const KeyFacts& keys,
                     const Settings& settings,
                     Tools& tools,
                     const Stops& stops) {
  return Flow(plan, desired, keys, settings, tools, stops).run();
}

}  // namespace dps::apply

#include "reconciler/apply/rounds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/apply/describe.hpp"
#include "reconciler/apply/translate.hpp"
#include "reconciler/base/text.hpp"

namespace dps::apply {
namespace {

constexpr int kContested = 3;
constexpr int kForeignAnswers = 2;
constexpr Duration kPause = std::chrono::milliseconds{500};

}  // namespace

Rounds::Rounds(const plan::ServicePlan& plan,
               const Settings& settings,
               Tools& tools,
               const Stops& stops)
    : plan_(plan),
      settings_(settings),
      tools_(tools),
      stops_(stops),
      version_(settings.plan.capabilities.version) {
  finished_.id = plan.id;
  finished_.id_scope = plan.id_scope;
}

Finished Rounds::run() {
  const auto begun = tools_.arm.clock().now();
  for (int number = 1; !over_; ++number) {
    if (number > 1 && number <= kMostRounds) {
      const auto spread = kPause * (number - 1) * (1.0 + tools_.jitter());
      tools_.arm.clock().sleep(std::chrono::duration_cast<Duration>(spread), stops_.drain);
    }
    if (draining()) {
      end(Outcome::Interrupted,
          give_up("Interrupted", "interrupted before the write", "run it again"));
      break;
    }
    if (number > kMostRounds) {
      conflict();
      break;
    }
    finished_.attempts = static_cast<std::size_t>(number);
    round();
  }
  finished_.took = std::chrono::duration_cast<Duration>(tools_.arm.clock().now() - begun);
  return std::move(finished_);
}

void Rounds::step(std::string what) const {
  if (tools_.step) tools_.step({plan_.id, std::move(what)});
}

WallTime Rounds::server_now() const {
  return tools_.arm.memory().server_time(tools_.arm.clock().wall());
}

void Rounds::end(Outcome outcome) {
  finished_.outcome = outcome;
  over_ = true;
}

void Rounds::end(Outcome outcome, Error error) {
  finished_.errors.push_back(std::move(error));
  end(outcome);
}

void Rounds::out_of_date(const std::string& what) {
  end(Outcome::OutOfDate, give_up("OutOfDate", what, "make a new plan"));
}

void Rounds::take_problems(const plan::ServicePlan& judged) {
  for (const auto& problem : judged.errors) {
    finished_.errors.push_back(give_up(problem.id, problem.message, problem.remedy));
  }
}

void Rounds::stumble(const Error& error) {
  if (error.id == "Cancelled" || error.id == "Interrupted") return end(Outcome::Interrupted, error);
  if (error.id == "KeysUnreadable") return end(Outcome::Blocked, error);
  if (error.next != NextMove::ReadAgain) return end(Outcome::Failed, error);
  last_stumble_ = error;
  if (error.id == "BadAnswer") ++foreign_answers_;
  if (error.id == "InTransition" || error.id == "OperationTimeout" || error.id == "LostAnswer")
    settle();
}

bool Rounds::is_answered_by_another() {
  if (foreign_answers_ < kForeignAnswers) return false;
  auto error = *last_stumble_;
  error.next = NextMove::RetryLater;
  error.what += fmt::format("; {} times, and nothing of it was done", foreign_answers_);
  end(Outcome::Failed, std::move(error));
  return true;
}

void Rounds::settle() {
  step("in transition, waiting");
  const auto live =
      tools_.arm.wait_until_settled(plan_.id, version_, settings_.timeout, stops_.abort);
  if (live) return;
  if (live.error().id == "InTransition") return end(Outcome::InTransition, live.error());
  if (live.error().id == "Cancelled") return end(Outcome::Interrupted, live.error());
  // Anything else shows itself in the next round's own read.
}

void Rounds::record(const std::vector<plan::Change>& changes, Outcome outcome) {
  for (const auto& change : changes) {
    if (++written_[identity(change)] == 1) {
      finished_.made.push_back({std::string(word(change.kind)),
                                std::string(word(change.action)),
                                identity(change),
                                subject_of(change),
                                change.destructive});
    }
    const auto line = describe(change);
    if (std::find(finished_.done.begin(), finished_.done.end(), line) == finished_.done.end()) {
      finished_.done.push_back(line);
    }
  }
  if (!made_) made_ = outcome;
}

bool Rounds::contested(const std::vector<plan::Change>& again) {
  std::vector<std::string> fields;
  for (const auto& change : again) {
    if (written_[identity(change)] >= kContested) fields.push_back(subject_of(change));
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

void Rounds::count_write(arm::Reached reached) {
  if (reached != arm::Reached::Nothing) ++finished_.writes;
}

void Rounds::remember(const LiveService& live) {
  finished_.id_scope = live.id_scope;
  finished_.device_host = live.device_host;
  finished_.service_host = live.service_host;
}

void Rounds::conflict() {
  auto fields = finished_.moved;
  for (auto& field : still_differing()) fields.push_back(std::move(field));
  Error error{
      NextMove::ReadAgain,
      "Conflict",
      fields.empty()
          ? std::string("the service never held still")
          : fmt::format("after {} rounds these still differ: {}", kMostRounds, join(fields, ", ")),
      "see who else writes this service",
      0,
      {}};
  if (last_stumble_) {
    error.what += "; last: " + last_stumble_->what;
    error.request_id = last_stumble_->request_id;
  }
  end(Outcome::Conflict, std::move(error));
}

}  // namespace dps::apply

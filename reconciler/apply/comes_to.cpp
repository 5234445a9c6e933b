#include "reconciler/apply/comes_to.hpp"

#include <algorithm>

#include "reconciler/plan/finish.hpp"

namespace dps::apply {

using plan::Action;
using plan::Change;

bool is_release(const std::vector<Change>& changes) {
  return !changes.empty() && changes.front().action == Action::Release;
}

bool is_tags_only(const std::vector<Change>& changes) {
  return std::all_of(changes.begin(), changes.end(), [](const Change& change) {
    return plan::is_tags_only(change);
  });
}

Outcome outcome_of(const std::vector<Change>& changes) {
  if (is_release(changes)) return Outcome::Released;
  const bool adopts = std::all_of(changes.begin(), changes.end(), [](const Change& change) {
    return change.action == Action::Adopt;
  });
  return adopts ? Outcome::Adopted : Outcome::Updated;
}

bool is_lost(const Error& error, arm::Reached reached) {
  if (error.id == "Cancelled") return false;
  if (error.id == "BadAnswer" && error.next == NextMove::ReadAgain) return true;
  return error.id == "LostAnswer" || error.id == "OperationTimeout" ||
         (reached == arm::Reached::Done && error.id != "OperationFailed");
}

Error read_again(Error error) {
  error.next = NextMove::ReadAgain;
  return error;
}

}  // namespace dps::apply

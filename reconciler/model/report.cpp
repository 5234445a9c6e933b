#include "reconciler/model/report.hpp"

#include <algorithm>

namespace dps {

std::string_view word(Outcome outcome) {
  switch (outcome) {
    case Outcome::Created:
      return "created";
    case Outcome::Updated:
      return "updated";
    case Outcome::Rotated:
      return "rotated";
    case Outcome::Adopted:
      return "adopted";
    case Outcome::Released:
      return "released";
    case Outcome::Deleted:
      return "deleted";
    case Outcome::Unchanged:
      return "unchanged";
    case Outcome::Held:
      return "held";
    case Outcome::Suspended:
      return "suspended";
    case Outcome::InTransition:
      return "in_transition";
    case Outcome::Blocked:
      return "blocked";
    case Outcome::Failed:
      return "failed";
    case Outcome::Conflict:
      return "conflict";
    case Outcome::Contested:
      return "contested";
    case Outcome::OutOfDate:
      return "out_of_date";
    case Outcome::Interrupted:
      return "interrupted";
  }
  return "unknown";
}

std::map<Outcome, std::size_t> Report::counts() const {
  std::map<Outcome, std::size_t> counts;
  for (const auto& service : services) ++counts[service.outcome];
  return counts;
}

std::size_t Report::count(Outcome outcome) const {
  return static_cast<std::size_t>(
      std::count_if(services.begin(), services.end(), [&](const Finished& service) {
        return service.outcome == outcome;
      }));
}

std::size_t Report::writes() const {
  std::size_t all = 0;
  for (const auto& service : services) all += service.writes;
  return all;
}

bool Report::failed() const {
  return std::any_of(services.begin(), services.end(), [](const Finished& service) {
    switch (service.outcome) {
      case Outcome::InTransition:
      case Outcome::Blocked:
      case Outcome::Failed:
      case Outcome::Conflict:
      case Outcome::Contested:
        return true;
      default:
        return false;
    }
  });
}

bool Report::out_of_date() const {
  return count(Outcome::OutOfDate) > 0;
}

}  // namespace dps

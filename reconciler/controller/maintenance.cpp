#include "reconciler/controller/maintenance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace dps::controller {
namespace {

constexpr std::array kClasses = {
    ChangeClass::Create, ChangeClass::Update, ChangeClass::Rotate, ChangeClass::Delete};
constexpr std::chrono::days kHorizon{366};
constexpr int kMostSteps = 20'000;  // starts that are looked at for the next chance

std::string_view plural(ChangeClass one) {
  switch (one) {
    case ChangeClass::Create:
      return "creates";
    case ChangeClass::Update:
      return "updates";
    case ChangeClass::Rotate:
      return "rotations";
    case ChangeClass::Delete:
      return "deletes";
  }
  return "";
}

// When the window closes that is open now; nothing: it is not open. Starts within it prolong it
// only when it is asked again then.
std::optional<WallTime> open_until(const MaintenanceWindow& window, WallTime now) {
  const auto start = window.start.last(now, window.length);
  if (!start || *start + window.length <= now) return std::nullopt;
  return *start + window.length;
}

struct Held {
  const MaintenanceWindow* by_deny = nullptr;  // null: no allow window is open
  WallTime look_again{};                       // nothing changes before
};

std::optional<Held> held(const std::vector<const MaintenanceWindow*>& windows, WallTime now) {
  bool any_allow = false;
  bool allowed = false;
  std::optional<WallTime> opens;
  for (const auto* window : windows) {
    const auto until = open_until(*window, now);
    if (window->effect == WindowEffect::Deny) {
      if (until) return Held{window, *until};
      continue;
    }
    any_allow = true;
    allowed = allowed || until.has_value();
    if (const auto next = window->start.next(now); next && (!opens || *next < *opens)) {
      opens = next;
    }
  }
  if (!any_allow || allowed) return std::nullopt;
  return Held{nullptr, opens.value_or(now + kHorizon)};
}

std::string reason_for(const Held& first, ChangeClass kind, std::optional<WallTime> until) {
  const auto what = plural(kind);
  if (first.by_deny != nullptr) {
    const auto& name = first.by_deny->name;
    const auto window = name.empty() ? std::string("a maintenance window")
                                     : fmt::format("the maintenance window \"{}\"", name);
    return until
               ? fmt::format(
                     "{} forbids {}; they may be made from {} on", window, what, rfc3339(*until))
               : fmt::format("{} forbids {}, and no time within a year allows them", window, what);
  }
  return until ? fmt::format("the next window for {} opens at {}", what, rfc3339(*until))
               : fmt::format("no window for {} opens within a year", what);
}

}  // namespace

std::string_view word(ChangeClass one) {
  switch (one) {
    case ChangeClass::Create:
      return "create";
    case ChangeClass::Update:
      return "update";
    case ChangeClass::Rotate:
      return "rotate";
    case ChangeClass::Delete:
      return "delete";
  }
  return "";
}

std::optional<ChangeClass> change_class_named(std::string_view text) {
  const auto* found = std::find_if(
      kClasses.begin(), kClasses.end(), [&](ChangeClass one) { return word(one) == text; });
  if (found == kClasses.end()) return std::nullopt;
  return *found;
}

WindowJudgement judge(const std::vector<MaintenanceWindow>& windows,
                      ChangeClass kind,
                      WallTime now) {
  std::vector<const MaintenanceWindow*> of_kind;
  for (const auto& window : windows) {
    if (window.changes.empty() || window.changes.contains(kind)) of_kind.push_back(&window);
  }
  const auto first = held(of_kind, now);
  if (!first) return {};
  std::optional<WallTime> until;
  auto at = first->look_again;
  for (int step = 0; step < kMostSteps && at < now + kHorizon; ++step) {
    const auto still = held(of_kind, at);
    if (!still) {
      until = at;
      break;
    }
    at = std::max(still->look_again, at + std::chrono::seconds{1});
  }
  return {false, reason_for(*first, kind, until), until};
}

}  // namespace dps::controller

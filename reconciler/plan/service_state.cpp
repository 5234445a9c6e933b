#include "reconciler/plan/service_state.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "reconciler/base/text.hpp"

namespace dps::plan {
namespace {

constexpr std::array<std::pair<std::string_view, Condition>, 12> kStates = {{
    {"Active", Condition::Writable},
    {"Suspended", Condition::Writable},
    {"Activating", Condition::InTransition},
    {"Transitioning", Condition::InTransition},
    {"Resuming", Condition::InTransition},
    {"Suspending", Condition::InTransition},
    {"FailingOver", Condition::InTransition},
    {"Deleting", Condition::InTransition},
    {"ActivationFailed", Condition::Bad},
    {"FailoverFailed", Condition::Bad},
    {"DeletionFailed", Condition::Bad},
    {"Deleted", Condition::Bad},
}};

}  // namespace

Condition condition(std::string_view state) {
  for (const auto& [name, meaning] : kStates) {
    if (equal_ignoring_case(name, state)) return meaning;
  }
  return Condition::Bad;
}

Problem bad_state(std::string_view state) {
  return {
      "BadState",
      fmt::format("the service's state is {}: it is not written, and never deleted and created "
                  "anew",
                  state.empty() ? "unknown" : printable(state, 60)),
      "bring it back in the Azure portal or with Azure support; an unwanted one is deleted by a "
      "tombstone with its id scope"};
}

}  // namespace dps::plan

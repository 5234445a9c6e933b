#include "reconciler/controller/status.hpp"

namespace dps::controller {

std::string_view word(Mode mode) {
  switch (mode) {
    case Mode::Enforce:
      return "enforce";
    case Mode::Observe:
      return "observe";
  }
  return "";
}

std::string_view word(Standing standing) {
  switch (standing) {
    case Standing::InSync:
      return "in_sync";
    case Standing::Drifted:
      return "drifted";
    case Standing::Pending:
      return "pending";
    case Standing::Suspended:
      return "suspended";
    case Standing::Blocked:
      return "blocked";
    case Standing::Failed:
      return "failed";
  }
  return "";
}

std::string_view word(Truth truth) {
  switch (truth) {
    case Truth::True:
      return "True";
    case Truth::False:
      return "False";
    case Truth::Unknown:
      return "Unknown";
  }
  return "";
}

}  // namespace dps::controller

// page_needs: what a person should look at first.
#pragma once

#include <cstddef>
#include <string>

#include "reconciler/controller/control.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::telemetry {

struct Needs {
  std::size_t count = 0;  ///< all of them; the list is bounded
  bool grave = false;     ///< something failed, or the source does
  std::string html;       ///< a list; empty: nothing
};

Needs needs_of(const controller::Status& status, const controller::Health& health);

}  // namespace dps::telemetry

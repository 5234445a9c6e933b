#include "reconciler/app/run_command.hpp"

#include "reconciler/app/exit_code.hpp"

namespace dps::app {

int run_daemon(Session&) {
  return kExitUsage;
}

}  // namespace dps::app

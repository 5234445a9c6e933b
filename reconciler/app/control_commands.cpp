#include "reconciler/app/control_commands.hpp"

#include "reconciler/app/exit_code.hpp"

namespace dps::app {

int control_command(Session& session) {
  complain(give_up("Usage", "no daemon listens at " + session.options.listen, "--server URL"));
  return kExitUsage;
}

}  // namespace dps::app

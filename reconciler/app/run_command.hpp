// run_command: the daemon, put together; reading run_command.cpp shows what it is made of.
#pragma once

#include "reconciler/app/session.hpp"

namespace dps::app {

/// Runs until a signal ends it. An exit code: 0 after SIGTERM and SIGINT; 1 when something could
/// not be started; 64 for a wrong configuration; 130, 143 after a second signal.
int run_daemon(Session& session);

}  // namespace dps::app

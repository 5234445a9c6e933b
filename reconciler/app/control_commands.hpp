// control_commands: status, why, reconcile, suspend, resume, approve: asked of a running daemon
// over its HTTP.
#pragma once

#include <stop_token>
#include <string>

#include "reconciler/app/control_text.hpp"
#include "reconciler/app/options.hpp"
#include "reconciler/app/session.hpp"
#include "reconciler/http/exchange.hpp"

namespace dps::app {

/// Asks, and gives what is to be printed; "" with --check. Each try takes five seconds at most.
///
///   GiveUp  Usage           neither --server nor a --listen to be reached
///           NobodyListens   no connection; NoAnswer: none in time; TlsError
///           NotADaemon      something else answers there
///           NotReady        status --check
///           TokenMissing    no --control-token-file, or it cannot be read
///           TokenInClear    the token would go to another machine without TLS
///           and what the daemon says: TokenWrong, UnknownService, ApprovalDiffers, …
Result<std::string> ask_daemon(const Options& options,
                               const Screen& screen,
                               http::Exchange& exchange,
                               std::stop_token stop);

/// An exit code: 0; 1 when nobody listens, or the daemon refused, or is not ready (status --check,
/// which prints nothing); 64 for wrong usage.
int control_command(Session& session);

}  // namespace dps::app

// control_text: a running daemon's JSON for people at a terminal. Pure: "now" is the daemon's.
#pragma once

#include <cstddef>
#include <string>

#include "reconciler/base/json_fwd.hpp"
#include "reconciler/plan/text_layout.hpp"

namespace dps::app {

struct Screen {
  plan::Color color = plan::Color::Off;
  std::size_t width = 100;
};

/// Of "dps-reconciler/status/v1": the daemon, what holds it back, a line for each service, what
/// needs a person first. Members that are missing or of another kind are passed over: the daemon
/// may be of another version.
std::string status_text(const Json& status, const Screen& screen);

/// Of the same with one service in it: what it is, what differs, why nothing happens or when the
/// next try is, and what happened.
std::string why_text(const Json& status, const Screen& screen);

/// Of "dps-reconciler/control/v1": what was done.
std::string acted_text(const Json& answer);

}  // namespace dps::app

// operation: what an answer says of a long operation. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/exchange.hpp"

namespace dps::arm {

/// What was asked for: the same answer means different things.
enum class Deed { Put, Patch, Delete };

/// Which address is asked how it goes, in the order of preference.
enum class PollBy {
  AsyncOperation,  ///< 200 with {"status": …}
  Location,        ///< 202 while it runs
  State,           ///< GET of the service: its state and provisioningState
};

/// Still at it: ask `url` (byte for byte; empty for State) after `delay`.
struct Running {
  PollBy by = PollBy::State;
  std::string url;
  Duration delay{};
  bool operator==(const Running&) const = default;
};
struct Succeeded {
  bool operator==(const Succeeded&) const = default;
};
struct Failed {
  Error error;
  bool operator==(const Failed&) const = default;
};
/// The poll says nothing about the operation: look at the service itself.
struct Unclear {
  Error why;
  bool operator==(const Unclear&) const = default;
};
using Progress = std::variant<Running, Succeeded, Failed, Unclear>;

/// The pause before poll `number` (the first is 1): 1 s, 2 s, 3 s … 10 s, or `floor` if that is
/// longer.
Duration poll_delay(int number, std::optional<Duration> floor);

/// Whether a 2xx answer to the write can be ARM's at all: it names an address to poll, or is a 202,
/// or carries a resource (PATCH and DELETE: any JSON), or is empty and not a PUT's. Else ReadAgain
/// "BadAnswer", which names what came instead: the write may or may not have been done.
std::optional<Error> foreign_answer(Deed deed, const http::Response& answer);

/// What the (2xx) answer to the write says.
Progress begun(Deed deed, const http::Response& answer, WallTime now);

/// What the answer to poll `number` of `running` says. A 404: for a DELETE the end; for a PUT a
/// failure when the text speaks of a missing hub, else Unclear. Lost polls and errors are Unclear.
Progress polled(
    Deed deed, const Running& running, const http::Answer& answer, int number, WallTime now);

/// What a GET of the service says, in State's way.
Progress seen(Deed deed, const http::Answer& answer, int number, WallTime now);

/// States in which Azure is at work: Activating, Transitioning, Resuming, Suspending, FailingOver,
/// Deleting.
bool in_transition(std::string_view state);
/// ActivationFailed, FailoverFailed, DeletionFailed.
bool has_failed(std::string_view state);

}  // namespace dps::arm

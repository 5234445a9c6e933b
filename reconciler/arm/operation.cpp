#include "reconciler/arm/operation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reconciler/arm/fault.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/retry.hpp"

namespace dps::arm {
namespace {

enum class Standing { Busy, Good, Bad };

template <std::size_t size>
bool one_of(std::string_view word, const std::array<std::string_view, size>& words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view known) {
    return equal_ignoring_case(known, word);
  });
}

// A status that nobody told us of is taken as "still at it": the time bound ends it.
Standing standing_of_status(std::string_view status) {
  constexpr std::array<std::string_view, 2> kGood = {"Succeeded", "Completed"};
  constexpr std::array<std::string_view, 3> kBad = {"Failed", "Canceled", "Cancelled"};
  if (one_of(status, kGood)) return Standing::Good;
  if (one_of(status, kBad)) return Standing::Bad;
  return Standing::Busy;
}

Error operation_failed(const Json& body, std::string_view status) {
  const auto details = read_error_body(body);
  auto error = to_error(details, 0);
  // Only a missing hub is told apart by its text; the rest is the service's own word.
  if (error.id != "HubNotFound" && error.id != "RequestDisallowedByPolicy") {
    error.id = "OperationFailed";
    error.next = NextMove::WaitForOthers;
    error.remedy = "read the service's message; the live state shows what stuck";
  }
  error.what = fmt::format("the operation ended as {}: {}", printable(status, 40), error.what);
  return error;
}

Progress by_state(Deed deed, const Json& document, Duration delay) {
  const auto& properties = member(document, "properties");
  const auto state = text_member(properties, "state");
  const auto provisioning = text_member(properties, "provisioningState");
  if (deed == Deed::Delete) {
    if (has_failed(state)) return Failed{operation_failed(document, state)};
    return Running{PollBy::State, {}, delay};
  }
  if (has_failed(state)) return Failed{operation_failed(document, state)};
  if (in_transition(state)) return Running{PollBy::State, {}, delay};
  if (provisioning.empty()) {  // the oldest version has none
    return state.empty() ? Progress(Running{PollBy::State, {}, delay}) : Progress(Succeeded{});
  }
  switch (standing_of_status(provisioning)) {
    case Standing::Good:
      return Succeeded{};
    case Standing::Bad:
      return Failed{operation_failed(document, provisioning)};
    case Standing::Busy:
      break;
  }
  return Running{PollBy::State, {}, delay};
}

Error unreadable(const http::Response& answer) {
  return Error{NextMove::RetryLater,
               "BadAnswer",
               fmt::format("HTTP {} to a poll says nothing of the operation", answer.status),
               "nothing: what is live tells the next run; look for a proxy if it stays",
               answer.status,
               {}};
}

Progress by_async_status(Deed deed,
                         const Running& running,
                         const http::Response& answer,
                         Duration delay) {
  const auto body = parse_json(answer.body);
  if (!body || !body->is_object()) {
    if (answer.status == 202) return Running{running.by, running.url, delay};
    return Unclear{unreadable(answer)};
  }
  const auto status = text_member(*body, "status");
  if (status.empty()) {
    if (member(*body, "properties").is_object()) return by_state(deed, *body, delay);
    if (answer.status == 202) return Running{running.by, running.url, delay};
    return Unclear{unreadable(answer)};
  }
  switch (standing_of_status(status)) {
    case Standing::Good:
      return Succeeded{};
    case Standing::Bad:
      return Failed{operation_failed(*body, status)};
    case Standing::Busy:
      break;
  }
  return Running{running.by, running.url, delay};
}

Progress by_not_found(Deed deed, const http::Response& answer) {
  if (deed == Deed::Delete) return Succeeded{};
  auto error = to_error(answer);
  if (error.id == "HubNotFound") return Failed{std::move(error)};
  return Unclear{std::move(error)};
}

}  // namespace

Duration poll_delay(int number, std::optional<Duration> floor) {
  const Duration paced = std::chrono::seconds{std::clamp(number, 1, 10)};
  return std::max(paced, floor.value_or(Duration{0}));
}

std::optional<Error> foreign_answer(Deed deed, const http::Response& answer) {
  if (!answer.header("azure-asyncoperation").empty()) return std::nullopt;
  const auto text = trim(answer.body);
  if (text.empty()) {
    const bool says_it_all = deed != Deed::Put || answer.status == 202 ||
                             (answer.status != 200 && !answer.header("location").empty());
    if (says_it_all) return std::nullopt;
  } else if (const auto body = parse_json(answer.body)) {
    const bool resource = body->is_object() && (member(*body, "properties").is_object() ||
                                                !text_member(*body, "id").empty());
    if (resource || answer.status == 202 || deed != Deed::Put) return std::nullopt;
  }
  const auto type = answer.header("content-type");
  return Error{
      NextMove::ReadAgain,
      "BadAnswer",
      fmt::format("the write was answered {} with {}, which is no answer of ARM: a proxy may "
                  "answer in ARM's place",
                  answer.status,
                  text.empty() ? std::string("nothing")
                  : type.empty()
                      ? fmt::format("{} bytes without a content type", answer.body.size())
                      : fmt::format("{} bytes of {}", answer.body.size(), printable(type, 60))),
      "check that the endpoint is Azure Resource Manager and no proxy stands before",
      answer.status,
      printable(answer.header("x-ms-request-id"), 100)};
}

Progress begun(Deed deed, const http::Response& answer, WallTime now) {
  const auto delay = poll_delay(1, http::retry_after(answer, now));
  if (auto url = answer.header("azure-asyncoperation"); !url.empty()) {
    return Running{PollBy::AsyncOperation, std::move(url), delay};
  }
  // PATCH and DELETE end at once with 200; a PUT's 200 or 201 says by its state whether it has.
  if (deed != Deed::Put && answer.status != 202) return Succeeded{};
  if (auto url = answer.header("location"); !url.empty() && answer.status != 200) {
    return Running{PollBy::Location, std::move(url), delay};
  }
  const auto body = parse_json(answer.body);
  if (!body || !body->is_object()) return Running{PollBy::State, {}, delay};
  return by_state(deed, *body, delay);
}

Progress polled(
    Deed deed, const Running& running, const http::Answer& answer, int number, WallTime now) {
  if (!answer) return Unclear{answer.error().error};
  if (running.by == PollBy::State) return seen(deed, answer, number, now);
  if (answer->status == 404) return by_not_found(deed, *answer);
  if (answer->status < 200 || answer->status >= 300) return Unclear{to_error(*answer)};
  const auto delay = poll_delay(number + 1, http::retry_after(*answer, now));
  if (running.by == PollBy::AsyncOperation) {
    return by_async_status(deed, running, *answer, delay);
  }
  if (answer->status == 202) return Running{running.by, running.url, delay};
  if (answer->status == 204 || answer->body.empty()) return Succeeded{};
  const auto body = parse_json(answer->body);
  if (!body || !body->is_object()) return Succeeded{};
  if (!text_member(*body, "status").empty()) return by_async_status(deed, running, *answer, delay);
  return deed == Deed::Delete ? Progress(Succeeded{}) : by_state(deed, *body, delay);
}

Progress seen(Deed deed, const http::Answer& answer, int number, WallTime now) {
  if (!answer) return Unclear{answer.error().error};
  const auto delay = poll_delay(number + 1, http::retry_after(*answer, now));
  if (answer->status == 404) return by_not_found(deed, *answer);
  if (answer->status != 200) return Unclear{to_error(*answer)};
  const auto body = parse_json(answer->body);
  if (!body || !body->is_object()) return Unclear{unreadable(*answer)};
  return by_state(deed, *body, delay);
}

bool in_transition(std::string_view state) {
  constexpr std::array<std::string_view, 6> kBusy = {
      "Activating", "Transitioning", "Resuming", "Suspending", "FailingOver", "Deleting"};
  return one_of(state, kBusy);
}

bool has_failed(std::string_view state) {
  constexpr std::array<std::string_view, 3> kFailed = {
      "ActivationFailed", "FailoverFailed", "DeletionFailed"};
  return one_of(state, kFailed);
}

}  // namespace dps::arm

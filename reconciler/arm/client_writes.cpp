#include <fmt/format.h>

#include <optional>
#include <utility>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/fault.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

// A service that a GET does not find although it was just written: given this many polls.
constexpr int kPatience = 6;

void guard(http::Request& request, const std::optional<Etag>& if_match) {
  if (if_match && !if_match->text.empty()) request.headers.emplace("if-match", if_match->text);
}

Error cancelled() {
  return give_up("Cancelled", "cancelled while Azure was at work; it goes on without us");
}

// Tells of an operation from its making to its end, however that comes.
class Telling {
 public:
  Telling(const ClientSettings& settings, const Clock& clock, Deed deed)
      : settings_(settings), clock_(clock), deed_(deed), begun_(clock.now()) {
    if (settings_.operation_news) {
      settings_.operation_news({OperationNews::Stage::Began, deed_, Duration{0}});
    }
  }
  ~Telling() {
    if (!settings_.operation_news) return;
    const auto took = std::chrono::duration_cast<Duration>(clock_.now() - begun_);
    settings_.operation_news({OperationNews::Stage::Ended, deed_, took});
  }
  Telling(const Telling&) = delete;
  Telling& operator=(const Telling&) = delete;

 private:
  const ClientSettings& settings_;
  const Clock& clock_;
  const Deed deed_;
  const TimePoint begun_;
};

// Addresses that cannot be asked again; of other trouble the next poll may know more.
bool is_dead_end(const Error& why) {
  return why.http_status == 404 || why.id == "ForeignHost" || why.id == "BadUrl";
}

}  // namespace

Result<Operation> Client::begin(Deed deed,
                                const ServiceId& id,
                                std::string_view version,
                                http::Request request,
                                const std::stop_token& stop) {
  auto answer = send(std::move(request), stop);
  if (deed == Deed::Delete && answer && answer->status == 404) {
    const auto error = to_error(*answer);
    if (error.id != "ServiceNotFound") return fail(error);
    return Operation{deed, id, std::string(version), Succeeded{}};
  }
  auto response = accepted(std::move(answer));
  if (!response) return fail(response.error());
  if (auto foreign = foreign_answer(deed, *response)) {
    wipe(response->body);
    return fail(*std::move(foreign));
  }
  Operation operation{deed, id, std::string(version), begun(deed, *response, clock_.wall())};
  wipe(response->body);  // a PUT's answer repeats the keys in clear
  return operation;
}

Result<Operation> Client::put_service(const ServiceId& id,
                                      std::string_view version,
                                      const Secret& body,
                                      const std::optional<Etag>& if_match,
                                      const std::stop_token& stop) {
  auto put = request(http::Method::Put, service_url(settings_.cloud, id, version));
  put.headers.emplace("content-type", "application/json");
  guard(put, if_match);
  put.body = body.reveal();
  return begin(Deed::Put, id, version, std::move(put), stop);
}

Result<Operation> Client::patch_tags(const ServiceId& id,
                                     std::string_view version,
                                     const Tags& tags,
                                     const std::optional<Etag>& if_match,
                                     const std::stop_token& stop) {
  auto patch = request(http::Method::Patch, service_url(settings_.cloud, id, version));
  patch.headers.emplace("content-type", "application/json");
  guard(patch, if_match);
  Json all = Json::object();
  for (const auto& [name, value] : tags) all[name] = value;
  patch.body = canonical_text(Json{{"tags", std::move(all)}});
  return begin(Deed::Patch, id, version, std::move(patch), stop);
}

Result<Operation> Client::delete_service(const ServiceId& id,
                                         std::string_view version,
                                         const std::optional<Etag>& if_match,
                                         const std::stop_token& stop) {
  auto removal = request(http::Method::Delete, service_url(settings_.cloud, id, version));
  guard(removal, if_match);
  return begin(Deed::Delete, id, version, std::move(removal), stop);
}

Progress Client::look(const Operation& operation, int number, const std::stop_token& stop) {
  auto answer = send(
      request(http::Method::Get, service_url(settings_.cloud, operation.id, operation.version)),
      stop);
  return seen(operation.deed, answer, number, clock_.wall());
}

Result<Ended> Client::follow(const Operation& operation, const std::stop_token& stop) {
  const auto deadline = clock_.now() + settings_.operation_timeout;
  auto progress = operation.progress;
  std::optional<Telling> telling;
  if (!std::holds_alternative<Succeeded>(progress) && !std::holds_alternative<Failed>(progress)) {
    telling.emplace(settings_, clock_, operation.deed);
  }
  Running asking;  // whom we ask when a look at the state has said "still at it"
  int not_found = 0;
  Ended ended;
  for (int number = 1;; ++number) {
    if (std::holds_alternative<Succeeded>(progress)) return ended;
    if (const auto* failed = std::get_if<Failed>(&progress)) return fail(failed->error);
    if (const auto* unclear = std::get_if<Unclear>(&progress)) {
      const auto why = unclear->why;
      ended.unclear = why;
      if (stop.stop_requested()) return fail(cancelled());
      if (why.http_status == 404 && ++not_found > kPatience) return fail(why);
      const bool by_state = asking.by == PollBy::State;
      if (!by_state) {
        progress = look(operation, number, stop);
        // The poll says nothing and the service is not there: a create that came to nothing.
        const auto* lost = std::get_if<Unclear>(&progress);
        if (lost != nullptr && why.http_status != 404 && lost->why.http_status == 404 &&
            ++not_found > kPatience) {
          return fail(why);
        }
      }
      if (const auto* running = std::get_if<Running>(&progress)) {
        if (is_dead_end(why)) {
          asking = *running;
        } else {
          asking.delay = poll_delay(number, {});
        }
      } else if (std::holds_alternative<Unclear>(progress)) {
        if (is_dead_end(why)) asking = Running{};
        asking.delay = poll_delay(number, {});
      } else {
        continue;
      }
    } else {
      asking = std::get<Running>(progress);
    }

    if (clock_.now() + asking.delay > deadline) {
      return fail(Error{NextMove::ReadAgain,
                        "OperationTimeout",
                        fmt::format("Azure was still at work after {}",
                                    duration_text(settings_.operation_timeout)),
                        "nothing: the live state is read again",
                        0,
                        {}});
    }
    if (!clock_.sleep(asking.delay, stop)) return fail(cancelled());
    if (asking.by == PollBy::State) {
      progress = look(operation, number, stop);
    } else {
      const auto answer = send(request(http::Method::Get, asking.url), stop);
      progress = polled(operation.deed, asking, answer, number, clock_.wall());
      if (std::holds_alternative<Succeeded>(progress)) ended.unclear.reset();
    }
  }
}

Result<LiveService> Client::wait_until_settled(const ServiceId& id,
                                               std::string_view version,
                                               Duration timeout,
                                               const std::stop_token& stop) {
  const auto deadline = clock_.now() + timeout;
  for (int number = 1;; ++number) {
    auto live = get_service(id, version, stop);
    if (!live || !in_transition(live->state)) return live;
    const auto pause = poll_delay(number, {});
    if (clock_.now() + pause > deadline) {
      return fail(Error{NextMove::ReadAgain,
                        "InTransition",
                        fmt::format("Azure is at work on it: {}", printable(live->state, 40)),
                        "nothing: it is looked at again",
                        0,
                        {}});
    }
    if (!clock_.sleep(pause, stop)) return fail(cancelled());
  }
}

}  // namespace dps::arm

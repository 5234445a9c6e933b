#include "reconciler/telemetry/web_routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "reconciler/base/json.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"
#include "reconciler/telemetry/page.hpp"
#include "reconciler/telemetry/status_json.hpp"

namespace dps::telemetry {
namespace {

constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestReason = 500;
constexpr auto kLongestSuspension = std::chrono::hours{24 * 3653};
constexpr std::size_t kMostPeers = 1024;
constexpr auto kPause = std::chrono::seconds{10};
constexpr int kAtOnce = 10;

using Parameters = std::map<std::string, std::string>;

WebAnswer text_answer(int status, std::string text) {
  return {status, std::move(text), {{"Content-Type", "text/plain; charset=utf-8"}}};
}

WebAnswer json_answer(int status, std::string text) {
  return {status, std::move(text), {{"Content-Type", "application/json"}}};
}

Error wrong(const std::string& what, const std::string& remedy) {
  return give_up("BadRequest", what, remedy);
}

// HTTP's word for an error of Control or of ours.
int status_of(const Error& error) {
  static const std::map<std::string, int, std::less<>> kStatus = {{"BadRequest", 400},
                                                                  {"TokenWrong", 401},
                                                                  {"TokenNotSet", 403},
                                                                  {"ForeignOrigin", 403},
                                                                  {"UnknownService", 404},
                                                                  {"AmbiguousService", 409},
                                                                  {"ApprovalDiffers", 409},
                                                                  {"NotLeading", 409},
                                                                  {"NotKept", 500},
                                                                  {"TooManyFailedTries", 429}};
  if (const auto found = kStatus.find(error.id); found != kStatus.end()) return found->second;
  return error.next == NextMove::GiveUp ? 409 : 503;
}

Result<std::size_t> number_of(const std::string& name, const std::string& text, std::size_t most) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) {
    return fail(wrong(fmt::format("{}={} is no number that fits", name, printable(text, 40)),
                      fmt::format("a whole number up to {}", most)));
  }
  return value;
}

// Only names of `known`, each once: a mistyped service= must not come to mean all services.
[[nodiscard]] Result<void> take(Parameters& into,
                                const std::string& name,
                                const std::string& value,
                                const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    return fail(wrong(fmt::format("the parameter \"{}\" is not known here", printable(name, 60)),
                      known.empty() ? "none is" : "one of " + join(known, ", ")));
  }
  if (!into.emplace(name, value).second) {
    return fail(
        wrong(fmt::format("the parameter \"{}\" stands there twice", name), "give it once"));
  }
  return {};
}

Result<Parameters> parameters_of(const WebRequest& request, const std::vector<std::string>& known) {
  Parameters parameters;
  for (const auto& [name, value] : request.query) {
    if (const auto taken = take(parameters, name, value, known); !taken) {
      return fail(taken.error());
    }
  }
  if (trim(request.body).empty()) return parameters;
  const auto body = parse_json(request.body);
  if (!body || !body->is_object()) {
    return fail(wrong("the body is no JSON object", "an object of strings, or no body at all"));
  }
  for (const auto& [name, value] : body->items()) {
    if (!value.is_string()) {
      return fail(wrong(fmt::format("the member \"{}\" is no string", printable(name, 60)), ""));
    }
    if (const auto taken = take(parameters, name, value.get<std::string>(), known); !taken) {
      return fail(taken.error());
    }
  }
  return parameters;
}

std::string value_of(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

// A service that is named must have a name: "?service=" is a script's empty variable, not "all".
Result<std::string> service_of(const Parameters& parameters) {
  const auto found = parameters.find("service");
  if (found == parameters.end()) return std::string();
  if (trim(found->second).empty()) {
    return fail(wrong("service= is empty", "name a service, or leave service away for all"));
  }
  return found->second;
}

Result<std::optional<WallTime>> until_of(const std::string& text, WallTime now) {
  if (text.empty()) return std::optional<WallTime>();
  auto until = parse_rfc3339(text);
  if (!until) {
    const auto duration = parse_duration(text);
    if (duration && *duration <= kLongestSuspension) until = now + *duration;
  }
  if (!until) {
    return fail(wrong(fmt::format("until={} is no time", printable(text, 60)),
                      "2026-12-01T00:00:00Z, or a duration from now of at most ten years: 2h"));
  }
  if (*until <= now) return fail(wrong("until= has passed", "a time to come"));
  return until;
}

// A browser says where a request comes from. Ours has no page that posts, so that only what names
// this very address is let through; and no name, which an attacker's DNS may point here.
[[nodiscard]] Result<void> refuse_foreign_pages(const http::Headers& headers) {
  const auto origin = headers.find("Origin");
  const auto site = headers.find("Sec-Fetch-Site");
  const bool cross =
      site != headers.end() && site->second != "same-origin" && site->second != "none";
  bool foreign = cross;
  if (origin != headers.end()) {
    const auto from = http::origin_of(origin->second);
    const auto host = headers.find("Host");
    const auto ours = !from || host == headers.end()
                          ? std::nullopt
                          : http::origin_of(from->scheme + "://" + host->second);
    const bool is_address =
        ours && ours->host.find_first_not_of("0123456789.") == std::string::npos;
    const bool is_v6 = ours && ours->host.find(':') != std::string::npos;
    foreign =
        foreign || !ours || *ours != *from || !(is_address || is_v6 || http::is_loopback(*ours));
  }
  if (!foreign) return {};
  return fail(give_up(
      "ForeignOrigin", "a page of another site may not do this", "use dps-reconciler or curl"));
}

}  // namespace

bool FailedTries::may_try(const std::string& peer, TimePoint now) {
  const auto found = until_.find(peer);
  return found == until_.end() || found->second - now < kPause * kAtOnce;
}

void FailedTries::failed(const std::string& peer, TimePoint now) {
  if (until_.size() >= kMostPeers && !until_.contains(peer)) {
    std::erase_if(until_, [&](const auto& entry) { return entry.second <= now; });
    // More peers than we remember: one of them starts anew.
    if (until_.size() >= kMostPeers) until_.erase(until_.begin());
  }
  auto& until = until_[peer];
  until = std::max(until, now) + kPause;
}

WebAnswer error_answer(int status, const Error& error) {
  const OrderedJson record = {
      {"schema", "dps-reconciler/error/v1"},
      {"error", {{"id", error.id}, {"message", error.what}, {"remedy", error.remedy}}}};
  auto answer =
      json_answer(status, record.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
  if (status == 401) answer.headers["WWW-Authenticate"] = "Bearer realm=\"dps-reconciler\"";
  if (status == 429 || status == 503) answer.headers["Retry-After"] = "10";
  return answer;
}

Routes::Routes(RouteSettings settings,
               controller::Control& control,
               std::function<std::string()> metrics,
               Clock& clock)
    : settings_(std::move(settings)),
      control_(control),
      metrics_(std::move(metrics)),
      clock_(clock) {}

WebAnswer Routes::answer(const WebRequest& request) {
  static const std::vector<std::string> kRead = {
      "/", "/status", "/metrics", "/healthz", "/readyz", "/favicon.svg", "/favicon.ico"};
  static const std::vector<std::string> kAct = {
      "/-/reconcile", "/-/suspend", "/-/resume", "/-/approve"};
  const auto is_one_of = [&](const std::vector<std::string>& paths) {
    return std::find(paths.begin(), paths.end(), request.path) != paths.end();
  };
  const bool reads = is_one_of(kRead);
  WebAnswer answer;
  if (!reads && !is_one_of(kAct)) {
    answer = error_answer(404,
                          give_up("NotFound",
                                  fmt::format("there is no {}", printable(request.path, 100)),
                                  "one of " + join(kRead, " ") + " " + join(kAct, " ")));
  } else if (reads ? request.method != "GET" && request.method != "HEAD"
                   : request.method != "POST") {
    const std::string allowed = reads ? "GET, HEAD" : "POST";
    answer = error_answer(
        405,
        give_up("MethodNotAllowed",
                fmt::format("{} does not take {}", request.path, printable(request.method, 40)),
                allowed));
    answer.headers["Allow"] = allowed;
  } else {
    answer = reads ? read(request) : act(request);
  }
  answer.headers.emplace("Cache-Control", "no-store");
  answer.headers.emplace("X-Content-Type-Options", "nosniff");
  answer.headers.emplace("X-Frame-Options", "DENY");
  answer.headers.emplace("Referrer-Policy", "no-referrer");
  answer.headers.emplace("Cross-Origin-Resource-Policy", "same-origin");
  answer.headers.emplace("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  return answer;
}

WebAnswer Routes::read(const WebRequest& request) {
  if (request.path == "/metrics") {
    return {200, metrics_(), {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}};
  }
  if (request.path == "/healthz") {
    const auto health = control_.health();
    return health.alive ? text_answer(200, "ok\n") : text_answer(503, "the loop stands still\n");
  }
  if (request.path == "/readyz") {
    const auto health = control_.health();
    if (health.ready) return text_answer(200, "ok\n");
    return text_answer(503,
                       health.reasons.empty() ? "not ready\n" : join(health.reasons, "\n") + "\n");
  }
  if (request.path == "/status") return status(request);
  if (request.path.starts_with("/favicon")) {
    return {200, std::string(favicon()), {{"Content-Type", "image/svg+xml"}}};
  }
  PageQuery query;
  for (const auto& [name, value] : request.query) {
    if (name == "service") query.service = value;
    if (name == "state") query.standing = standing_of(value);
    if (name == "q") query.text = value.substr(0, 200);
    if (name == "page") {
      if (const auto number = number_of(name, value, 1'000'000)) query.page = *number;
    }
  }
  auto page = render_page(control_.status(), control_.health(), settings_.version, query);
  return {page.status,
          std::move(page.html),
          {{"Content-Type", "text/html; charset=utf-8"},
           {"Content-Security-Policy", std::string(page_policy())}}};
}

WebAnswer Routes::status(const WebRequest& request) const {
  const auto parameters = parameters_of(request, {"service", "state", "offset", "limit"});
  if (!parameters) return error_answer(400, parameters.error());
  const auto service = service_of(*parameters);
  if (!service) return error_answer(400, service.error());
  const auto snapshot = control_.status();
  const auto health = control_.health();
  if (!service->empty()) {
    auto text = service_status_json(snapshot, health, settings_.version, *service);
    if (!text) return error_answer(status_of(text.error()), text.error());
    return json_answer(200, std::move(*text));
  }
  StatusFilter filter;
  for (const auto& [name, value] : *parameters) {
    if (name == "state") {
      filter.standing = standing_of(value);
      if (filter.standing) continue;
      return error_answer(400,
                          wrong(fmt::format("state={} is not known", printable(value, 40)),
                                "one of in_sync, drifted, pending, suspended, blocked, failed"));
    }
    const auto number = number_of(name, value, 1'000'000);
    if (!number) return error_answer(400, number.error());
    (name == "offset" ? filter.offset : filter.limit) = *number;
  }
  return json_answer(200, status_json(snapshot, health, settings_.version, filter));
}

Result<void> Routes::authorise(const WebRequest& request) {
  if (const auto ours = refuse_foreign_pages(request.headers); !ours) return ours;
  const auto not_set = [](const std::string& why) {
    return fail(give_up("TokenNotSet",
                        why,
                        "start the daemon with --control-token-file, a file with at least 16 "
                        "characters of randomness"));
  };
  if (settings_.control_token_file.empty()) return not_set("the daemon takes no requests to act");
  const auto token = read_secret_word(settings_.control_token_file);
  if (!token) return not_set("the daemon's --control-token-file cannot be read");
  if (token->reveal().size() < kShortestToken) {
    return not_set("the token in the daemon's --control-token-file is too short");
  }

  const std::lock_guard lock(mutex_);
  if (!failed_.may_try(request.peer, clock_.now())) {
    return fail(give_up("TooManyFailedTries",
                        "too many requests with a wrong token came from this address",
                        "wait a minute"));
  }
  const auto header = request.headers.find("Authorization");
  const std::string_view given =
      header == request.headers.end() ? std::string_view() : std::string_view(header->second);
  const auto space = given.find(' ');
  if (space != std::string_view::npos && equal_ignoring_case(given.substr(0, space), "Bearer") &&
      Secret(std::string(trim(given.substr(space)))) == *token) {
    return {};
  }
  failed_.failed(request.peer, clock_.now());
  return fail(give_up("TokenWrong",
                      given.empty() ? "no bearer token was sent" : "the bearer token is wrong",
                      "Authorization: Bearer, and the content of the daemon's "
                      "--control-token-file"));
}

WebAnswer Routes::act(const WebRequest& request) {
  const auto refused = [](const Error& error) { return error_answer(status_of(error), error); };
  if (const auto allowed = authorise(request); !allowed) return refused(allowed.error());

  const auto action = request.path.substr(3);
  std::vector<std::string> known = {"service"};
  if (action == "suspend") known = {"service", "reason", "until"};
  if (action == "approve") known = {"digest"};
  const auto parameters = parameters_of(request, known);
  if (!parameters) return refused(parameters.error());
  const auto service = service_of(*parameters);
  if (!service) return refused(service.error());

  Result<std::size_t> count = 0;
  if (action == "reconcile") {
    count = control_.reconcile(*service);
  } else if (action == "resume") {
    count = control_.resume(*service);
  } else if (action == "approve") {
    const auto digest = value_of(*parameters, "digest");
    if (digest.empty()) return refused(wrong("no digest", "digest=, as /status says it"));
    count = control_.approve(digest);
  } else {
    const auto until = until_of(value_of(*parameters, "until"), clock_.wall());
    if (!until) return refused(until.error());
    const auto reason = value_of(*parameters, "reason");
    if (reason.size() > kLongestReason) {
      return refused(wrong("the reason is too long", fmt::format("{} bytes", kLongestReason)));
    }
    count = control_.suspend(*service, printable(reason, kLongestReason), *until);
  }
  if (!count) return refused(count.error());
  const OrderedJson record = {{"schema", "dps-reconciler/control/v1"},
                              {"action", action},
                              {"service", service->empty() ? OrderedJson() : OrderedJson(*service)},
                              {"count", *count}};
  return json_answer(200, record.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

}  // namespace dps::telemetry

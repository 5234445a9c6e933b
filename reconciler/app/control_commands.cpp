#include "reconciler/app/control_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/terminal.hpp"
#include "reconciler/app/wire.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/url.hpp"
#include "reconciler/telemetry/web_listen.hpp"

namespace dps::app {
namespace {

constexpr Duration kLongest = std::chrono::seconds{5};

Result<std::string> daemon_url(const Options& options) {
  if (!options.server.empty()) {
    auto url = options.server;
    while (url.ends_with('/')) url.pop_back();
    if (!http::origin_of(url) || url.find_first_of("?#") != std::string::npos) {
      return fail(give_up("Usage", "--server is no URL", "http://127.0.0.1:9464"));
    }
    return url;
  }
  if (options.listen == "off") {
    return fail(give_up("Usage", "--listen is off: no daemon to ask", "--server URL"));
  }
  const auto address = telemetry::parse_listen(options.listen);
  if (!address || address->port == 0) {
    return fail(give_up("Usage", "--listen names no port to ask", "--server URL"));
  }
  return telemetry::local_url(*address, options.listen_cert.empty() ? "http" : "https");
}

bool is_question(Command command) {
  return command == Command::Status || command == Command::Why;
}

std::string question(const Options& options) {
  if (options.check) return "/readyz";
  if (options.target_service.empty()) return "/status";
  return "/status?service=" + http::percent_encoded(options.target_service);
}

std::string action_of(Command command) {
  if (command == Command::Reconcile) return "reconcile";
  if (command == Command::Suspend) return "suspend";
  return command == Command::Resume ? "resume" : "approve";
}

// What stands in it is text of the person who typed it: bytes that are no UTF-8 are replaced.
std::string body_of(const Options& options) {
  Json body = Json::object();
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) body[name] = value;
  };
  add("service", options.target_service);
  if (options.command == Command::Suspend) {
    add("reason", options.reason);
    add("until", options.until);
  }
  if (options.command == Command::Approve) add("digest", options.digest);
  return canonical_text(body);
}

Result<http::Request> request_of(const Options& options, const std::string& url) {
  http::Request request;
  request.connect_limit = kLongest;
  request.total_limit = kLongest;
  if (is_question(options.command)) {
    request.url = url + question(options);
    return request;
  }
  const auto origin = http::origin_of(url);
  if (!origin || (origin->scheme != "https" && !http::is_loopback(*origin))) {
    return fail(give_up("TokenInClear",
                        fmt::format("the token would travel to {} in clear", url),
                        "--server https://…, or run this where the daemon runs"));
  }
  if (options.control_token_file.empty()) {
    return fail(give_up("TokenMissing",
                        "the daemon does this only for who has its token",
                        "--control-token-file, the same file as the daemon's"));
  }
  const auto token = read_secret_word(options.control_token_file);
  if (!token) {
    return fail(give_up("TokenMissing", token.error().what, "--control-token-file"));
  }
  request.method = http::Method::Post;
  request.url = url + "/-/" + action_of(options.command);
  request.headers["Authorization"] = "Bearer " + token->reveal();
  request.headers["Content-Type"] = "application/json";
  request.body = body_of(options);
  return request;
}

Error no_answer(const std::string& url, const Error& error) {
  if (error.id == "ConnectionRefused" || error.id == "Unreachable" ||
      error.id == "NameNotResolved") {
    return give_up("NobodyListens",
                   fmt::format("nobody listens at {}: {}", url, error.what),
                   "is the daemon running? --server URL");
  }
  if (error.id == "TlsError") {
    return give_up("TlsError", error.what, "--ca-file with the CA of the daemon's certificate");
  }
  return give_up("NoAnswer", fmt::format("{} did not answer: {}", url, error.what), error.remedy);
}

Error refusal(const http::Response& response, const std::string& url) {
  const auto body = parse_json(response.body);
  if (!body || !member(*body, "error").is_object()) {
    return give_up(
        "NotADaemon",
        fmt::format("{} answers {}, and not as a dps-reconciler does", url, response.status),
        "--server URL");
  }
  const auto& error = member(*body, "error");
  return give_up(plan::shown(text_member(error, "id"), 80),
                 plan::shown(text_member(error, "message")),
                 plan::shown(text_member(error, "remedy"), 2000));
}

}  // namespace

Result<std::string> ask_daemon(const Options& options,
                               const Screen& screen,
                               http::Exchange& exchange,
                               std::stop_token stop) {
  const auto url = daemon_url(options);
  if (!url) return fail(url.error());
  const auto request = request_of(options, *url);
  if (!request) return fail(request.error());
  const auto answer = exchange.send(*request, std::move(stop));
  if (!answer) return fail(no_answer(*url, answer.error().error));
  if (options.check) {
    if (answer->status == 200) return std::string();
    return fail(give_up("NotReady", plan::shown(answer->body), ""));
  }
  if (answer->status != 200) return fail(refusal(*answer, *url));
  const auto body = parse_json(answer->body);
  const auto schema = body ? text_member(*body, "schema") : std::string();
  const std::string_view wanted =
      is_question(options.command) ? "dps-reconciler/status/v1" : "dps-reconciler/control/v1";
  if (schema != wanted) return fail(refusal({answer->status, {}, "null"}, *url));
  if (options.output == OutputForm::Json) return answer->body;
  if (!is_question(options.command)) return acted_text(*body);
  return options.target_service.empty() ? status_text(*body, screen) : why_text(*body, screen);
}

int control_command(Session& session) {
  const auto& options = session.options;
  auto settings = curl_settings(options, session.environment);
  settings.connect_timeout = settings.total_timeout = kLongest;
  http::CurlExchange exchange(settings);
  const Screen screen{session.color_out() ? plan::Color::On : plan::Color::Off,
                      static_cast<std::size_t>(terminal_width(STDOUT_FILENO))};
  const auto told = ask_daemon(options, screen, exchange, session.signals.drain());
  if (session.signals.caught() != 0) return session.interrupted();
  if (told) return told->empty() ? kExitOk : print(*told, kExitOk);
  if (!options.check) complain(told.error());
  return told.error().id == "Usage" ? kExitUsage : kExitFailed;
}

}  // namespace dps::app

#include "tests/end_to_end/fault_matrix.hpp"

#include <algorithm>

#include "reconciler/http/url.hpp"

namespace dps::lab {

// ---- columns ----

namespace {

SimJson status(int code, const std::string& body, SimJson headers = SimJson::object()) {
  if (!headers.contains("content-type")) headers["content-type"] = "application/json";
  return {{"kind", "status"}, {"status", code}, {"headers", headers}, {"body", body}};
}

SimJson gateway(int code, const std::string& id, SimJson headers = SimJson::object()) {
  headers["x-ms-failure-cause"] = "gateway";
  return status(
      code, SimJson{{"error", {{"code", id}, {"message", "No."}}}}.dump(), std::move(headers));
}

SimJson provider(int code, int number, const std::string& message) {
  return status(code,
                SimJson{{"code", number},
                        {"httpStatusCode", "X"},
                        {"message", message + ", errorcode: IH" + std::to_string(number) + "."}}
                    .dump());
}

SimJson after(SimJson action) {
  action["when"] = "after";
  return action;
}

SimJson html(int code, SimJson headers = SimJson::object()) {
  headers["content-type"] = "text/html";
  return status(code, "<html><body>Our services aren't available right now</body></html>", headers);
}

Trouble passing(std::string name, SimJson action) {
  return {std::move(name), std::move(action)};
}
/// It need not be got over in the same pass.
Trouble lasting(std::string name, SimJson action) {
  Trouble trouble{std::move(name), std::move(action)};
  trouble.passing = false;
  return trouble;
}
Trouble slow(std::string name, SimJson action) {
  Trouble trouble{std::move(name), std::move(action)};
  trouble.real_time = true;
  return trouble;
}
Trouble once(Trouble trouble) {
  trouble.only_once = true;
  return trouble;
}

}  // namespace

std::vector<Trouble> troubles() {
  const std::string soon = "Sun, 22 Nov 2026 12:00:07 GMT";
  return {
      passing("429 with seconds",
              gateway(429, "SubscriptionRequestsThrottled", {{"retry-after", "7"}})),
      passing("429 with a date",
              gateway(429,
                      "SubscriptionRequestsThrottled",
                      {{"retry-after", soon}, {"date", "Sun, 22 Nov 2026 12:00:00 GMT"}})),
      passing("429 without a word", gateway(429, "RetryableError")),
      passing("429 with nonsense", gateway(429, "RetryableError", {{"retry-after", "soon"}})),
      passing("500 before", gateway(500, "InternalServerError")),
      passing("500 after", after(gateway(500, "InternalServerError"))),
      passing("500019", provider(500, 500019, "An error")),
      passing("502 before", gateway(502, "BadGatewayConnection")),
      passing("502 after", after(html(502))),
      passing("503 HTML before", html(503)),
      passing("503 HTML after", after(html(503))),
      passing("503 with Retry-After", gateway(503, "ServerBusy", {{"retry-after", "3"}})),
      passing("504 before", gateway(504, "GatewayTimeout")),
      passing("504 after", after(gateway(504, "GatewayTimeout"))),
      passing("408 before", gateway(408, "RequestTimeout")),
      passing("408 after", after(gateway(408, "RequestTimeout"))),
      lasting("409301", provider(409, 409301, "IotDpsState is Transitioning")),
      lasting("412", provider(412, 412001, "Invalid ETag supplied")),
      lasting("400", gateway(400, "BadRequest")),
      lasting("403", gateway(403, "AuthorizationFailed")),
      lasting("404 HTML", html(404)),
      lasting("404 empty", status(404, "")),
      once(passing("401", gateway(401, "InvalidAuthenticationToken"))),
      once(passing("expired tokens", {{"kind", "expire-tokens"}})),
      passing("refused", nullptr),
      passing("reset before", {{"kind", "reset"}}),
      passing("reset after", after({{"kind", "reset"}})),
      passing("closed before", {{"kind", "close"}}),
      passing("closed after", after({{"kind", "close"}})),
      passing("truncated", {{"kind", "truncate"}}),
      passing("cut chunks", {{"kind", "cut-chunks"}}),
      lasting("not JSON", after(status(200, "{\"value\": [oops"))),
      lasting("not UTF-8", after(status(200, "{\"value\": [], \"x\": \"\xff\xfe\"}"))),
      lasting("HTML 200 before", html(200)),
      lasting("HTML 200 after", after(html(200))),
      lasting("empty body before", status(200, "")),
      lasting("empty body after", after(status(200, ""))),
      lasting("empty object", after(status(200, "{}"))),
      lasting("null", after(status(200, "null"))),
      lasting("bare list", after(status(200, "[]"))),
      lasting("no content", after(status(204, ""))),
      lasting("302 to a sign-in page", html(302, {{"location", "https://portal.example/login"}})),
      lasting("307 to itself", status(307, "", {{"location", "/"}})),
      lasting("gzip that is none",
              after(status(200, "this is no gzip", {{"content-encoding", "gzip"}}))),
      passing("gzip", {{"kind", "gzip"}}),
      passing("chunked", {{"kind", "chunked"}}),
      passing("true body as text",
              {{"kind", "headers"}, {"headers", {{"content-type", "text/html"}}}}),
      slow("drip", {{"kind", "drip"}, {"delay", "5ms"}}),
      slow("hang before", {{"kind", "hang"}}),
      slow("hang after", after({{"kind", "hang"}})),
      slow("stall", {{"kind", "stall"}}),
  };
}

std::string test_name(const std::string& text) {
  std::string out;
  bool raise = true;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) out += raise ? upper(std::string_view(&c, 1)) : std::string(1, c);
    raise = !letter;
  }
  return out;
}

// ---- bench ----

Bench::Bench(const Scenario& of, bool short_timeouts) : scenario(of) {
  scenario.prepare(lab);
  start_ = lab.state();
  for (const auto& one : start_.at("provisioning_services")) {
    const auto id = one.at("id").get<std::string>();
    there_before_.insert(id);
    for (const auto& policy : one.at("properties").at("authorizationPolicies"))
      there_before_.insert(id + "/" + policy.at("keyName").get<std::string>());
  }
  restart();
  started_ = now();
  const auto told = pass();
  EXPECT_TRUE(told.claims_success()) << told.text;
  finished_ = now();
  undisturbed_effects_ = effects();
  undisturbed_requests_ = requests().size();
  EXPECT_NE(difference_of_states(finished_, started_), "")
      << "a pass that does nothing proves nothing";
  if (short_timeouts) {
    lab.curl.first_byte_timeout = std::chrono::milliseconds{250};
    lab.curl.stall_timeout = std::chrono::milliseconds{250};
    lab.curl.total_timeout = std::chrono::milliseconds{500};
  }
}

void Bench::restart() {
  lab.simulator().faults().clear();
  lab.refuse = nullptr;
  const auto problem = lab.simulator().world().set_state(start_);
  ASSERT_FALSE(problem.has_value()) << *problem;
  lab.forget_requests();
  const auto history = lab.simulator().world().history();
  history_from_ = history.empty() ? 0 : history.back().at("seq").get<std::uint64_t>();
}

void Bench::strike(const Row& row, const Trouble& trouble, Repeated repeated) {
  const bool once = repeated == Repeated::Once;
  refused_ = 0;
  if (trouble.action.is_null()) {
    lab.refuse = [this, row, once, seen = std::make_shared<std::atomic<int>>(0)](
                     const http::Request& request) {
      if (http::word(request.method) != row.method ||
          !sim::glob_matches(row.path, http::path_of(request.url)))
        return false;
      const int number = ++*seen;
      const bool due = once ? number == row.nth : number >= row.nth;
      refused_ += due ? 1 : 0;
      return due;
    };
    return;
  }
  const auto problem = lab.simulator().faults().set({{{"match",
                                                       {{"method", row.method},
                                                        {"path", row.path},
                                                        {"nth", static_cast<unsigned>(row.nth)},
                                                        {"times", once ? 1U : 0U}}},
                                                      {"do", trouble.action}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
}

Told Bench::pass() {
  Told told;
  const auto look = lab.look();
  for (const auto& service : look.plan.services) {
    for (const auto& problem : service.errors)
      told.errors.push_back(give_up(problem.id, problem.message, problem.remedy));
  }
  told.unseen = look.plan.unseen.size();
  for (const auto& service : look.plan.services) told.unseen += service.unseen.size();
  const auto report = lab.apply(look);
  for (const auto& service : report.services) {
    told.errors.insert(told.errors.end(), service.errors.begin(), service.errors.end());
  }
  told.quiet = !look.plan.has_problems() && !report.failed();
  told.text = plan::render_text(look.plan, {}) + lab::told(report);
  return told;
}

std::size_t Bench::heal() {
  std::size_t hits = refused_;
  for (const auto& fault : lab.simulator().faults().list())
    hits += fault.at("applied").get<std::size_t>();
  lab.simulator().faults().clear();
  lab.refuse = nullptr;
  // What runs has ended before anybody looks.
  lab.simulator().world().advance(std::chrono::minutes{1});
  return hits;
}

SimJson Bench::normal(SimJson state) const {
  for (auto& service : state["provisioning_services"]) {
    service.erase("etag");
    // What the service makes up for itself differs each time that it is made.
    const auto id = service.at("id").get<std::string>();
    if (!there_before_.contains(id)) service["properties"]["idScope"] = "made";
    for (auto& policy : service["properties"]["authorizationPolicies"]) {
      if (there_before_.contains(id + "/" + policy.at("keyName").get<std::string>())) continue;
      policy["primaryKey"] = "made";
      policy["secondaryKey"] = "made";
    }
    if (!service.contains("certificates")) continue;
    for (auto& certificate : service["certificates"]) {
      certificate.erase("etag");
      for (const char* member : {"created", "updated", "verificationCode"})
        certificate["properties"].erase(member);
    }
  }
  return state;
}

SimJson Bench::now() {
  return normal(lab.state());
}

bool Bench::is_quiet() {
  const auto plan = lab.plan();
  return !plan.has_changes() && !plan.has_problems();
}

std::map<std::string, int> Bench::effects() {
  lab.simulator().world().advance(std::chrono::minutes{1});
  std::map<std::string, int> out;
  for (const auto& entry : lab.simulator().world().history(history_from_)) {
    const auto event = entry.at("event").get<std::string>();
    // A code that got lost is asked for anew; it changes nothing but the etag.
    if (event != "seeded" && event != "code-generated")
      ++out[event + " " + entry.at("id").get<std::string>()];
  }
  return out;
}

bool is_clear(const Error& error) {
  return !error.id.empty() && error.id.find(' ') == std::string::npos && error.what.size() >= 10 &&
         error.what.size() < 1200 && !error.remedy.empty();
}

bool shows_a_secret(Bench& bench, const std::string& text) {
  const auto holds = [&](const std::string& secret) {
    return !secret.empty() && text.find(secret) != std::string::npos;
  };
  if (holds(bench.lab.simulator().world().options().client_secret)) return true;
  for (const char* hub : {"hub-1", "hub-2"})
    if (holds(bench.lab.hub_key(hub))) return true;
  return holds(random_key('T')) || holds(random_key('U'));
}

std::string difference_of_states(const SimJson& is, const SimJson& should_be) {
  if (is == should_be) return {};
  return SimJson::diff(should_be, is).dump(1);
}

std::string printed(const std::vector<Asked>& requests) {
  std::string out;
  for (const auto& one : requests)
    out +=
        fmt::format("\n  {} {} {} → {}", one.method, one.path, one.query.substr(0, 40), one.status);
  return out;
}

}  // namespace dps::lab

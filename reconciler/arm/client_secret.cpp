#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reconciler/arm/credential.hpp"
#include "reconciler/arm/fault.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::arm {
namespace {

using http::percent_encoded;

// A body with a token in it goes as soon as it is read.
struct Wiped {
  std::string& text;
  ~Wiped() { wipe(text); }
};

Duration lifetime_of(const Json& answer) {
  const auto& seconds = member(answer, "expires_in");
  constexpr std::int64_t kUsual = 3599;
  std::int64_t count = kUsual;
  if (seconds.is_number()) count = seconds.get<std::int64_t>();
  if (seconds.is_string()) {
    const auto text = seconds.get<std::string>();
    if (!text.empty() && text.size() < 10 &&
        text.find_first_not_of("0123456789") == std::string::npos) {
      count = std::stoll(text);
    }
  }
  return std::chrono::seconds{std::clamp<std::int64_t>(count, 1, 7L * 24 * 3600)};
}

Error refused(const http::Response& answer) {
  const auto body = read_error_body(std::string_view(answer.body));
  Error error;
  const bool passing = answer.status == 408 || answer.status == 429 || answer.status >= 500;
  error.next = passing ? NextMove::RetryLater : NextMove::WaitForOthers;
  error.id = passing ? "TokenUnavailable" : "TokenRefused";
  error.http_status = answer.status;
  error.what = fmt::format("no token: HTTP {} {}", answer.status, clean(body.message));
  error.remedy = passing ? "" : "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET";
  if (const auto json = parse_json(answer.body)) {
    error.request_id = printable(text_member(*json, "trace_id"), 100);
  }
  if (error.request_id.empty()) {
    error.request_id = printable(answer.header("x-ms-request-id"), 100);
  }
  return error;
}

class ClientSecretFetcher final : public TokenFetcher {
 public:
  ClientSecretFetcher(ClientSecret credential,
                      const Cloud& cloud,
                      http::Exchange& bare,
                      Clock& clock,
                      std::function<double()> jitter,
                      http::Backoff backoff)
      : credential_(std::move(credential)),
        url_(fmt::format(
            "{}/{}/oauth2/v2.0/token", cloud.authority, percent_encoded(credential_.tenant))),
        scope_(cloud.audience + "/.default"),
        bare_(bare),
        clock_(clock),
        jitter_(std::move(jitter)),
        backoff_(backoff) {}

  Result<Fetched> fetch(std::stop_token stop) override {
    const auto origin = http::origin_of(url_);
    if (!origin || (origin->scheme != "https" && !http::is_loopback(*origin))) {
      return fail(give_up("BadEndpoint", "the authority is no https URL"));
    }
    for (int attempt = 1;; ++attempt) {
      auto answer = send(stop);
      if (answer && answer->status == 200) return read(answer->body);
      if (!answer && answer.error().error.next != NextMove::RetryLater) {
        return fail(in_context("getting a token", answer.error().error));
      }
      auto error = answer ? refused(*answer) : in_context("no token", answer.error().error);
      if (error.next != NextMove::RetryLater) return fail(std::move(error));
      const auto floor = answer ? http::retry_after(*answer, clock_.wall()) : std::nullopt;
      const auto pause = http::delay_after(attempt, floor, jitter_ ? jitter_() : 0.5, backoff_);
      if (!pause) return fail(std::move(error));
      if (!clock_.sleep(*pause, stop)) {
        return fail(give_up("Cancelled", "cancelled while getting a token"));
      }
    }
  }

 private:
  http::Answer send(const std::stop_token& stop) {
    http::Request request;
    request.method = http::Method::Post;
    request.url = url_;
    request.headers = {{"content-type", "application/x-www-form-urlencoded"},
                       {"accept", "application/json"}};
    request.body = "grant_type=client_credentials&client_id=";
    request.body += percent_encoded(credential_.client_id);
    request.body += "&client_secret=";
    auto encoded = percent_encoded(credential_.secret.reveal());
    request.body += encoded;
    wipe(encoded);
    request.body += "&scope=" + percent_encoded(scope_);
    const Wiped form{request.body};
    return bare_.send(request, stop);
  }

  static Result<Fetched> read(std::string& body) {
    const Wiped answer{body};
    const auto json = parse_json(body);
    auto token = json ? text_member(*json, "access_token") : std::string();
    const bool fits = !token.empty() && token.find_first_of("\r\n \t") == std::string::npos;
    if (!fits) {
      return fail(Error{NextMove::RetryLater,
                        "TokenUnavailable",
                        "the authority answered 200 without a token",
                        "check the authority's address",
                        200,
                        {}});
    }
    return Fetched{Secret(std::move(token)), lifetime_of(*json)};
  }

  const ClientSecret credential_;
  const std::string url_;
  const std::string scope_;
  http::Exchange& bare_;
  Clock& clock_;
  const std::function<double()> jitter_;
  const http::Backoff backoff_;
};

}  // namespace

std::unique_ptr<TokenFetcher> client_secret_fetcher(ClientSecret credential,
                                                    const Cloud& cloud,
                                                    http::Exchange& bare,
                                                    Clock& clock,
                                                    std::function<double()> jitter,
                                                    http::Backoff backoff) {
  return std::make_unique<ClientSecretFetcher>(
      std::move(credential), cloud, bare, clock, std::move(jitter), backoff);
}

}  // namespace dps::arm

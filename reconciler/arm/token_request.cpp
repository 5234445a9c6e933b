#include "reconciler/arm/token_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "reconciler/arm/fault.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"

namespace dps::arm {
namespace {

using http::percent_encoded;
using std::chrono::seconds;

// A body with a token or a proof in it goes as soon as it was used.
struct Wiped {
  std::string& text;
  ~Wiped() { wipe(text); }
};

std::optional<std::int64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned() || value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number > -1e15 && number < 1e15) return static_cast<std::int64_t>(number);
    return std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto text = value.get<std::string>();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Duration lifetime_of(const Json& answer, WallTime now) {
  constexpr std::int64_t kUsual = 3599;
  constexpr std::int64_t kMost = 7LL * 24 * 3600;
  auto count = whole_number(member(answer, "expires_in"));
  if (!count) {
    if (const auto end = whole_number(member(answer, "expires_on"))) {
      count = *end - std::chrono::duration_cast<seconds>(now.time_since_epoch()).count();
    }
  }
  return seconds{std::clamp<std::int64_t>(count.value_or(kUsual), 1, kMost)};
}

// The authority's own sentence, without the ids and the time that follow it.
std::string own_words(const std::string& description) {
  std::string_view text = description;
  for (const std::string_view tail : {"Trace ID:", "Correlation ID:", "\r", "\n"}) {
    text = text.substr(0, text.find(tail));
  }
  return clean(printable(trim(text), 240));
}

// Worth a word when a proof that is bound to a time was refused.
std::string clock_difference(const http::Response& answer, WallTime now) {
  const auto theirs = parse_rfc1123(answer.header("date"));
  if (!theirs) return {};
  const auto ahead = std::chrono::duration_cast<seconds>(now - *theirs);
  if (std::chrono::abs(ahead) < seconds{60}) return {};
  return fmt::format("; this machine's clock is {} {} the authority's",
                     duration_text(std::chrono::abs(ahead)),
                     ahead.count() > 0 ? "ahead of" : "behind");
}

}  // namespace

std::vector<ProofField> assertion_fields(Secret assertion) {
  return {
      {"client_assertion_type", Secret("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")},
      {"client_assertion", std::move(assertion)}};
}

std::string token_url(const Cloud& cloud, const std::string& tenant) {
  return fmt::format("{}/{}/oauth2/v2.0/token", cloud.authority, percent_encoded(tenant));
}

Error refused_token(const http::Response& answer, const std::string& host, WallTime now) {
  const auto body = parse_json(answer.body);
  const auto description = body ? text_member(*body, "error_description") : std::string();
  int number = aadsts_number(description);
  if (body) {
    const auto& codes = member(*body, "error_codes");
    if (codes.is_array() && !codes.empty()) {
      if (const auto code = whole_number(codes.front()); code && *code > 0 && *code < 100'000'000) {
        number = static_cast<int>(*code);
      }
    }
  }
  const auto meaning = aadsts_meaning(number);
  const bool passing =
      meaning.passing || answer.status == 408 || answer.status == 429 || answer.status >= 500;
  Error error;
  error.next = passing ? NextMove::RetryLater : NextMove::WaitForOthers;
  error.id = passing ? "TokenUnavailable" : "TokenRefused";
  error.http_status = answer.status;
  auto theirs = own_words(description);
  if (theirs.empty())
    theirs = clean(printable(read_error_body(std::string_view(answer.body)).message, 240));
  if (theirs.empty() && body) theirs = printable(text_member(*body, "error"), 60);
  error.what = fmt::format("no token from {}: {}{}{} (HTTP {})",
                           host,
                           meaning.what,
                           meaning.what.empty() || theirs.empty() ? "" : "; it says: ",
                           theirs,
                           answer.status);
  if (number == 700024) error.what += clock_difference(answer, now);
  error.remedy = meaning.remedy;
  if (error.remedy.empty() && passing) {
    error.remedy =
        "nothing: the next run tries again; if it stays, see the authority's status page";
  }
  if (error.remedy.empty() && !passing) {
    error.remedy =
        number == 0
            ? "check the authority's address, the tenant id and the client id"
            : fmt::format("https://login.microsoftonline.com/error?code={} tells more", number);
  }
  if (body) error.request_id = printable(text_member(*body, "trace_id"), 100);
  if (error.request_id.empty()) {
    error.request_id = printable(answer.header("x-ms-request-id"), 100);
  }
  return error;
}

Result<TokenFetcher::Fetched> read_token(std::string& body, const std::string& host, WallTime now) {
  const Wiped answer{body};
  auto json = parse_json(body);
  auto token = json ? text_member(*json, "access_token") : std::string();
  const auto lifetime = json ? lifetime_of(*json, now) : Duration{};
  if (json && json->is_object() && json->contains("access_token") &&
      (*json)["access_token"].is_string()) {
    wipe((*json)["access_token"].get_ref<std::string&>());
  }
  const bool fits = !token.empty() && std::all_of(token.begin(), token.end(), [](char letter) {
    return letter > ' ' && letter < 127;
  });
  if (!fits) {
    return fail(Error{NextMove::RetryLater,
                      "TokenUnavailable",
                      host + " answered 200 without a token",
                      "check that this address issues tokens, and what stands between",
                      200,
                      {}});
  }
  return TokenFetcher::Fetched{Secret(std::move(token)), lifetime};
}

AuthorityFetcher::AuthorityFetcher(
    const Cloud& cloud, std::string tenant, std::string client_id, Proof proof, TokenTools tools)
    : host_(cloud.authority.substr(
          std::min(cloud.authority.size(), cloud.authority.find("://") + 3))),
      url_(token_url(cloud, tenant)),
      client_id_(std::move(client_id)),
      scope_(cloud.audience + "/.default"),
      proof_(std::move(proof)),
      tools_(std::move(tools)) {}

Result<http::Request> AuthorityFetcher::request() const {
  const auto proof = proof_(tools_.clock.wall());
  if (!proof) return fail(proof.error());
  http::Request request;
  request.method = http::Method::Post;
  request.url = url_;
  request.headers = {{"content-type", "application/x-www-form-urlencoded"},
                     {"accept", "application/json"}};
  request.total_limit = seconds{30};
  // One allocation: a string that grows leaves copies of the secret behind.
  std::size_t length = 256 + 3 * (client_id_.size() + scope_.size());
  for (const auto& field : *proof) length += 3 * field.value.reveal().size() + 64;
  request.body.reserve(length);
  request.body += "grant_type=client_credentials&client_id=" + percent_encoded(client_id_);
  for (const auto& field : *proof) {
    auto encoded = percent_encoded(field.value.reveal());
    request.body += '&';
    request.body += field.name;
    request.body += '=';
    request.body += encoded;
    wipe(encoded);
  }
  request.body += "&scope=" + percent_encoded(scope_);
  return request;
}

Error AuthorityFetcher::unreachable(const Error& error) const {
  auto out = in_context("no token from " + host_, error);
  if (out.id != "Cancelled" && out.remedy.empty()) {
    out.remedy = "check the network and the proxy, and the authority's address";
  }
  return out;
}

Result<TokenFetcher::Fetched> AuthorityFetcher::fetch(std::stop_token stop) {
  const auto origin = http::origin_of(url_);
  if (!origin || (origin->scheme != "https" && !http::is_loopback(*origin))) {
    return fail(give_up("BadEndpoint",
                        "the authority is no https URL",
                        "check --authority and AZURE_AUTHORITY_HOST"));
  }
  for (int attempt = 1;; ++attempt) {
    auto asked = request();
    if (!asked) return fail(asked.error());
    const Wiped form{asked->body};
    auto answer = tools_.bare.send(*asked, stop);
    const auto now = tools_.clock.wall();
    if (answer && answer->status == 200) return read_token(answer->body, host_, now);
    auto error = answer ? refused_token(*answer, host_, now) : unreachable(answer.error().error);
    if (error.next != NextMove::RetryLater) return fail(std::move(error));
    const auto floor = answer ? http::retry_after(*answer, now) : std::nullopt;
    const double jitter = tools_.jitter ? tools_.jitter() : 0.5;
    const auto pause = http::delay_after(attempt, floor, jitter, tools_.backoff);
    if (!pause) return fail(std::move(error));
    if (!tools_.clock.sleep(*pause, stop)) {
      return fail(give_up("Cancelled", "cancelled while getting a token"));
    }
  }
}

}  // namespace dps::arm

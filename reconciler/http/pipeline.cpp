#include "reconciler/http/pipeline.hpp"

#include <fmt/format.h>

#include <utility>

#include "reconciler/base/crypto.hpp"
#include "reconciler/http/redact.hpp"
#include "reconciler/http/url.hpp"

namespace dps::http {
namespace {

constexpr auto* kAuthorization = "authorization";
constexpr auto* kClientRequestId = "x-ms-client-request-id";

Answer not_sent(Error error) {
  return tl::unexpected(SendFailure{Delivery::NotSent, std::move(error)});
}

std::optional<Error> check_host(const std::string& url, const std::string& endpoint) {
  const auto origin = origin_of(url);
  const auto trusted = origin_of(endpoint);
  if (!origin) return give_up("BadUrl", "not an http or https URL");
  if (!trusted || *origin != *trusted) {
    return give_up("ForeignHost",
                   fmt::format("refused to send a token to {}", printable(origin->host, 100)));
  }
  if (origin->scheme != "https" && !is_loopback(*origin)) {
    return give_up("ForeignHost", "refused to send a token over plain http");
  }
  return std::nullopt;
}

// The header is the only place where the token stands in clear outside of Secret.
class Authorized {
 public:
  Authorized(Request& request, const Secret& token) : request_(request) {
    request_.headers[kAuthorization] = "Bearer " + token.reveal();
  }
  Authorized(const Authorized&) = delete;
  Authorized& operator=(const Authorized&) = delete;
  ~Authorized() {
    const auto found = request_.headers.find(kAuthorization);
    wipe(found->second);
    request_.headers.erase(found);
  }

 private:
  Request& request_;
};

// A copy of the request that leaves no body behind.
struct Copy {
  Request request;
  explicit Copy(const Request& original) : request(original) {}
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  ~Copy() { wipe(request.body); }
};

Error lost_answer(const Request& request,
                  const Answer& answer,
                  const std::function<std::string(const Response&)>& explain) {
  Error error{NextMove::ReadAgain, "LostAnswer", {}, {}, 0, {}};
  const auto method = word(request.method);
  if (answer) {
    error.http_status = answer->status;
    error.request_id = answer->header("x-ms-request-id");
    error.what = fmt::format("{} was answered {}; it may have been done", method, answer->status);
    if (explain) {
      if (const auto words = explain(*answer); !words.empty()) error.what += ": " + words;
    }
  } else {
    error.what = fmt::format(
        "the answer to {} was lost ({}); it may have been done", method, answer.error().error.what);
  }
  error.remedy = "nothing: the live state is read before anything is sent again";
  return error;
}

}  // namespace

struct Pipeline::Attempt {
  Traits traits;
  TokenSource& tokens;
  int number = 1;
  std::uint64_t generation = 0;
  Duration took{};
  bool decided = false;  // the token source has tried for itself: its word is final
};

Pipeline::Pipeline(Exchange& wire,
                   TokenSource& tokens,
                   Admission& admission,
                   Clock& clock,
                   ExchangeObserver& observer,
                   PipelineSettings settings)
    : wire_(wire),
      tokens_(tokens),
      admission_(admission),
      clock_(clock),
      observer_(observer),
      settings_(std::move(settings)) {}

Answer Pipeline::send(const Request& original, std::stop_token stop) {
  if (auto refused = check_host(original.url, settings_.endpoint)) return not_sent(*refused);
  Copy copy(original);
  auto& request = copy.request;
  request.headers.try_emplace(kClientRequestId, random_uuid());

  Attempt attempt{settings_.traits(request),
                  settings_.tokens_for ? settings_.tokens_for(request) : tokens_};
  bool token_renewed = false;
  for (;; ++attempt.number) {
    auto answer = attempt_once(request, attempt, stop);
    const auto verdict = attempt.decided ? Verdict::Failed : judge(answer, attempt.traits.repeat);
    if (verdict == Verdict::NewToken && !token_renewed) {
      token_renewed = true;
      attempt.tokens.reject(attempt.generation);
      report(request, attempt, answer, Duration{0});
      continue;
    }
    std::optional<Duration> pause;
    if (verdict == Verdict::Again && !stop.stop_requested()) {
      const auto floor = answer ? retry_after(*answer, clock_.wall()) : std::nullopt;
      pause = delay_after(attempt.number, floor, settings_.jitter(), settings_.backoff);
      if (answer && answer->status == 429) {
        admission_.close(attempt.traits.gate, floor.value_or(settings_.backoff.base));
      }
    }
    report(request, attempt, answer, pause);
    if (verdict == Verdict::LostAnswer) {
      auto lost = lost_answer(request, answer, settings_.explain);
      return tl::unexpected(SendFailure{Delivery::MaybeSent, std::move(lost)});
    }
    if (!pause) return answer;
    if (!clock_.sleep(*pause, stop)) {
      return not_sent(give_up("Cancelled", "cancelled while waiting to try again"));
    }
  }
}

Answer Pipeline::attempt_once(Request& request, Attempt& attempt, const std::stop_token& stop) {
  const auto waited = admission_.pass(attempt.traits.gate, stop);
  if (!waited) return not_sent(waited.error());
  if (*waited > Duration{0}) observer_.throttled(attempt.traits.gate, *waited);

  const auto slot = admission_.slot(stop);
  if (!slot) return not_sent(slot.error());
  const auto token = attempt.tokens.token(stop);
  if (!token) {
    attempt.decided = true;
    return not_sent(token.error());
  }
  attempt.generation = token->generation;

  const Authorized header(request, token->text);
  const auto began = clock_.now();
  auto answer = wire_.send(request, stop);
  attempt.took = std::chrono::duration_cast<Duration>(clock_.now() - began);
  return answer;
}

void Pipeline::report(const Request& request,
                      const Attempt& attempt,
                      const Answer& answer,
                      std::optional<Duration> retry_in) {
  Exchanged event;
  event.operation = attempt.traits.operation;
  event.gate = attempt.traits.gate;
  event.method = request.method;
  event.url = redacted_url(request.url);
  event.attempt = attempt.number;
  event.duration = attempt.took;
  event.retry_in = retry_in;
  event.client_request_id = request.headers.at(kClientRequestId);
  if (answer) {
    event.status = answer->status;
    event.headers = redacted_headers(answer->headers);
  } else {
    event.failure = answer.error().error.id;
  }
  observer_.exchanged(event);
}

}  // namespace dps::http

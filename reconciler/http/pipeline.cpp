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
  Ticket ticket = 0;
  int number = 1;
  int refusals = 0;  // 429s among them
  std::uint64_t generation = 0;
  Duration took{};
  Duration waited{};
  bool decided = false;       // the word of the token source, or of a gate or budget, is final
  bool budget_spent = false;  // else it would be tried again
};

namespace {

bool is_trouble(int status) {
  return status == 408 || status == 429 || status >= 500;
}

constexpr auto* kSickRemedy = "wait until the server has recovered; the next pass begins anew";

// A failure that is final only because so much has failed before.
Answer made_final(const Request& request,
                  Answer answer,
                  const std::function<std::string(const Response&)>& explain) {
  if (!answer) {
    auto& error = answer.error().error;
    error.what += "; not tried again, too many requests have failed";
    if (error.remedy.empty()) error.remedy = kSickRemedy;
    return answer;
  }
  Error error{
      NextMove::RetryLater,
      "RetryBudgetSpent",
      fmt::format("{} was answered {} and is not tried again, too many requests have failed",
                  word(request.method),
                  answer->status),
      kSickRemedy,
      answer->status,
      printable(answer->header("x-ms-request-id"), 100)};
  if (explain) {
    if (const auto words = explain(*answer); !words.empty()) error.what += ": " + words;
  }
  return tl::unexpected(SendFailure{Delivery::MaybeSent, std::move(error)});
}

Error endpoint_down(const Error& why) {
  auto error = why;
  error.id = "EndpointDown";
  error.what = fmt::format("not sent, since nothing answers there: {}", why.what);
  return error;
}

}  // namespace

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
      settings_(std::move(settings)),
      budget_(settings_.budget) {}

Answer Pipeline::send(const Request& original, std::stop_token stop) {
  if (auto refused = check_host(original.url, settings_.endpoint)) return not_sent(*refused);
  Copy copy(original);
  auto& request = copy.request;
  request.headers.try_emplace(kClientRequestId, random_uuid());

  Attempt attempt{settings_.traits(request),
                  settings_.tokens_for ? settings_.tokens_for(request) : tokens_};
  attempt.ticket = admission_.new_ticket();
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
    if (verdict == Verdict::Again && !stop.stop_requested()) pause = pause_after(attempt, answer);
    report(request, attempt, answer, pause);
    if (verdict == Verdict::LostAnswer) {
      auto lost = lost_answer(request, answer, settings_.explain);
      return tl::unexpected(SendFailure{Delivery::MaybeSent, std::move(lost)});
    }
    if (!pause) {
      return attempt.budget_spent ? made_final(request, std::move(answer), settings_.explain)
                                  : std::move(answer);
    }
    // After a 429 the gate is what is waited for, in line with all others.
    if (answer && answer->status == 429) continue;
    if (!clock_.sleep(*pause, stop)) {
      return not_sent(give_up("Cancelled", "cancelled while waiting to try again"));
    }
  }
}

std::optional<Duration> Pipeline::pause_after(Attempt& attempt, const Answer& answer) {
  const auto floor = answer ? retry_after(*answer, clock_.wall()) : std::nullopt;
  const auto& backoff = settings_.backoff;
  if (answer && answer->status == 429) {
    if (attempt.refusals > backoff.refusals) return std::nullopt;
    return floor.value_or(Duration{0});
  }
  const auto pause =
      delay_after(attempt.number - attempt.refusals, floor, settings_.jitter(), backoff);
  if (!pause) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (budget_.spend()) return pause;
  attempt.budget_spent = true;
  return std::nullopt;
}

Answer Pipeline::attempt_once(Request& request, Attempt& attempt, const std::stop_token& stop) {
  attempt.waited = Duration{0};
  attempt.took = Duration{0};
  for (;;) {
    auto pass = admission_.enter(attempt.traits.gate, attempt.ticket, stop);
    if (!pass) {
      attempt.decided = true;
      return not_sent(pass.error());
    }
    if (pass->waited() > Duration{0}) {
      attempt.waited += pass->waited();
      observer_.throttled(attempt.traits.gate, pass->waited());
    }
    {
      const std::lock_guard lock(mutex_);
      if (!budget_.admits(clock_.now())) {
        attempt.decided = true;
        pass->ended();  // who waits for an answer of the first ones waits for nothing
        return not_sent(endpoint_down(last_silence_));
      }
    }
    const auto token = attempt.tokens.token(stop);
    if (!token) {
      attempt.decided = true;
      pass->ended();
      return not_sent(token.error());
    }
    // A token may take a while: the gate may have been closed meanwhile.
    if (!pass->is_still_good()) continue;
    attempt.generation = token->generation;

    const Authorized header(request, token->text);
    const auto began = clock_.now();
    auto answer = wire_.send(request, stop);
    attempt.took = std::chrono::duration_cast<Duration>(clock_.now() - began);
    settle(request, attempt, *pass, answer);
    return answer;
  }
}

void Pipeline::settle(const Request& request, Attempt& attempt, Pass& pass, const Answer& answer) {
  if (answer && answer->status == 429) {
    ++attempt.refusals;
    const auto pause = closing_after(attempt.refusals,
                                     retry_after(*answer, clock_.wall()),
                                     settings_.jitter(),
                                     settings_.backoff);
    pass.throttled(pause);
    observer_.closed(attempt.traits.gate, pause);
  } else {
    pass.ended();
    if (answer && settings_.quotas) {
      for (const auto& reading : settings_.quotas(request, *answer)) {
        admission_.told(reading.gate, reading.remaining);
        observer_.remaining(reading.gate, reading.remaining);
      }
    }
  }
  const std::lock_guard lock(mutex_);
  if (!answer) {
    if (answer.error().error.next != NextMove::RetryLater) return;  // cancelled: says nothing
    budget_.unanswered();
    last_silence_ = answer.error().error;
  } else if (is_trouble(answer->status)) {
    budget_.answered();
  } else {
    budget_.succeeded();
  }
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
  event.waited = attempt.waited;
  event.retry_in = retry_in;
  event.budget_spent = attempt.budget_spent;
  event.client_request_id = request.headers.at(kClientRequestId);
  if (answer) {
    event.status = answer->status;
    event.headers = redacted_headers(answer->headers);
    event.protocol = answer->protocol;
    event.connection = answer->connection;
  } else {
    event.failure = answer.error().error.id;
  }
  observer_.exchanged(event);
}

}  // namespace dps::http

#include "reconciler/telemetry/webhook.hpp"

#include <algorithm>
#include <utility>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/http/retry.hpp"

namespace dps::telemetry {
namespace {

// How often an idle thread looks whether a summary is due, while one is owed.
constexpr auto kLookAgain = std::chrono::milliseconds{200};

bool may_pass(int status) {
  return status == 408 || status == 429 || status >= 500;
}

}  // namespace

Webhook::Webhook(WebhookSettings settings,
                 http::Exchange& exchange,
                 Clock& clock,
                 Log& log,
                 std::function<void(WebhookResult)> count)
    : settings_(std::move(settings)),
      exchange_(exchange),
      clock_(clock),
      log_(log),
      count_(std::move(count)),
      filter_(settings_.limits),
      thread_([this] { send_all(); }) {}

Webhook::~Webhook() {
  close(Duration{0});
}

void Webhook::count(WebhookResult result, std::size_t times) const {
  for (std::size_t one = 0; count_ && one < times; ++one) count_(result);
}

void Webhook::push(std::string name, controller::Event event) {
  if (queue_.size() >= settings_.most_queued) {
    queue_.pop_front();
    count(WebhookResult::Dropped);
  }
  queue_.push_back({random_uuid(), std::move(name), std::move(event)});
}

void Webhook::event(const controller::Event& event) {
  const std::lock_guard lock(mutex_);
  if (deadline_) return count(WebhookResult::Dropped);
  switch (filter_.judge(event, clock_.now())) {
    case WebhookFilter::Verdict::Duplicate:
      return count(WebhookResult::Duplicate);
    case WebhookFilter::Verdict::Limited:
      count(WebhookResult::Limited);
      break;
    case WebhookFilter::Verdict::Send:
      push(std::string(word(event.kind)), event);
      break;
  }
  wake_.notify_one();
}

bool Webhook::closing() const {
  const std::lock_guard lock(mutex_);
  return deadline_.has_value();
}

Duration Webhook::time_left() const {
  const std::lock_guard lock(mutex_);
  if (!deadline_) return settings_.per_try;
  const auto left = std::chrono::duration_cast<Duration>(*deadline_ - clock_.now());
  return std::min(settings_.per_try, left);
}

std::optional<Delivery> Webhook::next() {
  std::unique_lock lock(mutex_);
  for (;;) {
    using Now = WebhookFilter::Now;
    if (auto said = filter_.summary(clock_.now(), deadline_ ? Now::Yes : Now::No)) {
      controller::Event summary;
      summary.severity = controller::Severity::Warning;
      summary.time = clock_.wall();
      summary.message = *std::move(said);
      summary.reason = "RateLimited";
      push("summary", std::move(summary));
    }
    if (!queue_.empty()) {
      auto first = std::move(queue_.front());
      queue_.pop_front();
      return first;
    }
    if (deadline_) return std::nullopt;
    if (filter_.owes_summary()) {
      wake_.wait_for(lock, kLookAgain);
    } else {
      wake_.wait(lock);
    }
  }
}

void Webhook::send_all() {
  while (const auto delivery = next()) {
    if (time_left() <= Duration{0}) {
      count(WebhookResult::Dropped);
    } else {
      deliver(*delivery);
    }
  }
  const std::lock_guard lock(mutex_);
  over_ = true;
  ended_.notify_all();
}

void Webhook::deliver(const Delivery& delivery) {
  const auto body = webhook_body(delivery, settings_.sender);
  for (int tried = 1;; ++tried) {
    const auto last = try_once(delivery, body);
    if (last.outcome == Outcome::Delivered) {
      log_.write(LogLevel::Debug,
                 "the webhook took an event",
                 {{"event", delivery.name}, {"delivery", delivery.id}});
      return count(WebhookResult::Delivered);
    }
    if (last.outcome == Outcome::Final || tried >= settings_.tries || closing()) {
      log_.write(LogLevel::Warn,
                 "the webhook did not take an event",
                 {{"event", delivery.name},
                  {"delivery", delivery.id},
                  {"to", settings_.address.origin},
                  {"reason", last.why},
                  {"tries", std::to_string(tried)}});
      return count(WebhookResult::Failed);
    }
    // Cut short by close: then once more, at once.
    clock_.sleep(pause_after(tried, last), hurry_.get_token());
  }
}

Webhook::Try Webhook::try_once(const Delivery& delivery, const std::string& body) {
  std::optional<Secret> secret;
  if (!settings_.secret_file.empty()) {
    auto read = read_secret_word(settings_.secret_file);
    if (!read) return {Outcome::Again, read.error().id, {}};
    secret = *std::move(read);
  }
  auto request = webhook_request(settings_.address, delivery, body, secret, clock_.wall());
  request.total_limit = std::max(time_left(), Duration{1});
  request.connect_limit = request.total_limit;
  const auto answer = exchange_.send(request, abort_.get_token());
  if (!answer) {
    const auto& error = answer.error().error;
    return {error.id == "Cancelled" ? Outcome::Final : Outcome::Again, error.id, {}};
  }
  const auto why = std::to_string(answer->status);
  if (answer->status >= 200 && answer->status < 300) return {Outcome::Delivered, why, {}};
  if (!may_pass(answer->status)) return {Outcome::Final, why, {}};
  return {Outcome::Again, why, http::retry_after(*answer, clock_.wall())};
}

Duration Webhook::pause_after(int tried, const Try& last) const {
  auto pause = settings_.first_pause;
  for (int doubled = 1; doubled < tried && pause < settings_.ceiling; ++doubled) pause *= 2;
  pause = std::min(pause, settings_.ceiling);
  const auto spread = settings_.jitter ? settings_.jitter() : 0.0;
  pause += std::chrono::duration_cast<Duration>(pause * (spread / 2));
  return std::max(pause, std::min(last.floor.value_or(Duration{0}), settings_.most_patience));
}

void Webhook::close(Duration grace) {
  {
    std::unique_lock lock(mutex_);
    if (!deadline_) deadline_ = clock_.now() + grace;
    wake_.notify_all();
  }
  hurry_.request_stop();
  {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, grace, [this] { return over_; });
  }
  abort_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace dps::telemetry

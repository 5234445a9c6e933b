#include "reconciler/arm/token_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "reconciler/base/jwt.hpp"

namespace dps::arm {

// What is known, under one mutex: read by many, refreshed by one at a time.
struct CachedTokens::State {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool refreshing = false;
  std::uint64_t rounds = 0;  // refreshes that ended

  std::optional<http::Token> token;
  TimePoint refresh_at{};
  TimePoint dead_at{};
  std::uint64_t generation = 0;
  std::optional<TimePoint> rejected_at;

  std::optional<Error> failure;  // of the last round
  TimePoint failure_until{};

  bool alive(TimePoint now) const { return token && now < dead_at; }
};

namespace {

constexpr Duration kLongestMargin = std::chrono::minutes{5};
constexpr Duration kFailureLasts = std::chrono::seconds{10};
constexpr Duration kBetweenRejections = std::chrono::seconds{10};

Error cancelled() {
  return give_up("Cancelled", "cancelled while waiting for a token");
}

}  // namespace

CachedTokens::CachedTokens(std::unique_ptr<TokenFetcher> fetcher, Clock& clock)
    : fetcher_(std::move(fetcher)), clock_(clock), state_(std::make_unique<State>()) {}

CachedTokens::~CachedTokens() = default;

Result<http::Token> CachedTokens::token(std::stop_token stop) {
  auto& state = *state_;
  std::unique_lock lock(state.mutex);
  for (;;) {
    const auto now = clock_.now();
    if (state.token && now < state.refresh_at) return *state.token;
    // An old token that still lives is better than none, and than waiting.
    if (state.alive(now) && (state.refreshing || (state.failure && now < state.failure_until))) {
      return *state.token;
    }
    if (state.failure && now < state.failure_until) return fail(*state.failure);
    if (!state.refreshing) break;
    const auto seen = state.rounds;
    if (!state.changed.wait(lock, stop, [&] { return state.rounds != seen; })) {
      return fail(cancelled());
    }
    if (state.failure && state.failure->id != "Cancelled" && !state.alive(clock_.now())) {
      return fail(*state.failure);
    }
  }

  state.refreshing = true;
  lock.unlock();
  auto fetched = fetcher_->fetch(stop);
  lock.lock();
  state.refreshing = false;
  ++state.rounds;
  const auto now = clock_.now();
  if (fetched) {
    const auto margin = std::min<Duration>(fetched->lifetime / 5, kLongestMargin);
    state.token = http::Token{
        std::move(fetched->token), ++state.generation, clock_.wall() + fetched->lifetime};
    state.refresh_at = now + fetched->lifetime - margin;
    state.dead_at = now + fetched->lifetime;
    state.failure.reset();
  } else {
    state.failure = fetched.error();
    const bool own_stop = fetched.error().id == "Cancelled";
    state.failure_until = own_stop ? now : now + kFailureLasts;
  }
  state.changed.notify_all();
  if (state.alive(now)) return *state.token;
  return fail(*state.failure);
}

void CachedTokens::reject(std::uint64_t generation) {
  auto& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (!state.token || state.token->generation != generation) return;
  const auto now = clock_.now();
  if (state.rejected_at && now < *state.rejected_at + kBetweenRejections) return;
  state.rejected_at = now;
  state.token.reset();
}

std::optional<WallTime> CachedTokens::expires() const {
  const std::lock_guard lock(state_->mutex);
  return state_->token ? std::optional(state_->token->expires) : std::nullopt;
}

struct ReadyToken::State {
  std::mutex mutex;
  Secret token;
  bool rejected = false;
};

ReadyToken::ReadyToken(Secret token, std::string name, Clock& clock)
    : name_(std::move(name)),
      expires_(jwt_expiry(token.reveal())),
      clock_(clock),
      state_(std::make_unique<State>()) {
  state_->token = std::move(token);
}

ReadyToken::~ReadyToken() = default;

Result<http::Token> ReadyToken::token(std::stop_token /*stop*/) {
  const std::lock_guard lock(state_->mutex);
  const bool over = expires_ && *expires_ <= clock_.wall();
  if (state_->rejected || over) {
    const auto what = over ? fmt::format("the token of {} expired at {}", name_, rfc3339(*expires_))
                           : fmt::format("ARM refused the token of {}", name_);
    return fail(Error{NextMove::WaitForOthers,
                      "TokenRefused",
                      what,
                      over ? "get a new one (az account get-access-token), or sign in another way"
                           : "it may be revoked, or for another tenant or audience: get a new one "
                             "for this cloud's ARM, or sign in another way",
                      401,
                      {}});
  }
  return http::Token{state_->token, 1, expires_.value_or(WallTime::max())};
}

void ReadyToken::reject(std::uint64_t /*generation*/) {
  const std::lock_guard lock(state_->mutex);
  state_->rejected = true;
}

std::optional<WallTime> ReadyToken::expires() const {
  return expires_;
}

}  // namespace dps::arm

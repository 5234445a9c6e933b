#include "reconciler/arm/credential.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

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

  std::optional<Error> failure;  // of the last round
  TimePoint failure_until{};
};

namespace {

constexpr Duration kLongestMargin = std::chrono::minutes{5};
constexpr Duration kFailureLasts = std::chrono::seconds{10};

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
    if (state.failure && now < state.failure_until) {
      // An old token that still lives is better than none.
      if (state.token && now < state.dead_at) return *state.token;
      return fail(*state.failure);
    }
    if (!state.refreshing) break;
    const auto seen = state.rounds;
    if (!state.changed.wait(lock, stop, [&] { return state.rounds != seen; })) {
      return fail(cancelled());
    }
    if (state.failure && state.failure->id != "Cancelled" &&
        !(state.token && clock_.now() < state.dead_at)) {
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
  if (state.token && now < state.dead_at) return *state.token;
  return fail(*state.failure);
}

void CachedTokens::reject(std::uint64_t generation) {
  auto& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.token && state.token->generation == generation) state.token.reset();
}

struct StaticToken::State {
  std::mutex mutex;
  Secret token;
  bool rejected = false;
};

StaticToken::StaticToken(Secret token) : state_(std::make_unique<State>()) {
  state_->token = std::move(token);
}

StaticToken::~StaticToken() = default;

Result<http::Token> StaticToken::token(std::stop_token /*stop*/) {
  const std::lock_guard lock(state_->mutex);
  if (state_->rejected) {
    return fail(Error{NextMove::WaitForOthers,
                      "TokenRefused",
                      "ARM refused the token of AZURE_ACCESS_TOKEN",
                      "it may have expired: get a new one, or sign in another way",
                      401,
                      {}});
  }
  return http::Token{state_->token, 1, WallTime::max()};
}

void StaticToken::reject(std::uint64_t /*generation*/) {
  const std::lock_guard lock(state_->mutex);
  state_->rejected = true;
}

namespace {

std::string variable(const CredentialSettings& settings, std::string_view name) {
  return settings.variable ? settings.variable(name).value_or("") : std::string();
}

Result<std::unique_ptr<http::TokenSource>> by_client_secret(const CredentialSettings& settings,
                                                            http::Exchange& bare,
                                                            Clock& clock) {
  ClientSecret credential;
  std::vector<std::string> missing;
  const auto take = [&](std::string_view name) {
    auto value = variable(settings, name);
    if (value.empty()) missing.emplace_back(name);
    return value;
  };
  credential.tenant = take("AZURE_TENANT_ID");
  credential.client_id = take("AZURE_CLIENT_ID");
  credential.secret = Secret(take("AZURE_CLIENT_SECRET"));
  if (!missing.empty()) {
    return fail(give_up("BadCredential",
                        fmt::format("client-secret needs {}", join(missing, ", ")),
                        "set it in the environment"));
  }
  return std::make_unique<CachedTokens>(
      client_secret_fetcher(std::move(credential), settings.cloud, bare, clock, settings.jitter),
      clock);
}

Result<std::unique_ptr<http::TokenSource>> by_token(const CredentialSettings& settings) {
  auto token = variable(settings, "AZURE_ACCESS_TOKEN");
  if (token.empty()) {
    return fail(
        give_up("BadCredential", "token needs AZURE_ACCESS_TOKEN", "set it in the environment"));
  }
  return std::make_unique<StaticToken>(Secret(std::move(token)));
}

Error not_available(std::string_view kind) {
  return give_up("BadCredential",
                 fmt::format("{} is not available in this version", kind),
                 "use client-secret or token");
}

}  // namespace

std::string authority_from(const CredentialSettings& settings) {
  auto host = variable(settings, "AZURE_AUTHORITY_HOST");
  if (!host.empty() && host.find("://") == std::string::npos) host = "https://" + host;
  return host;
}

Result<std::unique_ptr<http::TokenSource>> make_credential(const CredentialSettings& settings,
                                                           http::Exchange& bare,
                                                           Clock& clock) {
  const auto choice = choose_credential(settings.kind, settings.variable, settings.attendance);
  if (!choice) return fail(choice.error());
  const auto& kind = choice->kind;
  if (kind == "client-secret") return by_client_secret(settings, bare, clock);
  if (kind == "token") return by_token(settings);
  return fail(not_available(kind));
}

}  // namespace dps::arm

#include "reconciler/http/gate.hpp"

#include <algorithm>
#include <cmath>

namespace dps::http {
namespace {

constexpr int kFirstWindow = 4;
constexpr int kWideOpen = 64;  // a window of this size is none
constexpr double kLeastPace = 0.2;
constexpr double kMostOfDocumented = 4;  // what may be learned is bounded: answers may be strange
constexpr auto kLeastLesson = std::chrono::milliseconds{900};

double seconds_between(TimePoint from, TimePoint to) {
  return std::chrono::duration<double>(to - from).count();
}

TimePoint::duration in_seconds(double seconds) {
  return std::chrono::ceil<TimePoint::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

Gate::Gate(GateRules rules) : rules_(rules), pace_(rules.documented_pace), window_(kFirstWindow) {
  rules_.reserve_percent = std::clamp(rules_.reserve_percent, 0, 90);
  pace_ = std::max(kLeastPace, rules_.documented_pace * own_share());
}

double Gate::own_share() const {
  return 1.0 - rules_.reserve_percent / 100.0;
}

std::int64_t Gate::reserve() const {
  return (largest_ * rules_.reserve_percent + 99) / 100;
}

double Gate::level(TimePoint now) const {
  const auto grown = level_.value_or(0) + pace_ * std::max(0.0, seconds_between(level_at_, now));
  return std::min(grown, static_cast<double>(std::max<std::int64_t>(largest_, 1)));
}

Leave Gate::leave(TimePoint now) const {
  if (now < closed_until_) return {Leave::Kind::Until, closed_until_};
  if (window_ < kWideOpen && in_flight_ >= window_) return {Leave::Kind::AfterAnswer, {}};
  if (!level_ || level(now) > static_cast<double>(reserve())) return {};
  const auto next = last_sent_ + in_seconds(1.0 / pace_);
  if (now < next) return {Leave::Kind::Until, next};
  return {};
}

bool Gate::is_limiting(TimePoint now) const {
  return now < closed_until_ || recovering_ ||
         (level_ && level(now) <= static_cast<double>(reserve()));
}

void Gate::sent(TimePoint now) {
  ++in_flight_;
  last_sent_ = now;
  if (!level_) return;
  level_ = level(now) - 1;
  level_at_ = now;
}

void Gate::taken_back() {
  in_flight_ = std::max(0, in_flight_ - 1);
  if (level_) level_ = *level_ + 1;
}

void Gate::ended() {
  in_flight_ = std::max(0, in_flight_ - 1);
  if (window_ >= kWideOpen || ++well_ < window_) return;
  window_ *= 2;
  well_ = 0;
  if (window_ >= kWideOpen) recovering_ = false;
}

void Gate::throttled(Duration pause, TimePoint now) {
  in_flight_ = std::max(0, in_flight_ - 1);
  // Those that were on their way when it happened tell nothing new.
  if (now >= closed_until_) pace_ = std::max(kLeastPace, pace_ / 2);
  close(pause, now);
  start_learning(0, now);
  if (!level_) return;  // a server that never says what remains is not waited for either
  level_ = 0;
  level_at_ = closed_until_;
}

void Gate::close(Duration pause, TimePoint now) {
  closed_until_ = std::max(closed_until_, now + pause);
  ++closures_;
  window_ = 1;
  well_ = 0;
  recovering_ = true;
}

void Gate::told(std::int64_t remaining, TimePoint now) {
  remaining = std::max<std::int64_t>(remaining, 0);
  // What the last answers before a 429 said is no longer true.
  if (now < closed_until_) return;
  largest_ = std::max(largest_, remaining);
  learn(remaining, now);
  level_ = static_cast<double>(remaining - in_flight_);
  level_at_ = now;
  if (!recovering_) window_ = kWideOpen;
}

void Gate::learn(std::int64_t remaining, TimePoint now) {
  if (!learning_) {
    start_learning(remaining, now);
    return;
  }
  ++learning_->answers;
  if (now - learning_->since < kLeastLesson) return;
  const auto gained = static_cast<double>(remaining - learning_->remaining + learning_->answers);
  const auto pace = gained / seconds_between(learning_->since, now) * own_share();
  const auto bounded = std::clamp(
      pace, kLeastPace, std::max(kLeastPace, rules_.documented_pace * kMostOfDocumented));
  // A full bucket gains nothing: it shows how much at least, not how little.
  pace_ = remaining >= largest_ ? std::max(pace_, bounded) : bounded;
  start_learning(remaining, now);
}

void Gate::start_learning(std::int64_t remaining, TimePoint now) {
  learning_ = Learning{now, remaining, 0};
}

}  // namespace dps::http

#include "tests/end_to_end/watch.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace dps::lab {

std::vector<std::string> Listener::lines() const {
  std::vector<std::string> out;
  for (const auto& event : events()) {
    if (event.kind == controller::EventKind::RevisionTaken) continue;
    std::string line(word(event.kind));
    if (event.service) line += " " + event.service->name;
    for (const auto& detail : event.details) line += " | " + detail;
    out.push_back(std::move(line));
  }
  return out;
}

std::size_t Listener::count(controller::EventKind kind) const {
  const auto all = events();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& one) { return one.kind == kind; }));
}

std::size_t Listener::drifts() const {
  const std::lock_guard lock(mutex_);
  std::size_t all = 0;
  for (const auto& [kind, count] : drifts_) all += count;
  return all;
}

void Listener::forget() {
  const std::lock_guard lock(mutex_);
  events_.clear();
  runs_.clear();
  changes_.clear();
  drifts_.clear();
}

void Listener::forget_events() {
  const std::lock_guard lock(mutex_);
  events_.clear();
}

Watch::Watch(Lab& given, controller::EngineSettings settings, std::string state_file) : lab(given) {
  engine = std::make_unique<controller::Engine>(
      lab.runtime(settings),
      controller::Suspensions(std::move(state_file)),
      controller::SourceStatus{},
      controller::EngineTools{lab.clock(), listener, baton, [] { return 0.5; }, {}, nullptr});
}

void Watch::take(const std::string& name) {
  engine->take(lab.load(), name);
}

void Watch::settle() {
  // Bounded: what is queued again at once for ever is a fault.
  for (int runs = 0; engine->run_one(stops); ++runs) {
    ASSERT_LT(runs, 2000) << "the engine does not come to rest";
  }
}

void Watch::pass(Duration span) {
  const auto end = lab.clock().now() + span;
  for (;;) {
    engine->beat();
    settle();
    const auto now = lab.clock().now();
    if (now >= end) return;
    const auto due = engine->next_due().value_or(end);
    const auto wait = std::min(due, end) - now;
    if (wait > wait.zero()) lab.advance(std::chrono::ceil<Duration>(wait));
  }
}

std::shared_ptr<const controller::ServiceStatus> Watch::of(const std::string& name) const {
  for (const auto& service : engine->status().services) {
    if (service->id.name == name) return service;
  }
  ADD_FAILURE() << "no service " << name;
  return std::make_shared<controller::ServiceStatus>();
}

const controller::Condition& Watch::condition(const std::string& name,
                                              std::string_view type) const {
  last_ = of(name);
  for (const auto& condition : last_->conditions) {
    if (condition.type == type) return condition;
  }
  static const controller::Condition kNone;
  ADD_FAILURE() << "no condition " << type;
  return kNone;
}

}  // namespace dps::lab

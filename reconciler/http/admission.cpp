#include "reconciler/http/admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "reconciler/base/text.hpp"

namespace dps::http {
namespace {

Error cancelled() {
  return give_up("Cancelled", "cancelled while waiting for its turn");
}

Error closed_for_too_long(const std::string& gate, Duration pause) {
  return {NextMove::RetryLater,
          "Throttled",
          fmt::format("the request limit {} is used up; the server asks to wait {}",
                      printable(gate, 100),
                      duration_text(std::chrono::ceil<std::chrono::seconds>(pause))),
          "try again then; find out who else uses up the limit of this subscription",
          429,
          {}};
}

}  // namespace

/// Somebody in a line. Woken when there may be something to do.
struct Admission::Waiter {
  explicit Waiter(Ticket number) : ticket(number) {}
  Ticket ticket;
  bool woken = false;
  std::condition_variable_any wake;
};

/// A gate and who stands before it. Only the head of the line asks, and it alone sleeps.
struct Admission::Line {
  explicit Line(GateRules rules) : gate(rules) {}
  Gate gate;
  std::multimap<Ticket, Waiter*> waiting;
};

Pass::Pass(Pass&& other) noexcept
    : admission_(other.admission_),
      gate_(std::move(other.gate_)),
      closures_(other.closures_),
      waited_(other.waited_) {
  other.admission_ = nullptr;
}

Pass::~Pass() {
  if (admission_ != nullptr) admission_->give_back(gate_, Admission::Ending::NotSent, {});
}

bool Pass::is_still_good() const {
  const std::lock_guard lock(admission_->mutex_);
  return admission_->line_of(gate_).gate.closures() == closures_;
}

void Pass::ended() {
  if (admission_ != nullptr) admission_->give_back(gate_, Admission::Ending::Ended, {});
  admission_ = nullptr;
}

void Pass::throttled(Duration pause) {
  if (admission_ != nullptr) admission_->give_back(gate_, Admission::Ending::Throttled, pause);
  admission_ = nullptr;
}

Admission::Admission(Clock& clock, AdmissionSettings settings)
    : clock_(clock),
      settings_(std::move(settings)),
      free_(std::max<std::size_t>(settings_.most_in_flight, 1)) {}

Admission::Admission(Clock& clock, std::size_t most_in_flight)
    : Admission(clock, AdmissionSettings{most_in_flight}) {}

Admission::~Admission() = default;

Ticket Admission::new_ticket() {
  const std::lock_guard lock(mutex_);
  return ++last_ticket_;
}

Admission::Line& Admission::line_of(const std::string& gate) {
  const auto found = lines_.find(gate);
  if (found != lines_.end()) return found->second;
  GateRules rules;
  rules.reserve_percent = settings_.reserve_percent;
  if (settings_.documented_pace) rules.documented_pace = settings_.documented_pace(gate);
  return lines_.try_emplace(gate, rules).first->second;
}

Result<Pass> Admission::enter(const std::string& gate, Ticket ticket, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  auto& line = line_of(gate);
  Waiter self(ticket);
  const auto place = line.waiting.emplace(ticket, &self);
  crowded_.insert(&line);
  auto pass = wait_in(line, gate, self, lock, stop);
  line.waiting.erase(place);
  if (line.waiting.empty()) crowded_.erase(&line);
  wake_heads();
  return pass;
}

Result<Pass> Admission::wait_in(Line& line,
                                const std::string& gate,
                                Waiter& self,
                                std::unique_lock<std::mutex>& lock,
                                const std::stop_token& stop) {
  const auto began = clock_.now();
  bool limited = false;
  for (;;) {
    if (stop.stop_requested()) return fail(cancelled());
    const auto now = clock_.now();
    const bool is_head = line.waiting.begin()->second == &self;
    const auto leave = line.gate.leave(now);
    if (is_head && leave.kind == Leave::Kind::Go && free_ > 0) {
      --free_;
      line.gate.sent(now);
      // A thread that was merely not scheduled has not waited for a gate.
      const auto waited = limited ? std::chrono::duration_cast<Duration>(now - began) : Duration{0};
      return Pass(*this, gate, line.gate.closures(), waited);
    }
    limited = limited || (leave.kind != Leave::Kind::Go && line.gate.is_limiting(now));
    if (leave.kind == Leave::Kind::Until && leave.until - now > settings_.longest_wait) {
      return fail(
          closed_for_too_long(gate, std::chrono::duration_cast<Duration>(leave.until - now)));
    }
    if (is_head && leave.kind == Leave::Kind::Until) {
      lock.unlock();
      // Rounded up: a pause that ends a moment too early would only be slept again.
      const bool slept = clock_.sleep(std::chrono::ceil<Duration>(leave.until - now), stop);
      lock.lock();
      if (!slept) return fail(cancelled());
      continue;
    }
    if (!self.wake.wait(lock, stop, [&] { return self.woken; })) return fail(cancelled());
    self.woken = false;
  }
}

void Admission::told(const std::string& gate, std::int64_t remaining) {
  const std::lock_guard lock(mutex_);
  line_of(gate).gate.told(remaining, clock_.now());
  wake_heads();
}

void Admission::close(const std::string& gate, Duration pause) {
  const std::lock_guard lock(mutex_);
  line_of(gate).gate.close(pause, clock_.now());
}

void Admission::give_back(const std::string& gate, Ending ending, Duration pause) {
  const std::lock_guard lock(mutex_);
  ++free_;
  auto& line = line_of(gate);
  switch (ending) {
    case Ending::NotSent:
      line.gate.taken_back();
      break;
    case Ending::Ended:
      line.gate.ended();
      break;
    case Ending::Throttled: {
      line.gate.throttled(pause, clock_.now());
      // All of them learn how long it is: some may not want to wait so long.
      for (const auto& [ticket, waiter] : line.waiting) {
        waiter->woken = true;
        waiter->wake.notify_one();
      }
      break;
    }
  }
  wake_heads();
}

void Admission::wake_heads() {
  for (const auto* line : crowded_) {
    auto& head = *line->waiting.begin()->second;
    head.woken = true;
    head.wake.notify_one();
  }
}

}  // namespace dps::http

#include "reconciler/http/admission.hpp"

#include <algorithm>
#include <utility>

namespace dps::http {
namespace {

Error cancelled() {
  return give_up("Cancelled", "cancelled while waiting for its turn");
}

}  // namespace

Slot::~Slot() {
  if (admission_ != nullptr) admission_->give_back();
}

Admission::Admission(Clock& clock, std::size_t most_in_flight)
    : clock_(clock), free_(std::max<std::size_t>(most_in_flight, 1)) {}

Result<Duration> Admission::pass(const std::string& gate, const std::stop_token& stop) {
  const auto began = clock_.now();
  bool waited = false;
  for (;;) {
    TimePoint until;
    {
      const std::lock_guard lock(mutex_);
      const auto found = closed_until_.find(gate);
      until = found == closed_until_.end() ? TimePoint::min() : found->second;
    }
    const auto now = clock_.now();
    // A thread that was merely not scheduled has not waited for a gate.
    if (until <= now)
      return waited ? std::chrono::duration_cast<Duration>(now - began) : Duration{0};
    waited = true;
    // Rounded up: a pause that ends a moment too early would only be slept again.
    if (!clock_.sleep(std::chrono::ceil<Duration>(until - now), stop)) return fail(cancelled());
  }
}

Result<Slot> Admission::slot(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (!freed_.wait(lock, stop, [this] { return free_ > 0; })) return fail(cancelled());
  --free_;
  return Slot(*this);
}

void Admission::close(const std::string& gate, Duration pause) {
  const auto until = clock_.now() + pause;
  const std::lock_guard lock(mutex_);
  auto& known = closed_until_.try_emplace(gate, TimePoint::min()).first->second;
  known = std::max(known, until);
}

void Admission::give_back() {
  {
    const std::lock_guard lock(mutex_);
    ++free_;
  }
  freed_.notify_one();
}

}  // namespace dps::http

#include "reconciler/controller/work_queue.hpp"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

namespace dps::controller {
namespace {

// What goes first sorts first.
auto urgency(const WorkKey& key, TimePoint due, Priority priority) {
  return std::make_tuple(-static_cast<int>(priority), due, std::cref(key));
}

}  // namespace

void WorkQueue::add(const WorkKey& key, TimePoint due, Priority priority) {
  const Entry fresh{due, priority};
  const auto merge = [&](Entry& known) {
    known.due = std::min(known.due, due);
    known.priority = std::max(known.priority, priority);
  };
  if (const auto running = running_.find(key); running != running_.end()) {
    if (running->second) {
      merge(*running->second);
    } else {
      running->second = fresh;
    }
    return;
  }
  const auto [waiting, is_new] = waiting_.emplace(key, fresh);
  if (!is_new) merge(waiting->second);
}

std::optional<Taken> WorkQueue::take(TimePoint now) {
  auto best = waiting_.end();
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    if (at->second.due > now) continue;
    if (best == waiting_.end() ||
        urgency(at->first, at->second.due, at->second.priority) <
            urgency(best->first, best->second.due, best->second.priority)) {
      best = at;
    }
  }
  if (best == waiting_.end()) return std::nullopt;
  Taken taken{best->first,
              best->second.priority,
              std::chrono::duration_cast<Duration>(now - best->second.due)};
  running_.emplace(best->first, std::nullopt);
  waiting_.erase(best);
  return taken;
}

void WorkQueue::done(const WorkKey& key) {
  const auto running = running_.find(key);
  if (running == running_.end()) return;
  const auto again = running->second;
  running_.erase(running);
  if (again) add(key, again->due, again->priority);
}

void WorkQueue::forget(const WorkKey& key) {
  waiting_.erase(key);
  if (const auto running = running_.find(key); running != running_.end()) running->second.reset();
}

std::optional<TimePoint> WorkQueue::next_due() const {
  std::optional<TimePoint> first;
  for (const auto& [key, entry] : waiting_) {
    if (!first || entry.due < *first) first = entry.due;
  }
  return first;
}

std::optional<TimePoint> WorkQueue::due_of(const WorkKey& key) const {
  if (const auto waiting = waiting_.find(key); waiting != waiting_.end()) {
    return waiting->second.due;
  }
  const auto running = running_.find(key);
  if (running == running_.end() || !running->second) return std::nullopt;
  return running->second->due;
}

bool WorkQueue::is_running(const WorkKey& key) const {
  return running_.contains(key);
}

std::size_t WorkQueue::running() const {
  return running_.size();
}

std::size_t WorkQueue::depth(TimePoint now) const {
  return static_cast<std::size_t>(std::count_if(
      waiting_.begin(), waiting_.end(), [&](const auto& one) { return one.second.due <= now; }));
}

Duration WorkQueue::oldest(TimePoint now) const {
  const auto first = next_due();
  if (!first || *first > now) return Duration{0};
  return std::chrono::duration_cast<Duration>(now - *first);
}

std::optional<std::size_t> WorkQueue::position(const WorkKey& key, TimePoint now) const {
  const auto waiting = waiting_.find(key);
  if (waiting == waiting_.end() || waiting->second.due > now) return std::nullopt;
  const auto mine = urgency(key, waiting->second.due, waiting->second.priority);
  return static_cast<std::size_t>(
      std::count_if(waiting_.begin(), waiting_.end(), [&](const auto& one) {
        return one.second.due <= now &&
               urgency(one.first, one.second.due, one.second.priority) < mine;
      }));
}

std::map<std::string, std::size_t> WorkQueue::positions(TimePoint now) const {
  std::vector<std::map<WorkKey, Entry>::const_iterator> due;
  for (auto at = waiting_.begin(); at != waiting_.end(); ++at) {
    if (at->second.due <= now) due.push_back(at);
  }
  std::sort(due.begin(), due.end(), [](const auto& left, const auto& right) {
    return urgency(left->first, left->second.due, left->second.priority) <
           urgency(right->first, right->second.due, right->second.priority);
  });
  std::map<std::string, std::size_t> places;
  for (std::size_t place = 0; place < due.size(); ++place) {
    if (due[place]->first.work == Work::Service) places.emplace(due[place]->first.name, place);
  }
  return places;
}

}  // namespace dps::controller

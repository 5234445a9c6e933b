// work_queue: keys without content, each run by one worker at a time; told the time.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/observer.hpp"

namespace dps::controller {

/// What is to be looked at: everything, one subscription (`name` its id in lower case) or one
/// service (`name` its key()).
struct WorkKey {
  Work work = Work::Sweep;
  std::string name;
  bool operator==(const WorkKey&) const = default;
  bool operator<(const WorkKey& other) const {
    return std::tie(work, name) < std::tie(other.work, other.name);
  }
};

/// Higher goes first among what is due.
enum class Priority { Resync, Drift, Manifest, Person };

struct Taken {
  WorkKey key;
  Priority priority = Priority::Resync;
  Duration waited{0};  ///< since it was due
};

/// Pure but for its own state: no clock, no threads, no lock. A key stands in it at most once:
/// adding it again keeps the earlier time and the higher priority. Added while it runs, it is due
/// again after that.
class WorkQueue {
 public:
  void add(const WorkKey& key, TimePoint due, Priority priority);
  /// The most urgent that is due and not running: by priority, then by how long it is due, then by
  /// key. It counts as running until `done`.
  std::optional<Taken> take(TimePoint now);
  /// It ran. What was added meanwhile stays; otherwise it is gone unless added again.
  void done(const WorkKey& key);
  /// Not to be looked at any more; a running one ends as usual.
  void forget(const WorkKey& key);

  /// When the next one that is not running is due; nothing: nothing waits.
  std::optional<TimePoint> next_due() const;
  std::optional<TimePoint> due_of(const WorkKey& key) const;
  bool is_running(const WorkKey& key) const;
  std::size_t running() const;
  /// Those that are due and wait for a worker.
  std::size_t depth(TimePoint now) const;
  Duration oldest(TimePoint now) const;
  /// Place among those that are due; 0 is next; nothing: not due.
  std::optional<std::size_t> position(const WorkKey& key, TimePoint now) const;
  /// The places of all services that are due, by name.
  std::map<std::string, std::size_t> positions(TimePoint now) const;

 private:
  struct Entry {
    TimePoint due{};
    Priority priority = Priority::Resync;
  };
  std::map<WorkKey, Entry> waiting_;
  std::map<WorkKey, std::optional<Entry>> running_;  // and what was added meanwhile
};

}  // namespace dps::controller

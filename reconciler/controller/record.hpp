// record: what is remembered of one service, and what a new look at it means. Told the time; no
// I/O, no lock.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/controller/observer.hpp"
#include "reconciler/controller/status.hpp"
#include "reconciler/model/live_service.hpp"
#include "reconciler/model/report.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::controller {

/// How often a change was made for what the manifest wants now.
struct Repetition {
  std::size_t times = 0;
  WallTime last{};
  std::string subject;
};

/// A change that is made this often within a day, and comes back, is contested.
inline constexpr std::size_t kContestedAfter = 3;

/// A look at one service.
struct Seen {
  const plan::ServicePlan& plan;
  const DesiredService* desired = nullptr;  ///< null: no manifest names it (a prune)
  const LiveService* live = nullptr;        ///< null: not there, or not read
  std::string revision;                     ///< that it was held against
  std::string pass;
  std::string request_id;
  bool all_certificates = false;  ///< they were read though the manifest names none
  bool may_write = false;         ///< what differs is going to be written
  bool by_itself = false;         ///< a service run: trouble counts as one more failure
  bool outage = false;            ///< the trouble is its subscription's, and told as such
  WallTime now{};
};

/// What came of it, for those who watch.
struct News {
  std::vector<Event> events;
  std::vector<std::string> drifts;  ///< kinds of plan::Kind's words, one for each new difference
  bool ownership_lost = false;      ///< the owner tag is gone since the last look
};

/// Of one service. `status()` is published whole and never changes afterwards.
class Record {
 public:
  Record(const ServiceId& id, const std::string& revision, WallTime now);

  /// The manifest is another: contests, failures and what was known in sync count no more.
  void wants_something_else(const std::string& revision, const DesiredService& desired, bool known);
  /// The same wish in a newer revision.
  void wants_the_same(const std::string& revision, const DesiredService& desired);

  News look(const Seen& seen);
  /// A service run is over. `fields` of the changes that were planned and not made.
  News finish(const Finished& finished, const Seen& seen);
  void schedule(std::optional<WallTime> next_due, bool running);
  void remember(std::vector<RequestLine> requests);
  void leave_alone();  ///< a person asked for another try: contests are over

  std::map<std::string, plan::Hold> contested(WallTime now) const;  ///< by identity
  const std::map<std::string, Repetition>& made() const { return made_; }
  std::shared_ptr<const ServiceStatus> status() const { return status_; }
  std::size_t failures() const { return status_->failures; }
  bool was_read() const { return status_->last_read.has_value(); }
  bool differs() const { return !known_.empty(); }
  /// Differences in keys stand, which a look without reading keys cannot see.
  bool differs_in_keys() const { return differs_in_keys_; }
  /// The earliest moment at which time alone lets something go.
  std::optional<WallTime> held_until() const { return held_until_; }

 private:
  void publish(ServiceStatus next) {
    status_ = std::make_shared<const ServiceStatus>(std::move(next));
  }
  void tell(ServiceStatus& next, News& news, Event event) const;
  void judge_trouble(ServiceStatus& next, News& news, const Seen& seen);
  void set_conditions(ServiceStatus& next, const Seen& seen, bool work) const;

  std::shared_ptr<const ServiceStatus> status_;
  std::set<std::string> known_;  // identities of differences
  std::map<std::string, Repetition> made_;
  std::set<std::string> told_contests_;
  std::string told_trouble_;
  std::optional<WallTime> held_until_;
  bool in_sync_once_ = false;  // with this wish
  bool was_ours_ = false;
  bool ownership_lost_ = false;
  bool differs_in_keys_ = false;
};

}  // namespace dps::controller

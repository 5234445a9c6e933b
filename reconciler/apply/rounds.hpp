// rounds: what every flow of one service shares: rounds of read, judge, write until it is over;
// what came in the way, what was made, and how it is told.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconciler/apply/execute.hpp"
#include "reconciler/arm/write_service.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::apply {

/// One flow on one thread. A subclass says what a round does; a round that does not end the flow is
/// followed by another, at most `kMostRounds`, then it is a Conflict.
class Rounds {
 public:
  Rounds(const plan::ServicePlan& plan, const Settings& settings, Tools& tools, const Stops& stops);
  virtual ~Rounds() = default;
  Rounds(const Rounds&) = delete;
  Rounds& operator=(const Rounds&) = delete;

  Finished run();

 protected:
  static constexpr int kMostRounds = 5;

  virtual void round() = 0;
  /// What still differs, for the Conflict when the rounds are used up.
  virtual std::vector<std::string> still_differing() const { return {}; }

  bool first_round() const { return finished_.attempts == 1; }
  bool saved() const { return settings_.origin == Origin::Saved; }
  bool draining() const { return stops_.drain.stop_requested(); }
  void step(std::string what) const;
  /// What ARM's clock shows: the plan judges dates by it.
  WallTime server_now() const;

  void end(Outcome outcome);
  void end(Outcome outcome, Error error);
  void out_of_date(const std::string& what);
  /// The problems of a judgement, as errors of the service.
  void take_problems(const plan::ServicePlan& judged);

  /// What came in the way of a round: waits and lets another round follow, or ends the flow.
  void stumble(const Error& error);
  /// To be asked before a write. Ends the flow when two writes were answered by something that is
  /// not ARM, and a look has shown each time that there is still something to do.
  bool is_answered_by_another();
  /// Azure is at work on the service: waits, within the time that one operation may take.
  void settle();

  /// These changes were made: counted, and told once each. The first outcome is the service's.
  void record(const std::vector<plan::Change>& changes, Outcome outcome);
  /// Ends the flow when one of these was made three times already: somebody puts it back.
  bool contested(const std::vector<plan::Change>& again);
  void count_write(arm::Reached reached);
  void remember(const LiveService& live);

  const plan::ServicePlan& plan_;
  Settings settings_;
  Tools& tools_;
  const Stops& stops_;
  const std::string version_;
  std::optional<Outcome> made_;
  bool over_ = false;
  Finished finished_;

 private:
  void conflict();

  std::map<std::string, int> written_;  // identity -> how often
  std::optional<Error> last_stumble_;
  int foreign_answers_ = 0;
};

}  // namespace dps::apply

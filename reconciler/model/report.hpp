// report: what one pass did, printable and countable.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/error.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps {

enum class Outcome {
  Created,
  Updated,
  Rotated,   ///< certificates changed (and perhaps more)
  Adopted,   ///< bookkeeping alone
  Released,  ///< our tags were taken off
  Deleted,
  Unchanged,
  Held,          ///< a guard or this version withholds all that is left to do
  Suspended,     ///< by lifecycle.suspend
  InTransition,  ///< ARM was still at work when --timeout passed
  Blocked,       ///< something forbids writing it; nothing was tried
  Failed,
  Conflict,  ///< a second writer: fields moved that we did not mean to move, or it never held still
  Contested,    ///< a change was made three times and came back each time
  OutOfDate,    ///< the saved plan no longer describes it
  Interrupted,  ///< a signal came first
};
std::string_view word(Outcome outcome);  ///< "created", "in_transition", …

/// One change that was made, in the words of the plan.
struct Made {
  std::string kind;      ///< "LinkedHub"
  std::string action;    ///< "update"
  std::string identity;  ///< of plan::identity
  std::string subject;   ///< "linkedHubs[h].allocationWeight"
  bool destructive = false;
};

/// One service at the end of a pass.
struct Finished {
  ServiceId id;
  Outcome outcome = Outcome::Unchanged;
  std::vector<std::string> done;     ///< "~ linkedHubs[h].allocationWeight 1 → 0"
  std::vector<Made> made;            ///< the same as values, each identity once
  std::vector<std::string> left;     ///< what was not made, and why
  std::vector<std::string> moved;    ///< fields that a second writer moved
  std::vector<std::string> notices;  ///< said once each
  std::vector<Error> errors;
  std::string id_scope;  ///< of what is live at the end; empty when unknown
  std::string device_host;
  std::string service_host;
  std::size_t writes = 0;    ///< PUT, PATCH and DELETE requests that were sent
  std::size_t attempts = 0;  ///< rounds of read, judge, write
  /// The longest time between the answer of the last read and the start of the write on it: how
  /// long a second writer can go unseen where ARM does not enforce ETags.
  Duration window{0};
  Duration took{0};
};

struct Report {
  std::vector<Finished> services;  ///< in id order
  std::string source_revision;
  std::string owner;
  std::string api_version;
  Duration took{0};

  std::map<Outcome, std::size_t> counts() const;
  std::size_t count(Outcome outcome) const;
  std::size_t writes() const;
  bool failed() const;       ///< exit code 1
  bool out_of_date() const;  ///< exit code 4
};

}  // namespace dps

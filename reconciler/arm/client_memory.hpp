// client_memory: what a process has learnt of its ARM and need not find out again.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"

namespace dps::arm {

/// Something that is said once and not with every request.
struct Notice {
  std::string id;    ///< "ReadVersion", "IfMatchRefused"
  std::string text;  ///< one sentence
  bool operator==(const Notice&) const = default;
};

/// Thread-safe; outlives the clients that share it.
class ClientMemory {
 public:
  ClientMemory();

  /// The version of reads: the newest that is known, until ARM says that it has an older one only.
  std::string read_version() const;
  /// ARM refused `refused` and has `supported`: takes the newest that both know and that is older.
  /// False when there is none. True also when another thread has moved on already.
  bool fall_back(std::string_view refused, const std::vector<std::string>& supported);

  /// Does the service take If-Match on its own writes? True until it is proven not to.
  bool takes_if_match() const;
  /// True for the caller that is first to say it.
  bool learn_that_if_match_is_refused();

  /// ARM's Date, as it stood in an answer that came at `now`.
  void learn_server_time(WallTime told, WallTime now);
  /// What ARM's clock shows when ours shows `now`; `now` itself before the first answer. Whole
  /// seconds; for what is compared with dates that ARM wrote.
  WallTime server_time(WallTime now) const;

 private:
  mutable std::mutex mutex_;
  std::string read_version_;
  bool takes_if_match_ = true;
  WallTime::duration ahead_{};  // of our clock
};

}  // namespace dps::arm

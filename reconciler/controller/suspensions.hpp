// suspensions: what persons have suspended, over restarts.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "reconciler/base/result.hpp"
#include "reconciler/model/desired_service.hpp"

namespace dps::controller {

/// By ServiceId::key(); "" is every service. Not shared between threads.
class Suspensions {
 public:
  /// `file`: where they are kept; empty: only in memory. Reads what is there; a file that cannot be
  /// read or is damaged suspends everything, until somebody resumes: to write in spite of a
  /// suspension would be the greater harm.
  explicit Suspensions(std::string file);

  /// What holds for this service; the one that ends last.
  std::optional<Suspension> of(const std::string& key, WallTime now) const;
  /// GiveUp "NotKept": it holds, but the next start will not know.
  [[nodiscard]] Result<void> add(const std::string& key, Suspension suspension);
  [[nodiscard]] Result<void> remove(const std::string& key);
  /// Those that have ended go. True when there were any.
  bool drop_ended(WallTime now);
  /// The next end of one.
  std::optional<WallTime> next_end() const;
  const std::map<std::string, Suspension>& all() const { return all_; }

 private:
  [[nodiscard]] Result<void> keep() const;

  std::string file_;
  std::map<std::string, Suspension> all_;
};

}  // namespace dps::controller

// exit_code: how the program ends; the first that fits counts.
#pragma once

namespace dps::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;   ///< something failed, a manifest is faulty, none was found
inline constexpr int kExitChanges = 2;  ///< plan --detailed-exitcode
inline constexpr int kExitGuard = 3;    ///< a guard withheld removals
inline constexpr int kExitOutOfDate = 4;  ///< the saved plan no longer fits
inline constexpr int kExitUsage = 64;     ///< wrong usage or configuration

/// What a pass came to, for the one place that decides.
struct Endings {
  bool failed = false;
  bool guarded = false;
  bool out_of_date = false;
  bool changes = false;  ///< only with --detailed-exitcode
};

inline int exit_code(const Endings& endings) {
  if (endings.failed) return kExitFailed;
  if (endings.guarded) return kExitGuard;
  if (endings.out_of_date) return kExitOutOfDate;
  return endings.changes ? kExitChanges : kExitOk;
}

}  // namespace dps::app

// control: the port by which the web, signals and commands ask for things.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconciler/base/result.hpp"
#include "reconciler/controller/status.hpp"

namespace dps::controller {

/// Is the process to be restarted, and may it be sent requests?
struct Health {
  bool alive = true;  ///< the loop turns
  bool ready = false;
  std::vector<std::string> reasons;  ///< why not; a sentence each
};

/// Thread-safe; returns at once.
///
/// A service is named NAME, GROUP/NAME, SUBSCRIPTION/GROUP/NAME or by its whole ARM id, without
/// case. Errors: GiveUp "UnknownService"; GiveUp "AmbiguousService", whose remedy lists them.
class Control {
 public:
  virtual ~Control() = default;
  virtual Status status() const = 0;
  virtual Health health() const = 0;
  /// Reads and, where it differs, writes it before everything else; "": everything. The answer
  /// counts the keys that are due now.
  virtual Result<std::size_t> reconcile(const std::string& service) = 0;
  /// "" is all services, those to come too. `until`: nothing is until somebody resumes. The answer
  /// counts services. GiveUp "NotKept" when it could not be written down for the next start.
  virtual Result<std::size_t> suspend(const std::string& service,
                                      const std::string& reason,
                                      std::optional<WallTime> until) = 0;
  /// What the manifests suspend stays so. The answer counts the services that were suspended.
  virtual Result<std::size_t> resume(const std::string& service) = 0;
  /// Lets exactly the removals of this digest through, once. GiveUp "ApprovalDiffers" when nothing
  /// is withheld, or something else; GiveUp "NotLeading" on a standby.
  virtual Result<std::size_t> approve(const std::string& digest) = 0;
};

}  // namespace dps::controller

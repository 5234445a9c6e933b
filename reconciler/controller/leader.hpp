// leader: who may write, when several run: a port, and a lock on a file.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "reconciler/base/result.hpp"

namespace dps::controller {

/// Thread-safe.
class Leadership {
 public:
  virtual ~Leadership() = default;
  /// True from the moment when it is certain, until it is lost or given up. Cheap: asked before
  /// every write.
  virtual bool leads() const = 0;
  /// Tries to become or stay the leader; at most some seconds apart, by one thread. True when the
  /// answer of `leads` changed.
  virtual bool renew() = 0;
  virtual void give_up() = 0;
  virtual std::string description() const = 0;  ///< "file:/run/dps.lock"
};

/// Alone: leads always.
class AlwaysLeads final : public Leadership {
 public:
  bool leads() const override { return true; }
  bool renew() override { return false; }
  void give_up() override {}
  std::string description() const override { return "none"; }
};

/// "file:PATH": flock(2) on a file, which does not span machines and not all network file systems.
/// The file is made when missing and never removed. A lock file that was replaced by another is
/// lost leadership. GiveUp "BadLeaderElection".
Result<std::unique_ptr<Leadership>> make_leadership(const std::string& text);

}  // namespace dps::controller

// page_control: a daemon that does nothing but know a fleet and remember what was asked of it.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "reconciler/controller/control.hpp"

namespace dps::telemetry::test {

/// Set it up before it is served; thread-safe then.
class FakeControl final : public controller::Control {
 public:
  controller::Status known;
  controller::Health reported{true, true, {}};
  std::optional<Error> refusal;  ///< what every request to act is answered with

  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  controller::Status status() const override { return known; }
  controller::Health health() const override { return reported; }
  Result<std::size_t> reconcile(const std::string& service) override {
    return note("reconcile " + service, 3);
  }
  Result<std::size_t> suspend(const std::string& service,
                              const std::string& reason,
                              std::optional<WallTime> until) override {
    return note("suspend " + service + "|" + reason + "|" + (until ? rfc3339(*until) : "for ever"),
                1);
  }
  Result<std::size_t> resume(const std::string& service) override {
    return note("resume " + service, 1);
  }
  Result<std::size_t> approve(const std::string& digest) override {
    return note("approve " + digest, 2);
  }

 private:
  Result<std::size_t> note(const std::string& what, std::size_t count) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(what);
    if (refusal) return fail(*refusal);
    return count;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
};

}  // namespace dps::telemetry::test

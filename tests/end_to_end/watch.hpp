// watch: an engine in the lab, driven by one thread: time passes where it waits.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "reconciler/controller/engine.hpp"
#include "tests/end_to_end/lab.hpp"

namespace dps::lab {

/// Keeps what it is told.
class Listener final : public controller::Observer {
 public:
  void event(const controller::Event& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  void run_ended(const controller::RunEnded& run) override {
    const std::lock_guard lock(mutex_);
    ++runs_[run.work];
  }
  void change_ended(const controller::ChangeEnded& change) override {
    const std::lock_guard lock(mutex_);
    ++changes_[change.made ? "made" : "failed"];
  }
  void drift_found(const std::string& kind) override {
    const std::lock_guard lock(mutex_);
    ++drifts_[kind];
  }

  std::vector<controller::Event> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  /// "drift_found fleet: allocationPolicy …", without those that say a revision was taken.
  std::vector<std::string> lines() const;
  std::size_t count(controller::EventKind kind) const;
  std::size_t runs(controller::Work work) const {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(work);
    return found == runs_.end() ? 0 : found->second;
  }
  std::size_t drifts() const;
  void forget();
  void forget_events();  ///< and keep the counts

 private:
  mutable std::mutex mutex_;
  std::vector<controller::Event> events_;
  std::map<controller::Work, std::size_t> runs_;
  std::map<std::string, std::size_t> changes_, drifts_;
};

/// Leads as the test says.
class Baton final : public controller::Leadership {
 public:
  bool leads() const override {
    if (countdown_ > 0 && --countdown_ == 0) then_();
    return leads_;
  }
  bool renew() override { return false; }
  void give_up() override { leads_ = false; }
  std::string description() const override { return "baton"; }
  bool leads_ = true;
  /// What happens when it is asked this many times more: the last one before a write of a run is
  /// its second, and the only one without the engine's lock.
  mutable int countdown_ = 0;
  std::function<void()> then_;
};

class Watch {
 public:
  explicit Watch(Lab& lab, controller::EngineSettings settings = {}, std::string state_file = {});

  /// The manifests as the lab has them now.
  void take(const std::string& name = {});
  /// Runs what is due, and lets time pass to what is due next, until `span` is over.
  void pass(Duration span);
  /// Runs what is due now, and nothing else.
  void settle();
  std::shared_ptr<const controller::ServiceStatus> of(const std::string& name) const;
  const controller::Condition& condition(const std::string& name, std::string_view type) const;

  Lab& lab;
  Listener listener;
  Baton baton;
  std::unique_ptr<controller::Engine> engine;
  apply::Stops stops;

 private:
  mutable std::shared_ptr<const controller::ServiceStatus> last_;
};

}  // namespace dps::lab

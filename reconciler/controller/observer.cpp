#include "reconciler/controller/observer.hpp"

namespace dps::controller {

std::string_view word(EventKind kind) {
  switch (kind) {
    case EventKind::Created:
      return "created";
    case EventKind::Updated:
      return "updated";
    case EventKind::Rotated:
      return "rotated";
    case EventKind::Deleted:
      return "deleted";
    case EventKind::Adopted:
      return "adopted";
    case EventKind::Released:
      return "released";
    case EventKind::DriftFound:
      return "drift_found";
    case EventKind::Conflict:
      return "conflict";
    case EventKind::Contested:
      return "contested";
    case EventKind::GuardHeld:
      return "guard_held";
    case EventKind::OwnershipLost:
      return "ownership_lost";
    case EventKind::Failed:
      return "failed";
    case EventKind::Recovered:
      return "recovered";
    case EventKind::Suspended:
      return "suspended";
    case EventKind::Resumed:
      return "resumed";
    case EventKind::SourceFault:
      return "source_fault";
    case EventKind::SourceRecovered:
      return "source_recovered";
    case EventKind::RevisionTaken:
      return "revision_taken";
    case EventKind::SubscriptionUnreadable:
      return "subscription_unreadable";
    case EventKind::LeaderChanged:
      return "leader_changed";
    case EventKind::Configuration:
      return "configuration";
  }
  return "";
}

std::string_view word(Severity severity) {
  switch (severity) {
    case Severity::Info:
      return "info";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      return "error";
  }
  return "";
}

std::string_view word(Work work) {
  switch (work) {
    case Work::Whole:
      return "whole";
    case Work::Sweep:
      return "sweep";
    case Work::Service:
      return "service";
  }
  return "";
}

std::string_view word(RunResult result) {
  switch (result) {
    case RunResult::Success:
      return "success";
    case RunResult::Failed:
      return "failed";
    case RunResult::Held:
      return "held";
    case RunResult::Interrupted:
      return "interrupted";
  }
  return "";
}

void Observers::event(const Event& event) {
  for (auto* one : all_) one->event(event);
}

void Observers::run_ended(const RunEnded& run) {
  for (auto* one : all_) one->run_ended(run);
}

void Observers::change_ended(const ChangeEnded& change) {
  for (auto* one : all_) one->change_ended(change);
}

void Observers::drift_found(const std::string& kind) {
  for (auto* one : all_) one->drift_found(kind);
}

void Observers::conflict() {
  for (auto* one : all_) one->conflict();
}

void Observers::source_loaded(bool taken) {
  for (auto* one : all_) one->source_loaded(taken);
}

}  // namespace dps::controller

#include "reconciler/controller/look.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/arm/operation.hpp"
#include "reconciler/arm/preflight.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/selection.hpp"

namespace dps::controller {
namespace {

constexpr Duration kSettlePause = std::chrono::seconds{2};

// The wanted services that Azure is at work on.
std::vector<ServiceId> unsettled(const DesiredState& desired, const LiveState& live) {
  std::vector<ServiceId> found;
  for (const auto& [id, service] : desired.services) {
    const auto there = live.services.find(id);
    if (there != live.services.end() && arm::in_transition(there->second.state))
      found.push_back(id);
  }
  return found;
}

// One more look at each of them, until none is in transition or the time is over.
void settle(const DesiredState& desired,
            LiveState& live,
            const Scope& scope,
            World& world,
            std::stop_token stop) {
  const auto deadline = world.clock.now() + scope.settle;
  for (auto waiting = unsettled(desired, live); !waiting.empty();
       waiting = unsettled(desired, live)) {
    const auto left = std::chrono::duration_cast<Duration>(deadline - world.clock.now());
    if (left <= Duration{0}) return;
    if (scope.progress) {
      scope.progress(
          fmt::format("waiting for {}{}: {}",
                      waiting.front().name,
                      waiting.size() > 1 ? fmt::format(" and {} more", waiting.size() - 1) : "",
                      live.services.at(waiting.front()).state));
    }
    if (!world.clock.sleep(std::min(kSettlePause, left), stop)) return;
    for (const auto& id : waiting) {
      auto again =
          arm::read_one(desired.services.at(id), scope.read, world.arm, world.digester, stop);
      if (again) {
        live.services.insert_or_assign(id, std::move(*again));
      } else {
        live.services.erase(id);
        if (again.error().id == "ServiceNotFound") {
          live.missing.insert_or_assign(id, Preflight{});
        } else {
          live.unreadable.insert_or_assign(id, again.error());
        }
      }
    }
  }
}

}  // namespace

Result<Look> look(const DesiredState& desired,
                  const Scope& scope,
                  World& world,
                  std::stop_token stop) {
  if (const auto checked = check_selection(desired, scope.select); !checked) {
    return fail(checked.error());
  }
  SecretsForArm secrets(world.secrets);
  Look out;
  out.live = arm::read_live(desired, scope.read, world.arm, world.digester, stop);
  settle(desired, out.live, scope, world, stop);
  out.keys =
      arm::read_keys(desired, out.live, scope.read, world.arm, secrets, world.digester, stop);
  if (stop.stop_requested()) return fail(give_up("Cancelled", "interrupted while reading"));
  // ARM's clock: what is judged by it are dates that ARM wrote.
  const auto now = world.arm.memory().server_time(world.clock.wall());
  out.plan = plan::make(desired, out.live, out.keys, scope.settings, now);
  if (!scope.select.empty()) narrow(out.plan, desired, scope.select);
  return out;
}

Look look_at(const DesiredService& desired,
             const Scope& scope,
             World& world,
             std::stop_token stop) {
  SecretsForArm secrets(world.secrets);
  DesiredState alone;
  alone.services.emplace(desired.id, desired);
  Look out;
  auto live = arm::read_one(desired, scope.read, world.arm, world.digester, stop);
  if (live) {
    out.live.services.emplace(desired.id, *std::move(live));
  } else if (live.error().id != "ServiceNotFound") {
    out.live.unreadable.emplace(desired.id, in_context("reading the service", live.error()));
  } else {
    arm::PreflightResult before;
    if (desired.declared && desired.lifecycle.state == LifecycleState::Present) {
      arm::GroupLooks groups;
      before = arm::look_before_create(desired.id, groups, world.arm, stop);
    }
    out.live.missing.emplace(desired.id, std::move(before.preflight));
    out.live.unseen = std::move(before.unseen);
  }
  out.keys = arm::read_keys(alone, out.live, scope.read, world.arm, secrets, world.digester, stop);
  auto settings = scope.settings;
  settings.prune = false;
  const auto now = world.arm.memory().server_time(world.clock.wall());
  out.plan = plan::make(alone, out.live, out.keys, settings, now);
  return out;
}

}  // namespace dps::controller

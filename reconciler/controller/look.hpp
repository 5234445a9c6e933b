// look: the first half of a pass: manifests and Azure are read, the difference is made. Writes
// nothing.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/read.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/manifest/load.hpp"
#include "reconciler/manifest/secret_source.hpp"
#include "reconciler/manifest/select.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/model/state.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::controller {

/// What a pass talks to. All of it outlives the pass.
struct World {
  arm::Client& arm;
  manifest::SecretSource& secrets;
  Clock& clock;
  const KeyDigester& digester;
};

/// What a pass is about.
struct Scope {
  manifest::LoadOptions load;
  plan::Settings settings;
  arm::ReadOptions read;
  std::vector<manifest::Selector> select;  ///< empty: everything
  /// How long a service in transition is looked at again before the plan calls it that.
  Duration settle{0};
  /// Says what is being waited for; may be empty.
  std::function<void(const std::string&)> progress;
};

struct Look {
  LiveState live;
  KeyFacts keys;
  plan::Plan plan;
};

/// The manifests' secrets by way of arm's port.
class SecretsForArm final : public arm::SecretReader {
 public:
  explicit SecretsForArm(manifest::SecretSource& source) : source_(source) {}
  Result<Secret> read(const SecretReference& reference, std::stop_token stop) override {
    return source_.read(reference, stop);
  }

 private:
  manifest::SecretSource& source_;
};

/// Reads what `desired` speaks of and judges it. What cannot be read is in the plan as such.
/// GiveUp "NothingSelected" when a selector matches no document: wrong usage.
Result<Look> look(const DesiredState& desired,
                  const Scope& scope,
                  World& world,
                  std::stop_token stop);

/// The same for one service, read by itself: no list, no guards, no prune. One that is missing is
/// looked at as before a create.
Look look_at(const DesiredService& desired, const Scope& scope, World& world, std::stop_token stop);

}  // namespace dps::controller

// cases: every field and list entry that apply writes, each changed in the manifest and each
// changed live by a second writer; and the other ways by which a service comes to differ.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/end_to_end/walk_scene.hpp"

namespace dps::lab {

enum class Write { None, Put, Patch };

struct Case {
  std::string name;
  Scene::Change base;               ///< of the manifest before the service is made; may be empty
  std::function<void(Scene&)> act;  ///< what makes manifest and service differ
  std::vector<std::string> lines;   ///< as lines() says them
  std::string text;                 ///< stands in the printed plan, runs of spaces as one
  Write write = Write::Put;
  Outcome outcome = Outcome::Updated;
  /// What the document is afterwards: gets it as it was before `act`. Empty: as it was then.
  std::function<void(Scene&, SimJson&)> result;
  std::string needs;  ///< the lowest API version that has the field; may be empty
  /// In a version before `needs`: the manifest says it and is blocked, or it is not seen at all.
  bool said_by_manifest = true;
  std::string problem;          ///< id of the one error that the plan must have
  bool reads_hub_key = false;   ///< a key of hub-1 must be had for it
  bool reads_policies = false;  ///< is seen by listkeys only
};

const std::vector<Case>& cases();

}  // namespace dps::lab

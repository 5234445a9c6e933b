// change_text: the values of changes in the words of people; foreign text made harmless.
#pragma once

#include <string>

#include "reconciler/plan/change.hpp"

namespace dps::plan {

/// The path, or the name of the service as a whole.
std::string path_text(const Change& change);

/// "10 → 0", "westeurope, weight 10, key from hub …", "(secret, changed)": on one line.
std::string change_text(const Change& change);

/// The first digits: enough to tell two apart; JSON has all.
std::string short_thumbprint(const std::string& thumbprint);

/// One IP filter rule: "office  Accept  10.0.0.0/8  all".
std::string rule_text(const nlohmann::json& rule);

}  // namespace dps::plan

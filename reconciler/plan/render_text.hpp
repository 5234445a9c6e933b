// render_text: a plan for people, on a terminal or in a log.
//
//   ~ SUBSCRIPTION/GROUP/fleet-eu  fleet/eu.yaml:3
//       ~ linkedHubs[hub-eu-1.azure-devices.net].allocationWeight  1 → 0  (drift)
//           no new devices to this hub
//   Plan: 0 to create, 1 to update, 0 to delete; 3 unchanged.
//
// + is added, ~ changed, - removed, ↻ a certificate's turn, = ours from now on, ! not done and why.
#pragma once

#include <string>

#include "reconciler/plan/plan.hpp"
#include "reconciler/plan/text_layout.hpp"

namespace dps::plan {

enum class Verbosity { Changes, Everything };  ///< Everything lists unchanged services too

struct TextStyle {
  Color color = Color::Off;
  std::size_t width = 100;  ///< columns; at least 40 are used
  Verbosity verbosity = Verbosity::Changes;
};

/// Ends in a newline. Text of manifests and of ARM cannot bring control characters in.
std::string render_text(const Plan& plan, const TextStyle& style);

/// The last line alone: "No changes. …" or "Plan: 1 to create, …".
std::string summary_sentence(const Plan& plan);

}  // namespace dps::plan

// selection: what --select leaves of a plan. Everything was validated, read and judged before.
#pragma once

#include <vector>

#include "reconciler/base/result.hpp"
#include "reconciler/manifest/select.hpp"
#include "reconciler/model/state.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::controller {

/// Every selector must name a document. GiveUp "Usage".
[[nodiscard]] Result<void> check_selection(const DesiredState& desired,
                                           const std::vector<manifest::Selector>& selectors);

/// Keeps the services and changes that are selected; counts and digest are made anew.
void narrow(plan::Plan& plan,
            const DesiredState& desired,
            const std::vector<manifest::Selector>& selectors);

}  // namespace dps::controller

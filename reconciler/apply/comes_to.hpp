// comes_to: what a set of changes is as a whole, and what an error leaves open. Pure.
#pragma once

#include <vector>

#include "reconciler/arm/write_service.hpp"
#include "reconciler/model/report.hpp"
#include "reconciler/plan/change.hpp"

namespace dps::apply {

bool is_release(const std::vector<plan::Change>& changes);
/// Carried by tags alone: no PUT is needed.
bool is_tags_only(const std::vector<plan::Change>& changes);
/// Of a service that stands, once they are made: Released, Adopted or Updated.
Outcome outcome_of(const std::vector<plan::Change>& changes);

/// The write may have been made, and how it came out is not known: only a read can tell.
bool is_lost(const Error& error, arm::Reached reached);
Error read_again(Error error);

}  // namespace dps::apply

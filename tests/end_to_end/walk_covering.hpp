// covering: few rows in which every two values of different factors meet at least once.
#pragma once

#include <cstddef>
#include <vector>

namespace dps::lab {

/// `sizes[f]`: how many values factor f has, at least one. A row holds the index of each factor's
/// value. Deterministic.
std::vector<std::vector<std::size_t>> pairwise_rows(const std::vector<std::size_t>& sizes);

}  // namespace dps::lab

#include "tests/end_to_end/walk_covering.hpp"

#include <set>
#include <utility>

namespace dps::lab {
namespace {

using Value = std::pair<std::size_t, std::size_t>;  // factor, value
using Pair = std::pair<Value, Value>;               // of ascending factors

Pair ordered(Value left, Value right) {
  return left.first < right.first ? Pair{left, right} : Pair{right, left};
}

}  // namespace

std::vector<std::vector<std::size_t>> pairwise_rows(const std::vector<std::size_t>& sizes) {
  std::set<Pair> open;
  for (std::size_t f = 0; f < sizes.size(); ++f) {
    for (std::size_t g = f + 1; g < sizes.size(); ++g) {
      for (std::size_t v = 0; v < sizes[f]; ++v) {
        for (std::size_t w = 0; w < sizes[g]; ++w) open.insert({{f, v}, {g, w}});
      }
    }
  }
  std::vector<std::vector<std::size_t>> rows;
  while (!open.empty()) {
    // A pair that is not met yet, then for each factor the value that meets the most with them.
    const auto first = *open.begin();
    std::vector<Value> chosen = {first.first, first.second};
    for (std::size_t f = 0; f < sizes.size(); ++f) {
      if (f == first.first.first || f == first.second.first) continue;
      std::size_t best = 0, most = 0;
      for (std::size_t v = 0; v < sizes[f]; ++v) {
        std::size_t met = 0;
        for (const auto& other : chosen) met += open.count(ordered({f, v}, other));
        if (met > most) {
          most = met;
          best = v;
        }
      }
      // Nothing new to meet: another value than the last row's, so that chance is not needed.
      if (most == 0) best = rows.size() % sizes[f];
      chosen.emplace_back(f, best);
    }
    std::vector<std::size_t> row(sizes.size());
    for (const auto& [factor, value] : chosen) row[factor] = value;
    for (std::size_t f = 0; f < sizes.size(); ++f) {
      for (std::size_t g = f + 1; g < sizes.size(); ++g) open.erase({{f, row[f]}, {g, row[g]}});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace dps::lab

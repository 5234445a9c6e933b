// run: one case of the walk from its beginning to its end, with everything that must hold.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "tests/end_to_end/walk_cases.hpp"

namespace dps::lab {

/// What comes of a case where a switch makes it come out otherwise.
struct Otherwise {
  std::string why;  ///< one sentence; empty: as the case says
  Outcome outcome = Outcome::Blocked;
  std::string problem;    ///< id that stands in the plan or the report; may be empty
  bool same_plan = true;  ///< the plan still has the case's changes
};

struct Tally {
  std::size_t runs = 0;
  std::size_t otherwise = 0;  ///< of these: came out as an Otherwise says
  std::size_t writes = 0;
};

/// `late` are set when the service stands, `settings` before.
void run_case(const Case& one,
              const std::string& version,
              const Settings& settings,
              const Settings& late,
              const Otherwise& otherwise,
              Tally& tally);

/// No key of the world stands in it.
void expect_no_secret(Scene& scene, const std::string& text, const char* where);

/// Runs of white space as one space.
std::string squeezed(const std::string& text);

}  // namespace dps::lab

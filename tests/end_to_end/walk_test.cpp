// Every field that apply writes, each changed in the manifest and each changed live: exactly one
// planned change in the right words, one write, the wanted state, nothing lost, an empty plan.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/plan/render_text.hpp"
#include "tests/end_to_end/walk_run.hpp"

namespace dps::lab {
namespace {

class Walk : public testing::TestWithParam<const char*> {};

TEST_P(Walk, EveryFieldIsChangedByOneWriteAndNothingElseMoves) {
  Tally tally;
  for (const auto& one : cases()) run_case(one, GetParam(), {}, {}, {}, tally);
  fmt::print("walk: {} cases in API version {}, {} writes\n", tally.runs, GetParam(), tally.writes);
}

TEST_P(Walk, AFurnishedServiceIsNoDifference) {
  Scene scene(GetParam(), {});
  scene.lab.expect_nothing_to_do();
  EXPECT_EQ(scene.lab.apply().count(Outcome::Unchanged), 1U);
  EXPECT_THAT(scene.lab.writes(), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Versions, Walk, testing::Values(kOldest, kNewest), [](const auto& tested) {
  std::string name = tested.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return "In_" + name;
});

}  // namespace
}  // namespace dps::lab

#include "reconciler/plan/bookkeeping_after.hpp"

#include <gmock/gmock.h>

#include "fixtures.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::Pair;

const std::string kHub3 = "hub-long-gone.azure-devices.net";

LiveService with_records() {
  auto live = standing();
  live.linked_hubs.push_back(live_hub(kHub2));
  edit_bookkeeping(live, [](Bookkeeping& b) {
    b.fingerprints = {{host_digest(kHub1), "11111111"},
                      {host_digest(kHub2), "22222222"},
                      {host_digest(kHub3), "33333333"}};
    b.tag_digests = {tag_digest("env"), tag_digest("gone")};
    b.protect = true;
  });
  return live;
}

TEST(BookkeepingAfter, ForgetsTheKeysOfHubsThatGoOrAreGone) {
  const auto plan = plan_of(wanted(), with_records());
  EXPECT_THAT(lines(plan), ElementsAre("delete linkedHubs[hub-eu-2.azure-devices.net]"));
  EXPECT_THAT(plan.bookkeeping->fingerprints, ElementsAre(Pair(host_digest(kHub1), "11111111")));
}

TEST(BookkeepingAfter, ForgetsTheKeyOfAHubThatIsLinkedAgain) {
  auto desired = wanted();
  desired.linked_hubs->push_back(hub(kHub2));
  desired.linked_hubs->push_back(hub(kHub3));
  desired.linked_hubs->back().credential = SecretReference(EnvironmentReference{"HUB"});
  const auto plan = plan_of(desired, with_records());
  EXPECT_FALSE(plan.bookkeeping->fingerprints.contains(host_digest(kHub3)))
      << "the record is of a link that is gone";
}

TEST(BookkeepingAfter, RemembersTheTagsThatTheManifestNames) {
  auto desired = wanted();
  (*desired.tags)["team"] = "iot";
  const auto plan = plan_of(desired, with_records());
  EXPECT_EQ(plan.bookkeeping->tag_digests,
            (std::set<std::string>{tag_digest("env"), tag_digest("team")}));

  desired.tags.reset();
  EXPECT_EQ(plan_of(desired, with_records()).bookkeeping->tag_digests,
            (std::set<std::string>{tag_digest("env"), tag_digest("gone")}))
      << "tags are not managed: what we know of them stays";
}

TEST(BookkeepingAfter, KeepsTheProtectionThatTheManifestLeavesOut) {
  auto desired = wanted();
  EXPECT_TRUE(plan_of(desired, with_records()).bookkeeping->protect);
  desired.lifecycle.protect = false;
  EXPECT_FALSE(plan_of(desired, with_records()).bookkeeping->protect);
}

TEST(BookkeepingAfter, LeavesNoTraceOfWhatIsNotMade) {
  const auto live = with_records();
  const auto before = read_bookkeeping(live.tags);
  auto desired = wanted();
  desired.tags = Tags{{"new", "x"}};
  desired.lifecycle.protect = false;
  const auto plan = plan_of(desired, live);
  auto after = *plan.bookkeeping;
  for (const auto& change : plan.changes) leave_out(change, before, after);
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_TRUE(after.protect);
  EXPECT_EQ(after.tag_digests, std::set<std::string>{tag_digest("env")})
      << "\"gone\" stands nowhere any more";
  EXPECT_THAT(after.fingerprints,
              ::testing::UnorderedElementsAre(Pair(host_digest(kHub1), "11111111"),
                                              Pair(host_digest(kHub2), "22222222")));
}

}  // namespace
}  // namespace dps::plan

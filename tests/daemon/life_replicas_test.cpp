// Several daemons on one fleet: a leader and a standby, two that both believe they lead, and
// shards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "reconciler/controller/shard.hpp"
#include "tests/daemon/daemon.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::IsEmpty;

std::string env(Lab& lab, const std::string& service) {
  const auto found = lab.service(service);
  return found.is_null() ? "" : found.at("tags").value("env", std::string());
}

TEST(Standby, ReadsAndIsReadyAndTakesOverWhenTheLeaderIsKilled) {
  Stage stage;
  const Arguments election = {"--leader-election", "file:" + stage.path("leader")};
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const auto leader = stage.start(election);
  ASSERT_TRUE(leader->wait_until_ready());
  ASSERT_TRUE(leader->wait_until_all("in_sync"));
  EXPECT_EQ(leader->status().at("leader"), true);

  const auto standby = stage.start(election);
  ASSERT_TRUE(standby->wait_until_ready());
  EXPECT_EQ(standby->status().at("leader"), false);
  ASSERT_TRUE(standby->wait_until_all("in_sync"));
  EXPECT_EQ(standby->post("/-/approve?digest=0").status, 409);

  // The leader stands still, but lives: nobody writes.
  leader->signal(SIGSTOP);
  stage.lab.forget_requests();
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  EXPECT_TRUE(
      eventually("the standby sees it", [&] { return standby->state("fleet") == "drifted"; }));
  EXPECT_THAT(stage.writes(), IsEmpty());

  leader->signal(SIGKILL);
  leader->signal(SIGCONT);
  leader->wait();
  EXPECT_TRUE(
      eventually("the standby heals it", [&] { return env(stage.lab, "fleet") == "prod"; }));
  EXPECT_EQ(standby->status().at("leader"), true);
  EXPECT_TRUE(standby->wait_for_log("leader_changed"));
}

TEST(Standby, TakesOverAtOnceWhenTheLeaderEndsWell) {
  Stage stage;
  const Arguments election = {"--leader-election", "file:" + stage.path("leader")};
  stage.manifest("fleet.yaml", fleet("fleet"));
  const auto leader = stage.start(election);
  ASSERT_TRUE(leader->wait_until_ready());
  const auto standby = stage.start(election);
  ASSERT_TRUE(standby->wait_until_ready());
  leader->signal(SIGTERM);
  EXPECT_EQ(leader->wait(), 0);
  EXPECT_TRUE(eventually("the standby leads", [&] {
    const auto told = standby->status();
    return told.is_object() && told.at("leader") == true;
  }));
}

// What the documents forbid: both lead. Where the service enforces etags, one of two writes that
// meet is refused, and what was there before is there still.
TEST(TwoLeaders, AreHarmlessWhereEtagsAreEnforced) {
  Stage stage;
  stage.lab.set_switch("if-match", "enforced");
  stage.lab.set_switch("body-etag", "enforced");
  const auto spec = [](int weight) {
    return "  tags: {env: w" + std::to_string(weight) + R"(}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: )" +
           std::to_string(weight) + R"(
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
  sharedAccessPolicies:
    - {name: writer, rights: [EnrollmentWrite]}
)";
  };
  const std::vector<std::string> all = {"one", "two", "three", "four"};
  for (const auto& name : all) stage.manifest(name + ".yaml", fleet(name, spec(1)));
  stage.apply();
  std::map<std::string, SimJson> before;
  for (const auto& name : all) before[name] = stage.lab.service(name);

  const auto first = stage.start();
  const auto second = stage.start();
  ASSERT_TRUE(first->wait_until_ready());
  ASSERT_TRUE(second->wait_until_ready());
  for (int weight = 2; weight <= 6; ++weight) {
    for (const auto& name : all) stage.manifest(name + ".yaml", fleet(name, spec(weight)));
    for (const auto& name : all) {
      ASSERT_TRUE(eventually(name + " with weight " + std::to_string(weight), [&] {
        return hub_link(stage.lab.service(name), "hub-1").at("allocationWeight") == weight &&
               env(stage.lab, name) == "w" + std::to_string(weight);
      }));
    }
  }
  EXPECT_TRUE(first->wait_until_all("in_sync"));
  EXPECT_TRUE(second->wait_until_all("in_sync"));
  for (const auto& name : all) {
    const auto after = stage.lab.service(name);
    EXPECT_EQ(after.at("properties").at("idScope"), before[name].at("properties").at("idScope"));
    EXPECT_EQ(after.at("properties").at("authorizationPolicies"),
              before[name].at("properties").at("authorizationPolicies"))
        << "a key was made anew";
    EXPECT_EQ(after.at("properties").at("iotHubs").size(), 1U);
  }
}

TEST(Shards, SplitTheFleetBetweenThemWithoutAGap) {
  Stage stage;
  std::array<std::set<std::string>, 2> parts;
  for (int number = 0; number < 8; ++number) {
    const auto name = "fleet-" + std::to_string(number);
    stage.manifest(name + ".yaml", fleet(name, "  tags: {env: prod}\n"));
    const ServiceId id{kSubscription, "rg", name};
    parts[controller::Shard{0, 2}.owns(id) ? 0 : 1].insert(name);
  }
  ASSERT_FALSE(parts[0].empty());
  ASSERT_FALSE(parts[1].empty());
  const auto first = stage.start({"--shard", "dps-reconciler-0/2"});
  ASSERT_TRUE(first->wait_until_ready());
  ASSERT_TRUE(first->wait_until_all("in_sync"));
  EXPECT_EQ(names(stage.lab), parts[0]);
  EXPECT_EQ(first->status().at("shard"), "0/2");
  EXPECT_EQ(first->status().at("services").size(), parts[0].size());

  const auto second = stage.start({"--shard", "dps-reconciler-1/2"});
  ASSERT_TRUE(second->wait_until_ready());
  ASSERT_TRUE(second->wait_until_all("in_sync"));
  EXPECT_EQ(names(stage.lab).size(), 8U);
  const auto writes = stage.writes();
  for (const auto& request : writes) {
    EXPECT_EQ(std::count(writes.begin(), writes.end(), request), 1) << request;
  }
}

TEST(Shards, DoNotPruneAsNoneSeesTheWholeSet) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet"));
  const auto daemon = stage.start({"--prune", "--owner", "team", "--shard", "0/2"});
  EXPECT_EQ(daemon->wait(), 64);
  EXPECT_THAT(daemon->log(), testing::HasSubstr("--prune together with --shard"));
  EXPECT_THAT(stage.writes(), IsEmpty());
}

}  // namespace
}  // namespace dps::lab

// What people ask of a running daemon, and what it withholds: suspension, guards and their
// approval, maintenance windows, folders that were emptied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/daemon/daemon.hpp"
#include "tests/end_to_end/safety.hpp"
#include "tests/unit/http/tcp_server.hpp"

namespace dps::lab {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string tag(Lab& lab, const std::string& service, const std::string& name) {
  const auto found = lab.service(service);
  return found.is_null() ? "" : found.at("tags").value(name, std::string());
}

TEST(Suspended, ByAPersonIsLeftAloneOverARestartUntilResumed) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const auto meddle = [&] {
    stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  };
  {
    const auto daemon = stage.start({"--state-dir", stage.path("state")});
    ASSERT_TRUE(daemon->wait_until_ready());
    ASSERT_TRUE(daemon->wait_until_all("in_sync"));
    EXPECT_EQ(daemon->post("/-/suspend?service=fleet&reason=night%20shift").status, 200);
    ASSERT_TRUE(daemon->wait_until_all("suspended"));
    EXPECT_EQ(daemon->post("/-/suspend?service=nobody").status, 404);
    meddle();
    EXPECT_TRUE(eventually("the difference, told", [&] {
      const auto one = daemon->service("fleet");
      return !one.is_null() && !one.at("differences").empty();
    }));
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait(), 0);
  }
  const auto daemon = stage.start({"--state-dir", stage.path("state")});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("suspended"));
  EXPECT_THAT(daemon->service("fleet").dump(), HasSubstr("night shift"));
  EXPECT_EQ(tag(stage.lab, "fleet", "env"), "theirs");
  EXPECT_EQ(daemon->post("/-/resume").status, 200);
  EXPECT_TRUE(
      eventually("the tag again", [&] { return tag(stage.lab, "fleet", "env") == "prod"; }));
  EXPECT_TRUE(daemon->wait_until_all("in_sync"));
}

TEST(Suspended, IsInForceButSaysSoWhereTheNextStartWillNotKnow) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const auto daemon = stage.start({"--state-dir", stage.path("state")});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  // As root too: where the folder stood there is a file.
  std::filesystem::remove_all(stage.path("state"));
  stage.write("state", "in the way");
  const auto told = daemon->post("/-/suspend?service=fleet");
  EXPECT_EQ(told.status, 500) << told.body;
  EXPECT_THAT(told.body, HasSubstr("NotKept"));
  EXPECT_TRUE(daemon->wait_until_all("suspended"));
}

TEST(Reconcile, OnRequestDoesNotWaitForTheInterval) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const auto daemon = stage.start({"--interval", "1h"});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  EXPECT_EQ(daemon->post("/-/reconcile?service=fleet").status, 200);
  EXPECT_TRUE(
      eventually("the tag again", [&] { return tag(stage.lab, "fleet", "env") == "prod"; }));
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  daemon->signal(SIGHUP);
  EXPECT_TRUE(
      eventually("the tag after SIGHUP", [&] { return tag(stage.lab, "fleet", "env") == "prod"; }));
}

class Pruning : public testing::Test {
 protected:
  Pruning() {
    for (const char* name : {"one", "two", "three"}) {
      stage.manifest(std::string(name) + ".yaml", fleet(name));
    }
    daemon = stage.start({"--prune", "--owner", "team"});
  }
  void is_held_by_a_suspension(const std::string& name, const std::string& until) {
    ASSERT_TRUE(begins());
    // It is in force, and the next start will not know: there is no --state-dir.
    ASSERT_EQ(daemon->post("/-/suspend?service=" + name + until).status, 500);
    ASSERT_TRUE(eventually("suspended", [&] { return daemon->state(name) == "suspended"; }));
    stage.remove_manifest(name + ".yaml");
    stage.manifest("one.yaml", fleet("one", "  tags: {env: prod}\n"));
    EXPECT_TRUE(eventually("the revision", [&] { return tag(stage.lab, "one", "env") == "prod"; }));
    EXPECT_TRUE(eventually("what holds it", [&] {
      const auto one = daemon->service(name);
      return !one.is_null() && one.at("held_by") == "suspended";
    }));
    EXPECT_TRUE(names(stage.lab).contains(name));
  }
  bool begins() const { return daemon->wait_until_ready() && daemon->wait_until_all("in_sync"); }

  Stage stage;
  std::unique_ptr<Daemon> daemon;
};

TEST_F(Pruning, DeletesWhatNoManifestNamesAnyMore) {
  ASSERT_TRUE(begins());
  stage.remove_manifest("two.yaml");
  EXPECT_TRUE(eventually("two is gone", [&] {
    return names(stage.lab) == std::set<std::string>{"one", "three"};
  }));
}

TEST_F(Pruning, WaitsUntilThePersonResumesWhoSuspended) {
  is_held_by_a_suspension("two", "");
  daemon->post("/-/resume");
  EXPECT_TRUE(eventually("it is gone", [&] { return !names(stage.lab).contains("two"); }));
}

TEST_F(Pruning, WaitsForTheEndOfASuspension) {
  is_held_by_a_suspension("two", "&until=3s");
  EXPECT_TRUE(eventually("it is gone", [&] { return !names(stage.lab).contains("two"); }));
}

TEST_F(Pruning, OfTooMuchIsWithheldUntilExactlyThatIsApproved) {
  ASSERT_TRUE(begins());
  stage.manifest("one.yaml", fleet("one", "  tags: {env: prod}\n"));
  stage.remove_manifest("two.yaml");
  stage.remove_manifest("three.yaml");
  std::string digest;
  ASSERT_TRUE(eventually("the guard's digest", [&] {
    const auto told = daemon->status();
    if (!told.is_object() || !told.at("approve_digest").is_string()) return false;
    digest = told.at("approve_digest");
    return told.at("guards").size() == 1 && told.at("guards")[0].at("removals").size() == 2;
  }));
  EXPECT_TRUE(
      eventually("the rest is done", [&] { return tag(stage.lab, "one", "env") == "prod"; }));
  EXPECT_THAT(daemon->get("/metrics").body, HasSubstr("dps_reconciler_guard_blocked{"));
  EXPECT_TRUE(daemon->wait_for_log("guard_held"));
  EXPECT_EQ(names(stage.lab).size(), 3U);

  EXPECT_EQ(daemon->post("/-/approve?digest=0000").status, 409);
  EXPECT_EQ(names(stage.lab).size(), 3U);
  EXPECT_EQ(daemon->post("/-/approve?digest=" + digest).status, 200);
  EXPECT_TRUE(eventually("only one is left",
                         [&] { return names(stage.lab) == std::set<std::string>{"one"}; }));
  EXPECT_TRUE(eventually(
      "no guard holds",
      [&] {
        const auto told = daemon->status();
        return told.is_object() && told.at("guards").empty() && told.at("approve_digest").is_null();
      },
      std::chrono::seconds{40}));
  EXPECT_EQ(daemon->post("/-/approve?digest=" + digest).status, 409) << "it was good once";
}

TEST_F(Pruning, IsNotWhatAnEmptiedFolderMeans) {
  ASSERT_TRUE(begins());
  for (const char* name : {"one.yaml", "two.yaml", "three.yaml"}) stage.remove_manifest(name);
  ASSERT_TRUE(eventually("the fault is told", [&] {
    const auto told = daemon->status();
    return told.is_object() &&
           (!told.at("source").at("trouble").is_null() || told.at("source").at("fault_count") != 0);
  }));
  // What was in force stays in force.
  stage.lab.edit(service_path("one"), {{"tags", {{"dps-reconciler", nullptr}}}});
  EXPECT_TRUE(eventually("work goes on",
                         [&] { return tag(stage.lab, "one", "dps-reconciler") == "team"; }));
  EXPECT_EQ(names(stage.lab).size(), 3U);
  std::filesystem::remove_all(stage.path("manifests"));
  EXPECT_TRUE(eventually("the missing folder is told", [&] {
    const auto told = daemon->status();
    return told.is_object() && !told.at("source").at("trouble").is_null();
  }));
  std::filesystem::create_directory(stage.path("manifests"));
  for (const char* name : {"one", "two", "three"}) {
    stage.manifest(std::string(name) + ".yaml", fleet(name, "  tags: {back: again}\n"));
  }
  EXPECT_TRUE(
      eventually("the new manifests", [&] { return tag(stage.lab, "three", "back") == "again"; }));
  EXPECT_EQ(names(stage.lab).size(), 3U);
}

TEST(FaultyRevision, LeavesTheOneBeforeInForceAndIsTold) {
  Stage stage;
  stage.manifest("one.yaml", fleet("one", "  tags: {env: prod}\n"));
  stage.manifest("two.yaml", fleet("two", "  tags: {env: prod}\n"));
  const auto daemon = stage.start();
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  stage.manifest("one.yaml", fleet("one", "  tags: {env: [prod]}\n"));
  ASSERT_TRUE(eventually("the fault", [&] {
    const auto told = daemon->status();
    return told.is_object() && told.at("source").at("fault_count") == 1;
  }));
  EXPECT_THAT(daemon->status().at("source").at("faults").dump(), HasSubstr("one.yaml:"));
  EXPECT_THAT(daemon->get("/metrics").body, HasSubstr("dps_reconciler_manifest_faults 1"));
  // Not even what is well in the new revision is taken.
  stage.manifest("two.yaml", fleet("two", "  tags: {env: test}\n"));
  stage.lab.edit(service_path("two"), {{"tags", {{"env", "theirs"}}}});
  EXPECT_TRUE(eventually("two as the old revision has it",
                         [&] { return tag(stage.lab, "two", "env") == "prod"; }));
  stage.manifest("one.yaml", fleet("one", "  tags: {env: mended}\n"));
  EXPECT_TRUE(
      eventually("the mended revision", [&] { return tag(stage.lab, "one", "env") == "mended"; }));
  EXPECT_TRUE(eventually("two too", [&] { return tag(stage.lab, "two", "env") == "test"; }));
}

TEST(FaultyRevision, AtTheStartWritesNothingAndIsNotReady) {
  Stage stage;
  stage.manifest("one.yaml", fleet("one"));
  stage.manifest("two.yaml", fleet("two", "  tags: {env: [prod]}\n"));
  const auto daemon = stage.start();
  ASSERT_TRUE(eventually("the fault", [&] {
    const auto told = daemon->status();
    return told.is_object() && told.at("source").at("fault_count") == 1;
  }));
  EXPECT_EQ(daemon->get("/readyz").status, 503);
  EXPECT_EQ(daemon->get("/healthz").status, 200);
  EXPECT_THAT(stage.writes(), IsEmpty());
  stage.manifest("two.yaml", fleet("two"));
  EXPECT_TRUE(daemon->wait_until_ready());
  EXPECT_TRUE(eventually("both", [&] { return names(stage.lab).size() == 2; }));
}

TEST(MaintenanceWindow, HoldsRemovalsWhileOtherChangesAreMade) {
  Stage stage;
  const auto spec = [](const std::string& env, const std::string& policies) {
    return "  tags: {env: " + env + "}\n  sharedAccessPolicies:\n" + policies;
  };
  const std::string writer = "    - {name: writer, rights: [EnrollmentWrite]}\n";
  const std::string reader = "    - {name: reader, rights: [EnrollmentRead]}\n";
  stage.manifest("fleet.yaml", fleet("fleet", spec("prod", writer + reader)));
  const std::string no_removals =
      "maintenance:\n  - {deny: \"* * * * *\", for: 1h, changes: [delete], name: frozen}\n";
  stage.write("config.yaml", no_removals);
  const auto daemon = stage.start({"--config", stage.path("config.yaml")});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  stage.manifest("fleet.yaml", fleet("fleet", spec("test", reader)));
  EXPECT_TRUE(eventually("the tag", [&] { return tag(stage.lab, "fleet", "env") == "test"; }));
  EXPECT_TRUE(eventually("what holds the policy", [&] {
    const auto one = daemon->service("fleet");
    return !one.is_null() && one.at("held_by") == "window";
  }));
  EXPECT_THAT(daemon->service("fleet").dump(), HasSubstr("frozen"));
  EXPECT_FALSE(policy(stage.lab.service("fleet"), "writer").is_null());

  stage.write("config.yaml", "interval: 1s\n");
  daemon->signal(SIGHUP);
  EXPECT_TRUE(eventually("the policy is gone",
                         [&] { return policy(stage.lab.service("fleet"), "writer").is_null(); }));
  EXPECT_TRUE(daemon->wait_until_all("in_sync"));
}

TEST(Webhook, IsToldWhatHappens) {
  std::mutex mutex;
  std::string heard;
  test::TcpServer server([&](test::Connection& connection, int) {
    for (;;) {
      const auto request = connection.read_request();
      if (request.empty()) return;
      {
        const std::lock_guard lock(mutex);
        heard += request + "\n";
      }
      connection.ok("");
    }
  });
  Stage stage;
  stage.write("hook-secret", "0123456789abcdef0123456789abcdef");
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const auto daemon = stage.start(
      {"--webhook", server.url("/hook"), "--webhook-secret-file", stage.path("hook-secret")});
  ASSERT_TRUE(daemon->wait_until_ready());
  const auto was_told = [&](const std::string& text) {
    return eventually(text + " at the webhook", [&] {
      const std::lock_guard lock(mutex);
      return heard.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(was_told("\"created\""));
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  EXPECT_TRUE(was_told("\"drift_found\""));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(heard, HasSubstr("POST /hook"));
  EXPECT_THAT(lower(heard), HasSubstr("signature"));
  EXPECT_THAT(heard, Not(HasSubstr("0123456789abcdef")));
}

}  // namespace
}  // namespace dps::lab

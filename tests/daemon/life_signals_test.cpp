// How a daemon ends and is reloaded: signals under load, a second one, SIGHUP with a configuration
// that is well and with one that is not, as pid 1, under systemd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "reconciler/base/descriptor.hpp"
#include "tests/daemon/daemon.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// How often each service was made, by name.
std::map<std::string, int> created(Lab& lab) {
  std::map<std::string, int> out;
  for (const auto& one : lab.simulator().world().history()) {
    const auto id = one.at("id").get<std::string>();
    if (one.at("event") == "created") ++out[id.substr(id.rfind('/') + 1)];
  }
  return out;
}

/// More services than are made at once, of which the first writes are under way.
class UnderLoad : public testing::Test {
 protected:
  static constexpr int kServices = 20;

  void begin(const std::string& operation_time, const Arguments& more = {}) {
    stage.lab.set_switch("operation-time", operation_time);
    for (int number = 0; number < kServices; ++number) {
      const auto name = "fleet-" + std::to_string(number);
      stage.manifest(name + ".yaml", fleet(name, "  tags: {env: prod}\n"));
    }
    daemon = stage.start(more);
    ASSERT_TRUE(eventually("a write", [&] { return !stage.writes().empty(); }));
  }
  void completes() {
    daemon.reset();
    stage.lab.set_switch("operation-time", "0s");
    daemon = stage.start();
    ASSERT_TRUE(daemon->wait_until_ready());
    EXPECT_TRUE(daemon->wait_until_all("in_sync"));
    const auto made = created(stage.lab);
    EXPECT_EQ(made.size(), static_cast<std::size_t>(kServices));
    for (const auto& [name, times] : made) EXPECT_EQ(times, 1) << name;
  }

  Stage stage;
  std::unique_ptr<Daemon> daemon;
};

TEST_F(UnderLoad, SigtermLetsRunningWritesEndAndBeginsNoOther) {
  begin("2s");
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(seconds{25}), 0);
  const auto under_way = stage.writes().size();
  EXPECT_LT(under_way, static_cast<std::size_t>(kServices)) << "new ones were begun";
  for (const auto& one : stage.lab.requests()) EXPECT_NE(one.status, 0) << one.path;
  // What was begun has come to its end.
  EXPECT_EQ(created(stage.lab).size(), under_way);
  completes();
}

TEST_F(UnderLoad, ASecondSignalEndsItAtOnceAndTheNextStartPicksUp) {
  begin("60s");
  daemon->signal(SIGTERM);
  ASSERT_TRUE(daemon->wait_for_log("stopping"));
  // One that follows at once is taken for an echo of the first: a terminal sends to all of a group.
  EXPECT_TRUE(eventually("the end", [&] {
    daemon->signal(SIGTERM);
    return daemon->has_ended();
  }));
  EXPECT_EQ(daemon->wait(), 143);
  EXPECT_THAT(created(stage.lab), IsEmpty());
  stage.lab.simulator().world().advance(std::chrono::minutes{1});
  completes();
}

TEST_F(UnderLoad, TheGraceIsALongestTime) {
  begin("600s", {"--grace", "1s"});
  daemon->signal(SIGINT);
  EXPECT_NE(daemon->wait(seconds{15}), 137) << "it had to be killed";
  stage.lab.simulator().world().advance(std::chrono::minutes{10});
  completes();
}

TEST(Sigterm, AtRestEndsItWithZeroAndNoWrite) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet"));
  stage.apply();
  stage.lab.forget_requests();
  const auto daemon = stage.start();
  ASSERT_TRUE(daemon->wait_until_ready());
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(seconds{10}), 0);
  EXPECT_THAT(stage.writes(), IsEmpty());
}

TEST(Sighup, TakesAConfigurationThatIsWellAndRefusesAnother) {
  Stage stage;
  stage.write("config.yaml", "mode: observe\n");
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  stage.apply();
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  stage.lab.forget_requests();
  const auto daemon = stage.start({"--config", stage.path("config.yaml")});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_EQ(daemon->status().at("mode"), "observe");

  stage.write("config.yaml", "mode: enforce\nintervall: 5m\n");
  daemon->signal(SIGHUP);
  EXPECT_TRUE(daemon->wait_for_log("did you mean interval?"));
  EXPECT_EQ(daemon->status().at("mode"), "observe");
  EXPECT_THAT(stage.writes(), IsEmpty());
  EXPECT_FALSE(daemon->has_ended());

  stage.write("config.yaml", "mode: enforce\n");
  daemon->signal(SIGHUP);
  EXPECT_TRUE(eventually("the tag, enforced", [&] {
    return stage.lab.service("fleet").at("tags").at("env") == "prod";
  }));
  EXPECT_EQ(daemon->status().at("mode"), "enforce");
}

TEST(Sighup, TakesRotatedCredentials) {
  Stage stage;
  auto& world = stage.lab.simulator().world();
  const auto identity = world.options();
  const auto sign_in_with = [&](const std::string& secret) {
    const auto problem = world.set_identity({{"tenant", identity.tenant},
                                             {"client_id", "99999999-9999-4999-8999-999999999999"},
                                             {"client_secret", secret}});
    ASSERT_FALSE(problem.has_value()) << *problem;
  };
  sign_in_with("the first secret");
  stage.write("app-secret", "the first secret");
  stage.write("config.yaml",
              std::string("credentials:\n  - subscriptions: [") + kSubscription +
                  "]\n    auth: client-secret\n    tenantId: " + identity.tenant +
                  "\n    clientId: 99999999-9999-4999-8999-999999999999\n"
                  "    clientSecret: {file: app-secret}\n");
  stage.manifest("fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const auto daemon = stage.start({"--config", stage.path("config.yaml")});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));

  sign_in_with("the second secret");
  world.expire_tokens();
  ASSERT_TRUE(eventually("the trouble", [&] {
    const auto told = daemon->status();
    return told.is_object() && !told.at("unreadable_subscriptions").empty();
  }));
  stage.write("app-secret", "the second secret");
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  daemon->signal(SIGHUP);
  EXPECT_TRUE(eventually(
      "the tag again", [&] { return stage.lab.service("fleet").at("tags").at("env") == "prod"; }));
  EXPECT_THAT(daemon->log(), Not(HasSubstr("the second secret")));
}

TEST(AsPid1, ItEndsAsItShouldAndTellsTheCode) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet"));
  stage.apply();
  if (testing_support::run({"unshare", "--pid", "--fork", "--kill-child", "true"}).exit_code != 0) {
    GTEST_SKIP() << "no new pid namespace may be made here";
  }
  Arguments argv = {"unshare", "--pid", "--fork", "--kill-child"};
  const auto daemon_argv = stage.argv();
  argv.insert(argv.end(), daemon_argv.begin(), daemon_argv.end());
  Daemon daemon(argv, stage.variables(), stage.path("logs/pid1.log"));
  ASSERT_TRUE(daemon.wait_until_ready());
  // pid 1 there is the child of unshare here, and its child is the daemon.
  const auto children = [](pid_t of) {
    pid_t child = 0;
    std::ifstream("/proc/" + std::to_string(of) + "/task/" + std::to_string(of) + "/children") >>
        child;
    return child;
  };
  const pid_t first = children(daemon.pid());
  ASSERT_NE(first, 0);
  EXPECT_NE(children(first), 0) << "it does pid 1's work itself";
  ::kill(first, SIGTERM);
  EXPECT_EQ(daemon.wait(seconds{15}), 0);
}

TEST(UnderSystemd, ItTellsWhenItIsReadyAliveReloadingAndStopping) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet"));
  const auto path = stage.path("notify");
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const Descriptor owned(socket);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof(at.sun_path));
  std::memcpy(at.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  std::string heard;
  const auto hears = [&](const std::string& text) {
    return eventually(text, [&] {
      std::array<char, 4096> buffer{};
      for (;;) {
        const auto count = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count <= 0) break;
        heard.append(buffer.data(), static_cast<std::size_t>(count));
      }
      return heard.find(text) != std::string::npos;
    });
  };
  const auto daemon = stage.start({}, {{"NOTIFY_SOCKET", path}, {"WATCHDOG_USEC", "1000000"}});
  EXPECT_TRUE(hears("READY=1"));
  EXPECT_TRUE(hears("WATCHDOG=1"));
  heard.clear();
  daemon->signal(SIGHUP);
  EXPECT_TRUE(hears("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_TRUE(hears("READY=1"));
  daemon->signal(SIGTERM);
  EXPECT_TRUE(hears("STOPPING=1"));
  EXPECT_EQ(daemon->wait(), 0);
}

}  // namespace
}  // namespace dps::lab

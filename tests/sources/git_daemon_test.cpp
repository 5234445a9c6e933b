// From a push to Azure: the daemon on a repository behind a real web server, over the simulator.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/daemon/daemon.hpp"
#include "tests/sources/git_servers.hpp"
#include "tests/support/git_origin.hpp"

namespace dps::sources {
namespace {

namespace fs = std::filesystem;
using lab::eventually;
using lab::fleet;
using testing::HasSubstr;

constexpr const char* kToken = "ghp_2canaryCANARY2canaryCANARY2canary56";
constexpr const char* kSecondToken = "ghp_3canaryCANARY3canaryCANARY3canary78";

class GitDaemonTest : public testing::Test {
 protected:
  GitDaemonTest() : server_(origin_.folder()) {
    server_.set_password(kToken);
    stage_.write("git-token", kToken);
  }
  void start(const lab::Arguments& more = {}) {
    lab::Arguments flags = {"--git",
                            server_.url("fleet.git"),
                            "--git-ca-file",
                            server_.ca_file(),
                            "--git-token-file",
                            stage_.path("git-token")};
    flags.insert(flags.end(), more.begin(), more.end());
    start_with(flags);
  }
  void start_with(const lab::Arguments& more) {
    lab::Arguments argv = {DPS_RECONCILER,
                           "run",
                           "--interval",
                           "1s",
                           "--listen",
                           "127.0.0.1:0",
                           "--control-token-file",
                           stage_.path("token"),
                           "--state-dir",
                           stage_.path("state"),
                           "--git-ref",
                           "main",
                           "--git-path",
                           "fleet",
                           "--git-interval",
                           "1s"};
    argv.insert(argv.end(), more.begin(), more.end());
    daemon_ = std::make_unique<lab::Daemon>(argv, stage_.variables(), stage_.path("logs/git.log"));
  }
  std::string push(const std::string& environment) {
    return origin_.pushed(
        {{"fleet/one.yaml", fleet("one", fmt::format("  tags: {{env: {}}}\n", environment))}});
  }
  bool is_live(const std::string& environment) {
    return eventually("env: " + environment, [&] {
      if (lab::names(stage_.lab).count("one") == 0) return false;
      const auto tags = stage_.lab.service("one").value("tags", lab::SimJson::object());
      return tags.value("env", "") == environment;
    });
  }
  /// The source, as /status has it.
  lab::SimJson source() const {
    const auto status = daemon_->status();
    return status.is_object() ? status.at("source") : lab::SimJson();
  }
  bool is_in_force(const std::string& revision) const {
    return eventually("revision " + revision, [&] {
      const auto now = source();
      return now.is_object() && now.at("revision") == revision;
    });
  }
  /// The text of the source's trouble comes to hold this.
  bool is_troubled_by(const std::string& id) const {
    return eventually(id, [&] { return source().dump().find(id) != std::string::npos; });
  }
  bool has_metric(const std::string& line) const {
    return eventually(line, [&] {
      return ("\n" + daemon_->get("/metrics").body).find("\n" + line + "\n") != std::string::npos;
    });
  }

  test::GitOrigin origin_;
  WebServer server_;
  lab::Stage stage_;
  std::unique_ptr<lab::Daemon> daemon_;
};

TEST_F(GitDaemonTest, BringsWhatIsPushedToAzureAndHoldsTheLastGoodRevision) {
  const auto first = push("a");
  start();
  ASSERT_TRUE(daemon_->wait_until_ready());
  EXPECT_TRUE(is_live("a"));
  EXPECT_TRUE(is_in_force(first));
  EXPECT_TRUE(has_metric("dps_reconciler_manifest_reload_success 1"));

  // A fault in it: nothing of it is done, and it is seen.
  const auto bad = origin_.pushed({{"fleet/two.yaml", fleet("two", "  locatoin: x\n")}});
  EXPECT_TRUE(has_metric("dps_reconciler_manifest_reload_success 0"));
  EXPECT_TRUE(is_in_force(first));
  EXPECT_THAT(source().dump(), HasSubstr("fleet/two.yaml"));
  EXPECT_THAT(source().dump(), HasSubstr(bad));

  // The revert.
  fs::remove(origin_.work() + "/fleet/two.yaml");
  const auto third = push("b");
  EXPECT_TRUE(is_in_force(third));
  EXPECT_TRUE(has_metric("dps_reconciler_manifest_reload_success 1"));
  EXPECT_TRUE(is_live("b"));

  // Forced back to where it was.
  origin_.in_work({"reset", "-q", "--hard", first});
  origin_.push();
  EXPECT_TRUE(is_in_force(first));
  EXPECT_TRUE(is_live("a"));

  // The repository goes and comes; what is in force is kept up meanwhile.
  fs::rename(origin_.bare(), origin_.bare() + ".away");
  EXPECT_TRUE(is_troubled_by("RepositoryNotFound"));
  const auto id = stage_.lab.service("one").at("id").get<std::string>();
  stage_.lab.edit(id, {{"tags", {{"env", "by hand"}}}});
  EXPECT_TRUE(is_live("a"));
  EXPECT_TRUE(is_in_force(first));
  fs::rename(origin_.bare() + ".away", origin_.bare());
  const auto back = push("c");
  EXPECT_TRUE(is_in_force(back));
  EXPECT_TRUE(is_live("c"));

  // Another password.
  server_.set_password(kSecondToken);
  EXPECT_TRUE(is_troubled_by("AuthenticationFailed"));
  stage_.write("git-token", kSecondToken);
  const auto last = push("d");
  EXPECT_TRUE(is_in_force(last));
  EXPECT_TRUE(is_live("d"));

  daemon_->signal(SIGTERM);
  EXPECT_EQ(daemon_->wait(), 0);
  for (const char* token : {kToken, kSecondToken}) {
    EXPECT_EQ(daemon_->log().find(token), std::string::npos);
  }
}

TEST_F(GitDaemonTest, WritesNothingOfACommitThatIsNotSigned) {
  const auto key = test::new_ssh_key(origin_.folder(), "signer");
  stage_.write("signers", "a@example.test namespaces=\"git\" " + test::text_of(key + ".pub"));
  push("unsigned");
  start({"--git-verify", stage_.path("signers")});
  EXPECT_TRUE(is_troubled_by("SignatureMissing"));
  EXPECT_EQ(daemon_->get("/readyz").status, 503);
  EXPECT_EQ(lab::names(stage_.lab).size(), 0U);
  origin_.in_work({"config", "gpg.format", "ssh"});
  origin_.in_work({"config", "user.signingKey", key});
  const auto good = origin_.pushed({}, {"-S"});
  EXPECT_TRUE(is_in_force(good));
  EXPECT_TRUE(is_live("unsigned"));
  EXPECT_TRUE(daemon_->wait_until_ready());
}

TEST_F(GitDaemonTest, BringsWhatIsPushedOverSshAndStopsWhereTheHostIsAnother) {
  SshServer ssh;
  const auto key = test::new_ssh_key(origin_.folder(), "deploy");
  fs::permissions(key, fs::perms(0400));
  ssh.allow(key + ".pub");
  stage_.write("known_hosts", ssh.host_line());
  push("a");
  start_with({"--git",
              ssh.url(origin_.bare()),
              "--git-ssh-key",
              key,
              "--git-known-hosts",
              stage_.path("known_hosts")});
  ASSERT_TRUE(daemon_->wait_until_ready());
  EXPECT_TRUE(is_live("a"));
  const auto second = push("b");
  EXPECT_TRUE(is_in_force(second));
  EXPECT_TRUE(is_live("b"));

  ssh.change_host_key();
  push("c");
  EXPECT_TRUE(is_troubled_by("HostKeyChanged"));
  EXPECT_TRUE(is_in_force(second));
  stage_.write("known_hosts", ssh.host_line());
  EXPECT_TRUE(is_live("c"));
}

}  // namespace
}  // namespace dps::sources

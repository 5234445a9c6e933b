// The git source over the protocols that people use: what git, ssh and TLS really say, and where
// the token really goes.
#include "tests/sources/git_servers.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/descriptor.hpp"
#include "reconciler/controller/git_source.hpp"
#include "tests/support/git_origin.hpp"
#include "tests/support/manual_clock.hpp"

namespace dps::sources {
namespace {

namespace fs = std::filesystem;
using controller::GitSettings;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kToken = "ghp_0canaryCANARY0canaryCANARY0canary12";
constexpr const char* kSecondToken = "ghp_1canaryCANARY1canaryCANARY1canary34";

// What a process shows of itself; "" once it is gone.
std::string shown(const std::string& path) {
  try {
    return test::text_of(path);
  } catch (const std::exception&) {
    return {};
  }
}

class GitServersTest : public testing::Test {
 protected:
  GitServersTest() {
    settings_.ref = "main";
    settings_.state_dir = origin_.folder() + "/state";
    settings_.timeout = std::chrono::seconds{30};
    settings_.askpass = DPS_RECONCILER;
    first_ = origin_.pushed({{"fleet/eu.yaml", "1"}});
  }
  std::string put(const std::string& name, const std::string& text) const {
    auto path = origin_.folder() + "/" + name;
    // As a mounted secret is changed: by another file of its name.
    std::ofstream(path + ".tmp") << text;
    fs::permissions(path + ".tmp", fs::perms(0600));
    fs::rename(path + ".tmp", path);
    return path;
  }
  /// The revision, or the error's id.
  std::string look() {
    if (!source_) {
      auto made = controller::make_git_source(settings_, clock_, [] { return 0.5; });
      if (!made) return made.error().id;
      source_ = std::move(*made);
    }
    const auto found = source_->newest({});
    last_ = found ? Error{} : found.error();
    return found ? found->revision : last_.id;
  }
  std::string said() const { return last_.what + "; " + last_.remedy; }

  test::GitOrigin origin_;
  test::ManualClock clock_;
  GitSettings settings_;
  std::unique_ptr<controller::Source> source_;
  Error last_;
  std::string first_;
};

class WebTest : public GitServersTest {
 protected:
  WebTest() : server_(origin_.folder()) {
    server_.set_password(kToken);
    settings_.url = server_.url("fleet.git");
    settings_.ca_file = server_.ca_file();
    settings_.token_file = put("token", std::string(kToken) + "\n");
  }
  bool holds_a_token(const std::string& text) const {
    for (const std::string token : {kToken, kSecondToken}) {
      if (text.find(token) != std::string::npos) return true;
      if (text.find(base64("git:" + token)) != std::string::npos) return true;
    }
    return false;
  }

  WebServer server_;
};

TEST_F(WebTest, SignsInWithTheTokenAndSeesEachPush) {
  EXPECT_EQ(look(), first_) << said();
  const auto second = origin_.pushed({{"fleet/eu.yaml", "2"}});
  EXPECT_EQ(look(), second) << said();
  origin_.in_work({"reset", "-q", "--hard", first_});
  const auto forced = origin_.pushed({{"fleet/eu.yaml", "3"}});
  EXPECT_EQ(look(), forced) << said();
  // At rest the ref alone is asked for: two requests behind one that names no user.
  const auto before = server_.asked().size();
  EXPECT_EQ(look(), forced);
  EXPECT_LE(server_.asked().size() - before, 3U);
}

TEST_F(WebTest, TakesANewTokenWithoutARestartAndSaysThatTheOldOneEnded) {
  EXPECT_EQ(look(), first_) << said();
  server_.set_password(kSecondToken);
  EXPECT_EQ(look(), "AuthenticationFailed");
  EXPECT_EQ(last_.next, NextMove::WaitForOthers);
  EXPECT_FALSE(holds_a_token(said())) << "a token in the error";
  put("token", kSecondToken);
  EXPECT_EQ(look(), first_) << said();
  fs::remove(settings_.token_file);
  EXPECT_EQ(look(), "SecretMissing");
}

TEST_F(WebTest, SaysThatThereIsNoTokenAtAll) {
  settings_.token_file.clear();
  EXPECT_EQ(look(), "AuthenticationFailed");
  EXPECT_THAT(last_.remedy, HasSubstr("--git-token-file"));
}

TEST_F(WebTest, TrustsTheGivenCaAlone) {
  const wire::Folder folder;
  const auto other = wire::make_certificate(folder, "other", wire::Validity::Good);
  settings_.ca_file = other.file;
  EXPECT_EQ(look(), "TlsFailed");
  EXPECT_THAT(last_.remedy, HasSubstr("--git-ca-file"));
  source_.reset();
  settings_.ca_file.clear();
  EXPECT_EQ(look(), "TlsFailed");
  EXPECT_THAT(server_.asked(), testing::IsEmpty());
}

TEST_F(WebTest, SaysThatTheRepositoryIsNotThereAndTakesItBack) {
  EXPECT_EQ(look(), first_) << said();
  fs::rename(origin_.bare(), origin_.bare() + ".away");
  EXPECT_EQ(look(), "RepositoryNotFound") << said();
  fs::rename(origin_.bare() + ".away", origin_.bare());
  const auto second = origin_.pushed({{"fleet/eu.yaml", "2"}});
  EXPECT_EQ(look(), second) << said();
}

TEST_F(WebTest, TakesTheTokenToNoOtherHostThatARedirectLeadsTo) {
  for (const char* path : {"moved/fleet.git", "behind/fleet.git"}) {
    SCOPED_TRACE(path);
    source_.reset();
    settings_.url = server_.url(path);
    EXPECT_EQ(look(), "AuthenticationFailed") << said();
  }
  EXPECT_THAT(server_.asked_elsewhere(), Not(testing::IsEmpty()));
  EXPECT_THAT(server_.asked_elsewhere(), Each(Field(&Asked::authorization, "-")));
}

TEST_F(WebTest, LeavesTheTokenInNoArgumentVariableOrFile) {
  std::atomic<bool> done = false;
  std::atomic<int> seen = 0;
  std::atomic<int> programs = 0;
  std::thread watcher([&] {
    while (!done) {
      for (const auto& entry : fs::directory_iterator("/proc")) {
        const auto path = entry.path().string();
        const auto line = shown(path + "/cmdline");
        if (line.find("git") == std::string::npos) continue;
        ++programs;
        for (const char* file : {"/cmdline", "/environ"}) {
          if (holds_a_token(shown(path + file))) ++seen;
        }
      }
    }
  });
  std::string revision;
  for (int i = 0; i < 3; ++i) {
    revision = origin_.pushed({{"fleet/eu.yaml", std::to_string(i)}});
    EXPECT_EQ(look(), revision) << said();
  }
  done = true;
  watcher.join();
  EXPECT_EQ(seen, 0);
  EXPECT_GT(programs, 0);
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(settings_.state_dir)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_FALSE(holds_a_token(test::text_of(entry.path()))) << entry.path();
  }
  EXPECT_GT(files, 3U);
}

TEST_F(WebTest, RefusesCredentialsInTheUrlWithoutRepeatingThem) {
  for (const char* user : {"git:", ""}) {
    source_.reset();
    settings_.url =
        fmt::format("https://{}{}@127.0.0.1:{}/fleet.git", user, kToken, server_.port());
    const auto made = controller::make_git_source(settings_, clock_, [] { return 0.5; });
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().id, "CredentialsInUrl");
    EXPECT_FALSE(holds_a_token(made.error().what + made.error().remedy));
  }
}

// Connections are taken, and nobody ever answers.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.number(), plain, length) != 0 || ::listen(socket_.number(), 8) != 0 ||
        ::getsockname(socket_.number(), plain, &length) != 0) {
      throw std::runtime_error("no server");
    }
    host_ = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
  }
  std::string url() const { return "https://" + host_ + "/fleet.git"; }
  /// Waits until somebody comes.
  int taken() const { return ::accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC); }
  /// Do they all end? A killed one may be seen for a moment.
  bool is_left_alone() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (callers() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return callers() == 0;
  }
  /// Programs that still talk to it, or mean to.
  std::size_t callers() const {
    std::size_t out = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      if (shown(entry.path().string() + "/cmdline").find(host_) != std::string::npos) ++out;
    }
    return out;
  }

 private:
  Descriptor socket_;
  std::string host_;
};

TEST_F(GitServersTest, EndsAtTheTimeOutWithAllThatItStarted) {
  const SilentServer server;
  settings_.url = server.url();
  settings_.timeout = std::chrono::milliseconds{300};
  EXPECT_EQ(look(), "Timeout");
  EXPECT_EQ(last_.next, NextMove::RetryLater);
  EXPECT_TRUE(server.is_left_alone());
}

TEST_F(GitServersTest, EndsWhenItIsStoppedInTheMiddleWithAllThatItStarted) {
  const SilentServer server;
  settings_.url = server.url();
  std::stop_source stop;
  std::thread other([&] {
    const Descriptor caller(server.taken());
    EXPECT_GT(server.callers(), 0U);
    stop.request_stop();
  });
  auto made = controller::make_git_source(settings_, clock_, [] { return 0.5; });
  ASSERT_TRUE(made);
  const auto found = (*made)->newest(stop.get_token());
  other.join();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().id, "Interrupted");
  EXPECT_TRUE(server.is_left_alone());
}

TEST_F(GitServersTest, SaysThatNobodyListens) {
  settings_.url = fmt::format("https://127.0.0.1:{}/fleet.git", wire::free_port());
  EXPECT_EQ(look(), "SourceUnreadable");
  EXPECT_THAT(last_.what, HasSubstr("Failed to connect"));
}

class SshTest : public GitServersTest {
 protected:
  SshTest() {
    settings_.url = server_.url(origin_.bare());
    settings_.ssh_key = test::new_ssh_key(origin_.folder(), "deploy");
    settings_.known_hosts = put("known_hosts", server_.host_line());
    server_.allow(settings_.ssh_key + ".pub");
  }
  SshServer server_;
};

TEST_F(SshTest, SignsInWithTheKeyAndSeesEachPush) {
  EXPECT_EQ(look(), first_) << said();
  const auto second = origin_.pushed({{"fleet/eu.yaml", "2"}});
  EXPECT_EQ(look(), second) << said();
}

TEST_F(SshTest, RefusesAHostThatItDoesNotKnow) {
  put("known_hosts", "# nobody\n");
  EXPECT_EQ(look(), "HostKeyUnknown") << said();
  EXPECT_EQ(last_.next, NextMove::WaitForOthers);
  EXPECT_THAT(last_.what, HasSubstr("host key is known for [127.0.0.1]"));
  EXPECT_EQ(test::text_of(settings_.known_hosts), "# nobody\n");
  put("known_hosts", server_.host_line());
  EXPECT_EQ(look(), first_) << said();
}

TEST_F(SshTest, RefusesAHostWhoseKeyChangedUntilThePersonSaysSo) {
  EXPECT_EQ(look(), first_) << said();
  server_.change_host_key();
  EXPECT_EQ(look(), "HostKeyChanged") << said();
  EXPECT_THAT(last_.what, HasSubstr("has changed"));
  put("known_hosts", server_.host_line());
  EXPECT_EQ(look(), first_) << said();
}

TEST_F(SshTest, TakesANewKeyWithoutARestart) {
  EXPECT_EQ(look(), first_) << said();
  const auto next = test::new_ssh_key(origin_.folder(), "next");
  server_.allow(next + ".pub");
  // A public key beside the private one would be believed in its place.
  fs::remove(settings_.ssh_key + ".pub");
  EXPECT_EQ(look(), "AuthenticationFailed") << said();
  EXPECT_THAT(last_.what, HasSubstr("Permission denied"));
  put("deploy", test::text_of(next));
  EXPECT_EQ(look(), first_) << said();
}

TEST_F(SshTest, SaysThatOthersMayReadTheKey) {
  fs::permissions(settings_.ssh_key, fs::perms(0640));
  EXPECT_EQ(look(), "KeyFileOpen");
  EXPECT_THAT(said(), HasSubstr("0640"));
  EXPECT_THAT(said(), HasSubstr("defaultMode: 0400"));
  fs::permissions(settings_.ssh_key, fs::perms(0400));
  EXPECT_EQ(look(), first_) << said();
}

TEST_F(SshTest, SaysThatTheRepositoryIsNotThere) {
  settings_.url = server_.url(origin_.bare() + ".none");
  EXPECT_EQ(look(), "RepositoryNotFound") << said();
}

}  // namespace
}  // namespace dps::sources

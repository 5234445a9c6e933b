#include "reconciler/controller/git_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>

#include "tests/support/git_origin.hpp"
#include "tests/support/manual_clock.hpp"

namespace dps::controller {
namespace {

namespace fs = std::filesystem;
using test::GitOrigin;
using testing::ElementsAre;
using testing::HasSubstr;

double half() {
  return 0.5;
}

// Bytes that do not get smaller.
std::string noise(std::size_t length) {
  std::string out(length, ' ');
  static std::uint32_t state = 1;
  for (char& c : out) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return out;
}

class GitSourceTest : public testing::Test {
 protected:
  GitSourceTest() {
    settings_.url = origin_.url();
    settings_.ref = "main";
    settings_.state_dir = origin_.folder() + "/state";
    settings_.secrets_dir = origin_.folder() + "/secrets";
    fs::create_directory(settings_.secrets_dir);
  }
  Source& source() {
    if (!source_) {
      auto made = make_git_source(settings_, clock_, half);
      if (!made) throw std::runtime_error(made.error().id + ": " + made.error().what);
      source_ = std::move(*made);
    }
    return *source_;
  }
  void restart() { source_.reset(); }
  Result<Checkout> newest() { return source().newest({}); }
  std::string error_id() {
    const auto found = newest();
    last_ = found ? Error{} : found.error();
    return found ? "" : found.error().id;
  }
  std::string revision() {
    const auto found = newest();
    return found ? found->revision : found.error().id + ": " + found.error().what;
  }
  std::string text(const std::string& path) {
    const auto found = newest();
    if (!found) return found.error().id + ": " + found.error().what;
    const auto read = found->files->read(path, 1000);
    return read ? *read : read.error().id;
  }
  std::size_t size_on_disk() const {
    std::size_t out = 0;
    for (const auto& entry : fs::recursive_directory_iterator(settings_.state_dir)) {
      if (entry.is_regular_file()) out += entry.file_size();
    }
    return out;
  }
  fs::path repository() const {
    for (const auto& entry : fs::directory_iterator(settings_.state_dir + "/git")) {
      if (entry.is_directory()) return entry.path();
    }
    throw std::runtime_error("no repository");
  }

  GitOrigin origin_;
  test::ManualClock clock_;
  GitSettings settings_;
  std::unique_ptr<Source> source_;
  Error last_;
};

TEST_F(GitSourceTest, GivesTheFilesOfTheCommitByTheirPathsInTheRepository) {
  settings_.path = "fleet";
  const auto id = origin_.pushed({{"fleet/eu.yaml", "a: 1\n"},
                                  {"fleet/sub/us.yml", ""},
                                  {"fleet/ca.pem", "x"},
                                  {"other/no.yaml", "b"}});
  const auto found = newest();
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(found->revision, id);
  EXPECT_THAT(found->roots, ElementsAre("fleet"));
  EXPECT_THAT(*found->files->list("fleet"), ElementsAre("fleet/eu.yaml", "fleet/sub/us.yml"));
  EXPECT_EQ(*found->files->read("fleet/eu.yaml", 100), "a: 1\n");
  EXPECT_FALSE(found->files->read("other/no.yaml", 100));
  EXPECT_EQ(source().kind(), "git");
  EXPECT_EQ(source().location(), origin_.url() + " (main, fleet)");
}

TEST_F(GitSourceTest, FollowsTheBranchWhereverItIsPushedOrForced) {
  const auto first = origin_.pushed({{"a.yaml", "1"}});
  EXPECT_EQ(revision(), first);
  const auto second = origin_.pushed({{"a.yaml", "2"}});
  EXPECT_EQ(revision(), second);
  EXPECT_EQ(text("a.yaml"), "2");
  origin_.in_work({"reset", "-q", "--hard", first});
  const auto forced = origin_.pushed({{"b.yaml", "3"}});
  EXPECT_EQ(revision(), forced);
  EXPECT_EQ(text("a.yaml"), "1");
  origin_.push("+" + first + ":refs/heads/main");
  EXPECT_EQ(revision(), first);
  EXPECT_EQ(text("b.yaml"), "FileMissing");
}

TEST_F(GitSourceTest, ReadsACommitOnce) {
  origin_.pushed({{"a.yaml", "1"}});
  const auto first = newest();
  const auto second = newest();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->files, second->files);
}

TEST_F(GitSourceTest, FollowsARewrittenTagAndPrefersABranchOfItsName) {
  settings_.ref = "v1";
  const auto first = origin_.pushed({{"a.yaml", "1"}});
  origin_.in_work({"tag", "-a", "-m", "t", "v1"});
  origin_.push("refs/tags/v1");
  EXPECT_EQ(revision(), first);
  const auto second = origin_.pushed({{"a.yaml", "2"}});
  origin_.in_work({"tag", "-f", "-a", "-m", "t", "v1"});
  origin_.push("+refs/tags/v1");
  EXPECT_EQ(revision(), second);
  origin_.push("+" + first + ":refs/heads/v1");
  EXPECT_EQ(revision(), first);
}

TEST_F(GitSourceTest, TakesHeadAndAWholeCommitId) {
  settings_.ref = "HEAD";
  const auto first = origin_.pushed({{"a.yaml", "1"}});
  EXPECT_EQ(revision(), first);
  restart();
  origin_.pushed({{"a.yaml", "2"}});
  settings_.ref = first;
  EXPECT_EQ(revision(), first);
  EXPECT_EQ(text("a.yaml"), "1");
  restart();
  settings_.ref = std::string(40, 'e');
  EXPECT_EQ(error_id(), "RefNotFound");
}

TEST_F(GitSourceTest, SaysWhatIsGoneAndTakesItWhenItIsBack) {
  EXPECT_EQ(error_id(), "RefNotFound");
  EXPECT_THAT(last_.what, HasSubstr("is empty"));
  const auto id = origin_.pushed({{"a.yaml", "1"}});
  EXPECT_EQ(revision(), id);
  origin_.push("HEAD:refs/heads/other");
  origin_.git({"-C", origin_.bare(), "update-ref", "-d", "refs/heads/main"});
  EXPECT_EQ(error_id(), "RefNotFound");
  EXPECT_EQ(last_.next, NextMove::WaitForOthers);
  fs::rename(origin_.bare(), origin_.bare() + ".away");
  EXPECT_EQ(error_id(), "RepositoryNotFound");
  EXPECT_THAT(last_.what, HasSubstr("does not appear to be a git repository"));
  fs::rename(origin_.bare() + ".away", origin_.bare());
  origin_.push();
  EXPECT_EQ(revision(), id);
}

TEST_F(GitSourceTest, MakesABrokenCopyAnew) {
  const auto first = origin_.pushed({{"a.yaml", "1"}});
  EXPECT_EQ(revision(), first);
  for (const char* harm : {"objects", "HEAD", "refs", "config", "lock"}) {
    SCOPED_TRACE(harm);
    restart();
    if (std::string(harm) == "lock") {
      std::ofstream(repository() / "shallow.lock") << "";
      origin_.pushed({{"a.yaml", "1"}});
    } else if (std::string(harm) == "config") {
      std::ofstream(repository() / "config") << "[broken";
    } else {
      fs::remove_all(repository() / harm);
    }
    EXPECT_EQ(text("a.yaml"), "1");
  }
}

TEST_F(GitSourceTest, NoticesAnObjectThatWasCutShort) {
  origin_.pushed({{"a.yaml", "1"}});
  ASSERT_EQ(text("a.yaml"), "1");
  restart();
  for (const auto& entry : fs::directory_iterator(repository() / "objects/pack")) {
    fs::permissions(entry.path(), fs::perms::owner_all);
    fs::resize_file(entry.path(), 20);
  }
  EXPECT_EQ(text("a.yaml"), "1");
}

TEST_F(GitSourceTest, RefusesARepositoryThatIsTooLargeAndKeepsNothingOfIt) {
  settings_.max_size = 1;
  origin_.pushed({{"a.yaml", "1"}, {"noise", noise(3'000'000)}});
  EXPECT_EQ(error_id(), "SourceTooLarge");
  EXPECT_THAT(last_.what, HasSubstr("more than 1 MiB"));
  EXPECT_LT(size_on_disk(), 100'000U);
  EXPECT_EQ(error_id(), "SourceTooLarge");
  fs::remove(origin_.work() + "/noise");
  const auto id = origin_.pushed({});
  EXPECT_EQ(revision(), id);
}

TEST_F(GitSourceTest, BoundsTheFilesThatItReads) {
  origin_.pushed({{"a.yaml", "1"}, {"b.yaml", "22"}, {"c.yaml", "333"}});
  settings_.tree.files = 2;
  EXPECT_EQ(error_id(), "SourceTooLarge");
  restart();
  settings_.tree.files = 3;
  settings_.tree.bytes = 5;
  EXPECT_EQ(error_id(), "SourceTooLarge");
  restart();
  settings_.tree.bytes = 6;
  settings_.tree.bytes_of_one = 2;
  EXPECT_EQ(text("b.yaml"), "22");
  EXPECT_EQ(text("c.yaml"), "FileTooLarge");
}

TEST_F(GitSourceTest, DropsWhatManyForcedPushesLeaveBehind) {
  const auto first = origin_.pushed({{"a.yaml", "1"}});
  std::size_t most = 0;
  for (int i = 0; i < 12; ++i) {
    origin_.in_work({"reset", "-q", "--hard", first});
    ASSERT_EQ(revision(), origin_.pushed({{"noise", noise(30'000)}}));
    most = std::max(most, size_on_disk());
  }
  EXPECT_LT(most, 12 * 30'000U);
  EXPECT_EQ(text("a.yaml"), "1");
}

TEST_F(GitSourceTest, FollowsAPathThatIsALinkButNotOutOfTheRepository) {
  settings_.path = "current";
  origin_.write("releases/2/a.yaml", "2");
  fs::create_symlink("releases/2", origin_.work() + "/current");
  origin_.pushed({});
  const auto found = newest();
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_THAT(found->roots, ElementsAre("releases/2"));
  EXPECT_EQ(text("releases/2/a.yaml"), "2");
  fs::remove(origin_.work() + "/current");
  fs::create_symlink("../etc", origin_.work() + "/current");
  origin_.pushed({});
  EXPECT_EQ(error_id(), "PathNotFound");
  fs::remove(origin_.work() + "/current");
  origin_.pushed({});
  EXPECT_EQ(error_id(), "PathNotFound");
}

TEST_F(GitSourceTest, TakesAPathThatIsAFileWithWhatLiesBesideIt) {
  origin_.pushed({{"fleet/a.yaml", "1"}, {"fleet/certs/ca.pem", "x"}, {"b.yaml", "2"}});
  settings_.path = "fleet/a.yaml";
  const auto found = newest();
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_THAT(found->roots, ElementsAre("fleet/a.yaml"));
  EXPECT_THAT(*found->files->list("fleet/a.yaml"), ElementsAre("fleet/a.yaml"));
  EXPECT_EQ(*found->files->read("fleet/certs/ca.pem", 10), "x");
  EXPECT_FALSE(found->files->read("b.yaml", 10));
  restart();
  settings_.path = "b.yaml";
  EXPECT_EQ(text("b.yaml"), "2");
}

TEST_F(GitSourceTest, TakesACommitOnlyWithTheSignatureOfAnAllowedSigner) {
  const auto good = test::new_ssh_key(origin_.folder(), "good");
  const auto other = test::new_ssh_key(origin_.folder(), "other");
  settings_.verify = origin_.folder() + "/signers";
  std::ofstream(settings_.verify) << "a@example.test namespaces=\"git\" "
                                  << test::text_of(good + ".pub");
  const auto sign = [&](const std::string& key, const std::string& content) {
    origin_.in_work({"config", "gpg.format", "ssh"});
    origin_.in_work({"config", "user.signingKey", key});
    return origin_.pushed({{"a.yaml", content}}, {"-S"});
  };
  const auto id = sign(good, "1");
  EXPECT_EQ(revision(), id);
  const auto plain = origin_.pushed({{"a.yaml", "2"}});
  EXPECT_EQ(error_id(), "SignatureMissing");
  EXPECT_THAT(last_.what, HasSubstr(plain));
  EXPECT_EQ(last_.next, NextMove::WaitForOthers);
  sign(other, "3");
  EXPECT_EQ(error_id(), "SignatureBad");
  const auto third = sign(good, "4");
  EXPECT_EQ(revision(), third);
  // A signer that is taken off the list is no signer of what is in force either.
  std::ofstream(settings_.verify) << "a@example.test namespaces=\"git\" "
                                  << test::text_of(other + ".pub");
  EXPECT_EQ(error_id(), "SignatureBad");
  fs::remove(settings_.verify);
  EXPECT_EQ(error_id(), "SecretMissing");
}

TEST_F(GitSourceTest, RefusesACommitWhoseSignatureIsOfAnotherText) {
  const auto good = test::new_ssh_key(origin_.folder(), "good");
  settings_.verify = origin_.folder() + "/signers";
  std::ofstream(settings_.verify) << "a@example.test " << test::text_of(good + ".pub");
  origin_.in_work({"config", "gpg.format", "ssh"});
  origin_.in_work({"config", "user.signingKey", good});
  origin_.commit({{"a.yaml", "1"}}, {"-S"});
  auto text = origin_.in_work({"cat-file", "commit", "HEAD"});
  text.replace(text.rfind("a change"), 8, "a CHANGE");
  std::ofstream(origin_.folder() + "/forged") << text;
  const auto forged = std::string(
      trim(origin_.in_work({"hash-object", "-t", "commit", "-w", origin_.folder() + "/forged"})));
  origin_.push("+" + forged + ":refs/heads/main");
  EXPECT_EQ(error_id(), "SignatureBad");
}

TEST_F(GitSourceTest, WaitsForTheIntervalAndLongerAfterEachFailure) {
  settings_.interval = std::chrono::minutes{2};
  origin_.pushed({{"a.yaml", "1"}});
  ASSERT_TRUE(newest());
  EXPECT_TRUE(source().wait({}));
  fs::rename(origin_.bare(), origin_.bare() + ".away");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(error_id(), "RepositoryNotFound");
    EXPECT_TRUE(source().wait({}));
  }
  const auto slept = clock_.slept();
  EXPECT_EQ(slept.front(), std::chrono::minutes{2});
  EXPECT_LE(slept[1], std::chrono::seconds{5});
  EXPECT_GT(slept[5], slept[1]);
  EXPECT_LE(slept.back(), std::chrono::minutes{8});
  EXPECT_GE(slept.back(), std::chrono::minutes{4});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(source().wait(stop.get_token()));
}

TEST_F(GitSourceTest, EndsAtOnceWhenItIsStopped) {
  origin_.pushed({{"a.yaml", "1"}});
  std::stop_source stop;
  stop.request_stop();
  const auto found = source().newest(stop.get_token());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().id, "Interrupted");
}

TEST_F(GitSourceTest, KeepsOneRepositoryForOneProcess) {
  const auto id = origin_.pushed({{"a.yaml", "1"}});
  ASSERT_EQ(revision(), id);
  auto second = make_git_source(settings_, clock_, half);
  ASSERT_TRUE(second);
  const auto found = (*second)->newest({});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().id, "StateDirInUse");
  restart();
  EXPECT_TRUE((*second)->newest({}));
}

TEST_F(GitSourceTest, BelievesNothingThatTheMachineConfigures) {
  const auto id = origin_.pushed({{"a.yaml", "1"}});
  const auto home = origin_.folder() + "/home";
  fs::create_directory(home);
  std::ofstream(home + "/.gitconfig")
      << "[url \"file:///elsewhere\"]\n  insteadOf = \"" << settings_.url << "\"\n";
  ::setenv("HOME", home.c_str(), 1);
  ::setenv("GIT_DIR", "/nowhere", 1);
  ::setenv("GIT_CONFIG_COUNT", "1", 1);
  ::setenv("GIT_CONFIG_KEY_0", "protocol.file.allow", 1);
  ::setenv("GIT_CONFIG_VALUE_0", "never", 1);
  EXPECT_EQ(revision(), id);
  for (const char* name :
       {"GIT_DIR", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}) {
    ::unsetenv(name);
  }
}

TEST_F(GitSourceTest, SaysThatTheStateFolderCannotBeMade) {
  origin_.pushed({{"a.yaml", "1"}});
  std::ofstream(origin_.folder() + "/file") << "x";
  settings_.state_dir = origin_.folder() + "/file";
  EXPECT_EQ(error_id(), "StateDirUnwritable");
}

TEST_F(GitSourceTest, SaysThatTheDiskIsFullAndGoesOnWhenThereIsRoom) {
  fs::create_directory(settings_.state_dir);
  const auto* folder = settings_.state_dir.c_str();
  if (::mount("tmpfs", folder, "tmpfs", 0, "size=300k") != 0) {
    GTEST_SKIP() << "this user may not mount a small disk";
  }
  const auto id = origin_.pushed({{"a.yaml", "1"}, {"noise", noise(2'000'000)}});
  EXPECT_EQ(error_id(), "DiskFull");
  EXPECT_EQ(last_.next, NextMove::RetryLater);
  EXPECT_LT(size_on_disk(), 100'000U);
  EXPECT_EQ(::mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=20m"), 0);
  EXPECT_EQ(revision(), id);
  restart();
  EXPECT_EQ(::umount(folder), 0);
}

TEST_F(GitSourceTest, HoldsNoMoreDescriptorsAfterManyLooks) {
  const auto open = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  origin_.pushed({{"a.yaml", "1"}});
  ASSERT_TRUE(newest());
  const auto before = open();
  for (int i = 0; i < 10; ++i) {
    if (i % 5 == 1) origin_.pushed({{"a.yaml", std::to_string(i)}});
    ASSERT_TRUE(newest());
  }
  EXPECT_EQ(open(), before);
}

struct WrongFlags {
  const char* name;
  void (*change)(GitSettings&);
  const char* id;
};

TEST(GitSettingsOf, RefuseWhatDoesNotGoTogether) {
  const std::vector<WrongFlags> cases = {
      {"no state", [](GitSettings& s) { s.state_dir.clear(); }, "Usage"},
      {"ssh without key", [](GitSettings& s) { s.url = "git@host.example:fleet.git"; }, "Usage"},
      {"ssh without hosts",
       [](GitSettings& s) {
         s.url = "ssh://git@host.example/fleet.git";
         s.ssh_key = "/key";
       },
       "Usage"},
      {"path for a shell",
       [](GitSettings& s) {
         s.url = "ssh://git@host.example/fleet.git";
         s.ssh_key = "/key'; rm";
         s.known_hosts = "/hosts";
       },
       "Usage"},
      {"token with ssh",
       [](GitSettings& s) {
         s.url = "ssh://git@host.example/fleet.git";
         s.token_file = "/token";
       },
       "Usage"},
      {"key with https", [](GitSettings& s) { s.ssh_key = "/key"; }, "Usage"},
      {"user without token", [](GitSettings& s) { s.username = "me"; }, "Usage"},
      {"ref", [](GitSettings& s) { s.ref = "--upload-pack=evil"; }, "BadGitRef"},
      {"path", [](GitSettings& s) { s.path = "../x"; }, "BadGitPath"},
      {"url", [](GitSettings& s) { s.url = "ext::sh -c evil"; }, "BadGitUrl"},
  };
  test::ManualClock clock;
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    GitSettings settings;
    settings.url = "https://git.example/fleet.git";
    settings.state_dir = "/state";
    EXPECT_TRUE(make_git_source(settings, clock, half));
    one.change(settings);
    const auto made = make_git_source(settings, clock, half);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().id, one.id);
    EXPECT_FALSE(made.error().remedy.empty());
  }
}

}  // namespace
}  // namespace dps::controller

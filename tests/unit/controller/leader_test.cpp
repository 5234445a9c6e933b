#include "reconciler/controller/leader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/new_folder.hpp"

namespace dps::controller {
namespace {

namespace fs = std::filesystem;

class FileElection : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<Leadership> candidate() const {
    auto made = make_leadership("file:" + path_.string());
    EXPECT_TRUE(made) << (made ? "" : made.error().what);
    return made ? *std::move(made) : nullptr;
  }

  const fs::path folder_ = test::new_folder("dps-leader");
  const fs::path path_ = folder_ / "lock";
};

TEST_F(FileElection, OneLeadsAndTheNextTakesOverWhenItGivesUp) {
  const auto first = candidate();
  const auto second = candidate();
  EXPECT_FALSE(first->leads()) << "not before it asked";
  EXPECT_TRUE(first->renew());
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(first->renew()) << "it stays";
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(second->renew());
  EXPECT_FALSE(second->leads());
  first->give_up();
  EXPECT_FALSE(first->leads());
  EXPECT_TRUE(second->renew());
  EXPECT_TRUE(second->leads());
  EXPECT_EQ(second->description(), "file:" + path_.string());
}

TEST_F(FileElection, TheLockGoesWithTheProcessThatHeldIt) {
  const auto survivor = candidate();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int held = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    ::_exit(held >= 0 && ::flock(held, LOCK_EX | LOCK_NB) == 0 && !survivor->renew() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0) << "the child held it";
  EXPECT_TRUE(survivor->renew());
  EXPECT_TRUE(survivor->leads());
}

TEST_F(FileElection, ALockFileThatWasReplacedIsLostLeadership) {
  const auto first = candidate();
  ASSERT_TRUE(first->renew());
  std::ofstream(folder_ / "new") << "";
  fs::rename(folder_ / "new", path_);
  const auto second = candidate();
  ASSERT_TRUE(second->renew());

  EXPECT_TRUE(first->renew()) << "something changed";
  EXPECT_FALSE(first->leads());
  EXPECT_FALSE(first->renew()) << "the other one leads";
  EXPECT_FALSE(first->leads());
}

TEST_F(FileElection, ALockFileThatWasRemovedIsMadeAgain) {
  const auto leader = candidate();
  ASSERT_TRUE(leader->renew());
  fs::remove(path_);
  EXPECT_TRUE(leader->renew());
  EXPECT_FALSE(leader->leads());
  EXPECT_TRUE(leader->renew());
  EXPECT_TRUE(leader->leads());
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(FileElection, AFolderThatIsGoneIsNoLeadershipUntilItIsBack) {
  const auto leader = candidate();
  fs::remove_all(folder_);
  EXPECT_FALSE(leader->renew());
  EXPECT_FALSE(leader->leads());
  fs::create_directory(folder_);
  EXPECT_TRUE(leader->renew());
  EXPECT_TRUE(leader->leads());
}

TEST_F(FileElection, RefusesAtTheStartWhatCanNeverBeLocked) {
  std::ofstream(folder_ / "file") << "";
  struct Case {
    const char* name;
    std::string text;
  };
  for (const auto& one : {Case{"no kind", path_.string()},
                          Case{"another kind", "lease:default/dps"},
                          Case{"no path", "file:"},
                          Case{"no such folder", "file:" + (folder_ / "none" / "lock").string()},
                          Case{"below a file", "file:" + (folder_ / "file" / "lock").string()},
                          Case{"a folder", "file:" + folder_.string()},
                          Case{"a device", "file:/dev/null"}}) {
    const auto made = make_leadership(one.text);
    ASSERT_FALSE(made) << one.name;
    EXPECT_EQ(made.error().id, "BadLeaderElection") << one.name;
    EXPECT_EQ(made.error().next, NextMove::GiveUp) << one.name;
  }
}

TEST(Leadership, AloneLeadsAlways) {
  AlwaysLeads alone;
  EXPECT_TRUE(alone.leads());
  EXPECT_FALSE(alone.renew());
  alone.give_up();
  EXPECT_TRUE(alone.leads());
}

}  // namespace
}  // namespace dps::controller

#include "reconciler/controller/folder_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "reconciler/controller/file_watch.hpp"
#include "tests/support/new_folder.hpp"

namespace dps::controller {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// Root may read everything; nobody else's files are read as nobody else. Of this thread alone.
class AsNobody {
 public:
  AsNobody() {
    if (::getuid() == 0) ::setfsuid(kNobody);
  }
  ~AsNobody() {
    if (::getuid() == 0) ::setfsuid(0);
  }
  static constexpr uid_t kNobody = 65534;
};

// Stops what waits in vain, so that the test fails instead of hanging.
class Patience {
 public:
  Patience()
      : thread_([this](std::stop_token ended) {
          std::unique_lock lock(mutex_);
          if (!wake_.wait_for(lock, ended, 20s, [] { return false; }) && !ended.stop_requested()) {
            stop_.request_stop();
          }
        }) {}
  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

class FolderSourceTest : public testing::Test {
 protected:
  FolderSourceTest() : folder_(test::new_folder("folder")) {
    fs::create_directory(root());
    settings_.roots = {root().string()};
    settings_.poll = 1h;  // what is found is found by inotify
    settings_.quiet = 5ms;
  }
  ~FolderSourceTest() override { fs::remove_all(folder_); }

  fs::path root() const { return folder_ / "manifests"; }
  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  Source& source() {
    if (!source_) source_ = make_folder_source(settings_);
    return *source_;
  }
  Result<Checkout> newest() { return source().newest({}); }
  bool changed() {
    const Patience patience;
    return source().wait(patience.token());
  }
  /// What a load would see now: "name=content …", or the error.
  std::string seen() {
    const auto found = newest();
    if (!found) return found.error().id;
    std::string out;
    for (const auto& one : found->roots) {
      const auto paths = found->files->list(one);
      if (!paths) return paths.error().id;
      for (const auto& path : *paths) {
        const auto text = found->files->read(path, 1000);
        out += fs::path(path).filename().string() + "=" + (text ? *text : text.error().id) + " ";
      }
    }
    return out;
  }
  void swap_link(const fs::path& link, const std::string& target) const {
    fs::create_symlink(target, folder_ / "link_tmp");
    fs::rename(folder_ / "link_tmp", folder_ / link);
  }

  fs::path folder_;
  FolderSettings settings_;
  std::unique_ptr<Source> source_;
};

struct Change {
  const char* name;
  void (*change)(const fs::path& root);
  const char* seen;
};

TEST_F(FolderSourceTest, NoticesWhatPeopleAndProgramsDoToFiles) {
  const std::vector<Change> cases = {
      {"written in place",
       [](const fs::path& r) { std::ofstream(r / "a.yaml") << "2"; },
       "a.yaml=2 d.yaml=4 "},
      {"editor renames over",
       [](const fs::path& r) {
         std::ofstream(r / ".a.yaml.swp") << "3";
         fs::rename(r / ".a.yaml.swp", r / "a.yaml");
       },
       "a.yaml=3 d.yaml=4 "},
      {"new file",
       [](const fs::path& r) { std::ofstream(r / "b.yaml") << "1"; },
       "a.yaml=1 b.yaml=1 d.yaml=4 "},
      {"removed", [](const fs::path& r) { fs::remove(r / "a.yaml"); }, "d.yaml=4 "},
      {"new folder with a file",
       [](const fs::path& r) {
         fs::create_directories(r / "x/y");
         std::ofstream(r / "x/y/c.yaml") << "c";
       },
       "a.yaml=1 d.yaml=4 c.yaml=c "},
      {"file becomes a folder",
       [](const fs::path& r) {
         fs::remove(r / "a.yaml");
         fs::create_directory(r / "a.yaml");
         std::ofstream(r / "a.yaml/inner.yaml") << "i";
       },
       "inner.yaml=i d.yaml=4 "},
      {"folder becomes a file",
       [](const fs::path& r) {
         fs::remove_all(r / "deep");
         std::ofstream(r / "deep") << "";
       },
       "a.yaml=1 "},
      {"below a folder",
       [](const fs::path& r) { std::ofstream(r / "deep/d.yaml") << "5"; },
       "a.yaml=1 d.yaml=5 "},
      {"folder moved in",
       [](const fs::path& r) {
         fs::create_directory(r.parent_path() / "aside");
         std::ofstream(r.parent_path() / "aside/z.yaml") << "z";
         fs::rename(r.parent_path() / "aside", r / "z");
       },
       "a.yaml=1 d.yaml=4 z.yaml=z "},
      {"certificate beside",
       [](const fs::path& r) { std::ofstream(r / "ca.pem") << "x"; },
       "a.yaml=1 d.yaml=4 "},
      {"mode",
       [](const fs::path& r) { fs::permissions(r / "a.yaml", fs::perms(0444)); },
       "a.yaml=1 d.yaml=4 "},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    fs::remove_all(root());
    write("manifests/a.yaml", "1");
    write("manifests/deep/d.yaml", "4");
    source_.reset();
    const auto before = newest();
    ASSERT_TRUE(before);
    EXPECT_TRUE(before->is_still_so());
    one.change(root());
    EXPECT_FALSE(before->is_still_so());
    EXPECT_TRUE(changed());
    EXPECT_EQ(seen(), one.seen);
    const auto after = newest();
    EXPECT_TRUE(after->is_still_so());
  }
}

TEST_F(FolderSourceTest, ChangesOfAFolderThatIsNewAreNoticedToo) {
  write("manifests/a.yaml", "1");
  ASSERT_TRUE(newest());
  write("manifests/new/b.yaml", "1");
  ASSERT_TRUE(changed());
  ASSERT_EQ(seen(), "a.yaml=1 b.yaml=1 ");
  write("manifests/new/b.yaml", "2");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=1 b.yaml=2 ");
}

TEST_F(FolderSourceTest, FollowsTheSwapOfAMountedConfigMap) {
  write("manifests/..one/a.yaml", "1");
  write("manifests/..one/b.yaml", "1");
  fs::create_symlink("..one", root() / "..data");
  fs::create_symlink("..data/a.yaml", root() / "a.yaml");
  fs::create_symlink("..data/b.yaml", root() / "b.yaml");
  std::string last = "one";
  for (const std::string next : {"two", "three", "four"}) {
    const auto before = newest();
    ASSERT_TRUE(before);
    ASSERT_TRUE(before->is_still_so());
    write("manifests/.." + next + "/a.yaml", next);
    write("manifests/.." + next + "/b.yaml", next);
    EXPECT_TRUE(before->is_still_so());  // what is prepared beside is nobody's business
    swap_link("manifests/..data", ".." + next);
    fs::remove_all(root() / (".." + last));
    EXPECT_FALSE(before->is_still_so());
    EXPECT_TRUE(changed());
    EXPECT_EQ(seen(), "a.yaml=" + next + " b.yaml=" + next + " ");
    last = next;
  }
}

TEST_F(FolderSourceTest, ReadsOneWorkTreeOfGitSyncEvenWhileItIsSwapped) {
  fs::remove(root());
  write("trees/one/fleet/a.yaml", "1");
  write("trees/one/fleet/b.yaml", "1");
  fs::create_symlink("trees/one", folder_ / "current");
  settings_.roots = {(folder_ / "current/fleet").string()};
  const auto before = newest();
  ASSERT_TRUE(before);
  const auto shown = before->roots.front();
  EXPECT_EQ(*before->files->read(shown + "/a.yaml", 10), "1");
  write("trees/two/fleet/a.yaml", "2");
  write("trees/two/fleet/b.yaml", "2");
  swap_link("current", "trees/two");
  EXPECT_THAT(*before->files->list(shown), ElementsAre(shown + "/a.yaml", shown + "/b.yaml"));
  EXPECT_EQ(*before->files->read(shown + "/b.yaml", 10), "1");
  EXPECT_FALSE(before->is_still_so());
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=2 b.yaml=2 ");
  fs::remove_all(folder_ / "trees/one");
  write("trees/three/fleet/a.yaml", "3");
  swap_link("current", "trees/three");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=3 ");
}

TEST_F(FolderSourceTest, SaysThatTheRootIsGoneAndNoticesItsReturn) {
  write("manifests/a.yaml", "1");
  ASSERT_EQ(seen(), "a.yaml=1 ");
  fs::rename(root(), folder_ / "away");
  EXPECT_TRUE(changed());
  const auto gone = newest();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().id, "SourceUnreadable");
  EXPECT_EQ(gone.error().next, NextMove::RetryLater);
  EXPECT_THAT(gone.error().what, HasSubstr("No such file"));
  fs::rename(folder_ / "away", root());
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=1 ");
  write("manifests/a.yaml", "2");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=2 ");
}

TEST_F(FolderSourceTest, WaitsForFoldersThatAreYetToBeMade) {
  settings_.roots = {(folder_ / "x/y/manifests").string()};
  EXPECT_EQ(seen(), "SourceUnreadable");
  fs::create_directory(folder_ / "x");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "SourceUnreadable");
  write("x/y/manifests/a.yaml", "1");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=1 ");
}

TEST_F(FolderSourceTest, GivesNoHalfOfASetWhenAFolderIsClosed) {
  write("manifests/a.yaml", "1");
  write("manifests/eu/b.yaml", "1");
  if (::getuid() == 0) {
    fs::permissions(folder_, fs::perms(0755));
    for (const auto& one : {root(), root() / "eu"}) {
      if (::chown(one.c_str(), AsNobody::kNobody, AsNobody::kNobody) != 0) {
        GTEST_SKIP() << "this root may not give files away";
      }
    }
  }
  const AsNobody nobody;
  ASSERT_EQ(seen(), "a.yaml=1 b.yaml=1 ");
  fs::permissions(root() / "eu", fs::perms::none);
  EXPECT_TRUE(changed());
  const auto closed = newest();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().id, "SourceUnreadable");
  EXPECT_THAT(closed.error().what, HasSubstr("manifests/eu: Permission denied"));
  fs::permissions(root() / "eu", fs::perms(0755));
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=1 b.yaml=1 ");
}

TEST_F(FolderSourceTest, WatchesTheSecretsBesideButCanDoWithoutThem) {
  write("manifests/a.yaml", "1");
  settings_.watched = {(folder_ / "secrets").string()};
  ASSERT_EQ(seen(), "a.yaml=1 ");
  write("secrets/key", "abc");
  EXPECT_TRUE(changed());
  ASSERT_EQ(seen(), "a.yaml=1 ");
  write("secrets/key", "xyz");
  EXPECT_TRUE(changed());
  ASSERT_EQ(seen(), "a.yaml=1 ");
  fs::remove_all(folder_ / "secrets");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=1 ");
}

TEST_F(FolderSourceTest, DoesNotMindHiddenFilesAndNeighbours) {
  write("manifests/a.yaml", "1");
  const auto found = newest();
  ASSERT_TRUE(found);
  write("manifests/.a.yaml.swp", "x");
  write("neighbour/a.yaml", "x");
  fs::remove_all(root() / ".a.yaml.swp");
  EXPECT_TRUE(found->is_still_so());
}

TEST_F(FolderSourceTest, WatchesALinkedFileWhereItLies) {
  write("elsewhere/real.yaml", "1");
  fs::create_symlink("../elsewhere/real.yaml", root() / "a.yaml");
  ASSERT_TRUE(newest());
  write("elsewhere/real.yaml", "2");
  EXPECT_TRUE(changed());
}

TEST_F(FolderSourceTest, EndsWithFoldersThatLinkToThemselves) {
  write("manifests/a.yaml", "1");
  fs::create_symlink(".", root() / "self");
  fs::create_symlink("loop", root() / "loop");
  EXPECT_EQ(seen(), "a.yaml=1 ");
}

TEST_F(FolderSourceTest, TakesARootThatIsAFile) {
  write("manifests/a.yaml", "1");
  write("manifests/b.yaml", "1");
  settings_.roots = {(root() / "a.yaml").string()};
  ASSERT_EQ(seen(), "a.yaml=1 ");
  const auto found = newest();
  write("manifests/b.yaml", "2");
  EXPECT_TRUE(found->is_still_so());
  write("manifests/a.yaml", "2");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=2 ");
}

TEST_F(FolderSourceTest, FallsBackToThePollAndSaysSoOnce) {
  write("manifests/a.yaml", "1");
  std::vector<std::string> notices;
  settings_.most_watches = 0;
  settings_.poll = 10ms;
  settings_.notice = [&](const std::string& text) { notices.push_back(text); };
  ASSERT_EQ(seen(), "a.yaml=1 ");
  fs::remove(root() / "a.yaml");
  write("manifests/b.yaml", "22");
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "b.yaml=22 ");
  EXPECT_THAT(notices, ElementsAre(HasSubstr("every 10ms")));
}

TEST_F(FolderSourceTest, LooksAgainAfterAnOverflowOfTheQueue) {
  write("manifests/a.yaml", "1");
  const auto found = newest();
  ASSERT_TRUE(found);
  std::ifstream setting("/proc/sys/fs/inotify/max_queued_events");
  std::size_t most = 16384;
  setting >> most;
  if (most > 200'000) GTEST_SKIP() << "the queue is too long to be filled";
  // Alternating names: equal events on end are one.
  const auto left = root() / ".left";
  const auto right = root() / ".right";
  std::ofstream{left};
  for (std::size_t i = 0; i <= most / 2 + 1; ++i) {
    ASSERT_EQ(::rename(i % 2 == 0 ? left.c_str() : right.c_str(),
                       i % 2 == 0 ? right.c_str() : left.c_str()),
              0);
  }
  EXPECT_FALSE(found->is_still_so());
  EXPECT_TRUE(changed());
  EXPECT_EQ(seen(), "a.yaml=1 ");
}

TEST_F(FolderSourceTest, WaitEndsAtOnceWhenItIsStopped) {
  write("manifests/a.yaml", "1");
  ASSERT_TRUE(newest());
  std::stop_source stop;
  std::jthread other([&] { stop.request_stop(); });
  EXPECT_FALSE(source().wait(stop.get_token()));
}

TEST_F(FolderSourceTest, ABurstThatDoesNotEndIsNotWaitedForLong) {
  write("manifests/a.yaml", "1");
  settings_.quiet = 1h;
  settings_.longest_burst = 20ms;
  ASSERT_TRUE(newest());
  write("manifests/a.yaml", "2");
  EXPECT_TRUE(changed());
}

TEST_F(FolderSourceTest, ACheckoutMayOutliveItsSource) {
  write("manifests/a.yaml", "1");
  const auto found = newest();
  ASSERT_TRUE(found);
  source_.reset();
  EXPECT_TRUE(found->is_still_so());
  write("manifests/a.yaml", "22");
  EXPECT_FALSE(found->is_still_so());
}

TEST_F(FolderSourceTest, HoldsNoMoreDescriptorsAfterAThousandLooks) {
  write("manifests/a.yaml", "1");
  const auto open = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  ASSERT_TRUE(newest());
  const auto before = open();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(newest());
  EXPECT_EQ(open(), before);
}

TEST_F(FolderSourceTest, SaysWhatItIs) {
  settings_.roots = {"one", "two"};
  EXPECT_EQ(source().kind(), "folder");
  EXPECT_EQ(source().location(), "one, two");
}

}  // namespace
}  // namespace dps::controller

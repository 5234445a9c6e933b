// What persons suspended, over restarts.
#include "reconciler/controller/suspensions.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/new_folder.hpp"

namespace dps::controller {
namespace {

class SuspensionsTest : public testing::Test {
 protected:
  SuspensionsTest() : folder_(test::new_folder("suspensions")) {}
  ~SuspensionsTest() override { std::filesystem::remove_all(folder_); }
  std::string file() const { return (folder_ / "suspensions.json").string(); }

  std::filesystem::path folder_;
  const WallTime now_ = *parse_rfc3339("2026-11-23T12:00:00Z");
};

TEST_F(SuspensionsTest, AreThereAgainAfterARestart) {
  Suspensions first(file());
  ASSERT_TRUE(first.add("one", {"audit \"x\"", now_ + std::chrono::hours{1}}));
  ASSERT_TRUE(first.add("two", {"", std::nullopt}));
  ASSERT_TRUE(first.remove("two"));
  const Suspensions second(file());
  EXPECT_EQ(second.all(), first.all());
  EXPECT_EQ(second.of("one", now_)->reason, "audit \"x\"");
  EXPECT_FALSE(second.of("two", now_).has_value());
}

TEST_F(SuspensionsTest, EndWithTheirTime) {
  Suspensions all("");
  static_cast<void>(all.add("one", {"", now_ + std::chrono::seconds{10}}));
  EXPECT_TRUE(all.of("one", now_).has_value());
  EXPECT_FALSE(all.drop_ended(now_));
  EXPECT_FALSE(all.of("one", now_ + std::chrono::seconds{10}).has_value());
  EXPECT_TRUE(all.drop_ended(now_ + std::chrono::seconds{10}));
  EXPECT_TRUE(all.all().empty());
}

TEST_F(SuspensionsTest, OfAllHoldForEachAndTheLongestCounts) {
  Suspensions all("");
  static_cast<void>(all.add("", {"all", now_ + std::chrono::hours{2}}));
  static_cast<void>(all.add("one", {"one", now_ + std::chrono::hours{1}}));
  EXPECT_EQ(all.of("one", now_)->reason, "all");
  EXPECT_EQ(all.of("two", now_)->reason, "all");
  static_cast<void>(all.add("one", {"one", std::nullopt}));
  EXPECT_EQ(all.of("one", now_)->reason, "one");
}

TEST_F(SuspensionsTest, OfADamagedFileAreOfEverything) {
  for (const char* text : {"",
                           "{",
                           "[]",
                           "{\"schema\": \"another\"}",
                           "{\"schema\": \"dps-reconciler/suspensions/v1\", \"suspensions\": "
                           "{\"one\": {\"until\": \"tomorrow\"}}}"}) {
    std::ofstream(file()) << text;
    EXPECT_TRUE(Suspensions(file()).of("whatever", now_).has_value()) << text;
  }
}

TEST_F(SuspensionsTest, SayWhenTheyCannotBeKeptAndHoldAllTheSame) {
  std::filesystem::create_directory(file() + ".new");
  Suspensions all(file());
  const auto kept = all.add("one", {"", std::nullopt});
  ASSERT_FALSE(kept.has_value());
  EXPECT_EQ(kept.error().id, "NotKept");
  EXPECT_TRUE(all.of("one", now_).has_value());
}

}  // namespace
}  // namespace dps::controller

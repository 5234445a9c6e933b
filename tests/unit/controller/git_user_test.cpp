#include "reconciler/controller/git_user.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps::controller {
namespace {

TEST(GitUser, WithANameNeedsNothing) {
  const auto folder = test::new_folder("user");
  EXPECT_TRUE(check_user(0));
  EXPECT_TRUE(user_variables(0, folder).empty());
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

TEST(GitUser, WithoutANameIsLentOne) {
  constexpr uid_t kNobodyAtAll = 1'234'567;
  const auto folder = test::new_folder("user");
  const auto variables = user_variables(kNobodyAtAll, folder);
  EXPECT_EQ(check_user(kNobodyAtAll).has_value(), !variables.empty());
  if (!variables.empty()) {
    const auto ended = testing_support::run({"id", "-un", std::to_string(kNobodyAtAll)}, variables);
    EXPECT_EQ(ended.out, "dps\n") << ended.err;
  } else {
    EXPECT_EQ(check_user(kNobodyAtAll).error().id, "NoUserEntry");
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace dps::controller

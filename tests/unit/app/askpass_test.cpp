#include "reconciler/app/askpass.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/new_folder.hpp"

namespace dps::app {
namespace {

class AskpassTest : public testing::Test {
 protected:
  AskpassTest() : folder_(test::new_folder("askpass")) {
    std::ofstream(folder_ / "token") << " s3cret \n";
    variables_ = {{"DPS_RECONCILER_ASKPASS", (folder_ / "token").string()},
                  {"DPS_RECONCILER_ASKPASS_ORIGIN", "https://git.example:8443"}};
  }
  ~AskpassTest() override { std::filesystem::remove_all(folder_); }
  std::optional<Askpass> answer(const std::string& prompt) const {
    return answer_askpass(prompt, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    });
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(AskpassTest, IsNothingUnlessGitAsks) {
  variables_.erase("DPS_RECONCILER_ASKPASS");
  EXPECT_FALSE(answer("plan"));
}

TEST_F(AskpassTest, AnswersForTheOriginThatWasMeant) {
  for (const char* prompt : {"Password for 'https://git@git.example:8443': ",
                             "Password for 'https://a@b@Git.Example:8443': ",
                             "Password for 'https://git.example:8443/path': "}) {
    const auto said = answer(prompt);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->answer, "s3cret\n") << prompt;
    EXPECT_EQ(said->exit_code, 0);
  }
}

TEST_F(AskpassTest, SaysNothingToAnybodyElse) {
  for (const char* prompt : {"Password for 'https://git@evil.example': ",
                             "Password for 'https://git.example:8443@evil.example': ",
                             "Password for 'http://git@git.example:8443': ",
                             "Password for 'https://git@git.example': ",
                             "Username for 'https://git.example:8443': ",
                             "Password: ",
                             ""}) {
    const auto said = answer(prompt);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->answer, "") << prompt;
    EXPECT_NE(said->exit_code, 0);
  }
  variables_["DPS_RECONCILER_ASKPASS_ORIGIN"] = "";
  EXPECT_EQ(answer("Password for '': ")->answer, "");
}

TEST_F(AskpassTest, FailsWithoutTheFile) {
  std::filesystem::remove(folder_ / "token");
  const auto said = answer("Password for 'https://git@git.example:8443': ");
  ASSERT_TRUE(said);
  EXPECT_EQ(said->answer, "");
  EXPECT_NE(said->exit_code, 0);
}

}  // namespace
}  // namespace dps::app

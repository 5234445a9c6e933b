#include "reconciler/base/secret.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace dps {
namespace {

TEST(Secret, DoesNotPrint) {
  EXPECT_EQ(fmt::format("key={}", Secret("hunter2")), "key=[secret]");
}

TEST(Secret, ComparesByContent) {
  EXPECT_EQ(Secret("a"), Secret("a"));
  EXPECT_FALSE(Secret("a") == Secret("b"));
  EXPECT_FALSE(Secret("a") == Secret("ab"));
}

TEST(Secret, AMovedFromSecretIsEmpty) {
  Secret from("hunter2-hunter2-hunter2-hunter2-hunter2");
  const Secret to(std::move(from));
  EXPECT_EQ(to.reveal(), "hunter2-hunter2-hunter2-hunter2-hunter2");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
}

TEST(Secret, WipingOverwritesTheWholeBuffer) {
  std::string text = "hunter2-hunter2-hunter2-hunter2-hunter2";
  const char* buffer = text.data();
  const auto capacity = text.capacity();
  wipe(text);
  EXPECT_TRUE(text.empty());
  ASSERT_EQ(text.data(), buffer);
  ASSERT_EQ(text.capacity(), capacity);
  text.resize(capacity, 'x');
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace dps

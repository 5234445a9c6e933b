#include "reconciler/http/jitter.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace dps::http {
namespace {

TEST(Jitter, IsSpreadOverTheWholeRange) {
  double least = 1;
  double most = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto one = random_jitter();
    ASSERT_GE(one, 0.0);
    ASSERT_LT(one, 1.0);
    least = std::min(least, one);
    most = std::max(most, one);
  }
  EXPECT_LT(least, 0.1);
  EXPECT_GT(most, 0.9);
}

}  // namespace
}  // namespace dps::http

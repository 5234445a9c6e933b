#include "reconciler/http/retry_budget.hpp"

#include <gtest/gtest.h>

namespace dps::http {
namespace {

using std::chrono::seconds;

const TimePoint kNow = TimePoint{} + std::chrono::hours{1};

TEST(RetryBudget, IsSpentAfterTwentyRetries) {
  RetryBudget budget;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(budget.spend());
  EXPECT_FALSE(budget.spend());
  EXPECT_FALSE(budget.spend());
}

TEST(RetryBudget, EarnsATokenWithTenSuccessesUpToItsSize) {
  RetryBudget budget;
  for (int i = 0; i < 1000; ++i) budget.succeeded();
  EXPECT_EQ(budget.tokens(), 20);
  while (budget.spend()) {
  }
  for (int i = 0; i < 9; ++i) budget.succeeded();
  EXPECT_FALSE(budget.spend());
  budget.succeeded();
  budget.succeeded();
  EXPECT_TRUE(budget.spend());
}

TEST(RetryBudget, EarnsNothingWithAnswersThatAreTrouble) {
  RetryBudget budget;
  while (budget.spend()) {
  }
  for (int i = 0; i < 100; ++i) budget.answered();
  EXPECT_FALSE(budget.spend());
}

TEST(RetryBudget, CallsAServerDeadOnlyWhenItIsSilentAndTheBudgetIsSpent) {
  RetryBudget budget;
  for (int i = 0; i < 50; ++i) budget.unanswered();
  EXPECT_TRUE(budget.admits(kNow));
  while (budget.spend()) {
  }
  EXPECT_TRUE(budget.admits(kNow));  // the probe
  EXPECT_FALSE(budget.admits(kNow));
  EXPECT_FALSE(budget.admits(kNow + seconds{4}));
  EXPECT_TRUE(budget.admits(kNow + seconds{5}));
  EXPECT_FALSE(budget.admits(kNow + seconds{6}));
  budget.answered();
  EXPECT_TRUE(budget.admits(kNow + seconds{6}));
}

TEST(RetryBudget, DoesNotCallASickServerDead) {
  RetryBudget budget;
  while (budget.spend()) {
  }
  for (int i = 0; i < 50; ++i) {
    budget.unanswered();
    if (i % 7 == 6) budget.answered();
    EXPECT_TRUE(budget.admits(kNow));
  }
}

}  // namespace
}  // namespace dps::http

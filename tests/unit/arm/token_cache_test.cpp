#include "reconciler/arm/token_cache.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "reconciler/base/crypto.hpp"
#include "tests/support/manual_clock.hpp"

namespace dps::arm {
namespace {

using std::chrono::seconds;

class CountingFetcher final : public TokenFetcher {
 public:
  explicit CountingFetcher(std::atomic<int>& count) : count_(count) {}
  Result<Fetched> fetch(std::stop_token stop) override {
    const int now = ++count_;
    if (stop.stop_requested()) return fail(give_up("Cancelled", "cancelled"));
    if (held) held->wait();
    if (failure) return fail(*failure);
    std::this_thread::yield();
    return Fetched{Secret("t" + std::to_string(now)), seconds{1000}};
  }
  std::optional<Error> failure;
  std::latch* held = nullptr;

 private:
  std::atomic<int>& count_;
};

class CachedTokensTest : public testing::Test {
 protected:
  std::atomic<int> fetched{0};
  test::ManualClock clock;
  CountingFetcher* fetcher = new CountingFetcher(fetched);
  CachedTokens tokens{std::unique_ptr<TokenFetcher>(fetcher), clock};
};

TEST_F(CachedTokensTest, KeepATokenUntilItsMargin) {
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  clock.advance(seconds{799});
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  clock.advance(seconds{2});
  EXPECT_EQ(tokens.token({})->text.reveal(), "t2");
}

TEST_F(CachedTokensTest, TellTheExpiryOfTheTokenAtHand) {
  EXPECT_FALSE(tokens.expires().has_value());
  const auto token = tokens.token({});
  EXPECT_EQ(tokens.expires(), token->expires);
  EXPECT_EQ(tokens.expires(), clock.wall() + seconds{1000});
  tokens.reject(token->generation);
  EXPECT_FALSE(tokens.expires().has_value());
  EXPECT_EQ(fetched, 1);
}

TEST_F(CachedTokensTest, ServeTheOldTokenWhileItLivesWhenARefreshFails) {
  ASSERT_TRUE(tokens.token({}));
  clock.advance(seconds{900});
  fetcher->failure = Error{NextMove::RetryLater, "TokenUnavailable", "down", {}, 0, {}};
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");
  EXPECT_EQ(fetched, 2);
  clock.advance(seconds{101});
  EXPECT_EQ(tokens.token({}).error().id, "TokenUnavailable");
}

TEST_F(CachedTokensTest, ServeTheOldTokenWhileAnotherCallerRefreshes) {
  ASSERT_TRUE(tokens.token({}));
  clock.advance(seconds{900});
  std::latch held{1};
  fetcher->held = &held;
  std::thread refresher([&] { EXPECT_EQ(tokens.token({})->text.reveal(), "t2"); });
  while (fetched < 2) std::this_thread::yield();
  EXPECT_EQ(tokens.token({})->text.reveal(), "t1");  // at once: the refresh is held
  held.count_down();
  refresher.join();
  EXPECT_EQ(tokens.token({})->text.reveal(), "t2");
}

TEST_F(CachedTokensTest, RememberAFailureForAMoment) {
  fetcher->failure = Error{NextMove::WaitForOthers, "TokenRefused", "no", {}, 401, {}};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tokens.token({}).error().id, "TokenRefused");
  EXPECT_EQ(fetched, 1);
  fetcher->failure.reset();
  clock.advance(seconds{11});
  EXPECT_TRUE(tokens.token({}));
}

TEST_F(CachedTokensTest, AreRenewedOncePerRejectedGeneration) {
  const auto first = tokens.token({});
  tokens.reject(first->generation);
  const auto second = tokens.token({});
  EXPECT_EQ(second->text.reveal(), "t2");
  tokens.reject(first->generation);  // by a request that was under way
  EXPECT_EQ(tokens.token({})->text.reveal(), "t2");
}

TEST_F(CachedTokensTest, DoNotStormTheAuthorityWhenEveryTokenIsRejected) {
  for (int i = 0; i < 50; ++i) tokens.reject(tokens.token({})->generation);
  EXPECT_EQ(fetched, 2);
  clock.advance(seconds{11});
  tokens.reject(tokens.token({})->generation);
  EXPECT_EQ(tokens.token({})->text.reveal(), "t3");
}

TEST_F(CachedTokensTest, GoOnAfterACancelledRefresh) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(tokens.token(stop.get_token()).error().id, "Cancelled");
  EXPECT_TRUE(tokens.token({}));
}

TEST_F(CachedTokensTest, AreFetchedOnceForManyCallers) {
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&] {
      if (const auto token = tokens.token({}); token && token->text.reveal() == "t1") ++good;
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(good, 64);
  EXPECT_EQ(fetched, 1);
}

std::string until(const Clock& clock, seconds left) {
  const auto end =
      std::chrono::duration_cast<seconds>((clock.wall() + left).time_since_epoch()).count();
  return base64url("{}") + "." + base64url("{\"exp\":" + std::to_string(end) + "}") + ".s";
}

TEST(ReadyTokenTest, EndsWhenItSaysSo) {
  test::ManualClock clock;
  const auto text = until(clock, seconds{100});
  ReadyToken source(Secret(text), "AZURE_ACCESS_TOKEN", clock);
  EXPECT_EQ(source.token({})->text.reveal(), text);
  ASSERT_TRUE(source.expires().has_value());
  clock.advance(seconds{101});
  const auto over = source.token({});
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().id, "TokenRefused");
  EXPECT_NE(over.error().what.find("the token of AZURE_ACCESS_TOKEN expired at 20"),
            std::string::npos);
  EXPECT_EQ(over.error().what.find(text), std::string::npos);
}

TEST(ReadyTokenTest, HasNoOtherThanTheOneGiven) {
  test::ManualClock clock;
  ReadyToken source(Secret("opaque"), "AZURE_ACCESS_TOKEN", clock);
  EXPECT_TRUE(source.token({}));
  EXPECT_FALSE(source.expires().has_value());
  source.reject(1);
  EXPECT_EQ(source.token({}).error().id, "TokenRefused");
}

}  // namespace
}  // namespace dps::arm

#include "reconciler/controller/shard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

ServiceId service(int number) {
  return {"91d12660-3dec-467a-be2a-213b5544ddc0", "iot-eu", "fleet-" + std::to_string(number)};
}

TEST(Shard, EveryServiceBelongsToExactlyOneReplicaAndEachGetsItsPart) {
  for (const std::uint32_t count : {1U, 2U, 3U, 7U}) {
    std::vector<int> owned(count, 0);
    for (int number = 0; number < 1000; ++number) {
      int owners = 0;
      for (std::uint32_t index = 0; index < count; ++index) {
        if (!Shard{index, count}.owns(service(number))) continue;
        ++owners;
        ++owned[index];
      }
      ASSERT_EQ(owners, 1) << service(number).brief() << " of " << count;
    }
    for (const int part : owned) EXPECT_GT(part, 700 / static_cast<int>(count));
  }
}

TEST(Shard, DoesNotMoveAServiceWithItsSpellingOrTheMachine) {
  // From SHA-256 by other means: sha256sum of the key, its first 16 hex digits modulo 3.
  const std::vector<std::uint32_t> owners = {2, 0, 1, 2, 1};
  for (std::size_t number = 0; number < owners.size(); ++number) {
    auto id = service(static_cast<int>(number));
    EXPECT_TRUE((Shard{owners[number], 3}.owns(id))) << number;
    id.name = upper(id.name);
    EXPECT_TRUE((Shard{owners[number], 3}.owns(id))) << number;
  }
}

TEST(Shard, IsReadFromNumbersAndFromTheHostNameOfAStatefulSet) {
  struct Case {
    const char* text;
    Shard shard;
  };
  for (const auto& one : {Case{"0/1", {0, 1}},
                          Case{"2/3", {2, 3}},
                          Case{"dps-reconciler-12/13", {12, 13}},
                          Case{"a-7-0/2", {0, 2}},
                          Case{"1023/1024", {1023, 1024}}}) {
    const auto shard = parse_shard(one.text);
    ASSERT_TRUE(shard) << one.text;
    EXPECT_EQ(*shard, one.shard) << one.text;
  }
  EXPECT_EQ((Shard{1, 3}.text()), "1/3");
  EXPECT_EQ(Shard{}.text(), "");
}

TEST(Shard, RefusesWhatWouldLeaveServicesToNobody) {
  for (const char* text : {"",
                           "1",
                           "/",
                           "1/",
                           "/3",
                           "3/3",
                           "4/3",
                           "0/0",
                           "-1/3",
                           "0/-3",
                           "+0/3",
                           "0/1025",
                           "a/3",
                           "pod-/3",
                           "pod/3",
                           "0/3x",
                           "0 /3",
                           "99999999999/99999999999"}) {
    const auto shard = parse_shard(text);
    ASSERT_FALSE(shard) << text;
    EXPECT_EQ(shard.error().id, "Usage") << text;
    EXPECT_FALSE(shard.error().remedy.empty()) << text;
  }
}

}  // namespace
}  // namespace dps::controller

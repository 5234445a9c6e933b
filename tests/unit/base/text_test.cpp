#include "reconciler/base/text.hpp"

#include <gtest/gtest.h>

namespace dps {
namespace {

TEST(Text, GlobsMatchWithoutCase) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  for (const auto& c : {Case{"*", "", true},
                        Case{"*", "abc", true},
                        Case{"a*c", "abbc", true},
                        Case{"a*c", "abcd", false},
                        Case{"A?C", "abc", true},
                        Case{"a?c", "ac", false},
                        Case{"*a*b*", "xxaxxbxx", true},
                        Case{"*a*b*", "xxbxxaxx", false},
                        Case{"", "", true},
                        Case{"", "a", false},
                        Case{"DPS_VAR_*", "DPS_VAR_X", true}}) {
    EXPECT_EQ(glob_match(c.pattern, c.text), c.matches) << c.pattern << " " << c.text;
  }
}

TEST(Text, TheNearestNameIsSuggestedOnlyWhenItIsNear) {
  EXPECT_EQ(nearest("locaton", {"location", "sku"}), "location");
  EXPECT_EQ(nearest("skuu", {"location", "sku"}), "sku");
  EXPECT_EQ(nearest("banana", {"location", "sku"}), "");
}

TEST(Text, SplittingKeepsEmptyPieces) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
}

TEST(Text, ForeignTextCannotSteerATerminal) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("line\nbreak"), "line break");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "\\x9b2J");
  EXPECT_EQ(printable("Größe"), "Größe");
  EXPECT_EQ(printable(std::string(500, 'x'), 10), "xxxxxxxxxx…");
}

TEST(Text, NamesOrderWithoutCase) {
  const LessIgnoringCase less;
  EXPECT_TRUE(less("a", "B"));
  EXPECT_FALSE(less("A", "a"));
  EXPECT_TRUE(equal_ignoring_case("Fleet-EU", "fleet-eu"));
}

}  // namespace
}  // namespace dps

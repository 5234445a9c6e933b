#include "reconciler/manifest/yaml.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace dps::manifest {
namespace {

std::string ids(const Yaml& yaml) {
  std::string out;
  for (const auto& fault : yaml.faults) out += (out.empty() ? "" : " ") + fault.id;
  return out;
}

std::string repeated(const std::string& piece, std::size_t bytes = 1 << 20U) {
  std::string out;
  while (out.size() + piece.size() <= bytes) out += piece;
  return out;
}

TEST(Yaml, KeepsPlacesInCharacters) {
  const auto yaml = parse_yaml("größe: {ä: x, b: y}\nlist:\n  - one\n");

  ASSERT_EQ(ids(yaml), "");
  const auto& root = yaml.documents.at(0);
  EXPECT_EQ(root.find("größe")->at, (Position{1, 8}));
  EXPECT_EQ(root.find("größe")->find("b")->at, (Position{1, 18}));
  EXPECT_EQ(root.find("list")->items.at(0).at, (Position{3, 5}));
}

TEST(Yaml, OnlyTrueFalseAndDecimalNumbersAreNotText) {
  const std::vector<std::pair<std::string, ScalarType>> table = {
      {"true", ScalarType::Boolean},    {"false", ScalarType::Boolean}, {"True", ScalarType::Text},
      {"yes", ScalarType::Text},        {"on", ScalarType::Text},       {"0", ScalarType::Integer},
      {"-5", ScalarType::Integer},      {"10", ScalarType::Integer},    {"010", ScalarType::Text},
      {"0x10", ScalarType::Text},       {"0o7", ScalarType::Text},      {"1e3", ScalarType::Text},
      {"1_000", ScalarType::Text},      {"1.5", ScalarType::Decimal},   {"1.", ScalarType::Text},
      {".5", ScalarType::Text},         {"+5", ScalarType::Text},       {".inf", ScalarType::Text},
      {"2026-01-01", ScalarType::Text}, {"12:30", ScalarType::Text},    {"-", ScalarType::Text},
  };
  for (const auto& [text, type] : table) {
    Node node;
    node.kind = NodeKind::Scalar;
    node.text = text;
    EXPECT_EQ(scalar_type(node), type) << text;
    node.style = Style::Quoted;
    EXPECT_EQ(scalar_type(node), ScalarType::Text) << text;
  }
}

TEST(Yaml, SkipsEmptyDocumentsAndAByteOrderMark) {
  EXPECT_EQ(parse_yaml("\xEF\xBB\xBF---\n# only a comment\n---\na: b\n---\n").documents.size(), 1U);
  EXPECT_EQ(parse_yaml("").documents.size(), 0U);
}

TEST(Yaml, KeepsTheDocumentsBeforeAFaultOfSyntax) {
  const auto yaml = parse_yaml("a: b\n---\nc: [\n");

  EXPECT_EQ(ids(yaml), "BadYaml");
  EXPECT_EQ(yaml.documents.size(), 1U);
}

TEST(Yaml, LaysInAliases) {
  const auto yaml = parse_yaml("a: &x {k: v}\nb: *x\n");

  ASSERT_EQ(ids(yaml), "");
  EXPECT_EQ(yaml.documents.at(0).find("b")->find("k")->text, "v");
  EXPECT_EQ(yaml.documents.at(0).find("b")->at, (Position{2, 4}));
}

TEST(Yaml, CountsAliasesOfAllDocumentsTogether) {
  std::string text = "a: &x [" + repeated("1,", 8000) + "1]\n";  // 4,001 values
  EXPECT_EQ(ids(parse_yaml(text + "b: [*x, *x]\n")), "");
  EXPECT_EQ(ids(parse_yaml(text + "b: [*x, *x, *x]\n")), "TooManyAliases");
}

TEST(Yaml, BoundsTheDepthAtExactlySixtyFour) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(ids(parse_yaml(nested(64))), "");
  EXPECT_EQ(ids(parse_yaml(nested(65))), "TooDeep");
}

TEST(Yaml, RefusesEncodingsThatAreNotUtf8) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"overlong", "a: \xC0\xAF"},
      {"surrogate", "a: \xED\xA0\x80"},
      {"too high", "a: \xF5\x80\x80\x80"},
      {"cut off", "a: \xE2\x82"},
      {"lone", "a: \x80"},
  };
  for (const auto& [name, text] : table) EXPECT_EQ(ids(parse_yaml(text)), "NotUtf8") << name;
  EXPECT_EQ(ids(parse_yaml("a: \xF0\x9F\x98\x80\n")), "");
  EXPECT_EQ(ids(parse_yaml(std::string("a\0: b", 5))), "ControlCharacter");
  EXPECT_EQ(ids(parse_yaml("a: \xC2\x9B")), "ControlCharacter");
}

TEST(Yaml, EndsFloodsOfAMebibyteSoon) {
  std::string keys;
  for (int i = 0; keys.size() < (1U << 20U) - 20; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  std::string anchors;
  for (int i = 0; i < 60; ++i) anchors += "[&a" + std::to_string(i) + " ";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"lists", repeated("[")},
      {"maps", repeated("{")},
      {"dashes", repeated("- ")},
      {"questions", repeated("? ")},
      {"items", "[" + repeated("1,")},
      {"distinct keys", keys},
      {"the same key", repeated("a: b\n")},
      {"documents", repeated("--- a\n")},
      {"nested anchors", anchors + repeated("1,", 900'000)},
      {"a stray comma", ",aaaa"},
      {"commas", repeated(",")},
  };
  for (const auto& [name, text] : table) {
    const auto begin = std::chrono::steady_clock::now();
    const auto yaml = parse_yaml(text);
    EXPECT_NE(ids(yaml), "") << name;
    EXPECT_LE(yaml.faults.size(), 1001U) << name;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20}) << name;
  }
}

}  // namespace
}  // namespace dps::manifest

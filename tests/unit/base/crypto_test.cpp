#include "reconciler/base/crypto.hpp"

#include <gtest/gtest.h>

#include "reconciler/base/json.hpp"

namespace dps {
namespace {

TEST(Crypto, DigestsAreThePublishedOnes) {
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(upper_hex(sha1("abc")), "A9993E364706816ABA3E25717850C26C9CD0D89D");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Crypto, Base64GoesThereAndBack) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(decode_base64(base64(text)), text);
  }
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(decode_base64("Zm9v\r\nYg=="), "foob");
  for (const char* wrong : {"Zm9v*", "Z", "Zg==Zg==", "Zg==="}) {
    EXPECT_FALSE(decode_base64(wrong).has_value()) << wrong;
  }
  EXPECT_EQ(base64url("\xff\xfe\xfd"), "__79");
}

TEST(Crypto, UuidsAreOfVersionFourAndDiffer) {
  const auto uuid = random_uuid();
  ASSERT_EQ(uuid.size(), 36U);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(uuid, random_uuid());
}

TEST(Json, BrokenTextIsAnErrorWithoutTheText) {
  const auto parsed = parse_json(R"({"key": "hunter2)");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().what.find("hunter2"), std::string::npos);
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']')).has_value());
  EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']')).has_value());
}

TEST(Json, CanonicalTextDoesNotDependOnTheOrderOfMembers) {
  EXPECT_EQ(canonical_text(*parse_json(R"({"b":1, "a":[2]})")), R"({"a":[2],"b":1})");
  EXPECT_EQ(text_member(*parse_json(R"({"a":"x","b":1})"), "a"), "x");
  EXPECT_EQ(text_member(*parse_json(R"({"a":"x","b":1})"), "b"), "");
}

}  // namespace
}  // namespace dps

#include "reconciler/base/jwt.hpp"

#include <gtest/gtest.h>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"

namespace dps {
namespace {

std::string token(const std::string& claims) {
  return base64url(R"({"alg":"none"})") + "." + base64url(claims) + ".signature";
}

TEST(Jwt, SigningInputIsHeaderAndClaimsInBase64Url) {
  EXPECT_EQ(jwt_signing_input({{"alg", "PS256"}}, {{"a", "?>~"}}),
            "eyJhbGciOiJQUzI1NiJ9.eyJhIjoiPz5-In0");
}

TEST(Jwt, TellsItsExpiry) {
  const WallTime then{std::chrono::seconds{1'700'000'000}};
  EXPECT_EQ(jwt_expiry(token(R"({"exp":1700000000})")), then);
  EXPECT_EQ(jwt_expiry(token(R"({"exp":1700000000.0,"x":"yy"})")), then);
}

TEST(Jwt, OfWhatIsNoSuchTokenThereIsNoExpiry) {
  for (const auto& text : std::vector<std::string>{"",
                                                   "opaque",
                                                   "a.b",
                                                   "a.!!.c",
                                                   "...",
                                                   token("[]"),
                                                   token("{}"),
                                                   token("{\"exp\":\"soon\"}"),
                                                   token("{\"exp\":-5}"),
                                                   token("{\"exp\":1e300}"),
                                                   token("{\"exp\":17000000000000000000}"),
                                                   token("{\"exp\":"),
                                                   std::string(100'000, '.')}) {
    EXPECT_FALSE(jwt_expiry(text).has_value()) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace dps

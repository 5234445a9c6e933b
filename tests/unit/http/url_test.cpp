#include "reconciler/http/url.hpp"

#include <gtest/gtest.h>

namespace dps::http {
namespace {

TEST(Origin, IsSchemeHostAndPort) {
  EXPECT_EQ(origin_of("https://Management.Azure.com/x?y"),
            (Origin{"https", "management.azure.com", 443}));
  EXPECT_EQ(origin_of("HTTP://h:8080"), (Origin{"http", "h", 8080}));
  EXPECT_EQ(origin_of("http://[::1]:80/"), (Origin{"http", "::1", 80}));
  EXPECT_EQ(origin_of("https://h:443/"), origin_of("https://h/"));
}

TEST(Origin, IsNothingForWhatProgramsDisagreeAbout) {
  for (const auto* url : {"",
                          "management.azure.com",
                          "ftp://h/",
                          "//h/",
                          "https://",
                          "https://good@evil/",
                          "https://good.example\\@evil/",
                          "https://h /",
                          "https://h\n/",
                          "https://h:0/",
                          "https://h:99999/",
                          "https://h:8x/",
                          "https://h%2eevil/",
                          "https://[::1/"}) {
    EXPECT_FALSE(origin_of(url)) << url;
  }
}

TEST(Origin, KnowsLoopbackFromNamesThatLookLikeIt) {
  EXPECT_TRUE(is_loopback(*origin_of("http://127.0.0.1:1/")));
  EXPECT_TRUE(is_loopback(*origin_of("http://127.9.9.9/")));
  EXPECT_TRUE(is_loopback(*origin_of("http://localhost/")));
  EXPECT_TRUE(is_loopback(*origin_of("http://[::1]/")));
  EXPECT_FALSE(is_loopback(*origin_of("http://127.0.0.evil/")));
  EXPECT_FALSE(is_loopback(*origin_of("http://127.0.0.1.evil/")));
  EXPECT_FALSE(is_loopback(*origin_of("http://localhost.evil/")));
}

TEST(Url, GivesThePath) {
  EXPECT_EQ(path_of("https://h/a/b?c=/d"), "/a/b");
  EXPECT_EQ(path_of("https://h?x"), "/");
  EXPECT_EQ(path_of("https://h"), "/");
}

TEST(Url, EncodesEverythingThatIsNotUnreserved) {
  EXPECT_EQ(percent_encoded("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(percent_encoded("a/b?c d(é)"), "a%2Fb%3Fc%20d%28%C3%A9%29");
}

}  // namespace
}  // namespace dps::http

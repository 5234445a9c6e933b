#include "reconciler/http/redact.hpp"

#include <gtest/gtest.h>

namespace dps::http {
namespace {

TEST(Redact, KeepsOnlyHarmlessQueryValues) {
  EXPECT_EQ(redacted_url("https://h/p?api-version=2022-12-12&asyncinfo&t=1&c=abc&s=def&h=ghi"),
            "https://h/p?api-version=2022-12-12&asyncinfo&t=[redacted]&c=[redacted]&s=[redacted]"
            "&h=[redacted]");
  EXPECT_EQ(redacted_url("https://h/p?bare"), "https://h/p?[redacted]");
  EXPECT_EQ(redacted_url("https://user:pass@h/p#frag"), "https://h/p");
  EXPECT_EQ(redacted_url("https://h/p"), "https://h/p");
}

TEST(Redact, ShowsOnlyListedHeaders) {
  const auto out = redacted_headers({{"Authorization", "Bearer abc"},
                                     {"Set-Cookie", "a=b"},
                                     {"X-Ms-Request-Id", "id"},
                                     {"x-ms-ratelimit-remaining-subscription-reads", "11999"},
                                     {"Azure-AsyncOperation", "https://h/op?s=secret"},
                                     {"Retry-After", "5"}});
  const Headers expected = {{"X-Ms-Request-Id", "id"},
                            {"x-ms-ratelimit-remaining-subscription-reads", "11999"},
                            {"Azure-AsyncOperation", "https://h/op?s=[redacted]"},
                            {"Retry-After", "5"}};
  EXPECT_EQ(out, expected);
}

struct Case {
  const char* name;
  const char* text;
  const char* expected;
};

class WithoutSecrets : public testing::TestWithParam<Case> {};

TEST_P(WithoutSecrets, MasksWhatLooksLikeOne) {
  EXPECT_EQ(without_secrets(GetParam().text), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Texts,
    WithoutSecrets,
    testing::Values(
        Case{"connection_string",
             "HostName=h;SharedAccessKeyName=k;SharedAccessKey=abc+/=; then",
             "HostName=h;SharedAccessKeyName=k;SharedAccessKey=[secret]; then"},
        Case{"any_case", "sharedaccesskey=abc", "sharedaccesskey=[secret]"},
        Case{"masked_stays", "SharedAccessKey=****", "SharedAccessKey=****"},
        Case{"signature", "https://h/p?se=1&sig=a%2Fb&x=1", "https://h/p?se=1&sig=[secret]&x=1"},
        Case{"json_key", R"({"primaryKey": "abc="})", R"({"primaryKey": "[secret]"})"},
        Case{"escaped_json", R"(\"primaryKey\":\"abc=\")", R"(\"primaryKey\":\"[secret]\")"},
        Case{"bearer", "Bearer abc.def-ghi", "Bearer [secret]"},
        Case{"jwt", "token eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.sig end", "token [secret] end"},
        Case{"private_key",
             "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
             "-----BEGIN PRIVATE KEY-----[secret]-----END PRIVATE KEY-----"},
        Case{"twice", "sig=a sig=b", "sig=[secret] sig=[secret]"},
        Case{"plain", "The service was not found", "The service was not found"}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace dps::http

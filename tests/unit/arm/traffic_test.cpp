#include "reconciler/arm/traffic.hpp"

#include <gtest/gtest.h>

namespace dps::arm {
namespace {

http::Request get(const std::string& path) {
  http::Request out;
  out.url = "https://management.azure.com" + path;
  return out;
}

using Readings = std::vector<http::QuotaReading>;

TEST(QuotasOf, FeedsTheGateOfTheHeaderWhicheverTheRequestWasChargedTo) {
  const http::Response answer{200,
                              {{"X-Ms-RateLimit-Remaining-Subscription-Writes", "42"},
                               {"x-ms-ratelimit-remaining-subscription-reads", "11999"},
                               {"x-ms-ratelimit-remaining-tenant-reads", "7"},
                               {"x-ms-request-id", "r"}},
                              {}};
  EXPECT_EQ(quotas_of(get("/subscriptions/ABC/resourceGroups/x"), answer),
            (Readings{{"abc/reads", 11999}, {"abc/writes", 42}, {"/reads", 7}}));
}

TEST(QuotasOf, PassesOverWhatItDoesNotKnow) {
  const http::Response answer{
      200,
      {{"x-ms-ratelimit-remaining-resource", "Microsoft.Compute/LowCostGet;119"},
       {"x-ms-ratelimit-remaining-subscription-global-reads", "3749"},
       {"x-ms-ratelimit-remaining-subscription-reads", "many"},
       {"x-ms-ratelimit-remaining-subscription-writes", "-1"},
       {"x-ms-ratelimit-remaining-subscription-deletes", "199, 198"}},
      {}};
  EXPECT_EQ(quotas_of(get("/subscriptions/abc"), answer), Readings{});
}

TEST(TraitsOf, GivesEveryRequestTheGateOfItsQuota) {
  EXPECT_EQ(traits_of(get("/subscriptions/ABC/providers/Microsoft.Devices/x")).gate, "abc/reads");
  EXPECT_EQ(traits_of(get("/tenants")).gate, "/reads");
  auto write =
      get("/subscriptions/a/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/s");
  write.method = http::Method::Put;
  EXPECT_EQ(traits_of(write).gate, "a/resource-requests");
  EXPECT_EQ(traits_of(write).repeat, http::Repeat::OnlyUndone);
}

TEST(DocumentedPace, IsQuickerForReads) {
  EXPECT_EQ(documented_pace("a/reads"), 25);
  EXPECT_EQ(documented_pace("a/writes"), 10);
  EXPECT_EQ(documented_pace("/reads"), 25);
}

}  // namespace
}  // namespace dps::arm

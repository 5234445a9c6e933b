#include "reconciler/arm/codec.hpp"

#include <gtest/gtest.h>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

TEST(DecodeService, ReadsEveryFieldThatTheModelHas) {
  const auto live = decode_service(test::document(), "2022-12-12");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->id, test::kFleet);
  EXPECT_EQ(live->etag.text, "AAAA1=");
  EXPECT_EQ(live->location, "West Europe");
  EXPECT_EQ(live->state, "Active");
  EXPECT_EQ(live->sku_name, "S1");
  EXPECT_EQ(live->sku_capacity, 1);
  EXPECT_EQ(live->allocation_policy, "Hashed");
  EXPECT_EQ(live->public_network_access, "Enabled");
  EXPECT_EQ(live->ip_filter_rules,
            (std::vector<IpFilterRule>{{"office", "Accept", "10.0.0.0/8", "all"}}));
  EXPECT_EQ(live->tags, (Tags{{"env", "prod"}, {"Owner", "team"}}));
  EXPECT_EQ(live->id_scope, "0ne00000001");
  EXPECT_EQ(live->device_host, "global.azure-devices-provisioning.net");
  EXPECT_EQ(live->service_host, "fleet-eu.azure-devices-provisioning.net");
  EXPECT_TRUE(live->private_endpoints);
  EXPECT_EQ(live->api_version, "2022-12-12");
  const std::vector<LiveHub> hubs = {
      {"hub-1.azure-devices.net", "iothubowner", "westeurope", 10, true, "KeyBased"},
      {"hub-2.azure-devices.net", "iothubowner", "North Europe", {}, {}, ""}};
  EXPECT_EQ(live->linked_hubs, hubs);
}

TEST(DecodeService, KeepsTheDocumentAsItCame) {
  const auto live = decode_service(test::document(), "2022-12-12");
  EXPECT_EQ(*parse_json(live->document), test::document());
}

TEST(DecodeService, KeepsNoKeysEvenIfAGetShowedSome) {
  auto document = test::document();
  document["properties"]["authorizationPolicies"] = test::policies()["value"];
  const auto live = decode_service(document, "2022-12-12");
  EXPECT_EQ(live->document.find("b3duZXIx"), std::string::npos);
}

TEST(DecodeService, TakesTheSmallestAndTheOldestForm) {
  const Json small = {{"id", lower(test::kFleet.path())},
                      {"properties", {{"iotHubs", nullptr}, {"idScope", nullptr}}},
                      {"tags", nullptr}};
  const auto live = decode_service(small, "2017-11-15");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->id, test::kFleet);
  EXPECT_TRUE(live->linked_hubs.empty());
  EXPECT_TRUE(live->tags.empty());
  EXPECT_FALSE(live->sku_capacity);
  EXPECT_FALSE(live->public_network_access);
}

TEST(DecodeService, FindsTheHostWhereTheNameIsMissing) {
  auto document = test::document();
  document["properties"]["iotHubs"][0].erase("name");
  document["properties"]["iotHubs"][1] = {{"hostName", "keyless.azure-devices.net"},
                                          {"authenticationType", "SystemAssigned"}};
  const auto live = decode_service(document, "2022-12-12");
  EXPECT_EQ(live->linked_hubs.at(0).host_name, "hub-1.azure-devices.net");
  EXPECT_EQ(live->linked_hubs.at(1).host_name, "keyless.azure-devices.net");
}

TEST(DecodeService, ShowsIdentityAndLocalAuth) {
  auto document = test::document();
  document["identity"] = {{"type", "SystemAssigned"}};
  document["properties"]["disableLocalAuth"] = true;
  const auto live = decode_service(document, "2022-12-12");
  EXPECT_EQ(live->identity_type, "SystemAssigned");
  EXPECT_TRUE(live->local_auth_disabled);
}

TEST(DecodeService, RefusesWhatIsNoService) {
  for (const auto& other :
       {Json(), Json::array(), Json{{"id", "/subscriptions/s"}}, Json("text")}) {
    EXPECT_EQ(decode_service(other, "V").error().id, "BadAnswer");
  }
}

TEST(DecodeService, DoesNotFailOnMembersOfTheWrongType) {
  Json odd = {
      {"id", test::kFleet.path()},
      {"etag", 5},
      {"tags", {{"a", 1}, {"b", nullptr}}},
      {"sku", "S1"},
      {"properties",
       {{"state", {}}, {"iotHubs", {"x", 1, nullptr}}, {"ipFilterRules", 3}, {"idScope", {1}}}}};
  const auto live = decode_service(odd, "V");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->linked_hubs.size(), 3U);
  EXPECT_EQ(live->tags.at("a"), "");
}

TEST(DecodeCertificate, ReadsDatesAndThumbprint) {
  const auto certificate =
      decode_certificate(Json{{"name", "factory-ca"},
                              {"etag", "\"quoted\""},
                              {"properties",
                               {{"subject", "Factory CA"},
                                {"expiry", "Sun, 03 Dec 2017 21:02:47 GMT"},
                                {"thumbprint", "9f0983e8f2db2db3582997fef331247d872dee32"},
                                {"isVerified", true},
                                {"created", "Mon, 01 Jan 0001 00:00:00 GMT"},
                                {"updated", "Mon, 13 Feb 2023 08:31:13 GMT"},
                                {"certificate", nullptr}}}});
  EXPECT_EQ(certificate.name, "factory-ca");
  EXPECT_EQ(certificate.etag.text, "\"quoted\"");
  EXPECT_EQ(certificate.thumbprint, "9F0983E8F2DB2DB3582997FEF331247D872DEE32");
  EXPECT_EQ(certificate.expiry, parse_rfc3339("2017-12-03T21:02:47Z"));
  EXPECT_EQ(certificate.updated, parse_rfc3339("2023-02-13T08:31:13Z"));
  EXPECT_TRUE(certificate.verified);
}

TEST(DecodePolicy, KeepsKeysAndUnknownMembers) {
  const auto policy = decode_policy(test::policies()["value"][0]);
  EXPECT_EQ(policy.name, "provisioningserviceowner");
  EXPECT_EQ(policy.primary.reveal(), "b3duZXIx");
  EXPECT_EQ(policy.others, R"({"futurePolicyMember":7})");
  EXPECT_TRUE(decode_policy(Json{{"keyName", "x"}, {"primaryKey", nullptr}}).primary.empty());
}

TEST(DecodePolicy, LeavesOnlyDigests) {
  const KeyDigester digester{"0123456789abcdef0123456789abcdef"};
  const auto live = without_keys(decode_policy(test::policies()["value"][1]), digester);
  EXPECT_EQ(live.name, "reader");
  EXPECT_EQ(live.rights, lenient_rights("EnrollmentRead"));
  EXPECT_EQ(live.primary_digest, digester.digest("cmVhZGVyMQ=="));
  EXPECT_NE(live.primary_digest, live.secondary_digest);
}

}  // namespace
}  // namespace dps::arm

#include <gtest/gtest.h>

#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/capabilities.hpp"
#include "reconciler/model/connection_string.hpp"
#include "reconciler/model/field_path.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/model/rights.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps {
namespace {

TEST(ServiceId, IsComparedWithoutCaseAndKeepsItsSpelling) {
  const ServiceId id{"S", "Iot-EU", "Fleet"};
  EXPECT_EQ(id, (ServiceId{"s", "iot-eu", "fleet"}));
  EXPECT_EQ(parse_service_id(id.path()), id);
  EXPECT_EQ(parse_service_id(id.path())->resource_group, "Iot-EU");
  EXPECT_TRUE(parse_service_id("/SUBSCRIPTIONS/s/resourcegroups/iot-eu/providers/microsoft.devices/"
                               "ProvisioningServices/fleet")
                  .has_value());
  EXPECT_LT((ServiceId{"s", "a", "z"}), (ServiceId{"S", "B", "a"}));
  for (const char* wrong :
       {"",
        "/subscriptions/s",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h",
        "/subscriptions//resourceGroups/g/providers/Microsoft.Devices/provisioningServices/n"}) {
    EXPECT_FALSE(parse_service_id(wrong).has_value()) << wrong;
  }
}

Rights of(std::string_view text) {
  return lenient_rights(text);
}

TEST(Rights, SetsAreEqualWhenTheirClosuresAre) {
  EXPECT_EQ(of("EnrollmentWrite"), of("EnrollmentRead, EnrollmentWrite"));
  EXPECT_EQ(of("EnrollmentWrite"),
            of("RegistrationStatusWrite,EnrollmentRead,RegistrationStatusRead,EnrollmentWrite"));
  EXPECT_EQ(of("ServiceConfig, DeviceConnect, EnrollmentWrite"),
            of("serviceconfig, EnrollmentWrite, DeviceConnect"));
  EXPECT_FALSE(of("EnrollmentRead") == of("EnrollmentWrite"));
  EXPECT_FALSE(of("ServiceConfig") == of("ServiceConfig, Novelty"));
}

TEST(Rights, TheTextLeavesImpliedOnesOutAndReadsBack) {
  EXPECT_EQ(of("EnrollmentRead, EnrollmentWrite, RegistrationStatusRead").text(),
            "EnrollmentWrite");
  EXPECT_EQ(of("DeviceConnect, ServiceConfig").text(), "ServiceConfig, DeviceConnect");
  for (unsigned bits = 0; bits < 64; ++bits) {
    Rights rights;
    for (unsigned i = 0; i < 6; ++i) {
      if ((bits >> i & 1U) != 0) rights.add(static_cast<Right>(i));
    }
    EXPECT_EQ(of(rights.text()), rights) << rights.text();
  }
  EXPECT_FALSE(parse_right("enrollmentRead").has_value());
}

TEST(ConnectionString, IsReadInAnyOrderAndNeverQuoted) {
  const auto read = parse_connection_string(
      "SharedAccessKey=a+b/c==;HostName=h.azure-devices.net;SharedAccessKeyName=k;");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->host_name, "h.azure-devices.net");
  EXPECT_EQ(read->key.reveal(), "a+b/c==");
  EXPECT_FALSE(read->masked());
  EXPECT_EQ(read->text().reveal(),
            "HostName=h.azure-devices.net;SharedAccessKeyName=k;SharedAccessKey=a+b/c==");
  EXPECT_TRUE(
      parse_connection_string("HostName=h;SharedAccessKeyName=k;SharedAccessKey=****")->masked());
  const auto wrong = parse_connection_string("HostName=h;SharedAccessKey=hunter2");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().what.find("hunter2"), std::string::npos);
}

TEST(HubFingerprint, ChangesWithEveryPartAndNotWithTheCaseOfTheHost) {
  const ServiceId id{"s", "g", "n"};
  const auto of_key =
      [&](const ServiceId& service, const std::string& host, const std::string& key) {
        return hub_fingerprint(service, {host, "iothubowner", Secret(key)});
      };
  const auto base = of_key(id, "h.net", "a");
  EXPECT_EQ(base.size(), 8U);
  EXPECT_EQ(base, of_key({"S", "G", "N"}, "H.net", "a"));
  EXPECT_NE(base, of_key(id, "h.net", "b"));
  EXPECT_NE(base, of_key(id, "i.net", "a"));
  EXPECT_NE(base, of_key({"s", "g", "m"}, "h.net", "a"));
}

TEST(KeyDigester, TwoProcessesDoNotAgree) {
  const KeyDigester one = random_digester(), other = random_digester();
  EXPECT_EQ(one.digest("key"), one.digest("key"));
  EXPECT_NE(one.digest("key"), one.digest("kez"));
  EXPECT_NE(one.digest("key"), other.digest("key"));
}

TEST(Bookkeeping, GoesIntoTagsAndComesBack) {
  Bookkeeping book;
  book.owner = "default";
  book.revision = "abcdefghijkl";
  book.protect = true;
  for (int i = 0; i < 44; ++i) book.tag_digests.insert(tag_digest("tag" + std::to_string(i)));
  for (int i = 0; i < 50; ++i) {
    book.fingerprints[host_digest("hub" + std::to_string(i) + ".azure-devices.net")] = "12345678";
  }
  const auto tags = bookkeeping_tags(book);
  EXPECT_EQ(read_bookkeeping(tags), book);
  for (const auto& [name, value] : tags) {
    EXPECT_LE(value.size(), 256U) << name;
    EXPECT_TRUE(is_bookkeeping_tag(name)) << name;
  }
  EXPECT_EQ(tags.count("dps-reconciler-keys-3"), 1U);
  EXPECT_EQ(tags.count("dps-reconciler-keys-4"), 0U);
}

TEST(Bookkeeping, BrokenTagsCountAsAbsentAndOthersTagsStay) {
  const Tags tags = {{"dps-reconciler-tags", "abc"},
                     {"DPS-Reconciler-Keys-1", "short"},
                     {"env", "prod"},
                     {"dps-reconciler-protect", "false"}};
  EXPECT_EQ(read_bookkeeping(tags), Bookkeeping{});
  Bookkeeping book;
  book.owner = "me";
  const Tags merged = with_bookkeeping(tags, book);
  EXPECT_EQ(merged, (Tags{{"dps-reconciler", "me"}, {"env", "prod"}}));
}

TEST(FieldPath, OneSpellingForPlansAndIgnoreRules) {
  EXPECT_EQ(parse_field_path("tags['created-by']"), "tags[\"created-by\"]");
  EXPECT_EQ(parse_field_path("linkedHubs[h.net].allocationWeight"),
            "linkedHubs[h.net].allocationWeight");
  for (const char* wrong : {"",
                            "tag",
                            "tags[]",
                            "linkedHubs[h].weight",
                            "location",
                            "linkedHubs[]",
                            "linkedHubs[h]x"}) {
    EXPECT_FALSE(parse_field_path(wrong).has_value()) << wrong;
  }
  EXPECT_TRUE(path_covers("linkedHubs[H.net]", "linkedHubs[h.net].allocationWeight"));
  EXPECT_TRUE(path_covers("tags[\"A\"]", "tags[\"a\"]"));
  EXPECT_FALSE(path_covers("sku", "skuX"));
  EXPECT_FALSE(path_covers("linkedHubs[h.net].allocationWeight", "linkedHubs[h.net]"));
}

TEST(Capabilities, AutoIsTheDefaultAndTheLowestVersionIsNamed) {
  EXPECT_EQ(capabilities_of("auto")->version, "2022-12-12");
  EXPECT_EQ(capabilities_of("2017-11-15")->certificate_body, CertificateBody::Flat);
  EXPECT_EQ(lowest_version_with(&Capabilities::ip_filter_rules), "2020-01-01");
  EXPECT_EQ(lowest_version_with(&Capabilities::public_network_access), "2020-03-01");
  EXPECT_EQ(lowest_version_with(&Capabilities::data_residency), "2021-10-15");
  EXPECT_EQ(capabilities_of("2030-01-01").error().id, "BadApiVersion");
}

}  // namespace
}  // namespace dps

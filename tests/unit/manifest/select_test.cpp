#include "reconciler/manifest/select.hpp"

#include <gtest/gtest.h>

namespace dps::manifest {
namespace {

const ServiceId kFleet{"sub-1", "iot-eu", "fleet-eu"};

Selector parsed(std::string_view text) {
  const auto selector = parse_selector(text);
  EXPECT_TRUE(selector) << text;
  return selector.value_or(Selector{});
}

TEST(Select, AServiceBringsItsEntries) {
  const auto selector = parsed("ProvisioningService/fleet-*");

  EXPECT_TRUE(matches(selector, kFleet));
  EXPECT_TRUE(matches(selector, kFleet, EntryKind::LinkedHub, "hub.azure-devices.net"));
  EXPECT_FALSE(matches(selector, {"sub-1", "iot-eu", "other"}));
}

TEST(Select, AnEntryDoesNotBringItsService) {
  const auto selector = parsed("LinkedHub/hub-eu-?.azure-devices.net");

  EXPECT_FALSE(matches(selector, kFleet));
  EXPECT_TRUE(matches(selector, kFleet, EntryKind::LinkedHub, "HUB-EU-1.azure-devices.net"));
  EXPECT_FALSE(matches(selector, kFleet, EntryKind::Certificate, "hub-eu-1.azure-devices.net"));
}

TEST(Select, TheLongFormNamesOneEntryOfOneService) {
  const auto selector = parsed("Certificate/SUB-1/IOT-EU/fleet-eu/factory-ca");

  EXPECT_TRUE(matches(selector, kFleet, EntryKind::Certificate, "factory-ca"));
  EXPECT_FALSE(matches(selector, kFleet, EntryKind::Certificate, "other-ca"));
  EXPECT_FALSE(
      matches(selector, {"sub-2", "iot-eu", "fleet-eu"}, EntryKind::Certificate, "factory-ca"));
}

TEST(Select, TheLongFormWithoutEntryNamesAllEntriesOfThatKind) {
  const auto selector = parsed("SharedAccessPolicy/*/*/fleet-eu");

  EXPECT_TRUE(matches(selector, kFleet, EntryKind::SharedAccessPolicy, "any"));
  EXPECT_FALSE(matches(selector, kFleet, EntryKind::LinkedHub, "any"));
}

TEST(Select, NoSelectorSelectsEverything) {
  EXPECT_TRUE(any_matches({}, kFleet));
  EXPECT_TRUE(any_matches({}, kFleet, EntryKind::LinkedHub, "hub"));
  EXPECT_FALSE(any_matches({parsed("ProvisioningService/none")}, kFleet));
}

TEST(Select, RefusesWhatNamesNothing) {
  for (const std::string_view text : {"fleet-eu",
                                      "",
                                      "ProvisioningService/",
                                      "ProvisioningService/a/b",
                                      "ProvisioningService/s/g/n/entry",
                                      "Provisioningservise/x",
                                      "LinkedHub/a/b/c/d/e"}) {
    const auto selector = parse_selector(text);
    ASSERT_FALSE(selector) << text;
    EXPECT_EQ(selector.error().id, "BadSelector");
  }
  EXPECT_NE(parse_selector("LinkdHub/x").error().what.find("did you mean LinkedHub"),
            std::string::npos);
}

}  // namespace
}  // namespace dps::manifest

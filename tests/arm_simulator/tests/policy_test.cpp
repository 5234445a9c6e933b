#include "tests/arm_simulator/rights.hpp"
#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

Json policy(const std::string& name, const std::string& rights) {
  return {{"keyName", name}, {"rights", rights}};
}

TEST(Policies, AreReplacedAsAWhole) {
  Driver arm;
  arm.create({{"authorizationPolicies",
               Json::array({policy("one", "EnrollmentRead"), policy("two", "DeviceConnect")})}});
  ASSERT_EQ(arm.keys().size(), 3U);
  EXPECT_EQ(arm.keys()[0]["keyName"], "provisioningserviceowner")
      << "the default first, then as sent";
  EXPECT_EQ(arm.keys()[1]["keyName"], "one");
  Json kept = arm.keys();
  kept.erase(1);
  arm.send("PUT", kService, Driver::service_body({{"authorizationPolicies", kept}}));
  ASSERT_EQ(arm.keys().size(), 2U);
  EXPECT_EQ(arm.keys()[1]["keyName"], "two");
}

TEST(Policies, KeepKeysThatAreSentBackAndRegenerateTheOthers) {
  Driver arm;
  arm.create({{"authorizationPolicies", Json::array({policy("one", "EnrollmentRead")})}});
  const auto before = arm.keys();
  Json sent = before;
  sent[0]["secondaryKey"] = nullptr;
  sent[1].erase("primaryKey");
  arm.send("PUT", kService, Driver::service_body({{"authorizationPolicies", sent}}));
  const auto after = arm.keys();
  EXPECT_EQ(after[0]["primaryKey"], before[0]["primaryKey"]);
  EXPECT_NE(after[0]["secondaryKey"], before[0]["secondaryKey"]);
  EXPECT_NE(after[1]["primaryKey"], before[1]["primaryKey"]);
  EXPECT_EQ(after[1]["secondaryKey"], before[1]["secondaryKey"]);
}

TEST(Policies, RefuseAnEmptyKeyAndUnknownRights) {
  Driver arm;
  arm.create();
  Json empty = policy("one", "EnrollmentRead");
  empty["primaryKey"] = "";
  EXPECT_EQ(arm.send("PUT",
                     kService,
                     Driver::service_body({{"authorizationPolicies", Json::array({empty})}}))
                .status,
            400);
  const auto wrong = Json::array({policy("one", "Everything")});
  EXPECT_EQ(
      arm.send("PUT", kService, Driver::service_body({{"authorizationPolicies", wrong}})).status,
      400);
  EXPECT_EQ(arm.keys().size(), 1U);
}

TEST(Policies, AreAnsweredWithKeysInClearByPut) {
  Driver arm;
  const auto created =
      arm.send("PUT",
               kService,
               Driver::service_body(
                   {{"authorizationPolicies", Json::array({policy("one", "EnrollmentRead")})}}));
  const auto& shown = created.json["properties"]["authorizationPolicies"];
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[1], arm.keys()[1]);
}

TEST(Policies, AreListedOneByOne) {
  Driver arm;
  arm.create();
  const auto one = arm.send("POST", kService + "/keys/provisioningserviceowner/listkeys");
  EXPECT_EQ(one.json, arm.keys()[0]);
  EXPECT_EQ(arm.send("POST", kService + "/keys/none/listkeys").status, 404);
  EXPECT_EQ(one.header("x-ms-ratelimit-remaining-subscription-writes").substr(0, 3), "119");
}

TEST(Rights, CollapseWhatIsImpliedOrSpellItOut) {
  Switches switches;
  const auto rights = parse_rights("EnrollmentRead,enrollmentwrite, DeviceConnect");
  ASSERT_TRUE(rights.has_value());
  EXPECT_EQ(rights_text(*rights, switches), "EnrollmentWrite, DeviceConnect");
  EXPECT_EQ(rights_text(*parse_rights("EnrollmentRead, RegistrationStatusRead"), switches),
            "EnrollmentRead");
  ASSERT_FALSE(switches.set("rights-implied", "expanded"));
  EXPECT_EQ(rights_text(*parse_rights("EnrollmentWrite"), switches),
            "EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, RegistrationStatusWrite");
  ASSERT_FALSE(switches.set("rights-order", "2018"));
  ASSERT_FALSE(switches.set("rights-implied", "collapsed"));
  EXPECT_EQ(rights_text(owner_rights(), switches), "ServiceConfig, DeviceConnect, EnrollmentWrite");
}

}  // namespace
}  // namespace dps::sim

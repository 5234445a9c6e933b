#include "reconciler/arm/permissions.hpp"

#include <gtest/gtest.h>

#include <set>

namespace dps::arm {
namespace {

TEST(Permissions, AreEvaluatedAsAzureDoes) {
  struct Case {
    const char* name;
    std::vector<Grant> grants;
    bool allowed;
  };
  const std::string action = "Microsoft.Devices/provisioningServices/listkeys/Action";
  for (const Case& one : std::vector<Case>{
           {"owner", {{{"*"}, {}}}, true},
           {"nobody", {}, false},
           {"reader", {{{"*/read"}, {}}}, false},
           {"without case",
            {{{"MICROSOFT.DEVICES/ProvisioningServices/ListKeys/action"}, {}}},
            true},
           {"provider", {{{"Microsoft.Devices/*"}, {}}}, true},
           {"star across slashes", {{{"Microsoft.*/Action"}, {}}}, true},
           {"star inside", {{{"Microsoft.Devices/*/listkeys/Action"}, {}}}, true},
           {"another type", {{{"Microsoft.Devices/iotHubs/*"}, {}}}, false},
           {"prefix is not enough", {{{"Microsoft.Devices/provisioningServices"}, {}}}, false},
           {"taken away", {{{"*"}, {"Microsoft.Devices/*/listkeys/*"}}}, false},
           {"taken away from another role only",
            {{{"*"}, {"*/listkeys/*"}}, {{"Microsoft.Devices/*"}, {}}},
            true},
           {"a question mark is itself",
            {{{"Microsoft.Devices/provisioningServices/listkeys/Actio?"}, {}}},
            false},
       }) {
    EXPECT_EQ(allows(one.grants, action), one.allowed) << one.name;
  }
}

TEST(Permissions, AreReadFromTheAnswerAndOddOnesRefused) {
  const auto read =
      parse_permissions(R"({"value":[{"actions":["*"],"notActions":["a/b"],"x":1},{}]})");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, (std::vector<Grant>{{{"*"}, {"a/b"}}, {}}));
  for (const char* body : {"", "{}", "[]", "<html>", R"({"value":{}})"}) {
    const auto refused = parse_permissions(body);
    ASSERT_FALSE(refused.has_value()) << body;
    EXPECT_EQ(refused.error().id, "BadAnswer");
  }
}

// As Operations_List and the permissions reference of Azure spell them: people copy them from here
// into roles.
TEST(Needs, AreSpelledAsAzureSpellsThem) {
  const std::set<std::string> published = {
      "Microsoft.Resources/subscriptions/resourceGroups/read",
      "Microsoft.Devices/checkProvisioningServiceNameAvailability/Action",
      "Microsoft.Devices/iotHubs/iotHubKeys/listkeys/Action",
      "Microsoft.Devices/provisioningServices/Read",
      "Microsoft.Devices/provisioningServices/Write",
      "Microsoft.Devices/provisioningServices/Delete",
      "Microsoft.Devices/provisioningServices/listkeys/Action",
      "Microsoft.Devices/provisioningServices/certificates/Read",
      "Microsoft.Devices/provisioningServices/certificates/Write",
      "Microsoft.Devices/provisioningServices/certificates/Delete",
      "Microsoft.Devices/provisioningServices/certificates/generateVerificationCode/Action",
      "Microsoft.Devices/provisioningServices/certificates/verify/Action"};
  std::set<std::string> needed;
  for (const auto& need : needs()) {
    EXPECT_TRUE(published.contains(need.action)) << need.action;
    EXPECT_TRUE(needed.insert(need.action).second) << need.action;
  }
  EXPECT_EQ(needed, published);
}

}  // namespace
}  // namespace dps::arm

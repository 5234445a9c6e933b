// What others change behind the daemon's back: every field is seen within an interval, and healed;
// or only told of.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/daemon.hpp"
#include "tests/end_to_end/rotation_scene.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string indented(const std::string& text, const std::string& by) {
  std::string out;
  for (const auto& line : split(text, '\n')) {
    if (!line.empty()) out += by + line + "\n";
  }
  return out;
}

/// Every field that can drift.
std::string rich_spec() {
  return R"(  allocationPolicy: GeoLatency
  publicNetworkAccess: Enabled
  ipFilterRules:
    - {name: office, action: Accept, mask: 10.0.0.0/8, target: all}
    - {name: rest, action: Reject, mask: 0.0.0.0/0, target: all}
  tags: {env: prod, tier: gold}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: 10
      applyAllocationPolicy: true
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
  sharedAccessPolicies:
    - {name: writer, rights: [EnrollmentWrite]}
    - {name: reader, rights: [EnrollmentRead]}
  certificates:
    - name: factory
      verification: {trusted: true}
      certificate:
        pem: |
)" + indented(ca(Ca::A).pem, "          ");
}

/// The properties without what moves by itself.
SimJson essence(Lab& lab, const std::string& name) {
  auto service = lab.service(name);
  SimJson out = {{"tags", SimJson::object()},
                 {"sku", service.at("sku")},
                 {"properties", service.at("properties")},
                 {"certificates", SimJson::object()}};
  // Policies have no order, and one that was removed and made again has keys of its own.
  std::map<std::string, SimJson> policies;
  for (auto& one : out["properties"]["authorizationPolicies"]) {
    const auto policy_name = one.at("keyName").get<std::string>();
    if (policy_name == "reader") one["primaryKey"] = one["secondaryKey"] = nullptr;
    policies[policy_name] = one;
  }
  out["properties"]["authorizationPolicies"] = policies;
  for (const auto& [tag, value] : service.at("tags").items()) {
    if (tag.find("dps-reconciler-rev") != 0) out["tags"][tag] = value;
  }
  for (const auto& one : service.value("certificates", SimJson::array())) {
    out["certificates"][one.at("name").get<std::string>()] = {
        one.at("properties").at("thumbprint"), one.at("properties").at("isVerified")};
  }
  return out;
}

struct Drift {
  const char* name;  ///< of the service that it happens to
  /// The second writer: a patch on the service, or on what `id` names.
  std::function<SimJson(const SimJson& service)> patch;
  std::function<std::string()> id{};
};

SimJson first_hub_with(const SimJson& service, const char* member, const SimJson& value) {
  auto hubs = service.at("properties").at("iotHubs");
  hubs[0][member] = value;
  return {{"properties", {{"iotHubs", hubs}}}};
}

SimJson policies_where(const SimJson& service, const std::function<void(SimJson&)>& change) {
  auto policies = service.at("properties").at("authorizationPolicies");
  change(policies);
  return {{"properties", {{"authorizationPolicies", policies}}}};
}

std::string certificate(const char* service, const char* name) {
  return service_path(service) + "/certificates/" + name;
}

std::vector<Drift> drifts(Lab& lab) {
  return {
      {"allocation-policy",
       [](const SimJson&) -> SimJson {
         return {{"properties", {{"allocationPolicy", "Hashed"}}}};
       }},
      {"public-access",
       [](const SimJson&) -> SimJson {
         return {{"properties", {{"publicNetworkAccess", "Disabled"}}}};
       }},
      {"rules-gone",
       [](const SimJson&) -> SimJson {
         return {{"properties", {{"ipFilterRules", SimJson::array()}}}};
       }},
      {"rules-swapped",
       [](const SimJson& service) -> SimJson {
         auto rules = service.at("properties").at("ipFilterRules");
         std::swap(rules[0], rules[1]);
         return {{"properties", {{"ipFilterRules", rules}}}};
       }},
      {"sku",
       [](const SimJson&) -> SimJson {
         return {{"sku", {{"capacity", 2}}}};
       }},
      {"tag-changed",
       [](const SimJson&) -> SimJson {
         return {{"tags", {{"env", "test"}}}};
       }},
      {"tag-gone",
       [](const SimJson&) -> SimJson {
         return {{"tags", {{"env", nullptr}}}};
       }},
      {"weight",
       [](const SimJson& service) { return first_hub_with(service, "allocationWeight", 1); }},
      {"apply-policy",
       [](const SimJson& service) {
         return first_hub_with(service, "applyAllocationPolicy", false);
       }},
      {"hub-unlinked",
       [](const SimJson&) -> SimJson {
         return {{"properties", {{"iotHubs", SimJson::array()}}}};
       }},
      {"foreign-hub",
       [&lab](const SimJson& service) -> SimJson {
         auto hubs = service.at("properties").at("iotHubs");
         hubs.push_back({{"connectionString", connection(lab, "hub-2")},
                         {"location", "westeurope"},
                         {"allocationWeight", 5}});
         return {{"properties", {{"iotHubs", hubs}}}};
       }},
      {"rights",
       [](const SimJson& service) {
         return policies_where(service, [](SimJson& policies) {
           for (auto& one : policies) {
             if (one.at("keyName") == "reader") one["rights"] = "ServiceConfig, EnrollmentWrite";
           }
         });
       }},
      {"policy-gone",
       [](const SimJson& service) {
         return policies_where(service, [](SimJson& policies) {
           for (auto at = policies.begin(); at != policies.end(); ++at) {
             if (at->at("keyName") == "reader") {
               policies.erase(at);
               return;
             }
           }
         });
       }},
      {"rule-changed",
       [](const SimJson& service) -> SimJson {
         auto rules = service.at("properties").at("ipFilterRules");
         rules[0]["ipMask"] = "0.0.0.0/1";
         return {{"properties", {{"ipFilterRules", rules}}}};
       }},
      {"foreign-policy",
       [](const SimJson& service) {
         return policies_where(service, [](SimJson& policies) {
           policies.push_back({{"keyName", "theirs"},
                               {"primaryKey", random_key('T')},
                               {"secondaryKey", random_key('U')},
                               {"rights", "ServiceConfig"}});
         });
       }},
      {"ca-gone",
       [](const SimJson&) -> SimJson { return nullptr; },
       [] { return certificate("ca-gone", "factory"); }},
      {"ca-unverified",
       [](const SimJson&) -> SimJson {
         return {{"properties", {{"isVerified", false}}}};
       },
       [] { return certificate("ca-unverified", "factory"); }},
      {"foreign-ca",
       [](const SimJson&) -> SimJson {
         return {{"properties", {{"certificate", ca(Ca::B).pem}, {"isVerified", true}}}};
       },
       [] { return certificate("foreign-ca", "theirs"); }},
  };
}

/// A fleet in which each service is about to drift in one field.
class Drifts : public testing::Test {
 protected:
  Drifts() {
    all_ = drifts(stage.lab);
    for (const auto& one : all_) {
      stage.manifest(std::string(one.name) + ".yaml", fleet(one.name, rich_spec()));
    }
    stage.apply();
    for (const auto& one : all_) before_[one.name] = essence(stage.lab, one.name);
    stage.lab.forget_requests();
  }

  void drift() {
    for (const auto& one : all_) {
      SCOPED_TRACE(one.name);
      const auto id = one.id ? one.id() : service_path(one.name);
      stage.lab.edit(id, one.patch(stage.lab.service(one.name)));
      EXPECT_NE(essence(stage.lab, one.name), before_[one.name]) << "nothing drifted";
    }
  }

  Stage stage;
  std::vector<Drift> all_;
  std::map<std::string, SimJson> before_;
};

TEST_F(Drifts, AreFoundWithinTheIntervalAndHealedInEveryField) {
  const auto daemon = stage.start();
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  EXPECT_THAT(stage.writes(), IsEmpty());
  drift();
  for (const auto& one : all_) {
    const std::string name = one.name;
    EXPECT_TRUE(eventually(name + " is as it was", [&] {
      return essence(stage.lab, name) == before_[name];
    })) << SimJson::diff(before_[name], essence(stage.lab, name)).dump(2);
  }
  EXPECT_TRUE(daemon->wait_until_all("in_sync"));
  for (const auto& one : all_) {
    EXPECT_THAT(daemon->service(one.name).at("history").dump(), HasSubstr("drift_found"))
        << one.name;
  }
}

TEST_F(Drifts, AreOnlyToldOfWhereTheDaemonObserves) {
  const auto daemon = stage.start({"--mode", "observe"});
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  drift();
  EXPECT_TRUE(daemon->wait_until_all("drifted"));
  const auto told = daemon->status();
  EXPECT_EQ(told.at("mode"), "observe");
  for (const auto& one : told.at("services")) {
    EXPECT_THAT(one.at("differences"), Not(IsEmpty())) << one.at("name");
  }
  // And goes on to look.
  const auto lists = [&] {
    const auto asked = stage.lab.requests();
    return std::count_if(asked.begin(), asked.end(), [](const Asked& one) {
      return one.method == "GET" && one.path.ends_with("/provisioningServices");
    });
  };
  const auto before = lists();
  EXPECT_TRUE(eventually("two more sweeps", [&] { return lists() >= before + 2; }));
  EXPECT_THAT(stage.writes(), IsEmpty());
}

TEST(DriftOfAKey, OfAHubIsSeenAndTheNewOneIsSent) {
  Stage stage;
  stage.manifest("fleet.yaml", fleet("fleet", rich_spec()));
  const auto daemon = stage.start();
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  auto policies = stage.lab.hub("hub-1").at("properties").at("authorizationPolicies");
  for (auto& one : policies) {
    if (one.at("keyName") == "iothubowner") one["primaryKey"] = random_key('N');
  }
  stage.lab.edit(hub_path("hub-1"), {{"properties", {{"authorizationPolicies", policies}}}});
  EXPECT_TRUE(eventually("the new key in the service", [&] {
    return hub_link(stage.lab.service("fleet"), "hub-1")
               .at("connectionString")
               .get<std::string>()
               .find(random_key('N')) != std::string::npos;
  }));
  EXPECT_EQ(daemon->log().find(random_key('N')), std::string::npos);
}

TEST(Contested, AFieldThatComesBackThreeTimesIsLeftAloneUntilTheManifestChanges) {
  Stage stage;
  const auto spec = [](int weight) {
    return fmt::format(R"(  tags: {{env: prod}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
      credential: {{hub: {{resourceGroup: rg, policy: iothubowner, key: primary}}}}
)",
                       weight);
  };
  const auto weight = [&] {
    return hub_link(stage.lab.service("fleet"), "hub-1").at("allocationWeight").get<int>();
  };
  stage.manifest("fleet.yaml", fleet("fleet", spec(10)));
  const auto daemon = stage.start();
  ASSERT_TRUE(daemon->wait_until_ready());
  ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  const auto meddle = [&] {
    stage.lab.edit(service_path("fleet"),
                   first_hub_with(stage.lab.service("fleet"), "allocationWeight", 77));
  };
  for (int time = 0; time < 3; ++time) {
    meddle();
    ASSERT_TRUE(eventually("weight 10 again", [&] { return weight() == 10; })) << time;
    ASSERT_TRUE(daemon->wait_until_all("in_sync"));
  }
  meddle();
  ASSERT_TRUE(eventually("contested", [&] {
    const auto one = daemon->service("fleet");
    return !one.is_null() && !one.at("contested").empty();
  }));
  EXPECT_THAT(daemon->service("fleet").at("contested").dump(), HasSubstr("hub-1"));
  EXPECT_TRUE(daemon->wait_for_log("contested"));
  EXPECT_EQ(weight(), 77) << "it is left alone";

  // Other fields of the service are still kept.
  stage.lab.edit(service_path("fleet"), {{"tags", {{"env", "theirs"}}}});
  EXPECT_TRUE(eventually(
      "the tag again", [&] { return stage.lab.service("fleet").at("tags").at("env") == "prod"; }));
  EXPECT_EQ(weight(), 77);

  stage.manifest("fleet.yaml", fleet("fleet", spec(20)));
  EXPECT_TRUE(eventually("the manifest's new weight", [&] { return weight() == 20; }));
  EXPECT_TRUE(daemon->wait_until_all("in_sync"));
}

TEST(OwnershipLost, IsSaidAndPutBackByTheDaemonThatKnewIt) {
  Stage stage;
  const auto manifest = fleet("fleet", "  tags: {env: prod}\n", "{adopt: never}");
  stage.manifest("fleet.yaml", manifest);
  const auto wipe = [&] {
    SimJson tags = SimJson::object();
    const auto service = stage.lab.service("fleet");
    for (const auto& [name, value] : service.at("tags").items()) {
      if (name.starts_with("dps-reconciler")) tags[name] = nullptr;
    }
    stage.lab.edit(service_path("fleet"), {{"tags", tags}});
  };
  const auto owner = [&] {
    return stage.lab.service("fleet").at("tags").value("dps-reconciler", std::string());
  };
  {
    const auto daemon = stage.start();
    ASSERT_TRUE(daemon->wait_until_ready());
    ASSERT_TRUE(daemon->wait_until_all("in_sync"));
    ASSERT_EQ(owner(), "default");
    wipe();
    EXPECT_TRUE(eventually("the owner tag", [&] { return owner() == "default"; }));
    EXPECT_TRUE(daemon->wait_for_log("ownership_lost"));
    EXPECT_TRUE(daemon->wait_until_all("in_sync"));
  }
  // A fresh one cannot know it, and follows `adopt`.
  wipe();
  stage.lab.forget_requests();
  const auto fresh = stage.start();
  ASSERT_TRUE(fresh->wait_until_ready());
  EXPECT_TRUE(fresh->wait_until_all("blocked"));
  EXPECT_EQ(owner(), "");
  EXPECT_THAT(stage.writes(), IsEmpty());
}

}  // namespace
}  // namespace dps::lab

#include <gtest/gtest.h>

#include "reconciler/arm/read.hpp"
#include "reconciler/arm/write_service.hpp"
#include "reconciler/base/json.hpp"
#include "tests/unit/arm/simulated_arm.hpp"

namespace dps::arm {
namespace {

using SimJson = nlohmann::ordered_json;

class OverSimulator : public testing::Test, public test::SimulatedArm {
 protected:
  void SetUp() override {
    plant_fleet("subs=1,services=2,hubs=2,policies=2,certificates=1");
    const auto state = simulator.world().state();
    id = *parse_service_id(state["provisioning_services"][0]["id"].get<std::string>());
    spare_hub = state["iot_hubs"][2];
    const auto fault = simulator.world().edit(
        id.path(), {{"properties", {{"futureProperty", {{"deep", {1, 2}}}}}}, {"futureTop", "x"}});
    ASSERT_FALSE(fault) << *fault;
  }

  SimJson service(const ServiceId& wanted) {
    const auto state = simulator.world().state();
    for (const auto& one : state["provisioning_services"]) {
      if (*parse_service_id(one["id"].get<std::string>()) == wanted) return one;
    }
    return nullptr;
  }
  Result<WriteOutcome> write(const ServiceWrite& wish, const std::string& version = "2022-12-12") {
    const auto live = client.get_service(id, version, {});
    if (!live) return fail(live.error());
    const auto keys = wish.only_tags() ? Keys::NotNeeded : Keys::Needed;
    auto fresh = read_for_write(client, id, version, keys, live->etag, {});
    if (!fresh) return fail(fresh.error());
    return write_service(client, *std::move(fresh), wish, {});
  }
  HubWrite link_of_spare_hub() const {
    HubWrite hub;
    hub.host = spare_hub["properties"]["hostName"].get<std::string>();
    hub.connection_string =
        ConnectionString{hub.host,
                         "iothubowner",
                         Secret(spare_hub["properties"]["authorizationPolicies"][0]["primaryKey"]
                                    .get<std::string>())}
            .text();
    hub.location = "westeurope";
    return hub;
  }
  // What is stored, without what changes by itself.
  static SimJson content(SimJson service) {
    service.erase("etag");
    return service;
  }

  ServiceId id;
  SimJson spare_hub;
};

TEST_F(OverSimulator, ReadsAFleetWithTheFewestRequests) {
  DesiredState desired;
  const auto state = simulator.world().state();
  for (const auto& one : state["provisioning_services"]) {
    DesiredService service;
    service.id = *parse_service_id(one["id"].get<std::string>());
    service.certificates.emplace();
    desired.services.emplace(service.id, service);
  }
  const auto live = read_live(desired, {}, client, random_digester(), {});
  EXPECT_EQ(live.services.size(), 2U);
  EXPECT_EQ(live.services.at(id).certificates.entries->size(), 1U);
  EXPECT_EQ(requests(), 1U + 1 + 2);  // a token, a page, two certificate lists
}

TEST_F(OverSimulator, FollowsPages) {
  set("page-size", "1");
  EXPECT_EQ(client.list_services(id.subscription, {})->size(), 2U);
}

TEST_F(OverSimulator, ReadsKeysOfHubs) {
  const auto state = simulator.world().state();
  const auto& hub = state["iot_hubs"][0];
  const HubKeyReference reference{
      id.subscription, id.resource_group, hub["name"].get<std::string>(), "service"};
  const auto keys = client.hub_keys(reference, {});
  ASSERT_TRUE(keys) << keys.error().what;
  EXPECT_EQ(keys->primary.reveal(), hub["properties"]["authorizationPolicies"][1]["primaryKey"]);
}

TEST_F(OverSimulator, ReadsWithTheNewestVersionThatIsThere) {
  set("supported-api-versions", "2017-11-15,2020-03-01");
  EXPECT_EQ(client.get_service(id, "", {})->api_version, "2020-03-01");
  EXPECT_EQ(notices.size(), 1U);
}

TEST_F(OverSimulator, SurvivesThrottling) {
  set("quota-reads", "2/1");
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(client.get_service(id, "", {}));
}

TEST_F(OverSimulator, TakesANewTokenWhenTheOldOneIsRefused) {
  ASSERT_TRUE(client.get_service(id, "", {}));
  simulator.world().advance(std::chrono::hours{2});  // behind our back
  EXPECT_TRUE(client.get_service(id, "", {}));
}

struct Setting {
  const char* name;
  const char* value;
};

/// The same flows must hold with either answer to everything that is not known of ARM.
class WithSetting : public OverSimulator, public testing::WithParamInterface<Setting> {
 protected:
  void SetUp() override {
    OverSimulator::SetUp();
    set(GetParam().name, GetParam().value);
    set("operation-time", "7s");
  }
};

TEST_P(WithSetting, AWriteChangesWhatIsWantedAndNothingElse) {
  auto expected = content(service(id));
  ServiceWrite wish;
  wish.sku_capacity = 2;
  wish.tags_set = {{"new", "1"}};
  HubWrite weight;
  weight.host = parse_connection_string(
                    expected["properties"]["iotHubs"][0]["connectionString"].get<std::string>())
                    ->host_name;
  weight.weight = 99;
  wish.hubs = {weight};
  expected["sku"]["capacity"] = 2;
  expected["tags"]["new"] = "1";
  expected["properties"]["iotHubs"][0]["allocationWeight"] = 99;

  const auto outcome = write(wish);
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->moved.nothing())
      << join(outcome->moved.fields, " ") << join(outcome->moved.not_taken, " ");
  EXPECT_EQ(Json(content(service(id))), Json(expected));
}

TEST_P(WithSetting, HubsAndPoliciesComeAndGo) {
  const auto before = service(id);
  ServiceWrite wish;
  wish.hubs = {link_of_spare_hub()};
  PolicyWrite added;
  added.name = "added";
  added.rights = lenient_rights("EnrollmentWrite");
  PolicyWrite removed;
  removed.name = "policy-1";
  removed.remove = true;
  wish.policies = {added, removed};
  const auto outcome = write(wish);
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->moved.nothing())
      << join(outcome->moved.fields, " ") << join(outcome->moved.not_taken, " ");
  const auto after = service(id);
  EXPECT_EQ(after["properties"]["iotHubs"].size(), 3U);
  const auto& policies = after["properties"]["authorizationPolicies"];
  ASSERT_EQ(policies.size(), 3U);
  EXPECT_EQ(policies[0], before["properties"]["authorizationPolicies"][0]);
  EXPECT_EQ(policies[1], before["properties"]["authorizationPolicies"][2]);
}

TEST_P(WithSetting, TagsArePatched) {
  ServiceWrite wish;
  wish.tags_set = {{"new", "1"}};
  wish.tags_removed = {"env"};
  auto expected = content(service(id));
  expected["tags"].erase("env");
  expected["tags"]["new"] = "1";
  const auto outcome = write(wish);
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->moved.nothing());
  EXPECT_EQ(Json(content(service(id))), Json(expected));
  EXPECT_EQ(count("PUT", ""), 0U);
}

TEST_P(WithSetting, AServiceIsCreatedAndDeleted) {
  ServiceCreate create;
  create.id = {id.subscription, id.resource_group, "brand-new"};
  create.location = "westeurope";
  create.sku = {"S1", 1};
  create.hubs = {link_of_spare_hub()};
  PolicyWrite policy;
  policy.name = "writer";
  policy.rights = lenient_rights("EnrollmentWrite");
  create.policies = {policy};
  create.tags = {{"a", "b"}};
  const auto live = create_service(client, "2022-12-12", create, {});
  ASSERT_TRUE(live) << live.error().what;
  EXPECT_EQ(live->state, "Active");
  EXPECT_FALSE(live->id_scope.empty());
  EXPECT_EQ(live->linked_hubs.size(), 1U);
  EXPECT_EQ(client.list_keys(create.id, "2022-12-12", {})->size(), 2U);

  const auto removed =
      remove_service(client, create.id, "2022-12-12", {live->etag, live->id_scope}, {});
  ASSERT_TRUE(removed) << removed.error().what;
  EXPECT_TRUE(service(create.id).is_null());
  EXPECT_TRUE(remove_service(client, create.id, "2022-12-12", {}, {}));
}

INSTANTIATE_TEST_SUITE_P(Unknowns,
                         WithSetting,
                         testing::Values(Setting{"if-match", "ignored"},
                                         Setting{"if-match", "enforced"},
                                         Setting{"if-match", "refused"},
                                         Setting{"body-etag", "enforced"},
                                         Setting{"policies-omitted", "dropped"},
                                         Setting{"hubs-omitted", "dropped"},
                                         Setting{"allocation-policy-omitted", "default"},
                                         Setting{"private-endpoints-omitted", "dropped"},
                                         Setting{"network-omitted", "dropped"},
                                         Setting{"unknown-members", "kept"},
                                         Setting{"newer-members-omitted", "kept"},
                                         Setting{"transition-view", "old"},
                                         Setting{"location-poll", "200"},
                                         Setting{"delete-missing-service", "204"},
                                         Setting{"async-url", "location"},
                                         Setting{"async-url", "resource"},
                                         Setting{"deleted-resource-poll", "succeeded"},
                                         Setting{"put-status", "200"},
                                         Setting{"put-status", "202"},
                                         Setting{"put-async-header", "location"},
                                         Setting{"put-async-header", "none"},
                                         Setting{"rights-order", "2018"},
                                         Setting{"rights-implied", "expanded"},
                                         Setting{"hub-authentication-type", "shown"},
                                         Setting{"portal-host", "shown"},
                                         Setting{"unauthorized-body", "empty"}),
                         [](const auto& tested) {
                           auto name = std::string(tested.param.name) + "_" + tested.param.value;
                           for (auto& c : name) {
                             if (c == '-') c = '_';
                           }
                           return name;
                         });

class InVersion : public OverSimulator, public testing::WithParamInterface<const char*> {};

TEST_P(InVersion, AWriteChangesWhatIsWantedAndNothingElse) {
  auto expected = content(service(id));
  ServiceWrite wish;
  wish.sku_capacity = 2;
  expected["sku"]["capacity"] = 2;
  const auto outcome = write(wish, GetParam());
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->moved.nothing());
  EXPECT_EQ(Json(content(service(id))), Json(expected));
}

INSTANTIATE_TEST_SUITE_P(Versions,
                         InVersion,
                         testing::Values("2017-11-15",
                                         "2018-01-22",
                                         "2020-01-01",
                                         "2020-03-01",
                                         "2021-10-15",
                                         "2022-02-05",
                                         "2022-12-12"),
                         [](const auto& tested) {
                           auto name = "v" + std::string(tested.param);
                           for (auto& c : name) {
                             if (c == '-') c = '_';
                           }
                           return name;
                         });

class FailedOperation : public OverSimulator, public testing::WithParamInterface<const char*> {};

TEST_P(FailedOperation, NamesTheHubThatIsMissing) {
  set("failed-operation", GetParam());
  auto expected = service(id);
  auto hub = link_of_spare_hub();
  hub.host = "nobody.azure-devices.net";
  hub.connection_string = ConnectionString{hub.host, "iothubowner", Secret("a2V5")}.text();
  ServiceWrite wish;
  wish.hubs = {hub};
  const auto outcome = write(wish);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id, "HubNotFound");
  EXPECT_EQ(outcome.error().next, NextMove::WaitForOthers);
  EXPECT_EQ(service(id)["properties"], expected["properties"]);
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         FailedOperation,
                         testing::Values("poll-404", "status-failed"),
                         [](const auto& tested) {
                           return std::string(tested.param) == "poll-404" ? "poll_404" : "status";
                         });

struct SecondWriter {
  const char* name;
  const char* method;  // of the request just before which the edit happens
  const char* path;
  unsigned nth;
  const char* if_match;
  const char* end;  // "kept": both writes stand; "refused": ours is not made; "seen"; "lost"
};

class WithSecondWriter : public OverSimulator, public testing::WithParamInterface<SecondWriter> {};

TEST_P(WithSecondWriter, NothingOfTheirsIsLostUnseenButInTheWindow) {
  const auto& step = GetParam();
  set("if-match", step.if_match);
  const SimJson match = {
      {"method", step.method}, {"path", step.path}, {"nth", step.nth}, {"times", 1U}};
  const SimJson edit = {{"id", id.path()}, {"patch", {{"tags", {{"theirs", "1"}}}}}};
  const auto fault = simulator.faults().set(
      SimJson::array({{{"match", match}, {"do", {{"kind", "edit"}, {"edit", edit}}}}}));
  ASSERT_FALSE(fault) << *fault;

  ServiceWrite wish;
  wish.sku_capacity = 2;
  const auto outcome = write(wish);
  const auto stored = service(id);
  const bool theirs = stored["tags"].contains("theirs");
  const bool ours = stored["sku"]["capacity"] == 2;
  const std::string end = step.end;
  if (end == "refused") {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().id, "PreconditionFailed");
    EXPECT_TRUE(theirs && !ours);
    return;
  }
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(ours);
  EXPECT_EQ(theirs, end != "lost");
  EXPECT_EQ(!outcome->moved.foreign_tags.empty(), end == "seen");
}

// The one "lost" is what no client can see where the service does not check: its size is the window
// between the answer of the last GET and the PUT.
INSTANTIATE_TEST_SUITE_P(
    Steps,
    WithSecondWriter,
    testing::Values(SecondWriter{"before_the_keys", "POST", "**/listkeys", 1, "ignored", "kept"},
                    SecondWriter{"before_the_read", "GET", "**/fleet-*", 2, "ignored", "kept"},
                    SecondWriter{"in_the_window", "PUT", "**", 1, "ignored", "lost"},
                    SecondWriter{"before_the_poll", "GET", "**results/*", 1, "ignored", "seen"},
                    SecondWriter{"before_the_read_back", "GET", "**/fleet-*", 3, "ignored", "seen"},
                    SecondWriter{"keys_checked", "POST", "**/listkeys", 1, "enforced", "kept"},
                    SecondWriter{"read_checked", "GET", "**/fleet-*", 2, "enforced", "kept"},
                    SecondWriter{"window_checked", "PUT", "**", 1, "enforced", "refused"},
                    SecondWriter{"window_refused", "PUT", "**", 1, "refused", "refused"}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(OverSimulator, AnAnswerThatIsLostAfterTheWriteIsNeverSentAgain) {
  const auto fault = simulator.faults().set(
      SimJson::array({{{"match", {{"method", "PUT"}, {"path", "**"}, {"times", 1U}}},
                       {"do", {{"kind", "reset"}, {"when", "after"}}}}}));
  ASSERT_FALSE(fault) << *fault;
  ServiceWrite wish;
  wish.sku_capacity = 2;
  const auto outcome = write(wish);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id, "LostAnswer");
  EXPECT_EQ(service(id)["sku"]["capacity"], 2);  // it was done
  std::size_t puts = 0;
  const auto records = simulator.world().requests();
  for (const auto& record : records) puts += record["method"] == "PUT";
  EXPECT_EQ(puts, 1U);
}

}  // namespace
}  // namespace dps::arm

#include "reconciler/arm/write_service.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using std::chrono::seconds;
using test::answer;

/// A small ARM of one service: keeps what is PUT, masks strings, counts etags. A test may put a
/// second writer before any request.
class WriteTest : public testing::Test, public test::ScriptedArm {
 protected:
  void SetUp() override {
    wire.handle("GET", "/fleet-eu", [&](const http::Request&) { return get(); });
    wire.handle("POST", "/fleet-eu/listkeys", [&](const http::Request&) {
      before("POST");
      return answer(200, keys.dump());
    });
    wire.handle("PUT", "/fleet-eu", [&](const http::Request& request) { return put(request); });
    wire.handle("PATCH", "/fleet-eu", [&](const http::Request& request) { return patch(request); });
    wire.on("GET", "/op", answer(200, R"({"status":"Succeeded"})"));
  }

  void before(const std::string& method) {
    ++calls[method];
    if (second_writer) second_writer(method + std::to_string(calls[method]));
  }
  void new_etag() { service["etag"] = "AAAA" + std::to_string(++etags) + "="; }
  // What somebody else does: any change gives a new etag.
  void edit(const std::function<void(Json&)>& change) {
    change(service);
    new_etag();
  }
  http::Answer get() {
    before("GET");
    return answer(200, service.dump());
  }
  http::Answer put(const http::Request& request) {
    before("PUT");
    if (auto refused = check(request)) return *refused;
    auto sent = *parse_json(request.body);
    if (sent["properties"].contains("authorizationPolicies")) {
      keys["value"] = sent["properties"]["authorizationPolicies"];
      for (auto& policy : keys["value"]) {
        for (const auto* key : {"primaryKey", "secondaryKey"}) {
          if (!policy.contains(key)) policy[key] = "made";
        }
      }
      sent["properties"].erase("authorizationPolicies");
    }
    for (auto& hub : sent["properties"]["iotHubs"]) {
      const auto host =
          parse_connection_string(hub["connectionString"].get<std::string>())->host_name;
      hub["name"] = host;
      hub["connectionString"] = test::masked(host);
    }
    auto stored = test::document();
    for (const auto& [name, value] : sent.items()) {
      if (name != "properties") stored[name] = value;
    }
    for (const auto* name :
         {"iotHubs", "ipFilterRules", "publicNetworkAccess", "allocationPolicy"}) {
      stored["properties"].erase(name);
    }
    stored["properties"].update(sent["properties"]);
    stored["sku"]["tier"] = "Standard";
    service = stored;
    new_etag();
    return answer(201, "{}", {{"Azure-AsyncOperation", "https://management.azure.com/op"}});
  }
  http::Answer patch(const http::Request& request) {
    before("PATCH");
    if (auto refused = check(request)) return *refused;
    service["tags"] = (*parse_json(request.body))["tags"];
    new_etag();
    return answer(200, service.dump());
  }
  std::optional<http::Answer> check(const http::Request& request) const {
    const auto sent = request.headers.find("if-match");
    if (sent == request.headers.end() || if_match == "ignored") return std::nullopt;
    if (if_match == "enforced" && sent->second == service["etag"]) return std::nullopt;
    return answer(412, test::provider_error(412001, "Invalid ETag supplied"));
  }

  Result<FreshService> fresh(Keys need = Keys::Needed, const std::string& known = "AAAA1=") {
    return read_for_write(client, test::kFleet, test::kVersion, need, Etag{known}, {});
  }
  Result<WriteOutcome> write(const ServiceWrite& wish) {
    auto start = fresh();
    if (!start) return fail(start.error());
    return write_service(client, *std::move(start), wish, {});
  }
  std::vector<std::string> methods() const {
    std::vector<std::string> out;
    for (const auto& request : wire.requests()) {
      auto path = std::string(http::path_of(request.url));
      out.push_back(std::string(http::word(request.method)) + path.substr(path.rfind('/')));
    }
    return out;
  }
  static ServiceWrite capacity(std::int64_t units) {
    ServiceWrite write;
    write.sku_capacity = units;
    return write;
  }

  Json service = test::document();
  Json keys = test::policies();
  int etags = 1;
  std::string if_match = "enforced";
  std::map<std::string, int> calls;
  std::function<void(const std::string&)> second_writer;
};

using Lines = std::vector<std::string>;

TEST_F(WriteTest, ReadsKeysThenTheDocumentThenWritesFollowsAndReadsBack) {
  const auto outcome = write(capacity(3));
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_EQ(methods(),
            (Lines{"POST/listkeys", "GET/fleet-eu", "PUT/fleet-eu", "GET/op", "GET/fleet-eu"}));
  EXPECT_EQ(outcome->after.sku_capacity, 3);
  EXPECT_TRUE(outcome->moved.nothing());
  EXPECT_EQ(outcome->window, seconds{0});
  EXPECT_EQ(wire.last("PUT").headers.at("if-match"), "AAAA1=");
  EXPECT_EQ((*parse_json(wire.last("PUT").body))["etag"], "AAAA1=");
}

TEST_F(WriteTest, ChangesNothingButWhatIsWanted) {
  const auto before = service;
  const auto keys_before = keys;
  ASSERT_TRUE(write(capacity(3)));
  auto expected = before;
  expected["sku"]["capacity"] = 3;
  expected["etag"] = service["etag"];
  EXPECT_EQ(service, expected);
  EXPECT_EQ(keys, keys_before);
}

TEST_F(WriteTest, SendsOnlyTagsByPatchWithoutKeys) {
  ServiceWrite wish;
  wish.tags_set = {{"new", "1"}};
  auto start = fresh(Keys::NotNeeded);
  ASSERT_TRUE(start);
  const auto outcome = write_service(client, *start, wish, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(methods(), (Lines{"GET/fleet-eu", "PATCH/fleet-eu", "GET/fleet-eu"}));
  EXPECT_EQ(service["tags"], (Json{{"env", "prod"}, {"Owner", "team"}, {"new", "1"}}));
  EXPECT_TRUE(outcome->moved.nothing());
}

TEST_F(WriteTest, LinksAHubAndAddsAPolicyWithoutTouchingOthers) {
  ServiceWrite wish;
  HubWrite hub;
  hub.host = "hub-3.azure-devices.net";
  hub.connection_string = Secret(test::full(hub.host, "bmV3"));
  hub.location = "eastus";
  wish.hubs = {hub};
  PolicyWrite policy;
  policy.name = "writer";
  policy.rights = lenient_rights("EnrollmentWrite");
  wish.policies = {policy};
  const auto outcome = write(wish);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->moved.nothing());
  EXPECT_EQ(outcome->after.linked_hubs.size(), 3U);
  EXPECT_EQ(keys["value"].size(), 3U);
  EXPECT_EQ(methods().back(), "POST/listkeys");  // were the others' keys kept?
}

TEST_F(WriteTest, SeesThatAServiceMadeAKeyAnew) {
  PolicyWrite policy;
  policy.name = "writer";
  policy.rights = lenient_rights("EnrollmentWrite");
  ServiceWrite wish;
  wish.policies = {policy};
  second_writer = [&](const std::string& call) {
    if (call == "POST2") keys["value"][1]["primaryKey"] = "someone's";
  };
  EXPECT_EQ(write(wish)->moved.fields, (Lines{"sharedAccessPolicies[reader].keys"}));
}

TEST_F(WriteTest, ReadsAgainUntilKeysAndDocumentBelongTogether) {
  // Between listkeys and GET a policy is added: the keys that were read lack it.
  second_writer = [&](const std::string& call) {
    if (call != "GET1") return;
    edit([](Json&) {});
    keys["value"].push_back({{"keyName", "late"}, {"primaryKey", "a"}, {"secondaryKey", "b"}});
  };
  const auto start = fresh();
  ASSERT_TRUE(start);
  EXPECT_EQ(start->live.etag.text, "AAAA2=");
  EXPECT_EQ(start->policies->size(), 3U);
  EXPECT_EQ(methods(), (Lines{"POST/listkeys", "GET/fleet-eu", "POST/listkeys", "GET/fleet-eu"}));
}

TEST_F(WriteTest, GivesUpOnAServiceThatNeverStandsStill) {
  second_writer = [&](const std::string& call) {
    if (call.starts_with("GET")) edit([](Json&) {});
  };
  const auto start = fresh();
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().id, "Conflict");
  EXPECT_EQ(start.error().next, NextMove::ReadAgain);
  EXPECT_EQ(wire.count("PUT", ""), 0U);
}

TEST_F(WriteTest, IsBlockedWithoutTheRightToListKeys) {
  wire.on("POST", "/fleet-eu/listkeys", answer(403, test::gateway_error("AuthorizationFailed")));
  EXPECT_EQ(fresh().error().id, "KeysUnreadable");
  EXPECT_TRUE(fresh(Keys::NotNeeded));
}

TEST_F(WriteTest, IsRefusedWhenSomebodyWasFasterAndTheServiceChecks) {
  second_writer = [&](const std::string& call) {
    if (call == "PUT1") edit([](Json& j) { j["tags"]["theirs"] = "1"; });
  };
  const auto outcome = write(capacity(3));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id, "PreconditionFailed");
  EXPECT_EQ(outcome.error().next, NextMove::ReadAgain);
  EXPECT_EQ(service["tags"]["theirs"], "1");
  EXPECT_EQ(service["sku"]["capacity"], 1);
}

TEST_F(WriteTest, ReadsAgainWhenTheReadIsOld) {
  auto start = fresh();
  ASSERT_TRUE(start);
  clock.advance(seconds{3});
  const auto outcome = write_service(client, *start, capacity(3), {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(wire.count("GET", "/fleet-eu"), 3U);
  EXPECT_EQ(outcome->window, seconds{0});
}

TEST_F(WriteTest, StopsWhenAnOldReadIsNoLongerTrue) {
  auto start = fresh();
  clock.advance(seconds{3});
  edit([](Json& j) { j["tags"]["theirs"] = "1"; });
  const auto outcome = write_service(client, *start, capacity(3), {});
  EXPECT_EQ(outcome.error().id, "PreconditionFailed");
  EXPECT_EQ(wire.count("PUT", ""), 0U);
}

TEST_F(WriteTest, DoesNotWriteWhileAzureIsAtWork) {
  service["properties"]["state"] = "Transitioning";
  EXPECT_EQ(write(capacity(3)).error().id, "InTransition");
  EXPECT_EQ(wire.count("PUT", ""), 0U);
}

TEST_F(WriteTest, GoesOnWithoutIfMatchWhenTheServiceRefusesIt) {
  if_match = "refused";
  const auto outcome = write(capacity(3));
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_EQ(service["sku"]["capacity"], 3);
  EXPECT_EQ(wire.count("PUT", ""), 3U);
  EXPECT_EQ(wire.last("PUT").headers.count("if-match"), 0U);
  EXPECT_EQ((*parse_json(wire.last("PUT").body))["etag"], "AAAA1=");
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].id, "IfMatchRefused");

  // It is remembered, and not said again.
  ASSERT_TRUE(write(capacity(4)));
  EXPECT_EQ(wire.count("PUT", ""), 4U);
  EXPECT_EQ(notices.size(), 1U);
}

TEST_F(WriteTest, ReportsWhatMovedUnderAServiceThatDoesNotCheck) {
  if_match = "ignored";
  second_writer = [&](const std::string& call) {
    // After the PUT, before the read back.
    if (call == "GET2") {
      edit([](Json& j) {
        j["tags"]["theirs"] = "1";
        j["properties"]["allocationPolicy"] = "Static";
        j["properties"]["iotHubs"].erase(1);
        j["sku"]["capacity"] = 7;
      });
    }
  };
  const auto outcome = write(capacity(3));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->moved.foreign_tags, (Lines{R"(tags["theirs"])"}));
  EXPECT_EQ(outcome->moved.fields,
            (Lines{"allocationPolicy", "linkedHubs[hub-2.azure-devices.net]"}));
  EXPECT_EQ(outcome->moved.not_taken, (Lines{"sku.capacity"}));
}

TEST_F(WriteTest, DoesNotCountWhatTheServiceAddsByItself) {
  second_writer = [&](const std::string& call) {
    if (call == "GET2") {
      service["properties"]["newMember"] = true;
      service["properties"]["iotHubs"][1]["authenticationType"] = "KeyBased";
      service["location"] = "westeurope";
      service["tags"]["hidden-link"] = "portal";
    }
  };
  EXPECT_TRUE(write(capacity(3))->moved.nothing());
}

TEST_F(WriteTest, SaysWhyAnOperationFailed) {
  wire.on(
      "GET", "/op", answer(404, test::provider_error(404002, "Unable to find the IoThub hub-3")));
  const auto outcome = write(capacity(3));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id, "HubNotFound");
}

TEST_F(WriteTest, PassesALostAnswerOn) {
  wire.on("PUT",
          "/fleet-eu",
          tl::unexpected(http::SendFailure{
              http::Delivery::MaybeSent, {NextMove::ReadAgain, "LostAnswer", "lost", {}, 0, {}}}));
  const auto outcome = write(capacity(3));
  EXPECT_EQ(outcome.error().id, "LostAnswer");
  EXPECT_EQ(outcome.error().next, NextMove::ReadAgain);
  EXPECT_EQ(wire.count("PUT", ""), 1U);
}

TEST_F(WriteTest, WaitsForTheEndOfATransitionBeforeItReadsBack) {
  second_writer = [&](const std::string& call) {
    if (call == "GET2") service["properties"]["state"] = "Transitioning";
    if (call == "GET3") service["properties"]["state"] = "Active";
  };
  EXPECT_EQ(write(capacity(3))->after.state, "Active");
}

class CreateTest : public testing::Test, public test::ScriptedArm {
 protected:
  ServiceCreate create;
  void SetUp() override {
    create.id = test::kFleet;
    create.location = "westeurope";
    create.sku = {"S1", 1};
    wire.on("PUT",
            "/fleet-eu",
            answer(201, "{}", {{"azure-asyncoperation", "https://management.azure.com/op"}}));
    wire.on("GET", "/op", answer(200, R"({"status":"Succeeded"})"));
  }
};

TEST_F(CreateTest, LooksWritesFollowsAndReadsBack) {
  wire.on("GET", "/fleet-eu", {test::missing(), answer(200, test::document().dump())});
  const auto live = create_service(client, test::kVersion, create, {});
  ASSERT_TRUE(live);
  EXPECT_EQ(live->id_scope, "0ne00000001");
  EXPECT_EQ(wire.seen().size(), 4U);
}

TEST_F(CreateTest, NeverWritesOverAServiceThatIsThere) {
  wire.on("GET", "/fleet-eu", answer(200, test::document().dump()));
  const auto live = create_service(client, test::kVersion, create, {});
  EXPECT_EQ(live.error().id, "AlreadyExists");
  EXPECT_EQ(live.error().next, NextMove::ReadAgain);
  EXPECT_EQ(wire.count("PUT", ""), 0U);
}

TEST_F(CreateTest, NeverWritesWhenItCouldNotLook) {
  wire.on("GET", "/fleet-eu", answer(404, test::gateway_error("ResourceGroupNotFound")));
  EXPECT_EQ(create_service(client, test::kVersion, create, {}).error().id, "ResourceGroupNotFound");
  EXPECT_EQ(wire.count("PUT", ""), 0U);
}

TEST_F(CreateTest, FailsWhenTheNewServiceDoes) {
  auto failed = test::document();
  failed["properties"]["state"] = "ActivationFailed";
  wire.on("GET", "/fleet-eu", {test::missing(), answer(200, failed.dump())});
  EXPECT_EQ(create_service(client, test::kVersion, create, {}).error().id, "OperationFailed");
}

class RemoveTest : public testing::Test, public test::ScriptedArm {
 protected:
  void SetUp() override {
    wire.on("DELETE",
            "/fleet-eu",
            answer(202,
                   "null",
                   {{"azure-asyncoperation", "https://management.azure.com/op"},
                    {"retry-after", "15"}}));
    wire.on("GET", "/op", answer(200, R"({"status":"Succeeded"})"));
  }
  Result<void> remove(const RemovalGuard& guard = {{"AAAA1="}, "0ne00000001"}) {
    return remove_service(client, test::kFleet, test::kVersion, guard, {});
  }
  const http::Answer there = answer(200, test::document().dump());
};

TEST_F(RemoveTest, ChecksDeletesFollowsAndConfirms) {
  wire.on("GET", "/fleet-eu", {there, test::missing()});
  ASSERT_TRUE(remove());
  EXPECT_EQ(wire.last("DELETE").headers.at("if-match"), "AAAA1=");
  EXPECT_EQ(wire.seen().size(), 4U);
}

TEST_F(RemoveTest, TakesMissingForDone) {
  wire.on("GET", "/fleet-eu", test::missing());
  EXPECT_TRUE(remove());
  EXPECT_EQ(wire.count("DELETE", ""), 0U);
}

TEST_F(RemoveTest, NeverDeletesAnotherService) {
  wire.on("GET", "/fleet-eu", there);
  EXPECT_EQ(remove({{}, "0ne0000OTHER"}).error().id, "OtherService");
  EXPECT_EQ(remove({{"AAAA0="}, ""}).error().id, "PreconditionFailed");
  EXPECT_EQ(wire.count("DELETE", ""), 0U);
}

TEST_F(RemoveTest, NeverTakesAMissingGroupForAMissingService) {
  wire.on("GET", "/fleet-eu", answer(404, test::gateway_error("SubscriptionNotFound")));
  EXPECT_FALSE(remove());
}

TEST_F(RemoveTest, LooksAfterALostAnswer) {
  wire.on("DELETE",
          "/fleet-eu",
          tl::unexpected(http::SendFailure{
              http::Delivery::MaybeSent, {NextMove::ReadAgain, "LostAnswer", "lost", {}, 0, {}}}));
  wire.on("GET", "/fleet-eu", {there, test::missing()});
  EXPECT_TRUE(remove());
  test::ScriptedArm other;
  other.wire.on(
      "DELETE",
      "/fleet-eu",
      tl::unexpected(http::SendFailure{http::Delivery::MaybeSent,
                                       {NextMove::ReadAgain, "LostAnswer", "", {}, 0, {}}}));
  other.wire.on("GET", "/fleet-eu", there);
  EXPECT_EQ(remove_service(other.client, test::kFleet, test::kVersion, {}, {}).error().id,
            "LostAnswer");
}

TEST_F(RemoveTest, WaitsForADeleteOfSomebodyElse) {
  auto going = test::document();
  going["properties"]["state"] = "Deleting";
  wire.on(
      "GET", "/fleet-eu", {answer(200, going.dump()), answer(200, going.dump()), test::missing()});
  EXPECT_TRUE(remove());
  EXPECT_EQ(wire.count("DELETE", ""), 0U);
}

}  // namespace
}  // namespace dps::arm

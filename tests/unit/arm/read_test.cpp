#include "reconciler/arm/read.hpp"

#include <gtest/gtest.h>

#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

using test::answer;
using test::page;

const std::string kOther = "99999999-2222-3333-4444-555555555555";

class Secrets final : public SecretReader {
 public:
  Result<Secret> read(const SecretReference& reference, std::stop_token) override {
    const auto* variable = std::get_if<EnvironmentReference>(&reference);
    if (variable == nullptr || variable->variable == "MISSING") {
      return fail(give_up("SecretMissing", "not set"));
    }
    return Secret(variable->variable);
  }
};

class ReadTest : public testing::Test, public test::ScriptedArm {
 protected:
  DesiredService& want(const ServiceId& id) {
    auto& service = desired.services[id];
    service.id = id;
    return service;
  }
  LiveState read() { return read_live(desired, options, client, digester, {}); }
  void no_surprise() const { EXPECT_EQ(wire.unexpected(), std::vector<std::string>{}); }

  DesiredState desired;
  ReadOptions options;
  KeyDigester digester{"0123456789abcdef0123456789abcdef"};
  Secrets secrets;
};

ServiceId named(const std::string& name, const std::string& subscription = test::kSubscription) {
  return {subscription, "iot-eu", name};
}

std::string list_of(const std::string& subscription) {
  return "/subscriptions/" + subscription + "/providers/Microsoft.Devices/provisioningServices";
}

TEST_F(ReadTest, CostsOneListPerSubscription) {
  want(named("a"));
  want(named("b"));
  want(named("c", kOther));
  wire.on(
      "GET",
      list_of(test::kSubscription),
      page({test::document(named("a")), test::document(named("b")), test::document(named("x"))}));
  wire.on("GET", list_of(kOther), page(Json::array({test::document(named("c", kOther))})));
  const auto live = read();
  EXPECT_EQ(live.services.size(), 4U);  // the one that nobody names too
  EXPECT_EQ(wire.seen().size(), 2U);
  EXPECT_TRUE(live.unreadable.empty() && live.unlisted.empty() && live.missing.empty());
  no_surprise();
}

TEST_F(ReadTest, CostsPagesAndOneCertificateListPerServiceThatNamesSome) {
  want(named("a")).certificates.emplace();
  want(named("b"));
  const auto second = "https://management.azure.com/page2";
  wire.on("GET", "/provisioningServices", page(Json::array({test::document(named("a"))}), second));
  wire.on("GET", "/page2", page(Json::array({test::document(named("b"))})));
  wire.on("GET", "/a/certificates", page(Json::array({Json{{"name", "ca"}}})));
  const auto live = read();
  EXPECT_EQ(wire.seen().size(), 3U);
  EXPECT_EQ(live.services.at(named("a")).certificates.entries->at(0).name, "ca");
  EXPECT_FALSE(live.services.at(named("b")).certificates.entries);
  no_surprise();
}

TEST_F(ReadTest, AsksForKeysOnlyWhereAManifestNamesPolicies) {
  want(named("a")).policies.emplace();
  want(named("b"));
  wire.on("GET",
          "/provisioningServices",
          page({test::document(named("a")), test::document(named("b"))}));
  wire.on("POST", "/a/listkeys", answer(200, test::policies().dump()));
  const auto live = read();
  EXPECT_EQ(wire.seen().size(), 2U);
  const auto& policies = live.services.at(named("a")).policies;
  ASSERT_TRUE(policies.entries);
  EXPECT_EQ(policies.entries->at(1).primary_digest, digester.digest("cmVhZGVyMQ=="));
  EXPECT_FALSE(live.services.at(named("b")).policies.entries);
}

TEST_F(ReadTest, AsksForNoKeysWhenToldSo) {
  want(named("a")).policies.emplace();
  options.key_reads = KeyReads::Skip;
  wire.on("GET", "/provisioningServices", page(Json::array({test::document(named("a"))})));
  const auto live = read();
  EXPECT_EQ(wire.seen().size(), 1U);
  const auto& policies = live.services.at(named("a")).policies;
  EXPECT_FALSE(policies.entries || policies.refused);
}

TEST_F(ReadTest, SaysOncePerSubscriptionThatKeysAreDenied) {
  want(named("a")).policies.emplace();
  want(named("b")).policies.emplace();
  wire.on("GET",
          "/provisioningServices",
          page({test::document(named("a")), test::document(named("b"))}));
  wire.on("POST", "/listkeys", answer(403, test::gateway_error("AuthorizationFailed")));
  const auto live = read();
  ASSERT_EQ(live.unseen.size(), 1U);
  EXPECT_EQ(live.unseen[0].scope, "listkeys in subscription " + test::kSubscription);
  EXPECT_EQ(live.services.at(named("a")).policies.refused->id, "AuthorizationFailed");
  EXPECT_TRUE(live.unreadable.empty());
}

TEST_F(ReadTest, ConfirmsThatAServiceIsMissingAndLooksBeforeTheCreate) {
  want(test::kFleet);
  wire.on("GET", "/provisioningServices", page(Json::array()));
  wire.on("GET", "/fleet-eu", test::missing());
  wire.on("GET", "/resourcegroups/iot-eu", answer(200, "{}"));
  wire.on("POST",
          "/checkProvisioningServiceNameAvailability",
          answer(200, R"({"nameAvailable":true,"reason":"Invalid"})"));
  const auto live = read();
  ASSERT_EQ(live.missing.count(test::kFleet), 1U);
  EXPECT_TRUE(live.missing.at(test::kFleet).problems.empty());
  EXPECT_EQ(wire.seen().size(), 4U);
}

TEST_F(ReadTest, LooksOnceAtAGroupInWhichSeveralServicesAreToBeMade) {
  for (const char* name : {"a", "b", "c"}) {
    want(named(name));
    wire.on("GET", std::string("/") + name, test::missing());
  }
  wire.on("GET", list_of(test::kSubscription), page(Json::array()));
  wire.on(
      "GET", "/resourcegroups/iot-eu", answer(404, test::gateway_error("ResourceGroupNotFound")));
  wire.on("POST",
          "/checkProvisioningServiceNameAvailability",
          answer(200, R"({"nameAvailable":true})"));
  const auto live = read();
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_EQ(live.missing.at(named(name)).problems.size(), 1U);
    EXPECT_EQ(live.missing.at(named(name)).problems[0].id, "ResourceGroupNotFound");
  }
  EXPECT_EQ(wire.seen().size(), 1U + 3U + 1U + 3U);  // list, services, group, names
}

TEST_F(ReadTest, TakesTheGatewaysNotFoundForMissingToo) {
  want(test::kFleet).lifecycle.state = LifecycleState::Absent;
  wire.on("GET", "/provisioningServices", page(Json::array()));
  wire.on("GET", "/fleet-eu", answer(404, test::gateway_error("ResourceNotFound")));
  EXPECT_EQ(read().missing.count(test::kFleet), 1U);
  EXPECT_EQ(wire.seen().size(), 2U);  // nothing is to be created: no further look
}

TEST_F(ReadTest, NamesWhatStandsInTheWayOfACreate) {
  want(test::kFleet);
  wire.on("GET", "/provisioningServices", page(Json::array()));
  wire.on("GET", "/fleet-eu", test::missing());
  wire.on(
      "GET", "/resourcegroups/iot-eu", answer(404, test::gateway_error("ResourceGroupNotFound")));
  wire.on("POST",
          "/checkProvisioningServiceNameAvailability",
          answer(200, R"({"nameAvailable":false})"));
  const auto problems = read().missing.at(test::kFleet).problems;
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].id, "ResourceGroupNotFound");
  EXPECT_EQ(problems[1].id, "NameTaken");
}

TEST_F(ReadTest, CreatesNonethelessWhatItMayNotLookAt) {
  want(test::kFleet);
  wire.on("GET", "/provisioningServices", page(Json::array()));
  wire.on("GET", "/fleet-eu", test::missing());
  wire.on("GET", "/resourcegroups/iot-eu", answer(403, test::gateway_error("AuthorizationFailed")));
  wire.on("POST",
          "/checkProvisioningServiceNameAvailability",
          answer(403, test::gateway_error("AuthorizationFailed")));
  const auto live = read();
  EXPECT_TRUE(live.missing.at(test::kFleet).problems.empty());
  EXPECT_EQ(live.unseen.size(), 2U);
}

TEST_F(ReadTest, NeverTakesAnErrorForMissing) {
  for (const auto& trouble : {answer(404, test::gateway_error("ResourceGroupNotFound")),
                              answer(404, test::gateway_error("SubscriptionNotFound")),
                              answer(404, ""),
                              answer(404, test::gateway_error("InvalidResourceType")),
                              answer(403, test::gateway_error("AuthorizationFailed")),
                              answer(500),
                              answer(200, "{}"),
                              test::lost()}) {
    test::ScriptedArm fresh;
    fresh.wire.on("GET", "/provisioningServices", page(Json::array()));
    fresh.wire.on("GET", "/fleet-eu", trouble);
    want(test::kFleet);
    const auto live = read_live(desired, options, fresh.client, digester, {});
    EXPECT_TRUE(live.missing.empty());
    EXPECT_EQ(live.unreadable.count(test::kFleet), 1U);
  }
}

TEST_F(ReadTest, GoesByGroupAndThenByServiceWhereTheListIsDenied) {
  const ServiceId in_open{test::kSubscription, "open", "a"};
  const ServiceId in_closed{test::kSubscription, "closed", "b"};
  want(in_open);
  want(in_closed);
  const auto denied = answer(403, test::gateway_error("AuthorizationFailed"));
  wire.on("GET", list_of(test::kSubscription), denied);
  wire.on("GET",
          "/resourceGroups/open/providers/Microsoft.Devices/provisioningServices",
          page(Json::array({test::document(in_open)})));
  wire.on("GET", "/resourceGroups/closed/providers/Microsoft.Devices/provisioningServices", denied);
  wire.on("GET", "/b", answer(200, test::document(in_closed).dump()));
  const auto live = read();
  EXPECT_EQ(live.services.size(), 2U);
  EXPECT_EQ(live.unlisted.count(test::kSubscription), 1U);  // nothing is pruned here
  EXPECT_TRUE(live.unreadable.empty());
  EXPECT_EQ(wire.seen().size(), 4U);
  no_surprise();
}

TEST_F(ReadTest, GivesTheErrorOfAListToEveryServiceOfItsSubscription) {
  want(named("a"));
  want(named("b"));
  want(named("c", kOther));
  wire.on("GET",
          list_of(test::kSubscription),
          answer(404, test::gateway_error("SubscriptionNotFound")));
  wire.on("GET", list_of(kOther), page(Json::array({test::document(named("c", kOther))})));
  const auto live = read();
  EXPECT_EQ(live.unlisted.at(test::kSubscription).id, "SubscriptionNotFound");
  EXPECT_EQ(live.unreadable.size(), 2U);
  EXPECT_EQ(live.services.size(), 1U);
  EXPECT_TRUE(live.missing.empty());
}

TEST_F(ReadTest, KeepsARefusedCertificateListApartFromAnEmptyOne) {
  want(named("a")).certificates.emplace();
  wire.on("GET", "/provisioningServices", page(Json::array({test::document(named("a"))})));
  wire.on("GET", "/a/certificates", answer(500));
  const auto certificates = read().services.at(named("a")).certificates;
  EXPECT_FALSE(certificates.entries);
  EXPECT_EQ(certificates.refused->id, "ServerError");
}

TEST_F(ReadTest, ChecksAChangeOfTheSku) {
  want(named("a")).sku = Sku{"S1", 2};
  want(named("b")).sku = Sku{"S9", 1};
  want(named("c")).sku = Sku{"s1", 1};
  wire.on(
      "GET",
      "/provisioningServices",
      page({test::document(named("a")), test::document(named("b")), test::document(named("c"))}));
  wire.on("GET", "/skus", page(Json::array({Json{{"name", "S1"}}})));
  const auto live = read();
  EXPECT_EQ(wire.seen().size(), 3U);
  EXPECT_EQ(live.services.count(named("a")), 1U);
  EXPECT_EQ(live.unreadable.at(named("b")).id, "BadSku");
}

TEST_F(ReadTest, FindsServicesWhateverTheCaseOfTheirIds) {
  want({test::kSubscription, "IOT-EU", "Fleet-EU"});
  wire.on("GET", "/provisioningServices", page(Json::array({test::document()})));
  const auto live = read();
  ASSERT_EQ(live.services.size(), 1U);
  EXPECT_EQ(live.services.begin()->second.id.name, "fleet-eu");
  EXPECT_TRUE(live.missing.empty());
}

TEST_F(ReadTest, ReadsManyServicesWithFewThreads) {
  options.concurrency = 3;
  Json all = Json::array();
  for (int i = 0; i < 40; ++i) {
    const auto id = named("s" + std::to_string(i));
    want(id).certificates.emplace();
    want(id).policies.emplace();
    all.push_back(test::document(id));
  }
  wire.on("GET", "/provisioningServices", page(all));
  wire.on("GET", "/certificates", page(Json::array()));
  wire.on("POST", "/listkeys", answer(200, test::policies().dump()));
  const auto live = read();
  EXPECT_EQ(wire.seen().size(), 1U + 40 + 40);
  for (const auto& [id, service] : live.services) {
    EXPECT_TRUE(service.certificates.entries && service.policies.entries) << id.name;
  }
}

TEST_F(ReadTest, ReadsOneServiceAfresh) {
  auto& service = want(test::kFleet);
  service.certificates.emplace();
  service.policies.emplace();
  wire.on("GET", "/fleet-eu", answer(200, test::document().dump()));
  wire.on("GET", "/fleet-eu/certificates", page(Json::array()));
  wire.on("POST", "/fleet-eu/listkeys", answer(200, test::policies().dump()));
  const auto live = read_one(service, options, client, digester, {});
  ASSERT_TRUE(live);
  EXPECT_TRUE(live->certificates.entries && live->policies.entries);
  EXPECT_EQ(wire.seen().size(), 3U);
}

class ReadKeysTest : public ReadTest {
 protected:
  void link(const ServiceId& id, const std::string& host, HubCredential credential) {
    auto& service = want(id);
    if (!service.linked_hubs) service.linked_hubs.emplace();
    DesiredHub hub;
    hub.host_name = host;
    hub.credential = std::move(credential);
    service.linked_hubs->push_back(std::move(hub));
  }
  KeyFacts keys() { return read_keys(desired, live, options, client, secrets, digester, {}); }
  static HubKeyReference at(const std::string& hub, KeyKind kind = KeyKind::Primary) {
    return {test::kSubscription, "iot-eu", hub, "iothubowner", kind};
  }
  LiveState live;
  const http::Answer hub_answer = answer(
      200, R"({"keyName":"iothubowner","primaryKey":"cDE=","secondaryKey":"czE=","rights":"x"})");
};

TEST_F(ReadKeysTest, AskEachHubOnceHoweverManyServicesLinkIt) {
  const std::string host = "Hub-1.azure-devices.net";
  link(named("a"), host, at("hub-1"));
  link(named("b"), host, at("HUB-1", KeyKind::Secondary));
  link(named("b"), "hub-2.azure-devices.net", at("hub-2"));
  wire.on("POST", "/IotHubKeys/iothubowner/listkeys", hub_answer);
  const auto facts = keys();
  EXPECT_EQ(wire.seen().size(), 2U);
  const auto of = [&](const std::string& service) {
    return facts.hubs.at({named(service), lower(host)});
  };
  EXPECT_EQ(of("a").digest, hub_fingerprint(named("a"), {host, "iothubowner", Secret("cDE=")}));
  EXPECT_EQ(of("b").digest, hub_fingerprint(named("b"), {host, "iothubowner", Secret("czE=")}));
}

TEST_F(ReadKeysTest, SayWhyAHubCannotBeAsked) {
  link(named("a"), "hub-1.azure-devices.net", at("hub-1"));
  wire.on("POST", "/listkeys", answer(404, test::gateway_error("ResourceNotFound")));
  EXPECT_EQ(keys().hubs.at({named("a"), "hub-1.azure-devices.net"}).problem->id, "HubNotFound");
}

TEST_F(ReadKeysTest, AskNoHubWhenToldSo) {
  link(named("a"), "hub-1.azure-devices.net", at("hub-1"));
  options.key_reads = KeyReads::Skip;
  EXPECT_EQ(keys().hubs.at({named("a"), "hub-1.azure-devices.net"}), KeyFact{});
  EXPECT_TRUE(wire.seen().empty());
}

TEST_F(ReadKeysTest, ReadConnectionStringsAndCheckTheirHost) {
  const std::string host = "hub-1.azure-devices.net";
  const auto text = test::full(host, "cDE=");
  link(named("a"), host, SecretReference(EnvironmentReference{text}));
  link(named("b"), "hub-2.azure-devices.net", SecretReference(EnvironmentReference{text}));
  link(named("c"), host, SecretReference(EnvironmentReference{"MISSING"}));
  link(named("d"), host, SecretReference(EnvironmentReference{"nonsense"}));
  const auto facts = keys();
  EXPECT_EQ(facts.hubs.at({named("a"), host}).digest,
            hub_fingerprint(named("a"), {host, "iothubowner", Secret("cDE=")}));
  EXPECT_EQ(facts.hubs.at({named("b"), "hub-2.azure-devices.net"}).problem->id,
            "BadConnectionString");
  EXPECT_EQ(facts.hubs.at({named("c"), host}).problem->id, "SecretMissing");
  EXPECT_EQ(facts.hubs.at({named("d"), host}).problem->id, "BadConnectionString");
}

TEST_F(ReadKeysTest, DigestPolicyKeys) {
  auto& service = want(named("a"));
  service.policies.emplace();
  DesiredPolicy policy;
  policy.name = "Writer";
  policy.primary_key = EnvironmentReference{"cDE="};
  policy.secondary_key = EnvironmentReference{"MISSING"};
  service.policies->push_back(policy);
  const auto facts = keys();
  EXPECT_EQ(facts.primary_keys.at({named("a"), "writer"}).digest, digester.digest("cDE="));
  EXPECT_EQ(facts.secondary_keys.at({named("a"), "writer"}).problem->id, "SecretMissing");
}

TEST_F(ReadKeysTest, LeaveOutServicesThatCannotBeRead) {
  link(named("a"), "hub-1.azure-devices.net", at("hub-1"));
  live.unreadable.emplace(named("a"), Error{});
  EXPECT_TRUE(keys().hubs.empty());
  EXPECT_TRUE(wire.seen().empty());
}

TEST_F(ReadKeysTest, GiveTheConnectionStringForTheMomentOfTheWrite) {
  wire.on("POST", "/listkeys", hub_answer);
  const auto connection = hub_connection(
      "hub-1.azure-devices.net", at("hub-1", KeyKind::Secondary), client, secrets, {});
  ASSERT_TRUE(connection);
  EXPECT_EQ(connection->text().reveal(), test::full("hub-1.azure-devices.net", "czE="));
}

}  // namespace
}  // namespace dps::arm

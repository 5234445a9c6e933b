// Every kind of trouble on every request of a pass: it converges or ends in a clear error, and the
// next pass converges; no write is sent twice in the dark, nothing is lost, no key is made anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Trouble {
  std::string name;
  SimJson action;
};

SimJson status(int code, const SimJson& body, SimJson headers = SimJson::object()) {
  headers["content-type"] = "application/json";
  return {{"kind", "status"}, {"status", code}, {"headers", headers}, {"body", body.dump()}};
}

SimJson gateway(int code, const std::string& id, SimJson headers = SimJson::object()) {
  headers["x-ms-failure-cause"] = "gateway";
  return status(code, {{"error", {{"code", id}, {"message", "No."}}}}, std::move(headers));
}

SimJson provider(int code, int number, const std::string& message) {
  return status(
      code,
      {{"code", number}, {"httpStatusCode", "X"}, {"message", message + ", errorcode: IH1."}});
}

std::vector<Trouble> troubles() {
  const auto after = [](SimJson action) {
    action["when"] = "after";
    return action;
  };
  const SimJson html = {
      {"kind", "status"},
      {"status", 503},
      {"headers", {{"content-type", "text/html"}}},
      {"body", "<html><body>Our services aren't available right now</body></html>"}};
  return {
      {"reset before", {{"kind", "reset"}}},
      {"reset after", {{"kind", "reset"}, {"when", "after"}}},
      {"close before", {{"kind", "close"}}},
      {"close after", {{"kind", "close"}, {"when", "after"}}},
      {"500 before", gateway(500, "InternalServerError")},
      {"500 after", after(gateway(500, "InternalServerError"))},
      {"500019 before", provider(500, 500019, "An error")},
      {"502 before", gateway(502, "BadGatewayConnection")},
      {"502 after", after(gateway(502, "BadGatewayConnection"))},
      {"503 HTML before", html},
      {"503 HTML after", after(html)},
      {"503 with Retry-After", gateway(503, "ServerBusy", {{"retry-after", "3"}})},
      {"504 before", gateway(504, "GatewayTimeout")},
      {"504 after", after(gateway(504, "GatewayTimeout"))},
      {"408 before", gateway(408, "RequestTimeout")},
      {"408 after", after(gateway(408, "RequestTimeout"))},
      {"429 with Retry-After",
       gateway(429, "SubscriptionRequestsThrottled", {{"retry-after", "7"}})},
      {"429 without Retry-After", gateway(429, "RetryableError")},
      {"409301", provider(409, 409301, "IotDpsState is Transitioning")},
      {"412", provider(412, 412001, "Invalid ETag supplied")},
      {"401", gateway(401, "ExpiredAuthenticationToken")},
      {"truncated", {{"kind", "truncate"}}},
      {"not JSON",
       {{"kind", "status"}, {"status", 200}, {"body", "{\"value\": [oops"}, {"when", "after"}}},
      {"empty body", {{"kind", "status"}, {"status", 200}, {"body", ""}, {"when", "after"}}},
      {"empty object", {{"kind", "status"}, {"status", 200}, {"body", "{}"}, {"when", "after"}}},
  };
}

/// A pass to be troubled: the world before it, and what must be so in the end.
struct Pass {
  std::string name;
  std::function<void(Lab&)> prepare;
  std::function<void(Lab&)> check;       // after convergence
  std::string written;                   // the write: "PUT", "PATCH", "DELETE"
  std::vector<std::string> keys_kept{};  // policies
};

std::vector<Pass> passes() {
  const auto update = [](Lab& lab) {
    lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
    lab.apply();
    add_the_others(lab);
    lab.manifest("fleet.yaml",
                 shared_fleet(20, "test", "    - {name: reader, rights: [EnrollmentRead]}\n"));
  };
  const auto others_are_there = [](Lab& lab) {
    const auto now = lab.service("fleet");
    EXPECT_FALSE(hub_link(now, "hub-2").is_null());
    EXPECT_EQ(now.at("tags").at("team"), "blue");
    EXPECT_EQ(policy(now, "theirs").at("primaryKey"), random_key('T'));
    EXPECT_EQ(now.at("properties").at("ipFilterRules").size(), 1U);
  };
  return {
      {"create",
       [](Lab& lab) { lab.manifest("fleet.yaml", shared_fleet(10, "prod")); },
       [](Lab& lab) { EXPECT_FALSE(hub_link(lab.service("fleet"), "hub-1").is_null()); },
       "PUT"},
      {"update",
       update,
       [=](Lab& lab) {
         others_are_there(lab);
         EXPECT_EQ(hub_link(lab.service("fleet"), "hub-1").at("allocationWeight"), 20);
       },
       "PUT",
       {"provisioningserviceowner", "writer", "theirs"}},
      {"tags",
       [=](Lab& lab) {
         lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
         lab.apply();
         add_the_others(lab);
         lab.manifest("fleet.yaml", shared_fleet(10, "test"));
       },
       [=](Lab& lab) {
         others_are_there(lab);
         EXPECT_EQ(lab.service("fleet").at("tags").at("env"), "test");
       },
       "PATCH",
       {"provisioningserviceowner", "writer", "theirs"}},
      {"adopt",
       [=](Lab& lab) {
         lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
         lab.apply();
         add_the_others(lab);
         SimJson none = SimJson::object();
         const auto tags = lab.service("fleet").at("tags");
         for (const auto& [name, value] : tags.items()) {
           if (name.starts_with("dps-reconciler")) none[name] = nullptr;
         }
         lab.edit(service_path("fleet"), {{"tags", none}});
       },
       [=](Lab& lab) {
         others_are_there(lab);
         EXPECT_EQ(lab.service("fleet").at("tags").at("dps-reconciler"), "default");
       },
       "PUT",
       {"provisioningserviceowner", "writer", "theirs"}},
      {"delete",
       [](Lab& lab) {
         lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
         lab.apply();
         lab.manifest(
             "fleet.yaml",
             std::string(kHead) +
                 fmt::format(
                     "lifecycle: {{state: absent, idScope: {}}}\n",
                     lab.service("fleet").at("properties").at("idScope").get<std::string>()));
       },
       [](Lab& lab) { EXPECT_TRUE(lab.service("fleet").is_null()); },
       "DELETE"},
  };
}

bool same_keys(const SimJson& before, const SimJson& after, const std::string& name) {
  const auto was = policy(before, name), is = policy(after, name);
  return !is.is_null() && was.at("primaryKey") == is.at("primaryKey") &&
         was.at("secondaryKey") == is.at("secondaryKey");
}

class Troubled : public testing::TestWithParam<Pass> {};

TEST_P(Troubled, EveryRequestByEveryTrouble) {
  const auto& pass = GetParam();
  Lab lab;
  pass.prepare(lab);
  const auto start = lab.state();
  lab.forget_requests();
  lab.apply();
  const auto requests = arm_requests(lab);
  pass.check(lab);
  ASSERT_THAT(requests, Contains(HasSubstr(pass.written + " ")));

  int runs = 0, converged = 0, failed = 0, lost = 0;
  for (const auto& trouble : troubles()) {
    for (std::size_t nth = 1; nth <= requests.size(); ++nth) {
      SCOPED_TRACE(fmt::format("{} on request {}: {}", trouble.name, nth, requests.at(nth - 1)));
      no_faults(lab);
      ASSERT_FALSE(lab.simulator().world().set_state(start).has_value());
      lab.forget_requests();
      const auto before = lab.service("fleet");
      fault_on(lab, nth, trouble.action);
      const auto report = lab.apply();
      no_faults(lab);
      ++runs;
      const auto writes = lab.writes();
      std::size_t taken = 0;  // answered well, or done before the answer went astray
      for (const auto& write : writes) taken += write.status / 100 == 2 ? 1U : 0U;
      const bool hit_the_write = requests.at(nth - 1).starts_with(pass.written + " ");
      const bool done_and_lost = hit_the_write && trouble.action.value("when", "before") == "after";
      // What was done is not done again: with the lost one there is exactly one that took effect.
      EXPECT_LE(taken + (done_and_lost && taken > 0 && writes.size() > 1 ? 1U : 0U), 1U)
          << told(report) << testing::PrintToString(arm_requests(lab));
      if (report.failed() || report.services.empty()) {
        ++failed;
        const auto ids = error_ids(report);
        EXPECT_FALSE(ids.empty()) << told(report);
      } else {
        ++converged;
      }
      lost += done_and_lost ? 1 : 0;
      EXPECT_TRUE(converge(lab).has_value()) << told(report) << plan::render_text(lab.plan(), {});
      pass.check(lab);
      const auto after = lab.service("fleet");
      for (const auto& name : pass.keys_kept) {
        EXPECT_TRUE(same_keys(before, after, name)) << name << "\n" << told(report);
      }
    }
  }
  std::cout << fmt::format(
      "[ counts   ] {}: {} runs over {} requests, {} converged at once, {} ended in an error and "
      "converged in the next pass; {} writes done and their answer lost\n",
      pass.name,
      runs,
      requests.size(),
      converged,
      failed,
      lost);
}

INSTANTIATE_TEST_SUITE_P(Passes, Troubled, testing::ValuesIn(passes()), [](const auto& one) {
  return one.param.name;
});

// ---- operations that fail ----

struct Shape {
  std::string name;
  SimJson action;  // on the first poll; null: the simulator's own failure
};

class FailedOperation : public testing::TestWithParam<Shape> {};

std::vector<Shape> shapes() {
  return {
      {"provider404", provider(404, 404002, "Unable to find the IoThub hub-2 in subscription s")},
      {"statusFailedStringCode",
       status(200,
              {{"status", "Failed"}, {"error", {{"code", "500019"}, {"message", "An error"}}}})},
      {"statusFailedNumericCode",
       status(200, {{"status", "Failed"}, {"error", {{"code", 400309}, {"message", "A value"}}}})},
      {"statusFailedBare", status(200, {{"status", "Failed"}})},
      {"statusCanceled", status(200, {{"status", "Canceled"}})},
  };
}

// The key of hub-1 is sent anew; the operation fails, yet the tags that were sent with it stay.
TEST_P(FailedOperation, LeavesNoFingerprintThatIsBelieved) {
  Lab lab;
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  add_the_others(lab);
  lab.manifest("fleet.yaml", shared_fleet(20, "prod"));
  // The hub's key is another by now.
  auto keys = lab.hub("hub-1").at("properties").at("authorizationPolicies");
  for (auto& key : keys) {
    if (key.at("keyName") == "iothubowner") key["primaryKey"] = random_key('K');
  }
  lab.edit(hub_path("hub-1"), {{"properties", {{"authorizationPolicies", keys}}}});
  EXPECT_THAT(lines(lab.plan()), Contains(HasSubstr("hub-1.azure-devices.net credential")));

  const auto old_link = hub_link(lab.service("fleet"), "hub-1").at("connectionString");
  // What sticks of the failed write: the tags, and not the key.
  auto stuck = lab.service("fleet").at("properties").at("iotHubs");
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"path", "/subscriptions/**perationresults/**"}, {"nth", 1U}}},
        {"do",
         {{"kind", "edit"},
          {"edit",
           {{"id", service_path("fleet")}, {"patch", {{"properties", {{"iotHubs", stuck}}}}}}}}}},
       {{"match", {{"path", "/subscriptions/**perationresults/**"}, {"nth", 1U}}},
        {"do", GetParam().action}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
  const auto report = lab.apply();
  no_faults(lab);
  EXPECT_EQ(report.count(Outcome::Failed), 1U) << told(report);
  EXPECT_EQ(hub_link(lab.service("fleet"), "hub-1").at("connectionString"), old_link);

  EXPECT_THAT(lines(lab.plan()), Contains(HasSubstr("hub-1.azure-devices.net credential")));
  EXPECT_TRUE(converge(lab).has_value());
  EXPECT_THAT(hub_link(lab.service("fleet"), "hub-1").at("connectionString").get<std::string>(),
              HasSubstr(random_key('K')));
  EXPECT_EQ(policy(lab.service("fleet"), "theirs").at("primaryKey"), random_key('T'));
}

INSTANTIATE_TEST_SUITE_P(Shapes, FailedOperation, testing::ValuesIn(shapes()), [](const auto& one) {
  return one.param.name;
});

TEST(FailedOperations, AHubThatIsNotThereFailsTheServiceAndIsTriedAgainByTheNextPass) {
  for (const std::string shown : {"poll-404", "status-failed"}) {
    SCOPED_TRACE(shown);
    Lab lab;
    lab.set_switch("failed-operation", shown);
    lab.variable(
        "HUB_9",
        "HostName=hub-9.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" +
            random_key('9'));
    lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
    lab.apply();
    lab.manifest("hub.yaml", R"(
apiVersion: dps-reconciler/v1
kind: LinkedHub
metadata: {name: hub-9.azure-devices.net}
spec:
  service: {name: fleet, resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}
  location: westeurope
  credential: {connectionString: {env: HUB_9}}
)");
    lab.forget_requests();
    const auto report = lab.apply();
    EXPECT_EQ(report.count(Outcome::Failed), 1U) << told(report);
    EXPECT_EQ(lab.writes().size(), 1U);  // not tried again in the dark
    lab.plant({{"iot_hubs", {{{"id", hub_path("hub-9")}, {"location", "westeurope"}}}}});
    EXPECT_EQ(converge(lab), 1);
  }
}

TEST(FailedOperations, AnUpdateThatFailsIsToldAndTriedAgainByTheNextPass) {
  Lab lab;
  lab.set_switch("failed-operation", "status-failed");
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  lab.set_switch("operation-outcome", "failed");
  lab.manifest("fleet.yaml", shared_fleet(20, "prod"));
  lab.forget_requests();
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Failed), 1U) << told(report);
  EXPECT_THAT(report.services.at(0).left, Contains(HasSubstr("allocationWeight")));
  EXPECT_EQ(lab.writes().size(), 1U);
  lab.set_switch("operation-outcome", "succeeded");
  EXPECT_EQ(converge(lab), 1);
}

TEST(FailedOperations, AFailedCreateIsMadeAgainOnlyWhereNothingIsLeft) {
  for (const std::string left : {"removed", "activation-failed"}) {
    SCOPED_TRACE(left);
    Lab lab;
    lab.set_switch("failed-create", left);
    lab.set_switch("operation-outcome", "failed");
    lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
    const auto report = lab.apply();
    EXPECT_EQ(report.count(Outcome::Failed), 1U) << told(report);
    EXPECT_EQ(lab.writes().size(), 1U);
    lab.set_switch("operation-outcome", "succeeded");
    lab.forget_requests();
    if (left == "removed") {
      EXPECT_EQ(converge(lab), 1);
      continue;
    }
    const auto again = lab.apply();
    EXPECT_EQ(again.count(Outcome::Blocked), 1U) << told(again);
    EXPECT_THAT(lab.writes(), IsEmpty());  // never deleted and created anew
  }
}

TEST(LostWrite, AnUpdateWhoseAnswerWasLostIsReportedAsMade) {
  Lab lab;
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  lab.manifest("fleet.yaml", shared_fleet(20, "prod"));
  lab.forget_requests();
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"method", "PUT"}}}, {"do", {{"kind", "reset"}, {"when", "after"}}}}});
  ASSERT_FALSE(problem.has_value());
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Updated), 1U) << told(report);
  EXPECT_THAT(report.services.at(0).done, Contains(HasSubstr("allocationWeight 10 → 20")));
  EXPECT_EQ(lab.writes().size(), 1U);
}

TEST(LostWrite, ACreateWhoseAnswerWasLostIsReportedAsMade) {
  Lab lab;
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"method", "PUT"}}}, {"do", {{"kind", "reset"}, {"when", "after"}}}}});
  ASSERT_FALSE(problem.has_value());
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Created), 1U) << told(report);
  EXPECT_FALSE(report.services.at(0).id_scope.empty());
  EXPECT_EQ(lab.writes().size(), 1U);
}

// ---- a proxy that answers in ARM's place ----

struct Proxied {
  std::string name;
  std::string method;
  SimJson answer;
  std::function<void(Lab&)> want;  // what the pass is to write
};

std::vector<Proxied> proxied() {
  const SimJson page = {{"kind", "status"},
                        {"status", 200},
                        {"headers", {{"content-type", "text/html; charset=utf-8"}}},
                        {"body", "<html><body>Your session has ended</body></html>"}};
  const SimJson nothing = {{"kind", "status"}, {"status", 200}, {"body", ""}};
  const auto update = [](Lab& lab) { lab.manifest("fleet.yaml", shared_fleet(20, "prod")); };
  const auto tags = [](Lab& lab) { lab.manifest("fleet.yaml", shared_fleet(10, "test")); };
  const auto create = [](Lab& lab) {
    lab.manifest("new.yaml",
                 "{apiVersion: dps-reconciler/v1, kind: ProvisioningService, metadata: {name: new, "
                 "resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}, spec: "
                 "{location: westeurope, sku: {name: S1, capacity: 1}}}");
  };
  const auto remove = [](Lab& lab) {
    const auto scope = lab.service("fleet").at("properties").at("idScope").get<std::string>();
    lab.manifest("fleet.yaml",
                 std::string(kHead) + "lifecycle: {state: absent, idScope: " + scope + "}\n");
  };
  return {{"pageToUpdate", "PUT", page, update},
          {"nothingToUpdate", "PUT", nothing, update},
          {"pageToTags", "PATCH", page, tags},
          {"pageToCreate", "PUT", page, create},
          {"nothingToCreate", "PUT", nothing, create},
          {"pageToDelete", "DELETE", page, remove}};
}

class Proxy : public testing::TestWithParam<Proxied> {
 protected:
  Proxy() {
    lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
    lab.apply();
    GetParam().want(lab);
    lab.forget_requests();
  }
  void strike(SimJson action, unsigned times) {
    const auto problem = lab.simulator().faults().set(
        {{{"match",
           {{"method", GetParam().method}, {"path", "/subscriptions/**"}, {"times", times}}},
          {"do", std::move(action)}}});
    ASSERT_FALSE(problem.has_value()) << *problem;
  }
  Lab lab;
};

TEST_P(Proxy, ThatStaysEndsThePassInSecondsWithItsName) {
  const auto before = lab.state();
  strike(GetParam().answer, 0);
  const auto began = lab.simulator().world().now();
  const auto report = lab.apply();
  EXPECT_LT(lab.simulator().world().now() - began, std::chrono::seconds{20});
  ASSERT_EQ(report.count(Outcome::Failed), 1U) << told(report);
  EXPECT_THAT(told(report), HasSubstr("BadAnswer"));
  EXPECT_THAT(told(report), HasSubstr("a proxy may answer in ARM's place"));
  EXPECT_THAT(told(report),
              HasSubstr(GetParam().answer.at("body") == "" ? "nothing" : "text/html"));
  EXPECT_THAT(told(report), Not(HasSubstr("session has ended")));
  EXPECT_EQ(lab.writes().size(), 2U) << told(report);
  EXPECT_EQ(lab.state().at("provisioning_services"), before.at("provisioning_services"));
  no_faults(lab);
  EXPECT_EQ(converge(lab), 1);
}

TEST_P(Proxy, ThatHidesOneAnswerChangesNothingOfWhatIsMade) {
  auto hidden = GetParam().answer;
  hidden["when"] = "after";
  strike(hidden, 1);
  const auto report = lab.apply();
  EXPECT_FALSE(report.failed()) << told(report);
  EXPECT_EQ(lab.writes().size(), 1U) << told(report);
  lab.simulator().world().advance(std::chrono::minutes{1});
  lab.expect_nothing_to_do();
}

INSTANTIATE_TEST_SUITE_P(Answers, Proxy, testing::ValuesIn(proxied()), [](const auto& one) {
  return one.param.name;
});

}  // namespace
}  // namespace dps::lab

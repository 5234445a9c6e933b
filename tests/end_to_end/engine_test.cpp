// The daemon's engine over real sockets, driven by one thread: what it does at rest, on drift, on
// new revisions, on trouble; removals; persons.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/safety.hpp"
#include "tests/end_to_end/watch.hpp"
#include "tests/support/new_folder.hpp"

namespace dps::lab {
namespace {

using controller::EngineSettings;
using controller::EventKind;
using controller::Mode;
using controller::Standing;
using controller::Truth;
using controller::Work;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string fleet(const std::string& name, int weight = 10, const std::string& more = "") {
  return fmt::format(R"(apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {{name: {}, resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}}
spec:
  location: westeurope
  sku: {{name: S1, capacity: 1}}
  allocationPolicy: GeoLatency
  tags: {{env: prod}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
      credential: {{hub: {{resourceGroup: rg, policy: iothubowner, key: primary}}}}
  sharedAccessPolicies:
    - {{name: writer, rights: [EnrollmentWrite]}}
{})",
                     name,
                     weight,
                     more);
}

class EngineTest : public testing::Test {
 protected:
  void start(EngineSettings settings = {}) {
    lab.manifest("fleet.yaml", fleet("fleet"));
    watch = std::make_unique<Watch>(lab, settings);
    watch->take("rev-1");
    watch->pass(minutes{1});
  }
  void change(const std::string& name, const SimJson& properties) {
    lab.edit(service_path(name), {{"properties", properties}});
  }
  void wipe_our_tags() {
    const auto tags = lab.service("fleet").at("tags");
    SimJson none = SimJson::object();
    for (const auto& [name, value] : tags.items()) {
      if (name.starts_with("dps-reconciler")) none[name] = nullptr;
    }
    lab.edit(service_path("fleet"), {{"tags", none}});
  }
  Standing standing(const std::string& name = "fleet") { return watch->of(name)->standing; }

  Lab lab;
  std::unique_ptr<Watch> watch;
};

TEST_F(EngineTest, MakesWhatIsMissingAndIsReadyThen) {
  lab.manifest("fleet.yaml", fleet("fleet"));
  watch = std::make_unique<Watch>(lab);
  EXPECT_FALSE(watch->engine->health().ready);
  watch->take("rev-1");
  EXPECT_FALSE(watch->engine->health().ready);
  watch->pass(minutes{1});

  EXPECT_TRUE(watch->engine->health().ready);
  const auto status = watch->of("fleet");
  EXPECT_EQ(status->standing, Standing::InSync);
  EXPECT_FALSE(status->id_scope.empty());
  EXPECT_EQ(status->desired_revision, "rev-1");
  EXPECT_EQ(status->observed_revision, "rev-1");
  EXPECT_EQ(status->attempted_revision, "rev-1");
  EXPECT_EQ(watch->listener.count(EventKind::Created), 1U);
  EXPECT_EQ(watch->condition("fleet", "Ready").status, Truth::True);
  lab.expect_nothing_to_do();
}

TEST_F(EngineTest, AtRestListsAndWritesNothing) {
  start();
  watch->pass(minutes{10});
  lab.forget_requests();
  watch->listener.forget();
  watch->pass(minutes{30});

  // Every five minutes, give or take a tenth, one list; no keys within the hour.
  const auto asked = arm_requests(lab);
  EXPECT_GE(asked.size(), 5U);
  EXPECT_LE(asked.size(), 7U);
  for (const auto& one : asked) EXPECT_EQ(one, "GET provisioningServices");
  EXPECT_THAT(lab.writes(), IsEmpty());
  EXPECT_THAT(watch->listener.events(), IsEmpty());
}

TEST_F(EngineTest, ComparesKeysOnceAnHour) {
  start();
  lab.forget_requests();
  watch->pass(hours{3});
  const auto asked = arm_requests(lab);
  const auto keys = std::count_if(asked.begin(), asked.end(), [](const std::string& one) {
    return one.find("provisioningServices/fleet/listkeys") != std::string::npos;
  });
  EXPECT_GE(keys, 2);
  EXPECT_LE(keys, 4);
  EXPECT_THAT(lab.writes(), IsEmpty());
}

TEST_F(EngineTest, HealsDriftWithinTheIntervalAndTellsOfIt) {
  start();
  watch->listener.forget();
  change("fleet", {{"allocationPolicy", "Static"}});
  watch->pass(minutes{6});

  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
  EXPECT_THAT(watch->listener.lines(),
              ElementsAre("drift_found fleet | ~ allocationPolicy Static → GeoLatency",
                          "updated fleet | ~ allocationPolicy Static → GeoLatency"));
  EXPECT_EQ(watch->listener.drifts(), 1U);
  EXPECT_EQ(standing(), Standing::InSync);
}

TEST_F(EngineTest, OnlyReportsDriftInObserveMode) {
  start();
  EngineSettings observing;
  observing.mode = Mode::Observe;
  Watch observer(lab, observing);
  observer.take("rev-1");
  observer.pass(minutes{1});
  change("fleet", {{"allocationPolicy", "Static"}});
  lab.forget_requests();
  observer.pass(hours{2});

  EXPECT_THAT(lab.writes(), IsEmpty());
  EXPECT_EQ(observer.of("fleet")->standing, Standing::Drifted);
  EXPECT_EQ(observer.condition("fleet", "Drifted").status, Truth::True);
  EXPECT_EQ(observer.listener.count(EventKind::DriftFound), 1U) << "said once";
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "Static");
}

TEST_F(EngineTest, WritesAChangeOfTheManifestAtOnceAndReadsOnlyThatService) {
  lab.manifest("other.yaml", fleet("other"));
  start();
  lab.forget_requests();
  lab.manifest("fleet.yaml", fleet("fleet", 20));
  watch->take("rev-2");
  watch->settle();

  for (const auto& one : arm_requests(lab)) {
    EXPECT_EQ(one.find("provisioningServices/other"), std::string::npos) << one;
    EXPECT_NE(one, "GET provisioningServices") << "the subscription was listed";
  }
  EXPECT_THAT(lab.writes(), SizeIs(1));
  EXPECT_EQ(watch->of("fleet")->attempted_revision, "rev-2");
  EXPECT_EQ(watch->of("other")->observed_revision, "rev-2") << "it wants the same as before";
}

TEST_F(EngineTest, KeepsTheLastGoodRevisionWhenANewOneIsFaulty) {
  start();
  auto faulty = lab.load();
  faulty.desired.complete = false;
  manifest::Diagnostic fault;
  fault.mark = {"fleet.yaml", 3, 7};
  fault.message = "no such key";
  faulty.faults = {fault};
  watch->engine->take(faulty, "rev-2");
  watch->engine->take(faulty, "rev-2");
  change("fleet", {{"allocationPolicy", "Static"}});
  watch->pass(minutes{6});

  const auto source = watch->engine->status().source;
  EXPECT_EQ(source.revision, "rev-1");
  EXPECT_EQ(source.refused_revision, "rev-2");
  EXPECT_EQ(source.last_reload_was_good, false);
  EXPECT_EQ(watch->listener.count(EventKind::SourceFault), 1U) << "said once";
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
  EXPECT_TRUE(watch->engine->health().ready);

  watch->take("rev-3");
  EXPECT_EQ(watch->listener.count(EventKind::SourceRecovered), 1U);
  EXPECT_EQ(watch->engine->status().source.fault_count, 0U);
}

TEST_F(EngineTest, WritesNothingAtAColdStartOnAFaultyRevision) {
  lab.manifest("fleet.yaml", fleet("fleet"));
  auto faulty = lab.load();
  faulty.desired.complete = false;
  watch = std::make_unique<Watch>(lab);
  watch->engine->take(faulty, "rev-1");
  watch->pass(hours{1});
  EXPECT_THAT(arm_requests(lab), IsEmpty());
  EXPECT_FALSE(watch->engine->health().ready);
  EXPECT_TRUE(watch->engine->health().alive);
}

TEST_F(EngineTest, LeavesAFieldAloneThatComesBackThreeTimes) {
  start();
  watch->listener.forget();
  for (int round = 0; round < 6; ++round) {
    change("fleet", {{"allocationPolicy", "Static"}});
    watch->pass(minutes{6});
  }
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "Static");
  EXPECT_EQ(watch->listener.count(EventKind::Contested), 1U);
  EXPECT_EQ(watch->listener.count(EventKind::Updated), 3U);
  EXPECT_THAT(watch->of("fleet")->contested, ElementsAre("allocationPolicy"));
  EXPECT_EQ(watch->condition("fleet", "Contested").status, Truth::True);

  // Other fields are kept all the same.
  lab.edit(service_path("fleet"), {{"tags", {{"env", "test"}}}});
  watch->pass(minutes{6});
  EXPECT_EQ(lab.service("fleet").at("tags").at("env"), "prod");
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "Static");

  // A change of the manifest ends it.
  lab.manifest("fleet.yaml", fleet("fleet", 11));
  watch->take("rev-2");
  watch->settle();
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
  EXPECT_THAT(watch->of("fleet")->contested, IsEmpty());
}

TEST_F(EngineTest, PutsItsOwnerTagBackWhateverAdoptSays) {
  lab.manifest("fleet.yaml", fleet("fleet") + "lifecycle: {adopt: never}\n");
  watch = std::make_unique<Watch>(lab);
  watch->take("rev-1");
  watch->pass(minutes{1});
  watch->listener.forget();
  wipe_our_tags();
  watch->pass(minutes{6});

  EXPECT_EQ(watch->listener.count(EventKind::OwnershipLost), 1U);
  EXPECT_EQ(watch->listener.count(EventKind::Failed), 0U);
  EXPECT_EQ(lab.service("fleet").at("tags").at("dps-reconciler"), "default");
  EXPECT_EQ(standing(), Standing::InSync);
  EXPECT_EQ(watch->condition("fleet", "OwnershipLost").status, Truth::False);
}

TEST_F(EngineTest, ANewProcessFollowsAdoptInstead) {
  lab.manifest("fleet.yaml", fleet("fleet") + "lifecycle: {adopt: never}\n");
  {
    Watch first(lab);
    first.take("rev-1");
    first.pass(minutes{1});
  }
  wipe_our_tags();
  Watch fresh(lab);
  fresh.take("rev-1");
  fresh.pass(minutes{6});
  EXPECT_FALSE(lab.service("fleet").at("tags").contains("dps-reconciler"));
  EXPECT_EQ(fresh.of("fleet")->standing, Standing::Blocked);
}

TEST_F(EngineTest, RemovesWhatTheManifestNoLongerNamesOnceAWholeLookHasJudgedIt) {
  start();
  auto policies = lab.service("fleet").at("properties").at("authorizationPolicies");
  policies.push_back({{"keyName", "theirs"},
                      {"primaryKey", random_key('T')},
                      {"secondaryKey", random_key('U')},
                      {"rights", "ServiceConfig"}});
  change("fleet", {{"authorizationPolicies", policies}});
  watch->listener.forget();
  watch->pass(minutes{70});  // seen when keys are compared
  EXPECT_TRUE(policy(lab.service("fleet"), "theirs").is_null());
  EXPECT_FALSE(policy(lab.service("fleet"), "writer").is_null());
  EXPECT_GE(watch->listener.runs(Work::Whole), 1U);
}

TEST_F(EngineTest, HoldsRemovalsThatAGuardWithholdsUntilTheyAreApproved) {
  lab.settings.max_removals = 1;
  std::string three =
      "    - {name: a, rights: [ServiceConfig]}\n"
      "    - {name: b, rights: [ServiceConfig]}\n";
  lab.manifest("fleet.yaml", fleet("fleet", 10, three));
  watch = std::make_unique<Watch>(lab);
  watch->take("rev-1");
  watch->pass(minutes{1});
  lab.manifest("fleet.yaml", fleet("fleet"));
  watch->take("rev-2");
  watch->pass(hours{2});

  EXPECT_FALSE(policy(lab.service("fleet"), "a").is_null());
  EXPECT_FALSE(policy(lab.service("fleet"), "b").is_null());
  const auto held = watch->engine->status();
  ASSERT_THAT(held.guards, SizeIs(1));
  EXPECT_EQ(held.guards.front().count, 2U);
  EXPECT_EQ(watch->of("fleet")->held_by, "max-removals");
  EXPECT_EQ(watch->listener.count(EventKind::GuardHeld), 1U) << "said once";
  EXPECT_FALSE(watch->engine->approve("0000").has_value());

  ASSERT_TRUE(watch->engine->approve(held.approve_digest).has_value());
  watch->pass(minutes{1});
  EXPECT_TRUE(policy(lab.service("fleet"), "a").is_null());
  EXPECT_TRUE(policy(lab.service("fleet"), "b").is_null());
  EXPECT_THAT(watch->engine->status().guards, IsEmpty());
  EXPECT_EQ(standing(), Standing::InSync);
}

TEST_F(EngineTest, HoldsRemovalsThatAreTooManyOnlyTogether) {
  lab.settings.max_removals = 1;
  const std::string more = "    - {name: a, rights: [ServiceConfig]}\n";
  for (const char* name : {"one", "two"}) {
    lab.manifest(std::string(name) + ".yaml", fleet(name, 10, more));
  }
  watch = std::make_unique<Watch>(lab);
  watch->take("rev-1");
  watch->pass(minutes{2});
  for (const char* name : {"one", "two"}) {
    lab.manifest(std::string(name) + ".yaml", fleet(name));
  }
  watch->take("rev-2");
  watch->pass(hours{1});
  EXPECT_FALSE(policy(lab.service("one"), "a").is_null());
  EXPECT_FALSE(policy(lab.service("two"), "a").is_null());
  ASSERT_THAT(watch->engine->status().guards, SizeIs(1));
  EXPECT_EQ(watch->of("one")->held_by, "max-removals");
}

TEST_F(EngineTest, CountsWhatARevisionHasRemovedAlready) {
  lab.settings.prune = true;
  lab.settings.max_deletes = 1;
  for (const char* name : {"one", "two", "fleet"}) {
    lab.manifest(std::string(name) + ".yaml", fleet(name));
  }
  watch = std::make_unique<Watch>(lab);
  watch->take("rev-1");
  watch->pass(minutes{2});
  // The second one cannot be seen to be ours at first.
  lab.edit(service_path("two"), {{"tags", {{"dps-reconciler", "another"}}}});
  lab.remove_manifest("one.yaml");
  lab.remove_manifest("two.yaml");
  watch->take("rev-2");
  watch->pass(minutes{2});
  EXPECT_TRUE(lab.service("one").is_null());
  lab.edit(service_path("two"), {{"tags", {{"dps-reconciler", "default"}}}});
  watch->pass(hours{2});
  EXPECT_FALSE(lab.service("two").is_null()) << "a second delete of one revision, limit 1";
  EXPECT_THAT(watch->engine->status().guards, SizeIs(1));
}

TEST_F(EngineTest, PrunesNothingWhenASubscriptionCannotBeListed) {
  lab.settings.prune = true;
  lab.manifest("gone.yaml", fleet("gone"));
  start();
  lab.remove_manifest("gone.yaml");
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"method", "GET"}, {"path", "/subscriptions/*/providers/**"}, {"times", 0U}}},
        {"do", {{"kind", "status"}, {"status", 403}}}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
  watch->take("rev-2");
  watch->pass(minutes{30});
  EXPECT_FALSE(lab.service("gone").is_null());
  no_faults(lab);
  watch->pass(minutes{30});
  EXPECT_TRUE(lab.service("gone").is_null());
}

TEST_F(EngineTest, SuspendedByAPersonIsKeptOverARestart) {
  const auto folder = test::new_folder("suspend");
  const auto file = (folder / "suspensions.json").string();
  lab.manifest("fleet.yaml", fleet("fleet"));
  {
    Watch first(lab, {}, file);
    first.take("rev-1");
    first.pass(minutes{1});
    ASSERT_TRUE(first.engine->suspend("FLEET", "audit", std::nullopt).has_value());
    first.settle();
    EXPECT_EQ(first.of("fleet")->standing, Standing::Suspended);
  }
  Watch second(lab, {}, file);
  second.take("rev-1");
  change("fleet", {{"allocationPolicy", "Static"}});
  second.pass(minutes{20});
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "Static");
  EXPECT_EQ(second.of("fleet")->standing, Standing::Suspended);
  EXPECT_EQ(second.of("fleet")->held_by, "suspended");

  ASSERT_TRUE(second.engine->resume("fleet").has_value());
  second.settle();
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
  std::filesystem::remove_all(folder);
}

TEST_F(EngineTest, ASuspensionEndsWhenItsTimeIsOver) {
  start();
  ASSERT_FALSE(watch->engine->suspend("fleet", "", lab.clock().wall() + minutes{30}).has_value())
      << "there is no state dir, so it says that a restart forgets it";
  change("fleet", {{"allocationPolicy", "Static"}});
  watch->pass(minutes{25});
  EXPECT_EQ(standing(), Standing::Suspended);
  watch->pass(minutes{12});
  EXPECT_EQ(standing(), Standing::InSync);
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
}

TEST_F(EngineTest, MakesAKindOfChangeOnlyInItsWindow) {
  const auto day = controller::CronExpression::parse("0 3 * * *");
  ASSERT_TRUE(day.has_value());
  EngineSettings settings;
  settings.windows.push_back({controller::WindowEffect::Allow,
                              "0 3 * * *",
                              *day,
                              hours{1},
                              {controller::ChangeClass::Delete},
                              "nightly"});
  lab.manifest("fleet.yaml", fleet("fleet", 10, "    - {name: a, rights: [ServiceConfig]}\n"));
  watch = std::make_unique<Watch>(lab, settings);
  watch->take("rev-1");
  // To a time that lies outside of the window.
  const auto now = lab.clock().wall();
  const auto next = day->next(now + hours{1});
  lab.advance(std::chrono::ceil<Duration>(*next + hours{2} - now));
  watch->pass(minutes{1});
  lab.manifest("fleet.yaml", fleet("fleet", 20));
  watch->take("rev-2");
  watch->pass(minutes{30});
  EXPECT_FALSE(policy(lab.service("fleet"), "a").is_null());
  EXPECT_EQ(hub_link(lab.service("fleet"), "hub-1").at("allocationWeight"), 20) << "not a delete";
  EXPECT_EQ(watch->of("fleet")->held_by, "window");
  watch->pass(hours{23});
  EXPECT_TRUE(policy(lab.service("fleet"), "a").is_null());
}

TEST_F(EngineTest, BacksOffFromAServiceThatFailsAndGoesOnWithTheOthers) {
  lab.manifest("other.yaml", fleet("other"));
  start();
  watch->listener.forget();
  const auto problem = lab.simulator().faults().set(
      {{{"match",
         {{"method", "PUT"},
          {"path", "/subscriptions/**/provisioningServices/fleet"},
          {"times", 0U}}},
        {"do",
         {{"kind", "status"},
          {"status", 400},
          {"body", {{"code", 400001}, {"message", "policy denies it"}}}}}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
  change("fleet", {{"allocationPolicy", "Static"}});
  change("other", {{"allocationPolicy", "Static"}});
  lab.forget_requests();
  watch->pass(hours{5});

  EXPECT_EQ(lab.service("other").at("properties").at("allocationPolicy"), "GeoLatency");
  EXPECT_EQ(standing(), Standing::Failed);
  EXPECT_EQ(watch->listener.count(EventKind::Failed), 1U) << "said once";
  std::size_t tries = 0;
  for (const auto& one : lab.writes()) tries += one.path.ends_with("/fleet") ? 1U : 0U;
  EXPECT_EQ(tries, 1U) << "what can only fail again is tried every six hours";

  no_faults(lab);
  watch->pass(hours{2});
  EXPECT_EQ(standing(), Standing::InSync);
  EXPECT_EQ(watch->listener.count(EventKind::Recovered), 1U);
}

TEST_F(EngineTest, AStandbyReadsAndWritesNothingUntilItLeads) {
  start();
  Watch standby(lab);
  standby.baton.leads_ = false;
  standby.engine->look_at_leadership();
  standby.take("rev-1");
  change("fleet", {{"allocationPolicy", "Static"}});
  lab.forget_requests();
  standby.pass(minutes{20});
  EXPECT_THAT(lab.writes(), IsEmpty());
  EXPECT_TRUE(standby.engine->health().ready);
  EXPECT_EQ(standby.engine->approve("x").error().id, "NotLeading");

  standby.baton.leads_ = true;
  standby.engine->look_at_leadership();
  standby.settle();
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
}

TEST_F(EngineTest, ADrainBeginsNoWrite) {
  start();
  change("fleet", {{"allocationPolicy", "Static"}});
  std::stop_source drain;
  drain.request_stop();
  lab.advance(minutes{6});
  lab.forget_requests();
  watch->stops.drain = drain.get_token();
  EXPECT_TRUE(watch->engine->run_one(watch->stops));
  EXPECT_THAT(lab.writes(), IsEmpty());
  EXPECT_TRUE(watch->engine->next_due().has_value()) << "it is still to be done";
}

TEST_F(EngineTest, ComparesAServiceAsOftenAsItsManifestSays) {
  lab.manifest("fleet.yaml", fleet("fleet") + "lifecycle: {interval: 30s}\n");
  watch = std::make_unique<Watch>(lab);
  watch->take("rev-1");
  watch->pass(minutes{1});
  change("fleet", {{"allocationPolicy", "Static"}});
  watch->pass(seconds{40});
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
}

TEST_F(EngineTest, GoesOnComparingThatOftenAfterAPersonHadEverythingLookedAt) {
  lab.manifest("fleet.yaml", fleet("fleet") + "lifecycle: {interval: 30s}\n");
  watch = std::make_unique<Watch>(lab);
  watch->take("rev-1");
  watch->pass(minutes{1});
  ASSERT_TRUE(watch->engine->reconcile("").has_value());
  watch->settle();
  change("fleet", {{"allocationPolicy", "Static"}});
  watch->pass(seconds{40});
  EXPECT_EQ(lab.service("fleet").at("properties").at("allocationPolicy"), "GeoLatency");
}

TEST_F(EngineTest, TellsAnOutageOfASubscriptionOnceAndNotByEachService) {
  for (const char* name : {"one", "two", "three"}) {
    lab.manifest(std::string(name) + ".yaml", fleet(name));
  }
  start();
  watch->listener.forget();
  const auto problem = lab.simulator().faults().set(
      {{{"match", {{"path", "/subscriptions/**"}, {"times", 0U}}},
        {"do",
         {{"kind", "status"},
          {"status", 401},
          {"body", {{"error", {{"code", "InvalidAuthenticationToken"}, {"message", "no"}}}}}}}}});
  ASSERT_FALSE(problem.has_value()) << *problem;
  watch->pass(minutes{30});
  EXPECT_EQ(watch->listener.count(EventKind::SubscriptionUnreadable), 1U);
  EXPECT_EQ(watch->listener.count(EventKind::Failed), 0U);
  EXPECT_EQ(standing("one"), Standing::Failed);
  EXPECT_THAT(watch->engine->status().subscriptions, SizeIs(1));

  no_faults(lab);
  watch->pass(minutes{30});
  EXPECT_EQ(watch->listener.count(EventKind::Recovered), 1U);
  EXPECT_EQ(standing("one"), Standing::InSync);
  EXPECT_THAT(watch->engine->status().subscriptions, IsEmpty());
}

TEST_F(EngineTest, DeletesNothingThatAPersonSuspendedAfterItWasJudged) {
  lab.settings.prune = true;
  lab.manifest("gone.yaml", fleet("gone"));
  start();
  lab.remove_manifest("gone.yaml");
  watch->take("rev-2");
  ASSERT_TRUE(watch->engine->run_one(watch->stops));  // the whole look, which lets it go
  ASSERT_FALSE(watch->engine->suspend("gone", "not this one", {}).has_value());
  watch->pass(hours{1});
  EXPECT_FALSE(lab.service("gone").is_null());
  static_cast<void>(watch->engine->resume("gone"));
  watch->pass(hours{1});
  EXPECT_TRUE(lab.service("gone").is_null());
}

TEST_F(EngineTest, DeletesNothingThatAManifestNamesAgainBeforeTheDelete) {
  lab.settings.prune = true;
  lab.manifest("gone.yaml", fleet("gone"));
  start();
  const auto scope = watch->of("gone")->id_scope;
  lab.remove_manifest("gone.yaml");
  watch->take("rev-2");
  ASSERT_TRUE(watch->engine->run_one(watch->stops));  // the whole look, which lets it go
  lab.manifest("gone.yaml", fleet("gone"));
  bool named = false;
  watch->baton.then_ = [&] {
    named = true;
    watch->take("rev-3");
  };
  watch->baton.countdown_ = 2;
  watch->pass(minutes{30});
  EXPECT_TRUE(named);
  ASSERT_FALSE(lab.service("gone").is_null());
  EXPECT_EQ(lab.service("gone").at("properties").at("idScope"), scope);
  EXPECT_EQ(standing("gone"), Standing::InSync);
}

TEST_F(EngineTest, TellsWhichServiceIsMeantByItsName) {
  start();
  EXPECT_EQ(watch->engine->reconcile("fleat").error().id, "UnknownService");
  EXPECT_THAT(watch->engine->reconcile("fleat").error().remedy, HasSubstr("fleet"));
  EXPECT_EQ(watch->engine->reconcile("rg/FLEET").value_or(0), 1U);
  lab.forget_requests();
  watch->settle();
  EXPECT_THAT(arm_requests(lab), Contains("GET provisioningServices/fleet"));
}

}  // namespace
}  // namespace dps::lab

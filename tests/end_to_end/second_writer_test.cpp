// Somebody else writes the same service, at every moment of a pass. What is theirs must be there in
// the end, what is ours must be as the manifest says, no key may have changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

using Patch = std::function<SimJson(Lab&)>;
using Check = std::function<bool(const SimJson& before, const SimJson& after)>;

struct Intrusion {
  std::string name;
  Patch patch;
  Check kept;                       // in the final state
  std::set<std::string> keys_of{};  // policies whose keys the intruder changes
};

SimJson with_list(const SimJson& service, const char* list, std::function<void(SimJson&)> change) {
  auto entries = service.at("properties").at(list);
  change(entries);
  return {{"properties", {{list, entries}}}};
}

void erase_policy(SimJson& policies, const std::string& name) {
  for (auto at = policies.begin(); at != policies.end(); ++at) {
    if (at->at("keyName") == name) {
      policies.erase(at);
      return;
    }
  }
}

std::vector<Intrusion> intrusions() {
  const auto patched = [](const char* list, std::function<void(SimJson&, Lab&)> change) -> Patch {
    return [=](Lab& lab) {
      return with_list(lab.service("fleet"), list, [&](SimJson& entries) { change(entries, lab); });
    };
  };
  return {
      {"managed-field",
       [](Lab&) {
         return SimJson{{"properties", {{"allocationPolicy", "Hashed"}}}};
       },
       [](auto&, auto& after) {
         return after.at("properties").at("allocationPolicy") == "GeoLatency";
       }},
      {"unmanaged-field",
       [](Lab&) {
         return SimJson{{"properties",
                         {{"ipFilterRules",
                           {{{"filterName", "lab"},
                             {"action", "Reject"},
                             {"ipMask", "10.9.0.0/16"},
                             {"target", "all"}}}}}}};
       },
       [](auto&, auto& after) {
         return after.at("properties").at("ipFilterRules").at(0).at("filterName") == "lab";
       }},
      {"policy-added",
       patched("authorizationPolicies",
               [](SimJson& entries, Lab&) {
                 entries.push_back({{"keyName", "new-of-theirs"},
                                    {"primaryKey", random_key('N')},
                                    {"secondaryKey", random_key('M')},
                                    {"rights", "DeviceConnect"}});
               }),
       [](auto&, auto& after) {
         const auto found = policy(after, "new-of-theirs");
         return !found.is_null() && found.at("primaryKey") == random_key('N') &&
                found.at("secondaryKey") == random_key('M');
       }},
      {"policy-removed",
       patched("authorizationPolicies",
               [](SimJson& entries, Lab&) { erase_policy(entries, "theirs"); }),
       [](auto&, auto& after) { return policy(after, "theirs").is_null(); },
       {"theirs"}},
      {"our-policy-removed",
       patched("authorizationPolicies",
               [](SimJson& entries, Lab&) { erase_policy(entries, "writer"); }),
       [](auto&, auto& after) { return !policy(after, "writer").is_null(); },
       {"writer"}},
      {"key-regenerated",
       patched("authorizationPolicies",
               [](SimJson& entries, Lab&) {
                 for (auto& one : entries) {
                   if (one.at("keyName") == "theirs") one["primaryKey"] = random_key('R');
                 }
               }),
       [](auto&, auto& after) {
         const auto found = policy(after, "theirs");
         return !found.is_null() && found.at("primaryKey") == random_key('R') &&
                found.at("secondaryKey") == random_key('U');
       },
       {"theirs"}},
      {"hub-linked",
       patched("iotHubs",
               [](SimJson& entries, Lab& lab) {
                 entries.push_back({{"connectionString", connection(lab, "hub-3")},
                                    {"location", "westeurope"},
                                    {"allocationWeight", 7}});
               }),
       [](auto&, auto& after) {
         const auto found = hub_link(after, "hub-3");
         return !found.is_null() && found.at("allocationWeight") == 7;
       }},
      {"hub-unlinked",
       patched("iotHubs", [](SimJson& entries, Lab&) { entries.erase(1); }),
       [](auto&, auto& after) { return hub_link(after, "hub-2").is_null(); }},
      {"our-hub-unlinked",
       patched("iotHubs", [](SimJson& entries, Lab&) { entries.erase(0); }),
       [](auto&, auto& after) { return !hub_link(after, "hub-1").is_null(); }},
      {"weight-of-a-hub",
       patched("iotHubs",
               [](SimJson& entries, Lab&) {
                 for (auto& one : entries) {
                   if (one.at("allocationWeight") == 5) one["allocationWeight"] = 99;
                 }
               }),
       [](auto&, auto& after) { return hub_link(after, "hub-2").at("allocationWeight") == 99; }},
      {"weight-of-our-hub",
       patched("iotHubs", [](SimJson& entries, Lab&) { entries.at(0)["allocationWeight"] = 3; }),
       [](auto&, auto& after) { return hub_link(after, "hub-1").at("allocationWeight") == 20; }},
      {"tag-of-theirs",
       [](Lab&) {
         return SimJson{{"tags", {{"cost", "42"}}}};
       },
       [](auto&, auto& after) { return after.at("tags").value("cost", "") == "42"; }},
      {"tag-of-theirs-removed",
       [](Lab&) {
         return SimJson{{"tags", {{"team", nullptr}}}};
       },
       [](auto&, auto& after) { return !after.at("tags").contains("team"); }},
  };
}

// A world in which the first manifest stands, others have added theirs, and the manifest has moved
// on: hub-1 weighs more, the tag is another, a policy is new.
class SecondWriter : public testing::Test {
 protected:
  SecondWriter() {
    lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
    lab.apply();
    add_the_others(lab);
    lab.expect_nothing_to_do();
    lab.manifest("fleet.yaml",
                 shared_fleet(20, "test", "    - {name: reader, rights: [EnrollmentRead]}\n"));
    start = lab.state();
  }

  void rewind() {
    no_faults(lab);
    const auto problem = lab.simulator().world().set_state(start);
    ASSERT_FALSE(problem.has_value()) << *problem;
    lab.forget_requests();
  }

  // The requests of the pass when nobody interferes.
  std::vector<std::string> undisturbed() {
    rewind();
    lab.apply();
    return arm_requests(lab);
  }

  void switches(const std::string& if_match, const std::string& body_etag) {
    lab.set_switch("if-match", if_match);
    lab.set_switch("body-etag", body_etag);
  }

  static bool same_keys(const SimJson& before, const SimJson& after, const std::string& name) {
    const auto was = policy(before, name), is = policy(after, name);
    return !is.is_null() && was.at("primaryKey") == is.at("primaryKey") &&
           was.at("secondaryKey") == is.at("secondaryKey");
  }

  struct Tally {
    int runs = 0, converged = 0, conflicts = 0, other = 0, lost = 0;
    Duration window{0};
  };

  /// Every intrusion at every moment. `undetectable` says which moments may lose an update.
  Tally interfere(const std::function<bool(bool in_the_window)>& may_be_lost) {
    Tally tally;
    const auto requests = undisturbed();
    EXPECT_THAT(requests, Contains(HasSubstr("PUT ")));
    for (const auto& intrusion : intrusions()) {
      for (std::size_t nth = 1; nth <= requests.size(); ++nth) {
        for (const std::string when : {"before", "after"}) {
          rewind();
          SCOPED_TRACE(
              fmt::format("{} {} request {}: {}", intrusion.name, when, nth, requests.at(nth - 1)));
          const auto before = lab.service("fleet");
          const bool writes = requests.at(nth - 1).starts_with("PUT ");
          const bool last_read = nth < requests.size() && requests.at(nth).starts_with("PUT ");
          const bool in_the_window = when == "before" ? writes : last_read;
          fault_on(lab,
                   nth,
                   {{"kind", "edit"},
                    {"when", when},
                    {"edit", {{"id", service_path("fleet")}, {"patch", intrusion.patch(lab)}}}});
          const auto report = lab.apply();
          ++tally.runs;
          const auto& finished = report.services.at(0);
          tally.window = std::max(tally.window, finished.window);
          if (finished.outcome == Outcome::Updated) {
            ++tally.converged;
          } else if (finished.outcome == Outcome::Conflict) {
            ++tally.conflicts;
            EXPECT_THAT(error_ids(report), Contains("Conflict")) << told(report);
          } else {
            ++tally.other;
            ADD_FAILURE() << told(report);
          }
          no_faults(lab);
          EXPECT_TRUE(converge(lab).has_value())
              << told(report) << plan::render_text(lab.plan(), {});
          const auto after = lab.service("fleet");
          EXPECT_EQ(hub_link(after, "hub-1").at("allocationWeight"), 20);
          EXPECT_EQ(after.at("tags").at("env"), "test");
          EXPECT_FALSE(policy(after, "reader").is_null());
          for (const char* name : {"provisioningserviceowner", "writer", "theirs"}) {
            if (intrusion.keys_of.contains(name)) continue;
            EXPECT_TRUE(same_keys(before, after, name)) << name << "\n" << told(report);
          }
          if (intrusion.kept(before, after)) continue;
          ++tally.lost;
          EXPECT_TRUE(may_be_lost(in_the_window)) << told(report) << after.dump(1);
        }
      }
    }
    return tally;
  }

  static void print(const std::string& name, const Tally& tally) {
    std::cout << fmt::format(
        "[ counts   ] {}: {} runs, {} converged, {} conflicts, {} lost; longest window {} ms\n",
        name,
        tally.runs,
        tally.converged,
        tally.conflicts,
        tally.lost,
        tally.window.count());
  }

  Lab lab;
  SimJson start;
};

TEST_F(SecondWriter, LosesNothingWhereIfMatchIsEnforced) {
  switches("enforced", "enforced");
  print("If-Match enforced", interfere([](bool) { return false; }));
}

TEST_F(SecondWriter, LosesNothingWhereOnlyTheBodysEtagIsEnforced) {
  switches("ignored", "enforced");
  print("body etag enforced", interfere([](bool) { return false; }));
}

TEST_F(SecondWriter, LosesOnlyWhatCameBetweenTheLastReadAndTheWriteWhereNothingIsEnforced) {
  switches("ignored", "ignored");
  const auto tally = interfere([](bool in_the_window) { return in_the_window; });
  print("nothing enforced", tally);
  EXPECT_LT(tally.window, std::chrono::seconds{2});
}

TEST_F(SecondWriter, LosesNothingWhereIfMatchIsRefusedAndTheBodysEtagEnforced) {
  switches("refused", "enforced");
  print("If-Match refused", interfere([](bool) { return false; }));
}

TEST_F(SecondWriter, ARefusedIfMatchIsLearntWithTwoRefusalsAndNoMore) {
  switches("refused", "enforced");
  rewind();
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Updated), 1U) << told(report);
  std::vector<int> answers;
  for (const auto& write : lab.writes()) answers.push_back(write.status);
  EXPECT_THAT(answers, testing::ElementsAre(412, 412, 201));
}

// ---- other passes ----

/// `manifest` is applied to `start` while `patch` comes at every moment; `check` judges each run.
void at_every_moment(
    Lab& lab,
    const SimJson& start,
    const SimJson& patch,
    const std::function<void(const Report&, const std::string& request, bool in_the_window)>&
        check) {
  const auto rewind = [&] {
    no_faults(lab);
    ASSERT_FALSE(lab.simulator().world().set_state(start).has_value());
    lab.forget_requests();
  };
  rewind();
  lab.apply();
  const auto requests = arm_requests(lab);
  const auto writes = [&](std::size_t at) {
    return at < requests.size() &&
           (requests[at].starts_with("PUT ") || requests[at].starts_with("PATCH ") ||
            requests[at].starts_with("DELETE "));
  };
  for (std::size_t nth = 1; nth <= requests.size(); ++nth) {
    for (const std::string when : {"before", "after"}) {
      rewind();
      SCOPED_TRACE(fmt::format("{} request {}: {}", when, nth, requests.at(nth - 1)));
      fault_on(lab,
               nth,
               {{"kind", "edit"},
                {"when", when},
                {"edit", {{"id", service_path("fleet")}, {"patch", patch}}}});
      const auto report = lab.apply();
      no_faults(lab);
      check(report, requests.at(nth - 1), when == "before" ? writes(nth - 1) : writes(nth));
    }
  }
}

TEST(SecondWriterOfADeletion, ProtectionAnotherOwnerOrAnotherServiceSaveIt) {
  const std::vector<std::pair<std::string, SimJson>> rescues = {
      {"protected", {{"tags", {{"dps-reconciler-protect", "true"}}}}},
      {"another owner", {{"tags", {{"dps-reconciler", "other-team"}}}}},
      {"made anew", {{"properties", {{"idScope", "0ne00ABCDEF"}}}}},
  };
  for (const std::string enforced : {"enforced", "ignored"}) {
    int runs = 0, saved = 0, too_late = 0, in_window = 0;
    for (const auto& [name, patch] : rescues) {
      SCOPED_TRACE(name + ", If-Match " + enforced);
      Lab lab;
      lab.set_switch("if-match", enforced);
      lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
      lab.apply();
      lab.manifest(
          "fleet.yaml",
          std::string(kHead) +
              fmt::format("lifecycle: {{state: absent, idScope: {}}}\n",
                          lab.service("fleet").at("properties").at("idScope").get<std::string>()));
      bool deleted_yet = false;  // the DELETE was sent in an earlier moment of this enumeration
      at_every_moment(lab,
                      lab.state(),
                      patch,
                      [&](const Report& report, const std::string& request, bool window) {
                        ++runs;
                        const bool stands = !lab.service("fleet").is_null();
                        if (window && enforced == "ignored" && !stands) {
                          ++in_window;
                        } else if (!deleted_yet && !(request.starts_with("DELETE ") && !window)) {
                          EXPECT_TRUE(stands) << told(report);
                        } else {
                          ++too_late;
                        }
                        saved += stands ? 1 : 0;
                        if (request.starts_with("DELETE ")) deleted_yet = true;
                        EXPECT_NE(report.services.at(0).outcome, Outcome::Unchanged)
                            << told(report);
                      });
    }
    std::cout << fmt::format(
        "[ counts   ] deletion, If-Match {}: {} runs, {} saved, {} after the DELETE, {} lost in "
        "the window\n",
        enforced,
        runs,
        saved,
        too_late,
        in_window);
  }
}

TEST(SecondWriterOfATagWrite, TagsOfOthersStayAndAnotherOwnerIsRespected) {
  for (const std::string enforced : {"enforced", "ignored"}) {
    SCOPED_TRACE(enforced);
    Lab lab;
    lab.set_switch("if-match", enforced);
    lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
    lab.apply();
    lab.manifest("fleet.yaml", shared_fleet(10, "test"));
    const auto start = lab.state();
    int lost = 0;
    at_every_moment(lab,
                    start,
                    {{"tags", {{"theirs", "1"}}}},
                    [&](const Report& report, const std::string&, bool window) {
                      EXPECT_EQ(report.count(Outcome::Updated), 1U) << told(report);
                      const auto tags = lab.service("fleet").at("tags");
                      EXPECT_EQ(tags.at("env"), "test");
                      if (tags.contains("theirs")) return;
                      ++lost;
                      EXPECT_TRUE(window && enforced == "ignored") << told(report);
                    });
    EXPECT_EQ(lost, enforced == "ignored" ? 2 : 0);
  }
}

TEST(SecondWriterOfACreate, AServiceThatAppearsMeanwhileIsNotOverwritten) {
  Lab lab;
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  const SimJson theirs = {{"location", "westeurope"},
                          {"tags", {{"dps-reconciler", "other-team"}}},
                          {"properties", {{"allocationPolicy", "Static"}}}};
  bool sent = false;
  at_every_moment(
      lab, lab.state(), theirs, [&](const Report& report, const std::string& request, bool window) {
        if (request.starts_with("PUT ")) sent = true;
        if (window || sent) return;  // no service takes If-None-Match: see arm/write_service
        const auto now = lab.service("fleet");
        EXPECT_EQ(now.at("tags").at("dps-reconciler"), "other-team") << told(report);
        EXPECT_EQ(now.at("properties").at("allocationPolicy"), "Static");
        EXPECT_TRUE(report.failed()) << told(report);
      });
}

TEST(SecondWriterOfAnUpdate, AServiceThatIsDeletedOrMadeAnewIsNeverTakenForTheOldOne) {
  const std::vector<std::pair<std::string, SimJson>> blows = {
      {"deleted", nullptr},
      {"made anew",
       {{"tags", {{"dps-reconciler", nullptr}}}, {"properties", {{"idScope", "0ne00ABCDEF"}}}}},
  };
  for (const std::string enforced : {"enforced", "ignored"}) {
    int runs = 0, refused = 0, window_conflicts = 0;
    for (const auto& [name, patch] : blows) {
      SCOPED_TRACE(name + ", If-Match " + enforced);
      Lab lab;
      lab.set_switch("if-match", enforced);
      lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
      lab.apply();
      add_the_others(lab);
      lab.manifest("fleet.yaml", shared_fleet(20, "prod"));
      const auto start = lab.state();
      const auto old_scope = lab.service("fleet").at("properties").at("idScope");
      const auto& blow = patch;
      at_every_moment(
          lab, start, blow, [&](const Report& report, const std::string& request, bool window) {
            ++runs;
            // In the list itself it is seen in time: what stands then is what is planned on.
            if (request == "GET provisioningServices") return;
            const auto now = lab.service("fleet");
            const auto outcome = report.services.at(0).outcome;
            if (outcome == Outcome::Updated) {
              // The blow came after everything was done.
              EXPECT_TRUE(now.is_null() || now.at("properties").at("idScope") != old_scope);
              return;
            }
            ++refused;
            EXPECT_TRUE(report.failed()) << told(report);
            EXPECT_THAT(error_ids(report), AnyOf(Contains("Conflict"), Contains("ServiceNotFound")))
                << told(report);
            if (window && enforced == "ignored") {
              ++window_conflicts;  // the PUT could not know; the read afterwards tells
              return;
            }
            // Nothing was made in its place.
            if (blow.is_null()) {
              EXPECT_TRUE(now.is_null()) << told(report);
            }
          });
    }
    std::cout << fmt::format(
        "[ counts   ] deleted or made anew, If-Match {}: {} runs, {} refused, {} told of by the "
        "read after a write in the window\n",
        enforced,
        runs,
        refused,
        window_conflicts);
  }
}

}  // namespace
}  // namespace dps::lab

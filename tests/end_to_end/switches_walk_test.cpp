// The walk under every answer that ARM may give where nobody knows, or where it varies: each value
// of each switch alone, and rows in which every two values of two switches meet. What a switch
// makes come out otherwise is said, counted and held to.
//
// By default each setting gets every few cases in turn (tests/support/share.hpp); with
// DPS_WALK=full each gets all.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/arm_simulator/switches.hpp"
#include "tests/end_to_end/walk_covering.hpp"
#include "tests/end_to_end/walk_run.hpp"
#include "tests/support/share.hpp"

namespace dps::lab {
namespace {

constexpr const char* kVersions[] = {kOldest, kNewest};

/// A switch that makes cases come out otherwise, and how.
struct Outcast {
  Settings settings;
  std::function<Otherwise(const Case&, const std::string& version)> judge;
};

Otherwise as_ever() {
  return {};
}

Otherwise fails(const Case& one, Write write, std::string why, std::string problem) {
  if (one.write != write) return as_ever();
  return {std::move(why), Outcome::Failed, std::move(problem), true};
}

bool is_newer(const Case& one, const std::string& version) {
  return !one.needs.empty() && version < one.needs;
}

const std::vector<Outcast>& outcasts() {
  static const std::vector<Outcast> all = {
      {{{"deny", "listkeys"}},
       [](const Case& one, const std::string&) -> Otherwise {
         if (one.write == Write::None || one.write == Write::Patch) return as_ever();
         if (one.reads_policies) {
           return {"policies cannot be seen", Outcome::Unchanged, "", false};
         }
         return {"keys cannot be sent back", Outcome::Blocked, "KeysUnreadable", true};
       }},
      {{{"lock", "read-only"}},
       [](const Case& one, const std::string&) -> Otherwise {
         if (one.write == Write::None) return as_ever();
         if (one.reads_policies) {
           return {"policies cannot be seen", Outcome::Unchanged, "", false};
         }
         if (one.reads_hub_key) {
           const bool links = one.lines[0].starts_with("create");
           if (links) return {"the key cannot be had", Outcome::Blocked, "ScopeLocked", true};
           return {"the hub's key cannot be seen", Outcome::Unchanged, "", false};
         }
         if (one.write == Write::Patch) return {"locked", Outcome::Failed, "ScopeLocked", true};
         return {"keys cannot be sent back", Outcome::Blocked, "KeysUnreadable", true};
       }},
      {{{"deny", "hub-listkeys"}},
       [](const Case& one, const std::string&) -> Otherwise {
         if (!one.reads_hub_key) return as_ever();
         if (one.lines[0].starts_with("create")) {
           return {"a new hub's key cannot be had", Outcome::Blocked, "AuthorizationFailed", true};
         }
         return {"the hub's key cannot be seen", Outcome::Unchanged, "", false};
       }},
      {{{"deny", "write"}},
       [](const Case& one, const std::string&) {
         return fails(one, Write::Put, "PUT is denied", "AuthorizationFailed");
       }},
      {{{"deny", "patch"}},
       [](const Case& one, const std::string&) {
         return fails(one, Write::Patch, "PATCH is denied", "AuthorizationFailed");
       }},
      {{{"deny", "read"}},
       [](const Case& one, const std::string&) -> Otherwise {
         if (one.write == Write::None) return as_ever();
         return {"a GET is denied", Outcome::Failed, "AuthorizationFailed", true};
       }},
      {{{"operation-outcome", "failed"}, {"failed-operation", "status-failed"}},
       [](const Case& one, const std::string&) {
         return fails(one, Write::Put, "the operation fails", "OperationFailed");
       }},
      // The poll says nothing of the operation, and the service is back as it was.
      {{{"operation-outcome", "failed"}, {"failed-operation", "poll-404"}},
       [](const Case& one, const std::string&) -> Otherwise {
         if (one.write != Write::Put) return as_ever();
         return {"the operation fails unsaid", Outcome::Failed, "OperationFailed", true};
       }},
      {{{"provider-registered", "no"}},
       [](const Case&, const std::string&) -> Otherwise {
         return {"nothing can be read", Outcome::Failed, "MissingSubscriptionRegistration", false};
       }},
      {{{"supported-api-versions",
         "2017-11-15,2018-01-22,2020-01-01,2020-03-01,2021-10-15,2022-02-05"}},
       [](const Case& one, const std::string& version) -> Otherwise {
         if (version != kNewest || one.write == Write::None) return as_ever();
         return {"the write's version is not known", Outcome::Failed, "InvalidApiVersion", true};
       }},
      {{{"supported-api-versions", "2022-12-12"}},
       [](const Case& one, const std::string& version) -> Otherwise {
         if (version == kNewest || one.write == Write::None) return as_ever();
         return {"the write's version is not known", Outcome::Failed, "InvalidApiVersion", true};
       }},
      {{{"deny", "skus"}},
       [](const Case& one, const std::string&) -> Otherwise {
         if (one.problem != "BadSku") return as_ever();
         return {"the SKUs cannot be seen, so the PUT is refused",
                 Outcome::Failed,
                 "BadRequest",
                 false};
       }},
  };
  return all;
}

bool is_outcast(std::string_view name, std::string_view value) {
  return std::any_of(outcasts().begin(), outcasts().end(), [&](const Outcast& one) {
    return one.settings.size() == 1 && one.settings[0].name == name &&
           one.settings[0].value == value;
  });
}

/// A switch and the values under which everything comes out as ever.
struct Factor {
  std::string name;
  std::vector<std::string> values;  ///< the default first
};

const std::vector<Factor>& factors() {
  static const std::vector<Factor> all = [] {
    // Those whose values the table does not list.
    const std::map<std::string_view, std::vector<std::string>> open = {
        {"operation-time", {"0s", "2s", "90s"}},
        {"latency", {"0s"}},  // would really be waited for
        {"page-size", {"0", "1"}},
        {"token-lifetime", {"3600s", "1s"}},
        {"supported-api-versions", {"all", "2017-11-15,2021-10-15,2022-12-12"}},
        {"deny",
         {"none",
          "list",
          "list,list-group",
          "hub-read,name-check,read-group,write-group,read-subscription",
          "skus",
          "delete,read-certificates,write-certificates"}},
        {"quota-reads", {"default", "4/1"}},
        {"quota-writes", {"default", "2/1"}},
        {"quota-deletes", {"default", "1/1"}},
        {"quota-resource-requests", {"default", "1/1"}},
    };
    std::vector<Factor> out;
    for (const auto& row : sim::switch_table()) {
      Factor factor{std::string(row.name), {}};
      if (row.kind == sim::SwitchKind::Choice) {
        factor.values.emplace_back(row.initial);
        for (const auto& value : row.values) {
          const bool fails_all = row.name == "operation-outcome";
          if (value != row.initial && !fails_all && !is_outcast(row.name, value))
            factor.values.emplace_back(value);
        }
      } else if (const auto found = open.find(row.name); found != open.end()) {
        factor.values = found->second;
      } else {
        ADD_FAILURE() << "say here which values of the switch " << row.name << " are to be tried";
        factor.values.emplace_back(row.initial);
      }
      out.push_back(std::move(factor));
    }
    return out;
  }();
  return all;
}

/// What concerns reading and rights is set when the service stands; the rest before it is made.
bool is_late(const std::string& name) {
  return name == "deny" || name == "lock" || name == "supported-api-versions" ||
         name == "operation-outcome" || name == "provider-registered";
}

void set(const std::string& name, const std::string& value, Settings& early, Settings& late) {
  (is_late(name) ? late : early).push_back({name, value});
}

/// Every `stride`-th case from `at` on; each in both versions.
void run_some(std::size_t at,
              std::size_t stride,
              const Settings& early,
              const Settings& late,
              const std::function<Otherwise(const Case&, const std::string&)>& judge,
              Tally& tally) {
  for (const char* version : kVersions) {
    for (std::size_t i = at % stride; i < cases().size(); i += stride) {
      const auto& one = cases()[i];
      Otherwise otherwise;
      // What is refused or unseen already in this version stays so.
      if (judge) otherwise = judge(one, version);
      if (is_newer(one, version) && otherwise.outcome != Outcome::Failed) otherwise = as_ever();
      if (is_newer(one, version) && otherwise.same_plan) otherwise = as_ever();
      // Denied SKUs bring the same otherwise, in company too.
      for (const auto& setting : late) {
        if (otherwise.why.empty() && setting.value == "skus" && one.problem == "BadSku")
          otherwise = {"the SKUs cannot be seen, so the PUT is refused",
                       Outcome::Failed,
                       "BadRequest",
                       false};
      }
      run_case(one, version, early, late, otherwise, tally);
    }
  }
}

void say(const char* what, std::size_t settings, const Tally& tally) {
  fmt::print(
      "walk, {}: {} of {} cases × versions, {} settings of switches, {} runs, {} of them "
      "otherwise, {} writes\n",
      what,
      test::every(2) == 1 ? "all" : "every few",
      cases().size() * std::size(kVersions),
      settings,
      tally.runs,
      tally.otherwise,
      tally.writes);
}

TEST(Covering, EveryTwoValuesMeet) {
  const std::vector<std::size_t> sizes = {2, 3, 2, 4, 1, 2, 3};
  const auto rows = pairwise_rows(sizes);
  for (std::size_t f = 0; f < sizes.size(); ++f) {
    for (std::size_t g = f + 1; g < sizes.size(); ++g) {
      for (std::size_t v = 0; v < sizes[f]; ++v) {
        for (std::size_t w = 0; w < sizes[g]; ++w) {
          EXPECT_TRUE(std::any_of(rows.begin(),
                                  rows.end(),
                                  [&](const auto& row) { return row[f] == v && row[g] == w; }))
              << f << "=" << v << " " << g << "=" << w;
        }
      }
    }
  }
  EXPECT_LE(rows.size(), 20U) << "twelve are needed";
}

TEST(WalkOfSwitches, EveryValueAloneChangesNothingOfTheWalk) {
  Tally tally;
  std::size_t settings = 0;
  for (const auto& factor : factors()) {
    for (const auto& value : factor.values) {
      if (value == factor.values.front()) continue;
      Settings early, late;
      set(factor.name, value, early, late);
      run_some(settings++, test::every(20), early, late, {}, tally);
    }
  }
  say("each switch alone", settings, tally);
}

TEST(WalkOfSwitches, EveryTwoValuesTogetherChangeNothingOfTheWalk) {
  std::vector<std::size_t> sizes;
  for (const auto& factor : factors()) sizes.push_back(factor.values.size());
  const auto rows = pairwise_rows(sizes);
  Tally tally;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    Settings early, late;
    for (std::size_t f = 0; f < sizes.size(); ++f) {
      const auto& value = factors()[f].values[rows[r][f]];
      if (value != factors()[f].values.front()) set(factors()[f].name, value, early, late);
    }
    run_some(r, test::every(12), early, late, {}, tally);
  }
  say("every two switches together", rows.size(), tally);
}

TEST(WalkOfSwitches, WhatAnAnswerMakesComeOutOtherwiseIsAsItShouldBe) {
  Tally tally;
  std::size_t settings = 0;
  for (const auto& outcast : outcasts()) {
    Settings early, late;
    for (const auto& [name, value] : outcast.settings) set(name, value, early, late);
    run_some(settings++, test::every(5), early, late, outcast.judge, tally);
  }
  EXPECT_GT(tally.otherwise, 0U);
  say("otherwise", settings, tally);
}

}  // namespace
}  // namespace dps::lab

// The fault matrix: every kind of request under every kind of fault, once and for ever. A pass
// converges or ends in a clear error; what it claims is true; the world is as it was or as it
// should be; the next undisturbed pass converges, and all that was written was written once.
//
// Rows and columns are tables (fault_matrix.hpp); the cells are generated.
#include "tests/end_to_end/fault_matrix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <thread>

namespace dps::lab {
namespace {

// Under a sanitizer everything takes many times as long, and "for ever" runs the same code more
// often.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kOnceOnly = true;
#else
constexpr bool kOnceOnly = false;
#endif

struct Tally {
  std::size_t cells = 0, converged = 0, failed = 0, hit = 0;
};

std::size_t distinct(const std::vector<Error>& errors) {
  std::set<std::string> ids;
  for (const auto& error : errors) ids.insert(error.id);
  return ids.size();
}

SimJson without_digest(SimJson state) {
  for (auto& service : state["provisioning_services"]) service["tags"].erase("dps-reconciler-rev");
  return state;
}

class FaultMatrix : public testing::TestWithParam<Trouble> {};

/// One cell. The bench holds a lab in which the scenario was once run undisturbed.
void run_cell(
    Bench& bench, const Row& row, const Trouble& trouble, Repeated repeated, Tally& tally) {
  auto& lab = bench.lab;
  SCOPED_TRACE(fmt::format("{}: {} {} on {}",
                           bench.scenario.name,
                           trouble.name,
                           repeated == Repeated::Once ? "once" : "for ever",
                           row.name));
  bench.restart();
  bench.strike(row, trouble, repeated);
  const auto outcome = bench.pass();
  const auto hits = bench.heal();
  ++tally.cells;
  tally.hit += hits > 0 ? 1 : 0;

  // What a person is told.
  for (const auto& error : outcome.errors) {
    EXPECT_TRUE(is_clear(error)) << error.id << ": " << error.what << "; " << error.remedy;
    EXPECT_FALSE(shows_a_secret(bench, error.what + error.remedy)) << error.what;
  }
  const auto told_so = outcome.text + printed(bench.requests());
  if (outcome.claims_success()) {
    ++tally.converged;
    EXPECT_EQ(difference_of_states(bench.now(), bench.finished()), "") << told_so;
    EXPECT_TRUE(bench.is_quiet()) << told_so;
  } else {
    ++tally.failed;
    EXPECT_FALSE(outcome.errors.empty() && outcome.unseen == 0) << told_so;
    // Nothing half done: before or after, and nothing of others' touched.
    if (!bench.scenario.in_steps && outcome.unseen == 0) {
      EXPECT_TRUE(difference_of_states(bench.now(), bench.started()).empty() ||
                  difference_of_states(bench.now(), bench.finished()).empty())
          << difference_of_states(bench.now(), bench.started()) << told_so;
    }
  }
  // A refused sign-in is final: asking again could lock the identity out.
  const bool sign_in = row.name == "token" && trouble.name == "401";
  if (repeated == Repeated::Once && trouble.passing && !sign_in) {
    EXPECT_TRUE(outcome.claims_success()) << "passing trouble, once: " << told_so;
  }
  const auto most = repeated == Repeated::Once ? 60U : 120U;
  EXPECT_LT(bench.requests().size(), most + bench.undisturbed_requests()) << told_so;
  EXPECT_LE(distinct(outcome.errors), 2U) << told_so;

  // The next undisturbed pass.
  const auto passes = converge(lab);
  EXPECT_TRUE(passes.has_value()) << told_so << plan::render_text(lab.plan(), {});
  if (outcome.unseen == 0 || repeated == Repeated::Once) {
    EXPECT_EQ(difference_of_states(bench.now(), bench.finished()), "") << told_so;
  } else {
    // Written, and the policies could not be read to the end: the digest of what was wanted stays
    // that of the last whole pass, and bookkeeping is not written for its own sake.
    EXPECT_EQ(difference_of_states(without_digest(bench.now()), without_digest(bench.finished())),
              "")
        << told_so;
  }
  if (outcome.unseen == 0) {
    EXPECT_EQ(bench.effects(), bench.undisturbed_effects()) << told_so;
  }
}

TEST_P(FaultMatrix, EveryKindOfRequest) {
  const auto& trouble = GetParam();
  const auto all = scenarios();
  // Where the real clock must pass, cells wait side by side; else the processor is the limit.
  const std::size_t workers = trouble.real_time ? all.size() * 3 : 1;
  std::vector<Tally> tallies(workers);
  const auto work = [&](std::size_t worker) {
    std::size_t cell = 0;
    for (const auto& scenario : all) {
      std::unique_ptr<Bench> bench;
      for (const auto& row : scenario.rows) {
        for (const auto repeated : {Repeated::Once, Repeated::ForEver}) {
          if (repeated == Repeated::ForEver &&
              (kOnceOnly || scenario.once_only || trouble.only_once || trouble.real_time))
            continue;
          if (cell++ % workers != worker) continue;
          if (!bench) bench = std::make_unique<Bench>(scenario, trouble.real_time);
          run_cell(*bench, row, trouble, repeated, tallies[worker]);
        }
      }
    }
  };
  if (workers == 1) {
    work(0);
  } else {
    std::vector<std::jthread> threads;
    for (std::size_t worker = 0; worker < workers; ++worker) threads.emplace_back(work, worker);
  }
  Tally sum;
  for (const auto& one : tallies) {
    sum.cells += one.cells;
    sum.converged += one.converged;
    sum.failed += one.failed;
    sum.hit += one.hit;
  }
  EXPECT_EQ(sum.hit, sum.cells) << "a fault that struck nothing proves nothing";
  std::cout << fmt::format(
      "[ counts   ] {}: {} cells, {} converged in the same pass, {} ended in an error and "
      "converged in the next\n",
      trouble.name,
      sum.cells,
      sum.converged,
      sum.failed);
}

INSTANTIATE_TEST_SUITE_P(Troubles, FaultMatrix, testing::ValuesIn(troubles()), [](const auto& one) {
  return test_name(one.param.name);
});

// The matrix is worth something only if every kind of request is in it.
TEST(FaultMatrixRows, NameEveryKindOfRequestThatThePassesMake) {
  std::vector<Row> rows;
  for (const auto& scenario : scenarios())
    rows.insert(rows.end(), scenario.rows.begin(), scenario.rows.end());
  for (const auto& scenario : scenarios()) {
    Bench bench(scenario, false);
    bench.restart();
    bench.pass();
    for (const auto& asked : bench.requests()) {
      const bool named = std::any_of(rows.begin(), rows.end(), [&](const Row& row) {
        return row.method == asked.method && sim::glob_matches(row.path, asked.path);
      });
      EXPECT_TRUE(named) << scenario.name << ": " << asked.method << " " << asked.path;
    }
  }
}

}  // namespace
}  // namespace dps::lab

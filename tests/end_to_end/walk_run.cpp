#include "tests/end_to_end/walk_run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "reconciler/apply/render_report.hpp"
#include "reconciler/plan/render_json.hpp"
#include "reconciler/plan/render_text.hpp"

namespace dps::lab {
namespace {

std::string printed(const plan::Plan& plan) {
  plan::TextStyle style;
  style.width = 1000;
  return plan::render_text(plan, style);
}

std::vector<std::string> problems(const plan::Plan& plan, const Report& report) {
  std::vector<std::string> out;
  for (const auto& service : plan.services) {
    for (const auto& problem : service.errors) out.push_back(problem.id);
  }
  for (const auto& service : report.services) {
    for (const auto& error : service.errors) out.push_back(error.id);
  }
  return out;
}

std::vector<Asked> done(const std::vector<Asked>& writes) {
  std::vector<Asked> out;
  std::copy_if(writes.begin(), writes.end(), std::back_inserter(out), [](const Asked& one) {
    return one.status >= 200 && one.status < 300;
  });
  return out;
}

std::string listed(const std::vector<Asked>& requests) {
  std::string out;
  for (const auto& one : requests) out += fmt::format("{} {}\n", one.method, one.status);
  return out;
}

/// The case as it comes out in a version that does not have its field.
Case too_new(const Case& one) {
  auto out = one;
  out.lines.clear();
  out.text.clear();
  out.write = Write::None;
  out.result = {};
  out.outcome = one.said_by_manifest ? Outcome::Blocked : Outcome::Unchanged;
  out.problem = one.said_by_manifest ? "NeedsApiVersion" : "";
  return out;
}

void judge_plan(const Case& one, const plan::Plan& plan, bool lines_matter) {
  const auto text = squeezed(printed(plan));
  if (lines_matter) {
    EXPECT_THAT(lines(plan), testing::UnorderedElementsAreArray(one.lines)) << printed(plan);
    if (!one.text.empty()) {
      EXPECT_THAT(text, testing::HasSubstr(one.text));
    }
  }
  for (const auto& service : plan.services) {
    for (const auto& change : service.changes) {
      if (one.write == Write::None || !lines_matter) continue;
      const auto wanted = one.write == Write::Patch ? "PATCH provisioningServices/fleet"
                                                    : "PUT provisioningServices/fleet";
      EXPECT_THAT(change.calls, testing::Contains(wanted)) << change.path;
    }
  }
}

}  // namespace

std::string squeezed(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n';
    if (!space || out.empty() || out.back() != ' ') out += space ? ' ' : c;
  }
  return out;
}

void expect_no_secret(Scene& scene, const std::string& text, const char* where) {
  for (const auto& secret : scene.secrets()) {
    if (secret.size() >= 20) {
      EXPECT_EQ(text.find(secret), text.npos) << "a key stands in " << where;
    }
  }
}

void run_case(const Case& asked,
              const std::string& version,
              const Settings& settings,
              const Settings& late,
              const Otherwise& otherwise,
              Tally& tally) {
  SCOPED_TRACE(fmt::format("{}; {}; switches {}{}{}",
                           asked.name,
                           version,
                           text_of(settings),
                           late.empty() ? "" : ", then ",
                           late.empty() ? "" : text_of(late)));
  ++tally.runs;
  const bool newer = !asked.needs.empty() && version < asked.needs;
  const auto one = newer ? too_new(asked) : asked;

  Scene scene(version, settings, one.base);
  one.act(scene);
  const auto standing = scene.document();
  for (const auto& [name, value] : late) scene.lab.set_switch(name, value);

  const auto look = scene.lab.look();
  const bool as_ever = otherwise.why.empty();
  if (!as_ever) ++tally.otherwise;
  judge_plan(one, look.plan, otherwise.same_plan && !(newer && one.said_by_manifest));
  if (newer && one.said_by_manifest && as_ever) {
    EXPECT_LE(lines(look.plan).size(), 1U) << printed(look.plan);
    EXPECT_THAT(printed(look.plan), testing::HasSubstr("--api-version " + asked.needs));
  }

  scene.lab.forget_requests();
  const auto report = scene.lab.apply(look);
  const auto writes = scene.lab.writes();
  ASSERT_EQ(report.services.size(), 1U);
  const auto& finished = report.services.front();
  const auto said = apply::render_text(report, apply::ReportColor::Off);
  EXPECT_EQ(finished.outcome, as_ever ? one.outcome : otherwise.outcome)
      << said << printed(look.plan);
  const auto& problem = as_ever ? one.problem : otherwise.problem;
  const auto found = problems(look.plan, report);
  if (problem.empty()) {
    EXPECT_THAT(found, testing::IsEmpty()) << said;
  } else {
    EXPECT_THAT(found, testing::Contains(problem)) << said;
  }
  EXPECT_THAT(finished.moved, testing::IsEmpty()) << said;

  const auto made = done(writes);
  tally.writes += made.size();
  if (one.write == Write::None || (!as_ever && otherwise.outcome != one.outcome)) {
    // A write that was taken and failed is a write.
    if (otherwise.outcome != Outcome::Failed && otherwise.outcome != Outcome::Contested) {
      EXPECT_EQ(made.size(), 0U) << listed(writes);
    }
  } else {
    EXPECT_EQ(made.size(), 1U) << listed(writes);
    if (!made.empty()) {
      EXPECT_EQ(made[0].method, one.write == Write::Patch ? "PATCH" : "PUT");
    }
    EXPECT_EQ(finished.done.size(), one.lines.size()) << said;
  }

  expect_no_secret(scene, printed(look.plan), "the printed plan");
  expect_no_secret(scene, plan::render_json(look.plan), "the plan as JSON");
  expect_no_secret(scene, said, "the report");
  expect_no_secret(scene, apply::render_json(report), "the report as JSON");

  const auto after = scene.document();
  const bool written = as_ever ? one.write != Write::None : otherwise.outcome == one.outcome;
  if (!written) {
    EXPECT_EQ(difference(standing, after), "") << "nothing was to be written";
    return;
  }
  auto expected = scene.snapshot();
  if (one.result) one.result(scene, expected);
  EXPECT_EQ(difference(expected, after), "");
  scene.lab.forget_requests();
  const auto again = scene.lab.plan();
  if (one.outcome == Outcome::Updated || one.outcome == Outcome::Adopted ||
      one.outcome == Outcome::Released) {
    EXPECT_FALSE(again.has_changes()) << printed(again);
    EXPECT_FALSE(again.has_problems()) << printed(again);
  }
}

}  // namespace dps::lab

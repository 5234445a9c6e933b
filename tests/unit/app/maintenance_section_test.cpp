#include "reconciler/app/maintenance_section.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/app/config_file.hpp"

namespace dps::app {
namespace {

using controller::ChangeClass;
using controller::WindowEffect;
using testing::HasSubstr;

TEST(MaintenanceSection, IsAListOfWindowsBesideTheFlags) {
  const auto config = parse_config(
      "interval: 10m\n"
      "maintenance:\n"
      "  - {name: removals, allow: \"0 10 * * TUE\", for: 2h, changes: [delete, rotate]}\n"
      "  - deny: 0 0 * * FRI\n"
      "    for: 1d\n",
      "c.yaml");
  ASSERT_TRUE(config.has_value()) << config.error().what;
  EXPECT_EQ(config->flags.size(), 1U);
  ASSERT_EQ(config->maintenance.size(), 2U);
  const auto& removals = config->maintenance[0];
  EXPECT_EQ(removals.name, "removals");
  EXPECT_EQ(removals.effect, WindowEffect::Allow);
  EXPECT_EQ(removals.start_text, "0 10 * * TUE");
  EXPECT_EQ(removals.length, std::chrono::hours{2});
  EXPECT_EQ(removals.changes, (std::set{ChangeClass::Rotate, ChangeClass::Delete}));
  const auto& fridays = config->maintenance[1];
  EXPECT_EQ(fridays.effect, WindowEffect::Deny);
  EXPECT_EQ(fridays.length, std::chrono::hours{24});
  EXPECT_TRUE(fridays.changes.empty());
  EXPECT_TRUE(fridays.start.matches(*parse_rfc3339("2026-11-27T00:00:00Z")));
}

TEST(MaintenanceSection, AnEmptyListHasNoWindows) {
  const auto config = parse_config("maintenance: []\n", "c.yaml");
  ASSERT_TRUE(config.has_value());
  EXPECT_TRUE(config->maintenance.empty());
}

TEST(MaintenanceSection, FaultsHaveTheirPlaceAndRemedy) {
  struct Case {
    const char* name;
    const char* text;
    const char* what;
    const char* remedy;
  };
  for (const auto& one : {
           Case{"no list", "maintenance: {a: b}\n", "c.yaml:1:14: maintenance is no list", "allow"},
           Case{"nothing", "maintenance:\n", "maintenance is no list", "allow"},
           Case{"no map", "maintenance: [x]\n", "c.yaml:1:15: a window is no map", "allow"},
           Case{"a slip",
                "maintenance:\n- {alow: \"* * * * *\", for: 1h}\n",
                "c.yaml:2:4: unknown key \"alow\"",
                "did you mean allow?"},
           Case{"no effect", "maintenance: [{for: 1h}]\n", "neither allow nor deny", "allow"},
           Case{"both effects",
                "maintenance:\n- {allow: \"* * * * *\", deny: \"* * * * *\", for: 1h}\n",
                "c.yaml:2:30: the window both allows and denies",
                "two windows"},
           Case{"no length", "maintenance: [{deny: \"* * * * *\"}]\n", "no length", "for: 2h"},
           Case{"bare length",
                "maintenance: [{deny: \"* * * * *\", for: 2}]\n",
                "c.yaml:1:40: ",
                "unit"},
           Case{
               "too short", "maintenance: [{deny: \"* * * * *\", for: 59s}]\n", "59s", "1m to 31d"},
           Case{"too long", "maintenance: [{deny: \"* * * * *\", for: 32d}]\n", "cannot be", "1m"},
           Case{"a bad field",
                "maintenance: [{allow: \"0 25 * * *\", for: 2h}]\n",
                "c.yaml:1:23: allow: the hour cannot be \"25\"",
                "0 to 23"},
           Case{"six fields",
                "maintenance: [{allow: \"0 0 0 * * *\", for: 2h}]\n",
                "has 6 fields",
                "five: minute"},
           Case{"no cron", "maintenance: [{allow: [0], for: 2h}]\n", "no cron", "in quotes"},
           Case{"no kinds",
                "maintenance: [{allow: \"* * * * *\", for: 2h, changes: []}]\n",
                "changes names no kinds",
                "create, update"},
           Case{"an unknown kind",
                "maintenance: [{allow: \"* * * * *\", for: 2h, changes: [deletes]}]\n",
                "no kind of change \"deletes\"",
                "did you mean delete?"},
           Case{
               "a slip in the key", "maintenence: []\n", "c.yaml:1:1", "did you mean maintenance?"},
       }) {
    SCOPED_TRACE(one.name);
    const auto config = parse_config(one.text, "c.yaml");
    ASSERT_FALSE(config.has_value());
    EXPECT_EQ(config.error().id, "Usage");
    EXPECT_THAT(config.error().what, HasSubstr(one.what));
    EXPECT_THAT(config.error().remedy, HasSubstr(one.remedy));
  }
}

}  // namespace
}  // namespace dps::app

#include "reconciler/app/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/app/config_file.hpp"
#include "reconciler/app/flags.hpp"

namespace dps::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

Options options_of(const std::vector<std::string>& arguments, const Environment& environment = {}) {
  const auto parsed = parse_command_line(arguments, environment);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().what;
  return parsed ? parsed->options : Options{};
}

std::string refusal(const std::vector<std::string>& arguments,
                    const Environment& environment = {}) {
  const auto parsed = parse_command_line(arguments, environment);
  if (parsed) return "(taken)";
  EXPECT_EQ(parsed.error().id, "Usage");
  return parsed.error().what + "; " + parsed.error().remedy;
}

TEST(CommandLine, PlanAndOnceAreCommandsToo) {
  EXPECT_EQ(options_of({"--plan", "--manifests", "m"}).command, Command::Plan);
  EXPECT_EQ(options_of({"plan", "--manifests", "m"}).command, Command::Plan);
  EXPECT_EQ(options_of({"--once", "--manifests", "m"}).command, Command::Apply);
  EXPECT_EQ(options_of({"--manifests", "m"}).command, Command::Run);
  EXPECT_THAT(refusal({"plan", "--once", "--manifests", "m"}), HasSubstr("more than one command"));
}

TEST(CommandLine, FlagsStandBeforeAndAfterTheCommand) {
  const auto before = options_of({"--manifests", "a", "--concurrency", "8", "apply", "plan.json"});
  const auto after = options_of({"apply", "--manifests", "a", "--concurrency=8", "plan.json"});
  for (const auto& options : {before, after}) {
    EXPECT_EQ(options.command, Command::Apply);
    EXPECT_THAT(options.manifests, ElementsAre("a"));
    EXPECT_EQ(options.concurrency, 8U);
    EXPECT_EQ(options.saved_plan, "plan.json");
  }
}

TEST(CommandLine, ARepeatedFlagAddsUpAndASingleOnesLastValueCounts) {
  const auto options = options_of({"plan",
                                   "--manifests",
                                   "a",
                                   "--manifests",
                                   "b",
                                   "--owner",
                                   "x",
                                   "--owner",
                                   "y",
                                   "--timeout",
                                   "1h30m"});
  EXPECT_THAT(options.manifests, ElementsAre("a", "b"));
  EXPECT_EQ(options.owner, "y");
  EXPECT_EQ(options.timeout, 90min);
}

TEST(CommandLine, ALineIsOverAVariableIsOverAFileIsOverTheDefault) {
  const auto path = testing::TempDir() + "config.yaml";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs("manifests: [file]\nmaxDeletes: 7\nconcurrency: 9\nstrict: true\n", file);
  std::fclose(file);
  const auto options = options_of({"plan", "--config", path, "--concurrency", "3"},
                                  {{"DPS_RECONCILER_MAX_DELETES", "5"},
                                   {"DPS_RECONCILER_CONCURRENCY", "4"},
                                   {"DPS_RECONCILER_SERVICE_HOST", "10.0.0.1"},
                                   {"DPS_RECONCILER_ALLOW_ENV", "A_*, B_*"}});
  EXPECT_THAT(options.manifests, ElementsAre("file"));
  EXPECT_EQ(options.max_deletes, 5U);
  EXPECT_EQ(options.concurrency, 3U);
  EXPECT_TRUE(options.strict);
  EXPECT_THAT(options.allow_env, ElementsAre("A_*", "B_*"));
  EXPECT_EQ(options.timeout, 10min);
}

TEST(CommandLine, WrongUsageSaysWhatWouldBeRight) {
  struct Case {
    std::vector<std::string> arguments;
    const char* says;
  };
  const Case cases[] = {
      {{"plan"}, "no --manifests"},
      {{"plan", "--manifests", "m", "--nonsense"}, "nonsense"},
      {{"plan", "--manifests", "m", "--concurrency", "0"}, "from 1 to 1024"},
      {{"plan", "--manifests", "m", "--concurrency", "many"}, "from 1 to 1024"},
      {{"plan", "--manifests", "m", "--timeout", "30"}, "30s or 1h30m"},
      {{"plan", "--manifests", "m", "--output", "yaml"}, "one of text, json"},
      {{"plan", "--manifests", "m", "--owner", "a b"}, "owner name"},
      {{"plan", "--manifests", "m", "--prune"}, "--prune without --owner"},
      {{"plan", "--manifests", "m", "--prune", "--owner", "o", "--select", "x/y"}, "--select"},
      {{"apply", "--manifests", "m", "--detailed-exitcode"}, "--detailed-exitcode without plan"},
      {{"show"}, "service"},
      {{"plan", "apply", "--manifests", "m"}, ""},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(refusal(c.arguments), HasSubstr(c.says)) << testing::PrintToString(c.arguments);
  }
}

TEST(CommandLine, SwitchesTakeTrueAndFalse) {
  EXPECT_TRUE(options_of({"plan", "--manifests", "m", "--strict"}).strict);
  EXPECT_FALSE(options_of({"plan", "--manifests", "m", "--strict=false"},
                          {{"DPS_RECONCILER_STRICT", "true"}})
                   .strict);
  EXPECT_THAT(refusal({"plan", "--manifests", "m"}, {{"DPS_RECONCILER_STRICT", "maybe"}}),
              HasSubstr("DPS_RECONCILER_STRICT"));
}

TEST(CommandLine, HelpNamesEveryFlagAndCommand) {
  const auto parsed = parse_command_line({"--help"}, {});
  ASSERT_TRUE(parsed.has_value());
  for (const auto& flag : flags()) EXPECT_THAT(parsed->text, HasSubstr("--" + flag.name));
  for (const char* command : {"plan", "apply", "validate", "schema", "show", "version"}) {
    EXPECT_THAT(parsed->text, HasSubstr(command));
  }
}

TEST(ConfigFile, FaultsHaveTheirPlace) {
  struct Case {
    const char* text;
    const char* says;
  };
  const Case cases[] = {
      {"maxDelets: 1\n", "c.yaml:1:1: unknown key \"maxDelets\""},
      {"strict: true\nmax-deletes: 1\n", "c.yaml:2:1: unknown key"},
      {"- a\n", "c.yaml:1:1: the configuration is not a map"},
      {"manifests: [[a]]\n", "c.yaml:1:13: manifests holds plain values"},
      {"owner: [a]\n", "owner cannot be that"},
      {"a: [\n", "c.yaml:"},
      {"owner: a\n---\nowner: b\n", "a second document"},
  };
  for (const auto& c : cases) {
    const auto parsed = parse_config(c.text, "c.yaml");
    ASSERT_FALSE(parsed.has_value()) << c.text;
    EXPECT_THAT(parsed.error().what, HasSubstr(c.says));
  }
  EXPECT_THAT(parse_config("maxDelets: 1\n", "c.yaml").error().remedy, HasSubstr("maxDeletes"));
  EXPECT_TRUE(parse_config("# nothing\n", "c.yaml").value().flags.empty());
}

}  // namespace
}  // namespace dps::app

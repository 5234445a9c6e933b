// docs/commands.md says what the program takes: its table of flags is that of the code.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "reconciler/app/flags.hpp"

namespace dps::app {
namespace {

constexpr const char* kBegin = "<!-- flags: begin -->\n";
constexpr const char* kEnd = "<!-- flags: end -->\n";

std::string table() {
  std::string out = "| flag | in the file | default | meaning |\n|---|---|---|---|\n";
  for (const auto& flag : flags()) {
    out += "| `--" + flag.name + (flag.value_name.empty() ? "" : " " + flag.value_name) + "`" +
           (flag.arity == Arity::Repeated ? " (repeatable)" : "") + " | `" + config_key(flag.name) +
           "` | " + flag.default_text + " | " + flag.description + " |\n";
  }
  return out;
}

TEST(CommandsPage, ListsTheFlagsOfTheCode) {
  const std::string path = DPS_SOURCE_DIR "/docs/commands.md";
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  const auto page = content.str();
  const auto begin = page.find(kBegin), end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const auto from = begin + std::string(kBegin).size();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << page.substr(0, from) << table() << page.substr(end);
    return;
  }
  EXPECT_EQ(page.substr(from, end - from), table()) << "UPDATE_GOLDEN=1 writes it anew";
}

}  // namespace
}  // namespace dps::app

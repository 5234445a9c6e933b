// Reads the #include lines of reconciler/ and holds them against the floor plan of
// docs/architecture.md: includes run down, or sideways where it says so; never up, never in a
// circle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

using Includes = std::map<std::string, std::set<std::string>>;  // file -> files, as written

// The rooms that a room may include besides itself and base/.
const std::map<std::string, std::set<std::string>> kFloorPlan = {
    {"base", {}},
    {"model", {}},
    {"http", {}},
    {"manifest", {"model"}},
    {"plan", {"model"}},
    {"arm", {"model", "http"}},
    {"apply", {"model", "plan", "arm", "http"}},
    {"controller", {"model", "manifest", "plan", "arm", "apply", "http"}},
    {"telemetry", {"model", "http", "controller"}},
    {"app", {"model", "http", "manifest", "plan", "arm", "apply", "controller", "telemetry"}},
};

// Libraries that live in one room each.
const std::map<std::string, std::set<std::string>> kHomes = {
    {"yaml-cpp/", {"manifest"}},
    {"curl/", {"http"}},
    {"CLI/", {"app"}},
    {"openssl/", {"base"}},
    {"spdlog/", {"telemetry", "app"}},
    {"tl/expected", {"base"}},
    {"prometheus/", {"telemetry"}},
    {"microhttpd.h", {"telemetry"}},
};

std::string room_of(const std::string& file) {
  const auto rest = file.substr(std::string("reconciler/").size());
  return rest.substr(0, rest.find('/'));
}

std::vector<std::string> violations(const Includes& includes) {
  std::vector<std::string> found;
  for (const auto& [file, names] : includes) {
    const auto room = room_of(file);
    if (!kFloorPlan.contains(room)) {
      found.push_back(file + ": the room " + room + " is not in the floor plan");
      continue;
    }
    for (const auto& name : names) {
      if (name.starts_with("tests/")) found.push_back(file + " includes " + name);
      for (const auto& [prefix, homes] : kHomes) {
        if (name.starts_with(prefix) && !homes.contains(room)) {
          found.push_back(file + " includes <" + name + ">, which lives elsewhere");
        }
      }
      if (!name.starts_with("reconciler/")) continue;
      const auto other = room_of(name);
      if (other != room && other != "base" && !kFloorPlan.at(room).contains(other)) {
        found.push_back(file + " includes " + name + ": up, or not a neighbour");
      }
    }
  }
  // Circles among files: a depth-first walk with the path it came by.
  std::set<std::string> done, path;
  const std::function<void(const std::string&)> walk = [&](const std::string& file) {
    if (done.contains(file)) return;
    if (!path.insert(file).second) {
      found.push_back(file + " is part of a circle");
      return;
    }
    if (const auto entry = includes.find(file); entry != includes.end()) {
      for (const auto& name : entry->second) walk(name);
    }
    path.erase(file);
    done.insert(file);
  };
  for (const auto& [file, names] : includes) walk(file);
  return found;
}

Includes read_tree(const std::filesystem::path& top) {
  Includes includes;
  const std::regex line_form(R"re(^\s*#\s*include\s*[<"]([^>"]+)[>"])re");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top / "reconciler")) {
    const auto ending = entry.path().extension();
    if (ending != ".hpp" && ending != ".cpp") continue;
    std::ifstream stream(entry.path());
    auto& names = includes[std::filesystem::relative(entry.path(), top).string()];
    for (std::string line; std::getline(stream, line);) {
      std::smatch match;
      if (std::regex_search(line, match, line_form)) names.insert(match[1]);
    }
  }
  return includes;
}

TEST(Layers, IncludesRunDownAndNeverInACircle) {
  const auto includes = read_tree(DPS_SOURCE_DIR);
  ASSERT_GT(includes.size(), 20U) << "the tree was not found";
  EXPECT_THAT(violations(includes), testing::IsEmpty());
}

TEST(Layers, AnIncludeThatRunsUpIsFound) {
  EXPECT_THAT(violations({{"reconciler/base/a.hpp", {"reconciler/model/b.hpp"}}}),
              testing::ElementsAre(testing::HasSubstr("up, or not a neighbour")));
  EXPECT_THAT(violations({{"reconciler/plan/a.hpp", {"reconciler/arm/b.hpp"}}}),
              testing::ElementsAre(testing::HasSubstr("up, or not a neighbour")));
}

TEST(Layers, ACircleOfFilesIsFound) {
  EXPECT_THAT(violations({{"reconciler/plan/a.hpp", {"reconciler/plan/b.hpp"}},
                          {"reconciler/plan/b.hpp", {"reconciler/plan/a.hpp"}}}),
              testing::ElementsAre(testing::HasSubstr("circle")));
}

TEST(Layers, ALibraryOutsideItsRoomIsFound) {
  EXPECT_THAT(violations({{"reconciler/plan/a.cpp", {"curl/curl.h"}}}),
              testing::ElementsAre(testing::HasSubstr("lives elsewhere")));
}

}  // namespace

// The samples load as they are, and whatever is done to them ends in faults, never in a crash.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "tests/unit/manifest/corpus.hpp"

namespace dps::manifest {
namespace {

std::string samples() {
  return project_folder() + "/manifests/samples";
}

Loaded loaded(const std::string& root) {
  DiskFiles files;
  return load(files, corpus_options(root));
}

TEST(Samples, EachLoadsWithoutAFault) {
  ASSERT_GE(folders_in(samples()).size(), 4U);
  for (const auto& name : folders_in(samples())) {
    const auto root = samples() + "/" + name;
    const auto result = loaded(root);
    EXPECT_EQ(shown(result, root), "") << name;
    EXPECT_TRUE(result.desired.complete);
    EXPECT_GE(result.desired.services.size(), 1U) << name;
  }
  EXPECT_EQ(shown(loaded(samples()), samples()), "") << "all together";
}

TEST(Samples, AreWhatTheirCommentsSay) {
  const auto regions = loaded(samples() + "/multi-region").desired.services;
  ASSERT_EQ(regions.size(), 2U);
  const auto& eu = regions.begin()->second;
  EXPECT_EQ(eu.id.resource_group, "iot-eu");
  EXPECT_EQ(eu.location, "westeurope");
  EXPECT_EQ(eu.sku, (Sku{"S1", 1}));
  EXPECT_EQ(eu.tags, (Tags{{"environment", "production"}, {"region", "eu"}, {"team", "devices"}}));
  EXPECT_EQ(eu.lifecycle.protect, true);

  const auto team = loaded(samples() + "/hub-team").desired.services;
  ASSERT_EQ(team.size(), 1U);
  EXPECT_FALSE(team.begin()->second.declared);
  EXPECT_EQ(team.begin()->second.named_owner, "default");
  EXPECT_EQ(team.begin()->second.lifecycle.ignore,
            (std::vector<std::string>{"linkedHubs[hub-eu-2.azure-devices.net].allocationWeight"}));

  const auto grave = loaded(samples() + "/tombstone").desired.services;
  EXPECT_EQ(grave.begin()->second.lifecycle.state, LifecycleState::Absent);
  EXPECT_EQ(grave.begin()->second.lifecycle.id_scope, "0ne0012ABCD");
}

// Mutations of the samples' text: bytes flipped, cut out, doubled, swapped for what YAML loves.
std::string mutated(std::string text, std::mt19937& random) {
  static const std::vector<std::string> pieces = {"[",
                                                  "]",
                                                  "{",
                                                  "}",
                                                  ": ",
                                                  "- ",
                                                  "\n",
                                                  "\t",
                                                  "&a ",
                                                  "*a",
                                                  "!!str ",
                                                  "<<: ",
                                                  "|\n",
                                                  ">\n",
                                                  "'",
                                                  "\"",
                                                  "#",
                                                  "---\n",
                                                  "...\n",
                                                  "? ",
                                                  "~",
                                                  "null",
                                                  "%YAML 1.2\n",
                                                  "${env:DPS_VAR_REGION}",
                                                  "${",
                                                  "\xC3",
                                                  "\xF0\x9F\x98\x80",
                                                  std::string(1, '\0'),
                                                  "\x04",
                                                  "\xEF\xBB\xBF",
                                                  "\r",
                                                  "@",
                                                  "`",
                                                  "0x"};
  const auto below = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  for (auto count = 1 + below(7); count > 0; --count) {
    if (text.empty()) return text;
    const auto at = below(text.size() - 1);
    const auto length = std::min<std::size_t>(1 + below(40), text.size() - at);
    switch (below(5)) {
      case 0:
        text[at] = static_cast<char>(below(255));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(at, length));
        break;
      case 3:
        text.insert(below(text.size()), text.substr(at, length));
        break;
      case 4:
        for (auto times = 1 + below(3); times > 0; --times) {
          text.insert(at, pieces[below(pieces.size() - 1)]);
        }
        break;
      default:
        text.resize(at);
        break;
    }
  }
  return text;
}

TEST(Samples, SurviveTwoThousandMutations) {
  std::mt19937 random(20260101);  // always the same
  std::vector<std::string> texts;
  DiskFiles disk;
  const auto paths = disk.list(samples()).value();
  texts.reserve(paths.size());
  for (const auto& path : paths) texts.push_back(content_of(path));
  std::size_t faulty = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < 2000; ++round) {
    MemoryFiles files;
    const auto chosen = static_cast<std::size_t>(round) % texts.size();
    files.put("fleet/a.yaml", mutated(texts[chosen], random));
    files.put("fleet/b.yaml", texts[(chosen + 1) % texts.size()]);
    const auto result = load(files, corpus_options("fleet"));
    for (const auto& fault : result.faults) {
      EXPECT_NE(fault.id, "InternalFault");
      EXPECT_FALSE(render(fault, false).empty());
      EXPECT_LT(fault.source_line.size(), 1000U);
    }
    faulty += result.faults.empty() ? 0U : 1U;
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  std::cout << faulty << " of 2000 mutations have a fault\n";
  EXPECT_GT(faulty, 1000U);
  EXPECT_LT(took, std::chrono::seconds{60});
}

}  // namespace
}  // namespace dps::manifest

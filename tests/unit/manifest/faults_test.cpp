// The corpus of faults: every folder of tests/golden/faults is a set of manifests, and its
// expected.txt is what is said about it. UPDATE_GOLDEN=1 writes the files anew: read the
// difference.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "reconciler/base/text.hpp"
#include "tests/unit/manifest/corpus.hpp"
#include "tests/unit/manifest/temporary_folder.hpp"

namespace dps::manifest {
namespace {

std::string corpus(const std::string& name = {}) {
  return project_folder() + "/tests/golden/faults" + (name.empty() ? "" : "/" + name);
}

Loaded loaded(const std::string& root) {
  DiskFiles files;
  return load(files, corpus_options(root));
}

bool updating() {
  const char* value = std::getenv("UPDATE_GOLDEN");
  return value != nullptr && std::string_view(value) == "1";
}

class FaultCorpus : public testing::TestWithParam<std::string> {};

TEST_P(FaultCorpus, SaysExactlyWhatIsExpected) {
  const auto root = corpus(GetParam());
  const auto result = loaded(root);
  const auto text = shown(result, root);
  const auto golden = root + "/expected.txt";
  if (updating()) std::ofstream(golden, std::ios::binary) << text;

  EXPECT_EQ(text, content_of(golden));
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(text.find("InternalFault"), std::string::npos);
}

TEST_P(FaultCorpus, EchoesNoSecret) {
  const auto root = corpus(GetParam());
  const auto result = loaded(root);
  std::string all = shown(result, root);
  for (const auto& fault : result.faults) {
    all += fault.message + fault.remedy + fault.source_line + render(fault, true);
  }
  for (const auto& [id, service] : result.desired.services) {
    for (const auto& block : service.blocks) all += block.message + block.remedy;
  }
  const auto name = GetParam();
  // A misspelt anchor is no secret, but the parser's words must not bring anything of the text.
  EXPECT_EQ(lower(replaced(all, "*CANARY_anchor", "")).find("canary"), std::string::npos) << all;
}

TEST_P(FaultCorpus, TellsTheTwoClassesApart) {
  const auto result = loaded(corpus(GetParam()));
  std::size_t text_faults = 0, blocks = 0, environment_faults = 0;
  for (const auto& fault : result.faults) {
    if (fault.severity == Severity::Warning) continue;
    (fault.fault_class == FaultClass::Text ? text_faults : environment_faults) += 1;
  }
  for (const auto& [id, service] : result.desired.services) blocks += service.blocks.size();

  EXPECT_EQ(result.desired.complete, text_faults == 0);
  EXPECT_EQ(blocks, environment_faults);
}

INSTANTIATE_TEST_SUITE_P(Faults,
                         FaultCorpus,
                         testing::ValuesIn(folders_in(corpus())),
                         [](const auto& row) { return replaced(row.param, "-", "_"); });

TEST(FaultCorpusItself, HoldsSecretsThatCouldBeEchoed) {
  std::size_t holding = 0;
  for (const auto& name : folders_in(corpus())) {
    if (!name.starts_with("literal-") || name == "literal-by-variable") continue;
    EXPECT_NE(content_of(corpus(name) + "/fleet.yaml").find("CANARY"), std::string::npos) << name;
    ++holding;
  }
  EXPECT_GE(holding, 8U);
  EXPECT_GE(folders_in(corpus()).size(), 70U);
}

// What cannot stand in a repository.

std::string ids(const Loaded& result) {
  std::string out;
  for (const auto& fault : result.faults) out += (out.empty() ? "" : " ") + fault.id;
  return out;
}

constexpr const char* kService =
    "apiVersion: dps-reconciler/v1\nkind: ProvisioningService\n"
    "metadata: {name: fleet-eu, resourceGroup: g, subscription: "
    "00000000-0000-0000-0000-000000000001}\n";

TEST(Faults, AFileOfMoreThanOneMebibyteIsRefused) {
  const TemporaryFolder folder;
  folder.write("fits.yaml", kService + std::string("#") + std::string(1'000'000, 'x') + "\n");
  folder.write("large.yaml", kService + std::string("#") + std::string(1 << 20U, 'x') + "\n");

  const auto result = loaded(folder.path());

  EXPECT_EQ(ids(result), "FileTooLarge");
  EXPECT_EQ(result.faults.front().mark.file, folder.path("large.yaml"));
}

TEST(Faults, AManifestThatIsALinkOutOfTheRootIsRefused) {
  const TemporaryFolder folder;
  folder.write("outside/other.yaml", kService);
  folder.link("root/linked.yaml", "../outside/other.yaml");

  EXPECT_EQ(ids(loaded(folder.path("root"))), "OutsideRoot");
}

TEST(Faults, AFolderThatIsALinkOutOfTheRootIsRefused) {
  const TemporaryFolder folder;
  folder.write("outside/other.yaml", kService);
  folder.link("root/linked", "../outside");

  EXPECT_EQ(ids(loaded(folder.path("root"))), "OutsideRoot");
}

TEST(Faults, ASecretThatIsALinkOutOfTheRootIsRefused) {
  const TemporaryFolder folder;
  folder.write("outside/key", "CANARY");
  folder.link("root/key", "../outside/key");
  folder.write("root/fleet.yaml",
               kService + std::string("spec:\n  sharedAccessPolicies:\n    - name: p\n"
                                      "      keys: {primary: {file: key}}\n"));

  EXPECT_EQ(ids(loaded(folder.path("root"))), "OutsideRoot");
}

TEST(Faults, ABrokenLinkIsAFaultAndNotAMissingDocument) {
  const TemporaryFolder folder;
  folder.write("fleet.yaml", kService);
  folder.link("gone.yaml", "nowhere.yaml");

  const auto result = loaded(folder.path());

  EXPECT_EQ(ids(result), "FileMissing");
  EXPECT_FALSE(result.desired.complete);
}

TEST(Faults, PipesAreRefusedAndNotWaitedFor) {
  const TemporaryFolder folder;
  folder.write("fleet.yaml", kService);
  ASSERT_EQ(::mkfifo(folder.path("pipe.yaml").c_str(), 0600), 0);

  EXPECT_EQ(ids(loaded(folder.path())), "NotAFile");
}

TEST(Faults, LoopsOfLinksEnd) {
  const TemporaryFolder folder;
  folder.write("a/fleet.yaml", kService);
  folder.link("a/b/loop", "..");
  folder.link("self.yaml", "self.yaml");

  EXPECT_EQ(ids(loaded(folder.path())), "FileUnreadable");
}

TEST(Faults, ARootThatIsMissingIsAFaultEvenIfEmptyIsFine) {
  const TemporaryFolder folder;
  DiskFiles files;
  auto options = corpus_options(folder.path("none"));
  options.allow_empty = true;

  EXPECT_EQ(ids(load(files, options)), "FileMissing");
}

TEST(Faults, AnEmptyFolderIsAFaultUnlessAllowed) {
  const TemporaryFolder folder;
  DiskFiles files;
  auto options = corpus_options(folder.path());

  EXPECT_EQ(ids(load(files, options)), "NoManifests");
  options.allow_empty = true;
  const auto result = load(files, options);
  EXPECT_EQ(ids(result), "");
  EXPECT_TRUE(result.desired.complete);
}

TEST(Faults, AFloodOfFaultsIsCounted) {
  const TemporaryFolder folder;
  std::string text = kService + std::string("spec:\n");
  for (int i = 0; i < 5000; ++i) text += "  key" + std::to_string(i) + ": 1\n";
  folder.write("fleet.yaml", text);

  const auto result = loaded(folder.path());

  EXPECT_LE(result.faults.size(), 501U);
  EXPECT_EQ(result.faults.front().id, "MoreFaults");
  EXPECT_EQ(result.faults.front().message, "4500 more faults in this file");
}

}  // namespace
}  // namespace dps::manifest

#include "reconciler/controller/tree_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "reconciler/manifest/load.hpp"
#include "tests/support/new_folder.hpp"

namespace dps::controller {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

TreeEntry file(std::string content) {
  return {TreeEntry::Kind::File, std::move(content)};
}
TreeEntry link(std::string target) {
  return {TreeEntry::Kind::Link, std::move(target)};
}

// The content, or the id of the error.
std::string text(TreeFiles& files, const std::string& path, std::size_t limit = 1000) {
  const auto read = files.read(path, limit);
  return read ? *read : read.error().id;
}

TEST(TreeFiles, ListsManifestsAsADiskWould) {
  TreeFiles files({{"a.yaml", file("")},
                   {"fleet/b.yml", file("")},
                   {"fleet/deep/c.yaml", file("")},
                   {"fleet/.hidden.yaml", file("")},
                   {".ci/x.yaml", file("")},
                   {"fleet.txt", file("")},
                   {"fleet/vendored", {TreeEntry::Kind::Submodule, {}}}},
                  "",
                  "");
  EXPECT_THAT(*files.list("."), ElementsAre("a.yaml", "fleet/b.yml", "fleet/deep/c.yaml"));
  EXPECT_THAT(*files.list("fleet"), ElementsAre("fleet/b.yml", "fleet/deep/c.yaml"));
  EXPECT_THAT(*files.list("./fleet/"), ElementsAre("fleet/b.yml", "fleet/deep/c.yaml"));
  EXPECT_THAT(*files.list("a.yaml"), ElementsAre("a.yaml"));
  EXPECT_EQ(files.list("none").error().id, "FileMissing");
}

TEST(TreeFiles, FollowsLinksWithinTheTreeAlone) {
  TreeFiles files({{"fleet/a.yaml", file("A")},
                   {"fleet/same.yaml", link("a.yaml")},
                   {"fleet/up.yaml", link("../common/b.yaml")},
                   {"fleet/more", link("../common")},
                   {"fleet/self", link(".")},
                   {"fleet/loop.yaml", link("loop.yaml")},
                   {"fleet/broken.yaml", link("nothing")},
                   {"common/b.yaml", file("B")}},
                  "",
                  "");
  EXPECT_EQ(text(files, "fleet/same.yaml"), "A");
  EXPECT_EQ(text(files, "fleet/up.yaml"), "B");
  EXPECT_EQ(text(files, "fleet/more/b.yaml"), "B");
  EXPECT_EQ(text(files, "fleet/self/self/a.yaml"), "A");
  EXPECT_EQ(text(files, "fleet/loop.yaml"), "FileMissing");
  EXPECT_EQ(text(files, "fleet/broken.yaml"), "FileMissing");
  EXPECT_EQ(*files.resolve("fleet/up.yaml"), std::string(TreeFiles::kTreeRoot) + "/common/b.yaml");
  EXPECT_EQ(*files.resolve("."), TreeFiles::kTreeRoot);
  EXPECT_THAT(*files.list("fleet"),
              ElementsAre("fleet/a.yaml",
                          "fleet/broken.yaml",
                          "fleet/loop.yaml",
                          "fleet/more/b.yaml",
                          "fleet/same.yaml",
                          "fleet/up.yaml"));
}

TEST(TreeFiles, LeadsNowhereElse) {
  const std::vector<std::pair<std::string, TreeEntry>> cases = {
      {"x.yaml", link("/etc/passwd")},
      {"x.yaml", link("../../etc/passwd")},
      {"x.yaml", link("/run/secrets/key")},
      {"deep/x.yaml", link("../..")},
  };
  for (const auto& [path, entry] : cases) {
    SCOPED_TRACE(entry.content);
    TreeFiles files({{path, entry}}, "", "/run/secrets");
    EXPECT_EQ(text(files, path), "OutsideRoot");
    EXPECT_FALSE(files.resolve(path));
  }
  TreeFiles files({{"a.yaml", file("A")}, {"out", link("/etc")}}, "", "/run/secrets");
  for (const char* path :
       {"/etc/passwd", "../a.yaml", "/a.yaml", "/run/secrets/../../etc/passwd"}) {
    EXPECT_EQ(text(files, path), "OutsideRoot") << path;
  }
  EXPECT_EQ(files.list(".").error().id, "OutsideRoot");
}

TEST(TreeFiles, SaysThatALinkLeavesTheScope) {
  TreeFiles files(
      {{"fleet/a.yaml", link("../common/b.yaml")}, {"fleet/c.yaml", link("none")}}, "fleet", "");
  EXPECT_EQ(text(files, "fleet/a.yaml"), "OutsideRoot");
  EXPECT_EQ(text(files, "fleet/c.yaml"), "FileMissing");
}

TEST(TreeFiles, LeavesOutPathsThatGitWouldNotMake) {
  TreeFiles files({{"../evil.yaml", file("x")},
                   {"a//b.yaml", file("x")},
                   {"./c.yaml", file("x")},
                   {"ok.yaml", file("x")}},
                  "",
                  "");
  EXPECT_THAT(*files.list("."), ElementsAre("ok.yaml"));
}

TEST(TreeFiles, NamesWhatIsNoContent) {
  TreeFiles files({{"lfs.pem", file("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")},
                   {"sub", {TreeEntry::Kind::Submodule, {}}},
                   {"large", {TreeEntry::Kind::File, {}, true}},
                   {"five", file("12345")},
                   {"folder/x", file("")}},
                  "",
                  "");
  EXPECT_EQ(text(files, "lfs.pem"), "LfsPointer");
  EXPECT_EQ(text(files, "sub"), "FileMissing");
  EXPECT_THAT(files.read("sub", 10).error().what, HasSubstr("submodule"));
  EXPECT_EQ(text(files, "large"), "FileTooLarge");
  EXPECT_EQ(text(files, "five", 5), "12345");
  EXPECT_EQ(text(files, "five", 4), "FileTooLarge");
  EXPECT_EQ(text(files, "folder"), "NotAFile");
  EXPECT_EQ(text(files, "five/x"), "FileMissing");
}

class WithSecrets : public testing::Test {
 protected:
  WithSecrets() : folder_(test::new_folder("tree")) {
    fs::create_directories(folder_ / "secrets");
    std::ofstream(folder_ / "secrets/key") << "abc";
    std::ofstream(folder_ / "beside") << "not for anybody";
    fs::create_symlink(folder_ / "beside", folder_ / "secrets/out");
  }
  ~WithSecrets() override { fs::remove_all(folder_); }
  std::string secrets() const { return (folder_ / "secrets").string(); }

  fs::path folder_;
};

TEST_F(WithSecrets, ReadsTheDiskBelowTheSecretsAlone) {
  TreeFiles files({{"a.yaml", file("A")}}, "", secrets());
  EXPECT_EQ(text(files, secrets() + "/key"), "abc");
  EXPECT_EQ(text(files, secrets() + "/out"), "OutsideRoot");
  EXPECT_EQ(text(files, (folder_ / "beside").string()), "OutsideRoot");
  EXPECT_TRUE(files.may_hold_secrets(secrets() + "/key"));
  EXPECT_FALSE(files.may_hold_secrets("a.yaml"));
}

TEST_F(WithSecrets, AreRefusedInTheRepositoryWhenItIsLoaded) {
  const auto manifest = [](const std::string& path) {
    return "apiVersion: dps-reconciler/v1\n"
           "kind: ProvisioningService\n"
           "metadata: {name: dps-eu, resourceGroup: rg, subscription: "
           "00000000-0000-0000-0000-000000000001}\n"
           "spec:\n"
           "  location: westeurope\n"
           "  linkedHubs:\n"
           "  - hostName: hub.azure-devices.net\n"
           "    credential: {connectionString: {file: " +
           path + "}}\n";
  };
  manifest::LoadOptions options;
  options.roots = {"fleet"};
  options.secrets_dir = secrets();
  const auto ids = [&](const std::string& path) {
    TreeFiles files(
        {{"fleet/a.yaml", file(manifest(path))}, {"fleet/key", file("abc")}}, "fleet", secrets());
    std::string out;
    for (const auto& fault : manifest::load(files, options).faults) out += fault.id + " ";
    return out;
  };
  EXPECT_THAT(ids("key"), HasSubstr("SecretInRepository"));
  EXPECT_THAT(ids("/etc/passwd"), HasSubstr("OutsideRoot"));
  EXPECT_THAT(ids(secrets() + "/key"), Not(HasSubstr("SecretInRepository")));
  EXPECT_THAT(ids(secrets() + "/key"), Not(HasSubstr("OutsideRoot")));
}

}  // namespace
}  // namespace dps::controller

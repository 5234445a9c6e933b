#include "reconciler/base/secret_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reconciler/base/child_process.hpp"
#include "tests/support/new_folder.hpp"

namespace dps {
namespace {

class SecretFile : public testing::Test {
 protected:
  SecretFile() { folder_ = test::new_folder("secret"); }
  ~SecretFile() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_;
};

TEST_F(SecretFile, IsReadAgainEachTime) {
  const auto path = write("a", " one \n");
  EXPECT_EQ(read_secret_file(path)->reveal(), " one \n");
  EXPECT_EQ(read_secret_word(path)->reveal(), "one");
  write("a", "two");
  EXPECT_EQ(read_secret_word(path)->reveal(), "two");
}

TEST_F(SecretFile, NamesThePathAndWhyAndNeverTheContent) {
  const auto fifo = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  struct Case {
    std::string path;
    std::string says;
  };
  for (const Case& one : std::vector<Case>{{(folder_ / "none").string(), "does not exist"},
                                           {folder_.string(), "no regular file"},
                                           {fifo, "no regular file"},
                                           {write("empty", ""), "is empty"},
                                           {write("large", std::string(65537, 'x')), "64 KiB"}}) {
    const auto read = read_secret_file(one.path);
    ASSERT_FALSE(read.has_value()) << one.path;
    EXPECT_EQ(read.error().id, "SecretMissing");
    EXPECT_NE(read.error().what.find(one.path), std::string::npos) << read.error().what;
    EXPECT_NE(read.error().what.find(one.says), std::string::npos) << read.error().what;
    EXPECT_EQ(read.error().what.find("xxx"), std::string::npos);
  }
  EXPECT_EQ(read_secret_word(write("blank", " \n\t")).error().id, "SecretMissing");
}

TEST_F(SecretFile, AProgramsComplaintIsShownOnlyWhenItIsAskedFor) {
  Program program;
  program.argv = {
      "/bin/sh", "-c", "printf '\\n\\033[31mERROR: log in first\\n%0100000d' 7 >&2; exit 3"};
  EXPECT_EQ(run_program(program, {}).error().what.find("log in"), std::string::npos);
  program.most_complaint = 100;
  const auto what = run_program(program, {}).error().what;
  EXPECT_NE(what.find("exit code 3: "), std::string::npos) << what;
  EXPECT_NE(what.find("ERROR: log in first"), std::string::npos) << what;
  EXPECT_EQ(what.find('\x1b'), std::string::npos);
  EXPECT_LT(what.size(), 400U);
}

TEST_F(SecretFile, AProgramsComplaintShowsPathsAndNoKeys) {
  const std::string key = "MHcCAQEEIJ2ZkX4a+3Qq/7v0yQm1wC8dT9eR5uB6nK0sLpXvYhZqoAoGCCqGSM49";
  const std::string hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  for (const auto& [said, shown] : std::vector<std::pair<std::string, std::string>>{
           {"key=" + key, "key="}, {key, ": [secret]"}, {"pin " + hex + ".", "pin [secret]."}}) {
    Program program;
    program.argv = {"/bin/sh", "-c", "echo '" + said + "' >&2; exit 3"};
    program.most_complaint = 4096;
    const auto what = run_program(program, {}).error().what;
    EXPECT_EQ(what.find(said.substr(4, 32)), std::string::npos) << what;
    if (said.front() != 'k') {
      EXPECT_NE(what.find(shown), std::string::npos) << what;
    }
  }
  for (const std::string said : {"no /usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so there",
                                 "cannot read /run/secrets/factory/line-7/authority/private.key",
                                 "request 11111111-2222-4333-8444-555555555555 was refused",
                                 "thisprogramhasaverylongnamewithoutanydigit: not found"}) {
    Program program;
    program.argv = {"/bin/sh", "-c", "echo '" + said + "' >&2; exit 3"};
    program.most_complaint = 4096;
    const auto what = run_program(program, {}).error().what;
    EXPECT_NE(what.find(said), std::string::npos) << what;
  }
}

TEST_F(SecretFile, AProgramIsFoundInAbsoluteFoldersOnly) {
  const auto path = write("tool", "#!/bin/sh\n");
  EXPECT_EQ(program_in_path(folder_.string(), "tool"), "");  // not executable
  ::chmod(path.c_str(), 0700);
  EXPECT_EQ(program_in_path("/nowhere::.:" + folder_.string() + ":/bin", "tool"), path);
  EXPECT_EQ(program_in_path("", "tool"), "");
  EXPECT_EQ(program_in_path("relative:.", "tool"), "");
}

}  // namespace
}  // namespace dps

#include "reconciler/base/secret_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reconciler/base/child_process.hpp"

namespace dps {
namespace {

class SecretFile : public testing::Test {
 protected:
  SecretFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "secret.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
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

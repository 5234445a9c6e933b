// git_origin: a repository of a test's own, changed as a person would change it.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "reconciler/base/text.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps::test {

/// A bare repository "fleet.git" with a branch "main", and a work tree that pushes to it.
class GitOrigin {
 public:
  using Files = std::map<std::string, std::string>;

  GitOrigin() : folder_(new_folder("origin")) {
    git({"init", "-q", "--bare", "-b", "main", bare()});
    git({"init", "-q", "-b", "main", work()});
    for (const char* setting : {"uploadpack.allowAnySHA1InWant", "http.receivepack"}) {
      git({"-C", bare(), "config", setting, "true"});
    }
  }
  ~GitOrigin() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  GitOrigin(const GitOrigin&) = delete;
  GitOrigin& operator=(const GitOrigin&) = delete;

  std::string folder() const { return folder_.string(); }
  std::string bare() const { return (folder_ / "fleet.git").string(); }
  std::string work() const { return (folder_ / "work").string(); }
  std::string url() const { return "file://" + bare(); }

  void write(const std::string& name, const std::string& text) const {
    const auto path = std::filesystem::path(work()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  /// All files of the work tree, these on top, as a commit; its id.
  std::string commit(const Files& files = {}, const std::vector<std::string>& options = {}) const {
    for (const auto& [name, text] : files) write(name, text);
    in_work({"add", "-A"});
    std::vector<std::string> all = {"commit", "-q", "--allow-empty", "-m", "a change"};
    all.insert(all.end(), options.begin(), options.end());
    in_work(all);
    return std::string(trim(in_work({"rev-parse", "HEAD"})));
  }
  void push(const std::string& what = "+HEAD:refs/heads/main") const {
    in_work({"push", "-q", bare(), what});
  }
  std::string pushed(const Files& files, const std::vector<std::string>& options = {}) const {
    auto id = commit(files, options);
    push();
    return id;
  }
  std::string in_work(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"-C", work()});
    return git(std::move(arguments));
  }
  std::string git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"git", "-c", "gc.auto=0", "-c", "maintenance.auto=false"});
    const auto ended = testing_support::run(arguments,
                                            {{"HOME", folder()},
                                             {"GIT_CONFIG_NOSYSTEM", "1"},
                                             {"GIT_CONFIG_GLOBAL", "/dev/null"},
                                             {"GIT_AUTHOR_NAME", "a"},
                                             {"GIT_AUTHOR_EMAIL", "a@example.test"},
                                             {"GIT_COMMITTER_NAME", "a"},
                                             {"GIT_COMMITTER_EMAIL", "a@example.test"}});
    if (ended.exit_code != 0) throw std::runtime_error("git: " + ended.err);
    return ended.out;
  }

 private:
  std::filesystem::path folder_;
};

/// A new ed25519 key "NAME" and "NAME.pub" in this folder; the path of the first.
inline std::string new_ssh_key(const std::string& folder, const std::string& name) {
  auto path = folder + "/" + name;
  const auto ended =
      testing_support::run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path});
  if (ended.exit_code != 0) throw std::runtime_error("ssh-keygen: " + ended.err);
  return path;
}

inline std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace dps::test

// temporary_folder: a folder of a test's own, gone at its end.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/new_folder.hpp"

namespace dps::manifest {

class TemporaryFolder {
 public:
  TemporaryFolder() { path_ = test::new_folder("manifest"); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path(const std::string& name = {}) const {
    return name.empty() ? path_ : path_ + "/" + name;
  }
  std::string write(const std::string& name, const std::string& content) const {
    auto whole = path(name);
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    std::ofstream(whole, std::ios::binary) << content;
    return whole;
  }
  void link(const std::string& name, const std::string& target) const {
    const auto whole = path(name);
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    std::filesystem::create_symlink(target, whole);
  }

 private:
  std::string path_;
};

}  // namespace dps::manifest

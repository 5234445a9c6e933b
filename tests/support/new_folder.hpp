// new_folder: an empty folder for one test, to be removed by whoever asked for it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace dps::test {

/// Below the system's folder for temporary files; `name` is the beginning of its name.
inline std::filesystem::path new_folder(const std::string& name) {
  auto pattern = (std::filesystem::temp_directory_path() / (name + ".XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return pattern;
}

}  // namespace dps::test

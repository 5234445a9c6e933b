#include "reconciler/manifest/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/text.hpp"

namespace dps::manifest {
namespace fs = std::filesystem;
namespace {

Failure system_fault(const std::string& path, int code) {
  const bool missing = code == ENOENT || code == ENOTDIR;
  return fail(give_up(missing ? "FileMissing" : "FileUnreadable",
                      fmt::format("{}: {}", printable(path), std::generic_category().message(code)),
                      missing ? "an existing file" : "a file that this user may read"));
}

Failure too_large(const std::string& path, std::size_t limit) {
  return fail(give_up("FileTooLarge",
                      fmt::format("{} has more than {} KiB", printable(path), limit / 1024),
                      "several smaller files"));
}

// Folders by device and inode: a link to a folder that is being walked, or was, is not walked
// again.
using Seen = std::set<std::pair<dev_t, ino_t>>;

Result<void> walk(const fs::path& folder, Seen& seen, std::vector<std::string>& out) {
  std::error_code code;
  std::vector<fs::path> names;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    if (!at->path().filename().string().starts_with('.')) names.push_back(at->path());
  }
  if (code) return system_fault(folder.string(), code.value());
  std::sort(names.begin(), names.end());
  for (const auto& path : names) {
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
      if (!seen.insert({status.st_dev, status.st_ino}).second) continue;
      if (auto walked = walk(path, seen, out); !walked) return walked;
    } else if (is_manifest_name(path.filename().string())) {
      out.push_back(path.string());  // also broken links: reading them says what is wrong
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> DiskFiles::list(const std::string& root) {
  struct stat status {};
  if (::stat(root.c_str(), &status) != 0) return system_fault(root, errno);
  if (!S_ISDIR(status.st_mode)) return std::vector<std::string>{root};
  std::vector<std::string> out;
  Seen seen{{status.st_dev, status.st_ino}};
  if (auto walked = walk(fs::path(tidy_path(root)), seen, out); !walked)
    return fail(walked.error());
  for (auto& path : out) path = tidy_path(path);
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> DiskFiles::read(const std::string& path, std::size_t limit) {
  // Without O_NONBLOCK the opening of a pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (file.number() < 0) return system_fault(path, errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return system_fault(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return fail(give_up("NotAFile",
                        fmt::format("{} is not a regular file", printable(path)),
                        "a regular file; pipes, devices and folders are not read"));
  }
  if (static_cast<std::size_t>(status.st_size) > limit) return too_large(path, limit);
  std::string content;
  // One byte more than the file says: a file that grows meanwhile is noticed.
  content.resize(static_cast<std::size_t>(status.st_size) + 1);
  std::size_t length = 0;
  for (;;) {
    if (length == content.size()) content.resize(std::min(content.size() * 2, limit + 1));
    const auto count = ::read(file.number(), content.data() + length, content.size() - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_fault(path, errno);
    if (count == 0) break;
    length += static_cast<std::size_t>(count);
    if (length > limit) return too_large(path, limit);
  }
  content.resize(length);
  return content;
}

Result<std::string> DiskFiles::resolve(const std::string& path) {
  std::error_code code;
  auto resolved = fs::canonical(path, code);
  if (code) return system_fault(path, code.value());
  return resolved.string();
}

std::string DiskFiles::absolute(const std::string& path) {
  std::error_code code;
  const auto made = fs::absolute(path, code);
  return code ? path : made.lexically_normal().string();
}

MemoryFiles::MemoryFiles(const std::map<std::string, std::string>& contents) {
  for (const auto& [path, content] : contents) put(path, content);
}

void MemoryFiles::put(const std::string& path, std::string content) {
  contents_[absolute(path)] = std::move(content);
}

Result<std::vector<std::string>> MemoryFiles::list(const std::string& root) {
  const auto from = absolute(root);
  if (contents_.contains(from)) return std::vector<std::string>{root};
  std::vector<std::string> out;
  bool any = false;
  for (const auto& [path, content] : contents_) {
    if (!is_below(path, from)) continue;
    any = true;
    const auto rest = path.substr(from == "/" ? 1 : from.size() + 1);
    const auto parts = split(rest, '/');
    const bool dotted = std::any_of(
        parts.begin(), parts.end(), [](const std::string& part) { return part.starts_with('.'); });
    if (!dotted && is_manifest_name(parts.back())) {
      out.push_back(tidy_path(path_below(root, rest)));
    }
  }
  if (!any) return system_fault(root, ENOENT);
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> MemoryFiles::read(const std::string& path, std::size_t limit) {
  const auto found = contents_.find(absolute(path));
  if (found == contents_.end()) return system_fault(path, ENOENT);
  if (found->second.size() > limit) return too_large(path, limit);
  return found->second;
}

Result<std::string> MemoryFiles::resolve(const std::string& path) {
  const auto whole = absolute(path);
  for (const auto& [known, content] : contents_) {
    if (is_below(known, whole)) return whole;
  }
  return system_fault(path, ENOENT);
}

std::string MemoryFiles::absolute(const std::string& path) {
  auto whole = fs::path("/" + path).lexically_normal().string();
  if (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return whole;
}

bool Files::may_hold_secrets(const std::string&) {
  return true;
}

bool is_manifest_name(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string path_below(const std::string& folder, const std::string& name) {
  if (name.starts_with('/')) return name;
  return folder == "." ? name : folder + "/" + name;
}

std::string tidy_path(const std::string& path) {
  auto tidy = fs::path(path).lexically_normal().string();
  if (tidy.size() > 1 && tidy.ends_with('/')) tidy.pop_back();
  return tidy.empty() ? "." : tidy;
}

bool is_below(const std::string& path, const std::string& folder) {
  if (folder == "/" || path == folder) return true;
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace dps::manifest

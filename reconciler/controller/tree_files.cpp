#include "reconciler/controller/tree_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr int kMostLinks = 40;  // as Linux
constexpr std::string_view kLfs = "version https://git-lfs.github.com/spec/";

Failure missing(const std::string& path) {
  return fail(give_up("FileMissing",
                      printable(path) + ": no such file in the repository",
                      "an existing file, committed"));
}

Failure outside(const std::string& path) {
  return fail(give_up("OutsideRoot",
                      printable(path) + " leads out of the repository",
                      "a file of the repository, or a secret below --secrets-dir"));
}

Failure too_large(const std::string& path, std::size_t limit) {
  return fail(give_up("FileTooLarge",
                      fmt::format("{} has more than {} KiB", printable(path), limit / 1024),
                      "several smaller files"));
}

bool is_proper(const std::string& path) {
  const auto parts = split(path, '/');
  return std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == "..";
  });
}

}  // namespace

TreeFiles::TreeFiles(Tree tree, std::string scope, std::string secrets_dir)
    : tree_(std::move(tree)), scope_(std::move(scope)), secrets_dir_(std::move(secrets_dir)) {
  for (auto at = tree_.begin(); at != tree_.end();) {
    at = is_proper(at->first) ? std::next(at) : tree_.erase(at);
  }
  if (!secrets_dir_.empty()) secrets_dir_ = disk_.absolute(manifest::tidy_path(secrets_dir_));
}

bool TreeFiles::is_folder(const std::string& path) const {
  if (path.empty()) return true;
  const auto inside = path + "/";
  const auto at = tree_.lower_bound(inside);
  return at != tree_.end() && at->first.starts_with(inside);
}

bool TreeFiles::is_of_secrets(const std::string& path) const {
  return path.starts_with('/') && !secrets_dir_.empty() &&
         manifest::is_below(manifest::tidy_path(path), secrets_dir_);
}

Result<std::string> TreeFiles::follow(const std::string& path) const {
  std::string rest = path;
  if (manifest::is_below(rest, kTreeRoot)) {
    rest = rest.substr(std::string_view(kTreeRoot).size());
    rest.erase(0, rest.find_first_not_of('/'));
  }
  if (rest.starts_with('/')) return outside(path);
  std::vector<std::string> done;
  auto parts = split(rest, '/');
  std::reverse(parts.begin(), parts.end());  // the next one is at the back
  int links = 0;
  while (!parts.empty()) {
    const auto part = std::move(parts.back());
    parts.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (done.empty()) return outside(path);
      done.pop_back();
      continue;
    }
    done.push_back(part);
    const auto here = join(done, "/");
    const auto found = tree_.find(here);
    if (found == tree_.end()) {
      if (is_folder(here) || (!scope_.empty() && manifest::is_below(scope_, here))) continue;
      const bool known = scope_.empty() || manifest::is_below(here, scope_);
      return known ? missing(path) : outside(path);
    }
    if (found->second.kind == TreeEntry::Kind::Link) {
      const auto& target = found->second.content;
      if (++links > kMostLinks || target.empty()) return missing(path);
      if (target.starts_with('/')) return outside(path);
      done.pop_back();
      auto more = split(target, '/');
      parts.insert(parts.end(), more.rbegin(), more.rend());
      continue;
    }
    const bool last = std::all_of(
        parts.begin(), parts.end(), [](const auto& one) { return one.empty() || one == "."; });
    if (!last) return missing(path);
  }
  return join(done, "/");
}

Result<void> TreeFiles::walk(const std::string& shown,
                             const std::string& real,
                             std::vector<std::string>& seen,
                             std::vector<std::string>& out) const {
  const auto inside = real.empty() ? std::string() : real + "/";
  for (auto at = tree_.lower_bound(inside); at != tree_.end();) {
    if (!at->first.starts_with(inside)) break;
    const auto rest = std::string_view(at->first).substr(inside.size());
    const std::string name(rest.substr(0, rest.find('/')));
    const auto child = inside + name;
    const auto child_shown = manifest::path_below(shown, name);
    // '0' is what comes after '/': past everything below the child.
    at = name.size() == rest.size() ? std::next(at) : tree_.lower_bound(child + "0");
    if (name.starts_with('.')) continue;
    const auto target = follow(child);
    if (target && is_folder(*target)) {
      if (std::find(seen.begin(), seen.end(), *target) != seen.end()) continue;
      seen.push_back(*target);
      if (auto walked = walk(child_shown, *target, seen, out); !walked) return walked;
      continue;
    }
    if (!target && target.error().id == "OutsideRoot" && !manifest::is_manifest_name(name)) {
      // A folder perhaps: half a set must never look complete.
      return fail(target.error());
    }
    // Broken links too: reading them says what is wrong.
    if (manifest::is_manifest_name(name)) out.push_back(child_shown);
  }
  return {};
}

Result<std::vector<std::string>> TreeFiles::list(const std::string& root) {
  if (is_of_secrets(root)) return disk_.list(root);
  const auto real = follow(root);
  if (!real) return fail(real.error());
  if (!is_folder(*real)) return std::vector<std::string>{root};
  std::vector<std::string> out;
  std::vector<std::string> seen{*real};
  if (auto walked = walk(manifest::tidy_path(root), *real, seen, out); !walked) {
    return fail(walked.error());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> TreeFiles::read(const std::string& path, std::size_t limit) {
  if (is_of_secrets(path)) {
    const auto real = disk_.resolve(path);
    if (!real) return fail(real.error());
    const auto folder = disk_.resolve(secrets_dir_);
    if (!folder || !manifest::is_below(*real, *folder)) return outside(path);
    return disk_.read(*real, limit);
  }
  const auto real = follow(path);
  if (!real) return fail(real.error());
  const auto found = tree_.find(*real);
  if (found == tree_.end()) {
    return fail(give_up("NotAFile", printable(path) + " is not a regular file", "a regular file"));
  }
  const auto& entry = found->second;
  if (entry.kind == TreeEntry::Kind::Submodule) {
    return fail(give_up("FileMissing",
                        printable(path) + " is a submodule, and those are not fetched",
                        "the files themselves"));
  }
  if (entry.too_large || entry.content.size() > limit) return too_large(path, limit);
  if (entry.content.starts_with(kLfs)) {
    return fail(give_up("LfsPointer",
                        printable(path) + " is a pointer of Git LFS, whose content is not fetched",
                        "the file itself in the repository"));
  }
  return entry.content;
}

Result<std::string> TreeFiles::resolve(const std::string& path) {
  if (is_of_secrets(path)) return disk_.resolve(path);
  const auto real = follow(path);
  if (!real) return fail(real.error());
  return real->empty() ? std::string(kTreeRoot) : fmt::format("{}/{}", kTreeRoot, *real);
}

std::string TreeFiles::absolute(const std::string& path) {
  if (path.starts_with('/')) return manifest::tidy_path(path);
  const auto tidy = manifest::tidy_path(path);
  return tidy == "." ? std::string(kTreeRoot)
                     : manifest::tidy_path(fmt::format("{}/{}", kTreeRoot, tidy));
}

bool TreeFiles::may_hold_secrets(const std::string& path) {
  return is_of_secrets(path);
}

}  // namespace dps::controller

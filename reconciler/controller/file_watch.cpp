#include "reconciler/controller/file_watch.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr int kMostLinks = 40;  // as Linux
constexpr std::size_t kMostNames = 200'000;

std::string below(const std::string& folder, const std::string& name) {
  return folder == "/" ? "/" + name : folder + "/" + name;
}

std::optional<std::string> target_of(const std::string& path) {
  std::array<char, 4096> text{};
  const auto length = ::readlink(path.c_str(), text.data(), text.size());
  if (length < 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(length));
}

std::string facts(const struct stat& status) {
  return fmt::format("{}:{}:{:o}:{}:{}.{}:{}.{}",
                     status.st_dev,
                     status.st_ino,
                     status.st_mode,
                     status.st_size,
                     status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec,
                     status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec);
}

class Walk {
 public:
  void root(const std::string& path, bool needed) {
    needed_ = needed;
    const auto real = follow(path);
    look(path, real);
  }
  Survey take() {
    out_.signature = hex(digest_.finish());
    return std::move(out_);
  }

 private:
  // The path without links, noting each folder that it leads through. Nothing: it leads nowhere.
  std::optional<std::string> follow(const std::string& path) {
    std::vector<std::string> parts = split(path, '/');
    std::reverse(parts.begin(), parts.end());  // the next one is at the back
    std::string done = "/";
    int links = 0;
    while (!parts.empty()) {
      const auto part = std::move(parts.back());
      parts.pop_back();
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        const auto slash = done.rfind('/');
        done = slash == 0 ? "/" : done.substr(0, slash);
        continue;
      }
      const auto here = below(done, part);
      struct stat status {};
      const bool exists = ::lstat(here.c_str(), &status) == 0;
      const bool last = parts.empty();
      if (!exists || S_ISLNK(status.st_mode) || last) out_.folders[done].names.insert(part);
      if (!exists) {
        note(here, "!" + std::to_string(errno));
        return std::nullopt;
      }
      if (!S_ISLNK(status.st_mode)) {
        done = here;
        continue;
      }
      const auto target = target_of(here);
      if (!target || ++links > kMostLinks) return std::nullopt;
      note(here, "->" + *target);
      if (target->starts_with('/')) done = "/";
      auto more = split(*target, '/');
      parts.insert(parts.end(), more.rbegin(), more.rend());
    }
    return done;
  }

  void look(const std::string& shown, const std::optional<std::string>& real) {
    struct stat status {};
    if (!real || ::stat(real->c_str(), &status) != 0) {
      trouble(shown, real ? errno : ENOENT);
      return;
    }
    if (S_ISDIR(status.st_mode)) {
      // Its times change with hidden files too.
      note(shown, fmt::format("{}:{}:{:o}", status.st_dev, status.st_ino, status.st_mode));
      if (seen_.insert({status.st_dev, status.st_ino}).second) walk(shown, *real);
    } else {
      note(shown, facts(status));
    }
  }

  void walk(const std::string& shown, const std::string& real) {
    out_.folders[real].all = true;
    DIR* folder = ::opendir(real.c_str());
    if (folder == nullptr) {
      trouble(shown, errno);
      return;
    }
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder);
      if (entry == nullptr) break;
      if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    const int code = errno;
    ::closedir(folder);
    if (code != 0) trouble(shown, code);
    std::sort(names.begin(), names.end());
    for (const auto& name : names) {
      if (++count_ > kMostNames) {
        if (needed_) out_.trouble = shown + ": there are more than 200,000 files";
        return;
      }
      const auto child = below(real, name);
      struct stat status {};
      const bool is_link = ::lstat(child.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
      if (!is_link) {
        look(below(shown, name), child);
        continue;
      }
      // A link that leads nowhere is the loader's to judge.
      if (const auto target = follow(child)) look(below(shown, name), target);
    }
  }

  void note(const std::string& path, const std::string& what) {
    digest_.add(path);
    digest_.add(std::string_view("\0", 1));
    digest_.add(what);
    digest_.add("\n");
  }

  void trouble(const std::string& path, int code) {
    note(path, "!" + std::to_string(code));
    if (needed_ && out_.trouble.empty()) {
      out_.trouble = fmt::format("{}: {}", printable(path, 200), std::strerror(code));
    }
  }

  Survey out_;
  Sha256 digest_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  std::size_t count_ = 0;
  bool needed_ = true;
};

}  // namespace

Survey survey(const std::vector<std::string>& needed, const std::vector<std::string>& optional) {
  Walk walk;
  for (const auto& path : needed) walk.root(path, true);
  for (const auto& path : optional) walk.root(path, false);
  return walk.take();
}

std::optional<std::string> FileWatch::watch(const WatchedFolders& folders, std::size_t most) {
  if (number() < 0) {
    descriptor_ = std::make_unique<Descriptor>(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  }
  if (number() < 0) return fmt::format("inotify cannot be had: {}", std::strerror(errno));
  take();
  // One instance for good: to close it takes the kernel long.
  const auto before = std::exchange(watches_, {});
  auto problem = add(folders, most);
  for (const auto& [watch, what] : before) {
    if (!watches_.contains(watch)) ::inotify_rm_watch(number(), watch);
  }
  return problem;
}

std::optional<std::string> FileWatch::add(const WatchedFolders& folders, std::size_t most) {
  constexpr std::uint32_t kMask = IN_ATTRIB | IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE |
                                  IN_DELETE_SELF | IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF |
                                  IN_ONLYDIR;
  for (const auto& [path, what] : folders) {
    if (watches_.size() >= most) {
      return fmt::format(
          "there are {} folders, more than the {} that are watched", folders.size(), most);
    }
    const int watch = ::inotify_add_watch(number(), path.c_str(), kMask);
    if (watch >= 0) {
      auto& known = watches_[watch];
      known.all = known.all || what.all;
      known.names.insert(what.names.begin(), what.names.end());
    } else if (errno == ENOSPC) {
      return "no inotify watches are left (fs.inotify.max_user_watches)";
    } else if (errno == ENOMEM) {
      return "there is no memory for inotify watches";
    }
  }
  return std::nullopt;
}

bool FileWatch::matters(int watch, unsigned mask, const std::string& name) const {
  if ((mask & IN_Q_OVERFLOW) != 0) return true;
  const auto found = watches_.find(watch);
  if (found == watches_.end()) return false;
  if (name.empty()) return true;  // the folder itself: moved, gone, closed
  return found->second.names.contains(name) || (found->second.all && name.front() != '.');
}

bool FileWatch::take() {
  if (number() < 0) return false;
  bool any = false;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (;;) {
    const auto length = ::read(number(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return any;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(length);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      any = matters(event.wd, event.mask, std::string(name, ::strnlen(name, event.len))) || any;
      at += sizeof event + event.len;
    }
  }
}

}  // namespace dps::controller

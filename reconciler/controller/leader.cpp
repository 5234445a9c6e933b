#include "reconciler/controller/leader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr std::string_view kFile = "file:";

int open_lock_file(const std::string& path) {
  const int number = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
  if (number >= 0 || (errno != EACCES && errno != EROFS)) return number;
  // Somebody else's file: what may be read may be locked.
  const int refused = errno;
  const int reading = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (reading < 0) errno = refused;
  return reading;
}

class FileLock final : public Leadership {
 public:
  explicit FileLock(std::string path) : path_(std::move(path)) {}

  bool leads() const override { return leads_; }

  bool renew() override {
    const std::lock_guard lock(mutex_);
    if (leads_) {
      if (is_the_file_at_the_path(held_->number())) return false;
      // Another process may hold the new one by now; the next try tells.
      release();
      return true;
    }
    held_.emplace(open_lock_file(path_));
    if (held_->number() < 0 || ::flock(held_->number(), LOCK_EX | LOCK_NB) != 0 ||
        !is_the_file_at_the_path(held_->number())) {
      release();
      return false;
    }
    leads_ = true;
    return true;
  }

  void give_up() override {
    const std::lock_guard lock(mutex_);
    release();
  }

  std::string description() const override { return std::string(kFile) + path_; }

 private:
  void release() {
    leads_ = false;
    held_.reset();
  }

  bool is_the_file_at_the_path(int number) const {
    struct stat held {};
    struct stat named {};
    return ::fstat(number, &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
  }

  const std::string path_;
  std::mutex mutex_;
  std::optional<Descriptor> held_;
  std::atomic<bool> leads_{false};
};

}  // namespace

Result<std::unique_ptr<Leadership>> make_leadership(const std::string& text) {
  const auto wrong = [&](const std::string& what) {
    return fail(give_up("BadLeaderElection",
                        fmt::format("--leader-election {}: {}", printable(text, 200), what),
                        "file:PATH of a file that may be made and locked, on a file system that "
                        "all replicas of this machine share"));
  };
  if (!text.starts_with(kFile)) return wrong("there is no such kind of election");
  auto path = text.substr(kFile.size());
  if (path.empty()) return wrong("it names no file");
  {
    const Descriptor file(open_lock_file(path));
    if (file.number() < 0) {
      return wrong("the file cannot be opened: " + std::generic_category().message(errno));
    }
    struct stat facts {};
    if (::fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
      return wrong("that is no regular file");
    }
    if (::flock(file.number(), LOCK_SH | LOCK_NB) != 0 && errno != EWOULDBLOCK) {
      return wrong("the file cannot be locked: " + std::generic_category().message(errno));
    }
  }
  return std::unique_ptr<Leadership>(std::make_unique<FileLock>(std::move(path)));
}

}  // namespace dps::controller

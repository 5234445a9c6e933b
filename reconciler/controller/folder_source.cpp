#include "reconciler/controller/folder_source.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/controller/file_watch.hpp"

namespace dps::controller {
namespace {

using std::chrono::steady_clock;

// The disk with some folders in the place of the links that led there.
class PinnedFiles final : public manifest::Files {
 public:
  /// Absolute path as shown -> where it led.
  explicit PinnedFiles(std::vector<std::pair<std::string, std::string>> pins)
      : pins_(std::move(pins)) {}

  Result<std::vector<std::string>> list(const std::string& root) override {
    const auto real = real_of(root);
    auto paths = disk_.list(real);
    if (!paths || real == root) return paths;
    for (auto& path : *paths) {
      path = path == real
                 ? root
                 : manifest::tidy_path(fmt::format("{}{}", root, path.substr(real.size())));
    }
    return paths;
  }
  Result<std::string> read(const std::string& path, std::size_t limit) override {
    return disk_.read(real_of(path), limit);
  }
  Result<std::string> resolve(const std::string& path) override {
    return disk_.resolve(real_of(path));
  }
  std::string absolute(const std::string& path) override { return disk_.absolute(path); }

 private:
  std::string real_of(const std::string& path) {
    const auto whole = disk_.absolute(path);
    for (const auto& [shown, real] : pins_) {
      if (manifest::is_below(whole, shown)) return real + whole.substr(shown.size());
    }
    return path;
  }

  manifest::DiskFiles disk_;
  std::vector<std::pair<std::string, std::string>> pins_;
};

// Shared with the checkouts, who ask it whether they still hold.
struct Watching {
  FolderSettings settings;
  std::vector<std::string> roots;    // absolute
  std::vector<std::string> watched;  // absolute
  FileWatch watch;
  std::string signature;  // of the newest checkout; empty: there was none
  bool changed = false;   // something happened since
  bool troubled = false;  // the newest look failed
  bool told = false;

  Survey look() const { return survey(roots, watched); }
  bool has_changed() {
    changed = watch.take() || changed;
    return changed;
  }
};

class FolderSource final : public Source {
 public:
  explicit FolderSource(FolderSettings settings) : state_(std::make_shared<Watching>()) {
    manifest::DiskFiles disk;
    const auto whole = [&](const std::vector<std::string>& paths) {
      std::vector<std::string> out;
      for (const auto& path : paths) {
        if (!path.empty()) out.push_back(manifest::tidy_path(disk.absolute(path)));
      }
      return out;
    };
    state_->roots = whole(settings.roots);
    state_->watched = whole(settings.watched);
    state_->settings = std::move(settings);
  }

  std::string kind() const override { return "folder"; }
  std::string location() const override { return join(state_->settings.roots, ", "); }

  Result<Checkout> newest(std::stop_token) override {
    auto& state = *state_;
    auto found = state.look();
    // What is made between the look and the watch would be missed: look again, until it is the
    // same.
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto problem = state.watch.watch(found.folders, state.settings.most_watches);
      if (problem && !state.told && state.settings.notice) {
        state.settings.notice(fmt::format("changes of manifests are found every {}: {}",
                                          duration_text(state.settings.poll),
                                          *problem));
      }
      state.told = problem.has_value();
      state.changed = false;
      auto again = state.look();
      const bool same = again.folders == found.folders;
      found = std::move(again);
      if (same) break;
    }
    state.signature = found.signature;
    state.troubled = !found.trouble.empty();
    if (state.troubled) {
      return fail({NextMove::RetryLater,
                   "SourceUnreadable",
                   "the manifests cannot be read: " + found.trouble,
                   "the revision in force stays until they can; check --manifests and who may read",
                   0,
                   {}});
    }
    return checkout();
  }

  bool wait(std::stop_token stop) override {
    auto& state = *state_;
    const Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::stop_callback on_stop(stop, [&wake] {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(wake.number(), &one, sizeof one);
    });
    auto next_look = steady_clock::now() + state.settings.poll;
    while (!stop.stop_requested()) {
      if (state.signature.empty()) return true;
      if (state.has_changed()) return burst_ended(wake, stop);
      if (steady_clock::now() >= next_look) {
        if (state.troubled || state.look().signature != state.signature) {
          return burst_ended(wake, stop);
        }
        next_look = steady_clock::now() + state.settings.poll;
      }
      pause(wake, next_look);
    }
    return false;
  }

 private:
  Result<Checkout> checkout() {
    auto& state = *state_;
    manifest::DiskFiles disk;
    std::vector<std::pair<std::string, std::string>> pins;
    for (const auto& root : state.roots) {
      const auto real = disk.resolve(root);
      if (real && *real != root) pins.emplace_back(root, *real);
    }
    // The longest first: a root may lie in another.
    std::sort(pins.begin(), pins.end(), [](const auto& left, const auto& right) {
      return left.first.size() > right.first.size();
    });
    Checkout out;
    out.files = std::make_shared<PinnedFiles>(std::move(pins));
    out.roots = state.settings.roots;
    out.is_still_so = [shared = state_, signature = state.signature] {
      return !shared->has_changed() && shared->look().signature == signature;
    };
    return out;
  }

  void pause(const Descriptor& wake, steady_clock::time_point until) {
    const auto left = std::chrono::ceil<Duration>(until - steady_clock::now());
    std::array<pollfd, 2> ends{{{wake.number(), POLLIN, 0}, {state_->watch.number(), POLLIN, 0}}};
    ::poll(ends.data(),
           ends.size(),
           static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000)));
  }

  bool burst_ended(const Descriptor& wake, const std::stop_token& stop) {
    const auto& settings = state_->settings;
    const auto longest = steady_clock::now() + settings.longest_burst;
    auto quiet = steady_clock::now() + settings.quiet;
    while (!stop.stop_requested()) {
      const auto now = steady_clock::now();
      if (now >= quiet || now >= longest) return true;
      pause(wake, std::min(quiet, longest));
      if (state_->watch.take()) {
        state_->changed = true;
        quiet = steady_clock::now() + settings.quiet;
      }
    }
    return false;
  }

  const std::shared_ptr<Watching> state_;
};

}  // namespace

std::unique_ptr<Source> make_folder_source(FolderSettings settings) {
  return std::make_unique<FolderSource>(std::move(settings));
}

}  // namespace dps::controller

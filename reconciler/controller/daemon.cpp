#include "reconciler/controller/daemon.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace dps::controller {
namespace {

constexpr Duration kLongestSleep = std::chrono::seconds{30};
constexpr int kTornLoads = 5;

constexpr int kMostSecrets = 10000;

/// Paths, sizes and times of what lies in a folder, links followed.
std::string signature_of(const std::string& folder) {
  namespace fs = std::filesystem;
  std::string out;
  if (folder.empty()) return out;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(
      folder, fs::directory_options::skip_permission_denied, error);
  int count = 0;
  for (; !error && at != fs::recursive_directory_iterator() && count < kMostSecrets; ++count) {
    struct stat facts {};
    if (::stat(at->path().c_str(), &facts) == 0 && S_ISREG(facts.st_mode)) {
      out += fmt::format("{} {} {} {}.{}\n",
                         at->path().string(),
                         facts.st_ino,
                         facts.st_size,
                         facts.st_mtim.tv_sec,
                         facts.st_mtim.tv_nsec);
    }
    at.increment(error);
  }
  return out;
}

}  // namespace

Daemon::Daemon(Source& source, Leadership& leadership, Clock& clock, DaemonSettings settings)
    : source_(source), leadership_(leadership), clock_(clock), settings_(std::move(settings)) {}

Daemon::~Daemon() {
  std::stop_source now;
  now.request_stop();
  stop(Duration{0}, now.get_token());
}

void Daemon::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

void Daemon::start(Engine& engine) {
  engine_ = &engine;
  at_work_ = settings_.workers;
  for (std::size_t number = 0; number < settings_.workers; ++number) {
    workers_.emplace_back([this] { work(); });
  }
  source_thread_ = std::thread([this] { watch_source(); });
  house_thread_ = std::thread([this] { keep_house(); });
}

void Daemon::work() {
  const apply::Stops stops{drain_.get_token(), abort_.get_token()};
  while (!stops.drain.stop_requested()) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = wakes_;
    }
    if (engine_->run_one(stops)) {
      wake();  // what it queued is for all
      continue;
    }
    const auto now = clock_.now();
    const auto due = engine_->next_due().value_or(now + kLongestSleep);
    const auto pause = std::clamp<TimePoint::duration>(
        due - now, std::chrono::milliseconds{1}, TimePoint::duration(kLongestSleep));
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stops.drain, pause, [&] { return wakes_ != seen; });
  }
  {
    const std::lock_guard lock(mutex_);
    --at_work_;
  }
  changed_.notify_all();
}

// False: a swap in the middle may have given half of each, so it is not taken.
bool Daemon::load(const Checkout& checkout) {
  auto options = settings_.load_options();
  options.roots = checkout.roots;
  options.now = clock_.wall();
  auto loaded = manifest::load(*checkout.files, options);
  if (checkout.is_still_so && !checkout.is_still_so()) return false;
  has_faults_ = !loaded.faults.empty();
  loaded_ = true;
  loaded_at_ = clock_.now();
  loaded_revision_ = checkout.revision;
  loaded_digest_ = loaded.desired.revision;
  {
    const std::lock_guard lock(mutex_);
    reload_at_ = loaded_at_ + (has_faults_ ? settings_.fault_interval : settings_.reload_interval);
  }
  engine_->take(std::move(loaded), checkout.revision);
  return true;
}

bool Daemon::look_at_manifests(const std::stop_token& stop) {
  for (int tries = 1; !stop.stop_requested(); ++tries) {
    auto checkout = source_.newest(stop);
    if (stop.stop_requested()) return false;
    if (!checkout) {
      engine_->source_failed(checkout.error());
      return false;
    }
    engine_->source_is_well();
    const bool due =
        !loaded_ || checkout->revision.empty() || checkout->revision != loaded_revision_;
    if (!due) return false;
    if (load(*checkout)) return true;
    if (tries < kTornLoads) continue;
    {
      const std::lock_guard lock(mutex_);
      reload_at_ = clock_.now() + settings_.fault_interval;
    }
    engine_->source_failed({NextMove::RetryLater,
                            "SourceKeepsChanging",
                            "the manifests change faster than they can be read",
                            "publish them in one step, as git-sync and ConfigMaps do",
                            0,
                            {}});
    return false;
  }
  return false;
}

void Daemon::look_at_secrets() {
  auto now = signature_of(settings_.secrets_dir);
  if (secrets_ && *secrets_ != now) {
    loaded_ = false;  // blocks of services whose secret was missing
    engine_->secrets_changed();
  }
  secrets_ = std::move(now);
}

void Daemon::watch_source() {
  const auto stop = drain_.get_token();
  for (bool first = true; !stop.stop_requested(); first = false) {
    bool nudged = false;
    {
      const std::lock_guard lock(mutex_);
      nudged = std::exchange(nudged_, false);
    }
    if (nudged) loaded_ = false;
    look_at_secrets();
    const auto before = loaded_digest_;
    // Something changed beside the manifests: a key that they name, it may be.
    if (look_at_manifests(stop) && !first && !nudged && loaded_digest_ == before) {
      engine_->secrets_changed();
    }
    std::stop_source nudge;
    {
      const std::lock_guard lock(mutex_);
      if (nudged_) continue;
      nudge_ = nudge;
    }
    // Two ends of the wait: the daemon's, and a nudge.
    const std::stop_callback ending(stop, [&nudge] { nudge.request_stop(); });
    source_.wait(nudge.get_token());
  }
}

void Daemon::look_at_source() {
  std::stop_source nudge;
  {
    const std::lock_guard lock(mutex_);
    nudged_ = true;
    nudge = nudge_;
  }
  nudge.request_stop();
}

void Daemon::keep_house() {
  const auto stop = drain_.get_token();
  while (!stop.stop_requested()) {
    if (leadership_.renew()) engine_->look_at_leadership();
    engine_->beat();
    bool reload = false;
    {
      const std::lock_guard lock(mutex_);
      reload = reload_at_ && clock_.now() >= *reload_at_;
      if (reload) reload_at_.reset();
    }
    if (reload) look_at_source();
    if (settings_.keep_house) settings_.keep_house();
    clock_.sleep(settings_.house_interval, stop);
  }
}

bool Daemon::stop(Duration grace, const std::stop_token& abort) {
  drain_.request_stop();
  look_at_source();
  wake();
  bool ended = true;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, abort, grace, [&] { return at_work_ == 0; });
    ended = at_work_ == 0;
  }
  abort_.request_stop();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
  if (source_thread_.joinable()) source_thread_.join();
  if (house_thread_.joinable()) house_thread_.join();
  return ended;
}

}  // namespace dps::controller

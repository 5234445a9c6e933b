// The daemon's threads around an engine that has nothing to do: when manifests are loaded.
#include "reconciler/controller/daemon.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace dps::controller {
namespace {

using std::chrono::milliseconds;

/// A source that never has news of its own, and counts how often it is asked.
class Still final : public Source {
 public:
  std::string kind() const override { return "still"; }
  std::string location() const override { return "nowhere"; }
  Result<Checkout> newest(std::stop_token) override {
    Checkout out;
    out.revision = "rev-1";
    out.files = std::make_shared<manifest::MemoryFiles>(std::map<std::string, std::string>{
        {"/manifests/defaults.yaml",
         "apiVersion: dps-reconciler/v1\nkind: Defaults\nspec: {location: westeurope}\n"}});
    out.roots = {"/manifests"};
    out.is_still_so = [this] { return !torn_; };
    return out;
  }
  bool wait(std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, stop, [] { return false; });
  }
  std::atomic<bool> torn_{false};

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
};

/// Nobody answers.
class Silent final : public http::Exchange {
 public:
  http::Answer send(const http::Request&, std::stop_token) override {
    return tl::unexpected(http::SendFailure{http::Delivery::NotSent, give_up("Silent", "")});
  }
};

class Nothing final : public Runtime {
 public:
  explicit Nothing(Clock& clock) : clock_(clock) {}
  std::unique_ptr<arm::Client> client(const std::string&) override {
    arm::ClientSettings settings;
    settings.cloud = *arm::cloud_named("public");
    return std::make_unique<arm::Client>(silent_, clock_, memory_, settings);
  }
  manifest::SecretSource& secrets() override { return secrets_; }

 private:
  Clock& clock_;
  Silent silent_;
  arm::ClientMemory memory_;
  manifest::SystemSecretSource secrets_{{}};
};

class DaemonTest : public testing::Test {
 protected:
  DaemonTest() {
    settings_.workers = 1;
    settings_.house_interval = milliseconds{1};
    settings_.load_options = [this] {
      const std::lock_guard lock(mutex_);
      ++loads_;
      changed_.notify_all();
      manifest::LoadOptions options;
      options.allow_empty = true;
      return options;
    };
  }
  void start() {
    daemon_ = std::make_unique<Daemon>(source_, leadership_, clock_, settings_);
    engine_ = std::make_unique<Engine>(
        std::make_shared<Nothing>(clock_),
        Suspensions(""),
        SourceStatus{},
        EngineTools{
            clock_, observer_, leadership_, [] { return 0.5; }, [this] { daemon_->wake(); }});
    daemon_->start(*engine_);
  }
  bool is_loaded(int times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return loads_ >= times; });
  }

  SystemClock clock_;
  Observer observer_;
  AlwaysLeads leadership_;
  Still source_;
  DaemonSettings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int loads_ = 0;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Daemon> daemon_;
};

TEST_F(DaemonTest, JudgesTheManifestsAnewThoughNothingChangedBecauseDatesPass) {
  settings_.reload_interval = milliseconds{1};
  start();
  EXPECT_TRUE(is_loaded(4));
}

TEST_F(DaemonTest, LooksAtTheSourceWhenItIsToldTo) {
  start();
  ASSERT_TRUE(is_loaded(1));
  daemon_->look_at_source();
  EXPECT_TRUE(is_loaded(2));
}

TEST_F(DaemonTest, TakesNothingThatChangedWhileItWasRead) {
  source_.torn_ = true;
  start();
  ASSERT_TRUE(is_loaded(5));
  EXPECT_TRUE(engine_->status().source.revision.empty());
  source_.torn_ = false;
  daemon_->look_at_source();
  ASSERT_TRUE(is_loaded(6));
  // By its end it has been taken.
  EXPECT_TRUE(daemon_->stop(std::chrono::seconds{20}, {}));
  EXPECT_EQ(engine_->status().source.revision, "rev-1");
}

TEST_F(DaemonTest, EndsAtOnceWhenThereIsNothingToWaitFor) {
  start();
  ASSERT_TRUE(is_loaded(1));
  EXPECT_TRUE(daemon_->stop(std::chrono::seconds{20}, {}));
}

}  // namespace
}  // namespace dps::controller

#include "reconciler/app/run_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/run_runtime.hpp"
#include "reconciler/app/service_manager.hpp"
#include "reconciler/app/version.hpp"
#include "reconciler/controller/daemon.hpp"
#include "reconciler/controller/engine.hpp"
#include "reconciler/controller/folder_source.hpp"
#include "reconciler/controller/git_source.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/jitter.hpp"
#include "reconciler/telemetry/event_log.hpp"
#include "reconciler/telemetry/metrics.hpp"
#include "reconciler/telemetry/web.hpp"
#include "reconciler/telemetry/webhook.hpp"

namespace dps::app {
namespace {

constexpr std::size_t kMostWorkers = 16;                    // services at work at once
constexpr Duration kQuiet = std::chrono::milliseconds{20};  // after the last of a burst of changes
constexpr Duration kWebhookGrace = std::chrono::seconds{3};

controller::GitSettings git_settings(const Options& options) {
  controller::GitSettings git;
  git.url = options.git;
  git.ref = options.git_ref;
  git.path = options.git_path;
  git.interval = options.git_interval;
  git.timeout = options.git_timeout;
  git.max_size = options.git_max_size;
  git.state_dir = options.state_dir;
  git.username = options.git_username;
  git.token_file = options.git_token_file;
  git.ca_file = options.git_ca_file;
  git.ssh_key = options.git_ssh_key;
  git.known_hosts = options.git_known_hosts;
  git.verify = options.git_verify;
  git.secrets_dir = options.secrets_dir;
  return git;
}

Result<std::unique_ptr<controller::Source>> make_source(const Options& options,
                                                        Clock& clock,
                                                        Log& log) {
  if (!options.git.empty()) {
    return controller::make_git_source(git_settings(options), clock, http::random_jitter);
  }
  controller::FolderSettings folder;
  folder.roots = options.manifests;
  folder.watched = {options.secrets_dir};
  folder.quiet = kQuiet;
  folder.notice = [&log](const std::string& what) { log.write(LogLevel::Warn, what); };
  return controller::make_folder_source(std::move(folder));
}

Result<std::unique_ptr<controller::Leadership>> make_leader(const Options& options) {
  if (options.leader_election.empty()) return std::make_unique<controller::AlwaysLeads>();
  return controller::make_leadership(options.leader_election);
}

/// The parts of a running daemon, in the order in which they are made; they go the other way round.
class Running {
 public:
  explicit Running(Session& session)
      : session_(session),
        manager_(session.environment),
        metrics_(metrics_settings(), session.clock),
        requests_(session.clock),
        event_log_(session.log) {}

  /// An exit code when that is already the end.
  std::optional<int> start() {
    const auto& options = session_.options;
    auto leadership = make_leader(options);
    if (!leadership) return refused(leadership.error());
    leadership_ = *std::move(leadership);
    auto source = make_source(options, session_.clock, session_.log);
    if (!source) return refused(source.error());
    source_ = *std::move(source);
    auto runtime = wire(options);
    if (!runtime) return refused(runtime.error());
    runtime_ = *runtime;
    if (const auto hooked = hook(); !hooked) return refused(hooked.error());

    std::vector<controller::Observer*> watching = {&metrics_, &event_log_};
    if (webhook_) watching.push_back(webhook_.get());
    observers_ = std::make_unique<controller::Observers>(std::move(watching));
    daemon_ = std::make_unique<controller::Daemon>(
        *source_, *leadership_, session_.clock, daemon_settings());
    controller::SourceStatus status;
    status.kind = source_->kind();
    status.location = source_->location();
    leadership_->renew();
    engine_ = std::make_unique<controller::Engine>(
        runtime_,
        controller::Suspensions(
            options.state_dir.empty() ? "" : options.state_dir + "/suspensions.json"),
        std::move(status),
        controller::EngineTools{session_.clock,
                                *observers_,
                                *leadership_,
                                http::random_jitter,
                                [this] { daemon_->wake(); },
                                &requests_});
    auto web = telemetry::Web::start(
        web_settings(),
        *engine_,
        [this] { return metrics_.text(engine_->status()); },
        session_.clock);
    if (!web) return refused(web.error());
    web_ = *std::move(web);
    say_what_starts();
    daemon_->start(*engine_);
    return std::nullopt;
  }

  /// Until the drain begins.
  void serve() {
    manager_.ready("reconciling");
    while (session_.signals.wait_for_hangup()) reload();
  }

  int stop() {
    const auto& options = session_.options;
    session_.log.write(LogLevel::Info,
                       "stopping: no new work; what is being written reaches its end",
                       {{"grace", duration_text(options.grace)}});
    manager_.stopping("waiting for writes");
    const bool whole = daemon_->stop(options.grace, session_.signals.abort());
    leadership_->give_up();
    web_.reset();
    if (webhook_) webhook_->close(kWebhookGrace);
    if (whole) {
      session_.log.write(LogLevel::Info, "stopped");
      return kExitOk;
    }
    const bool twice = session_.signals.abort().stop_requested();
    session_.log.write(LogLevel::Warn,
                       twice ? "stopped at once by a second signal; the next start goes on"
                             : "stopped before a write had ended; the next start goes on");
    return session_.interrupted();
  }

 private:
  telemetry::MetricsSettings metrics_settings() {
    telemetry::MetricsSettings settings;
    settings.max_services = session_.options.metrics_max_services;
    settings.version = std::string(kVersion);
    settings.commit = std::string(kCommit);
    settings.tokens = [this] {
      const auto runtime = this->runtime();
      return runtime ? runtime->azure().token_expiries() : telemetry::TokenExpiries();
    };
    return settings;
  }

  telemetry::WebSettings web_settings() {
    telemetry::WebSettings settings;
    settings.listen = session_.options.listen;
    settings.cert_file = session_.options.listen_cert;
    settings.key_file = session_.options.listen_key;
    settings.control_token_file = session_.options.control_token_file;
    settings.version = std::string(kVersion);
    settings.notice = [this](const std::string& what) { session_.log.write(LogLevel::Info, what); };
    return settings;
  }

  controller::DaemonSettings daemon_settings() {
    controller::DaemonSettings settings;
    settings.workers = std::min(kMostWorkers, session_.options.concurrency);
    settings.load_options = [this] {
      return load_options(runtime()->options(), session_.environment, session_.clock.wall());
    };
    settings.secrets_dir = session_.options.secrets_dir;
    settings.keep_house = [this] {
      if (!manager_.is_there()) return;
      // Only while the loop turns: else systemd shall start it anew.
      if (manager_.watchdog_interval() && engine_->health().alive) manager_.alive();
    };
    if (const auto watchdog = manager_.watchdog_interval()) {
      settings.house_interval = std::min(settings.house_interval, *watchdog);
    }
    return settings;
  }

  Result<std::shared_ptr<AppRuntime>> wire(const Options& options) {
    Watchers watchers;
    watchers.exchanges = {&metrics_, &requests_};
    watchers.operations = [this](const arm::OperationNews& news) {
      if (news.stage == arm::OperationNews::Stage::Began) {
        metrics_.operation_began();
      } else {
        metrics_.operation_ended(news.took);
      }
    };
    return make_runtime(
        options, session_.environment, session_.clock, session_.log, std::move(watchers));
  }

  [[nodiscard]] Result<void> hook() {
    const auto& options = session_.options;
    if (options.webhook.empty()) return {};
    auto address = telemetry::webhook_address(options.webhook);
    if (!address) return fail(in_context("--webhook", address.error()));
    hook_wire_ = std::make_unique<http::CurlExchange>(curl_settings(options, session_.environment));
    telemetry::WebhookSettings settings;
    settings.address = *std::move(address);
    settings.secret_file = options.webhook_secret_file;
    settings.sender = {std::string(kVersion), options.owner};
    settings.jitter = http::random_jitter;
    webhook_ = std::make_unique<telemetry::Webhook>(
        std::move(settings),
        *hook_wire_,
        session_.clock,
        session_.log,
        [this](telemetry::WebhookResult result) { metrics_.webhook(result); });
    return {};
  }

  int refused(const Error& error) {
    complain(error);
    return error.id == "ListenFailed" ? kExitFailed : kExitUsage;
  }

  void say_what_starts() {
    const auto& options = session_.options;
    telemetry::LogFields fields = {{"version", std::string(kVersion)},
                                   {"mode", std::string(word(options.mode))},
                                   {"owner", options.owner},
                                   {"source", source_->location()},
                                   {"interval", duration_text(options.interval)}};
    if (options.listen != "off") {
      // The port that the system chose, where none was named.
      const auto colon = options.listen.rfind(':');
      fields.emplace_back("listen",
                          fmt::format("{}:{}", options.listen.substr(0, colon), web_->port()));
    }
    if (!options.shard.empty()) fields.emplace_back("shard", options.shard);
    if (!options.leader_election.empty()) {
      fields.emplace_back("leader", std::string(leadership_->leads() ? "true" : "false"));
    }
    session_.log.write(LogLevel::Info, "dps-reconciler runs", fields);
  }

  /// A bad configuration is refused and the old one stays.
  void reload() {
    manager_.reloading(session_.clock.now());
    controller::Event event;
    event.kind = controller::EventKind::Configuration;
    event.time = session_.clock.wall();
    auto refuse = [&](const Error& error) {
      event.severity = controller::Severity::Error;
      event.reason = error.id;
      event.message = "the new configuration is refused, the old one stays: " + error.what;
      if (!error.remedy.empty()) event.details.push_back(error.remedy);
    };
    const auto parsed = parse_command_line(session_.options.arguments, session_.environment);
    if (!parsed) {
      refuse(parsed.error());
    } else if (auto runtime = wire(parsed->options); !runtime) {
      refuse(runtime.error());
    } else {
      // The services of this process stay its own until it starts anew.
      (*runtime)->engine.shard = this->runtime()->engine.shard;
      event.message = "the configuration is read again; everything is looked at now";
      event.details = needs_restart(parsed->options);
      {
        const std::lock_guard lock(mutex_);
        runtime_ = *runtime;
      }
      engine_->use(*runtime);
      daemon_->look_at_source();
    }
    observers_->event(event);
    manager_.ready("reconciling");
  }

  /// What a reload cannot change.
  std::vector<std::string> needs_restart(const Options& next) const {
    const auto& now = session_.options;
    std::vector<std::string> out;
    const auto differs = [&](bool is_other, const char* flag) {
      if (is_other) out.push_back(fmt::format("{} is another now; that takes a restart", flag));
    };
    differs(next.manifests != now.manifests, "--manifests");
    differs(next.git != now.git || next.git_ref != now.git_ref || next.git_path != now.git_path,
            "--git, --git-ref or --git-path");
    differs(next.listen != now.listen, "--listen");
    differs(next.state_dir != now.state_dir, "--state-dir");
    differs(next.leader_election != now.leader_election, "--leader-election");
    differs(next.shard != now.shard, "--shard");
    differs(next.webhook != now.webhook, "--webhook");
    differs(next.log_level != now.log_level || next.log_format != now.log_format,
            "--log-level or --log-format");
    return out;
  }

  std::shared_ptr<AppRuntime> runtime() {
    const std::lock_guard lock(mutex_);
    return runtime_;
  }

  Session& session_;
  ServiceManager manager_;
  telemetry::Metrics metrics_;
  controller::RequestMemory requests_;
  telemetry::EventLog event_log_;
  std::unique_ptr<controller::Leadership> leadership_;
  std::unique_ptr<controller::Source> source_;
  std::mutex mutex_;  // of the next one
  std::shared_ptr<AppRuntime> runtime_;
  std::unique_ptr<http::CurlExchange> hook_wire_;
  std::unique_ptr<telemetry::Webhook> webhook_;
  std::unique_ptr<controller::Observers> observers_;
  std::unique_ptr<controller::Daemon> daemon_;
  std::unique_ptr<controller::Engine> engine_;
  std::unique_ptr<telemetry::Web> web_;
};

}  // namespace

int run_daemon(Session& session) {
  Running running(session);
  if (const auto end = running.start()) return *end;
  running.serve();
  return running.stop();
}

}  // namespace dps::app

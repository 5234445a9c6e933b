#include "reconciler/app/wire.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "reconciler/app/terminal.hpp"
#include "reconciler/arm/client_memory.hpp"
#include "reconciler/arm/cloud.hpp"
#include "reconciler/arm/credential_routes.hpp"
#include "reconciler/arm/fault.hpp"
#include "reconciler/arm/traffic.hpp"
#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/admission.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/jitter.hpp"
#include "reconciler/http/pipeline.hpp"

namespace dps::app {
namespace {

std::optional<std::string> variable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(std::string(name));
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

// As it is set, an empty one too: manifests tell "not set" from "empty".
std::optional<std::string> raw_variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::nullopt : std::optional(found->second);
}

http::AdmissionSettings admission_settings(const Options& options) {
  http::AdmissionSettings settings;
  settings.most_in_flight = options.concurrency;
  settings.reserve_percent = static_cast<int>(options.quota_reserve);
  settings.documented_pace = arm::documented_pace;
  return settings;
}

http::PipelineSettings pipeline_settings(const arm::Cloud& cloud) {
  http::PipelineSettings settings;
  settings.endpoint = cloud.arm;
  settings.traits = arm::traits_of;
  settings.quotas = arm::quotas_of;
  settings.jitter = http::random_jitter;
  settings.explain = [](const http::Response& response) { return arm::to_error(response).what; };
  return settings;
}

// Which identity works here is the first question when something is refused.
void tell_credentials(const arm::CredentialSettings& settings,
                      const Options& options,
                      const arm::CredentialRoutes& routes,
                      Clock& clock,
                      Log& log) {
  const auto choice = arm::choose_credential(settings.kind, settings.variable, settings.attendance);
  if (choice) log.write(LogLevel::Info, "signing in with " + arm::sentence(*choice));
  for (const auto& section : options.credentials) {
    log.write(LogLevel::Info,
              fmt::format("signing in with {}", section.spec.kind),
              {{"subscriptions", join(section.subscriptions, ",")}, {"from", section.place}});
  }
  for (const auto& [name, credential] : routes.all()) {
    const auto end = credential->expires();
    if (!end || *end > clock.wall() + std::chrono::minutes{10}) continue;
    log.write(LogLevel::Warn,
              "the access token that was given ends soon, and there is no other",
              {{"credential", name}, {"expires", rfc3339(*end)}});
  }
}

/// Tells the log, and others.
class Tee final : public http::ExchangeObserver {
 public:
  Tee(http::ExchangeObserver& first, std::vector<http::ExchangeObserver*> others)
      : all_(std::move(others)) {
    all_.push_back(&first);
  }
  void exchanged(const http::Exchanged& event) override {
    for (auto* one : all_) one->exchanged(event);
  }
  void throttled(const std::string& gate, Duration waited) override {
    for (auto* one : all_) one->throttled(gate, waited);
  }
  void closed(const std::string& gate, Duration pause) override {
    for (auto* one : all_) one->closed(gate, pause);
  }
  void remaining(const std::string& gate, std::int64_t requests) override {
    for (auto* one : all_) one->remaining(gate, requests);
  }

 private:
  std::vector<http::ExchangeObserver*> all_;
};

class WiredAzure final : public Azure {
 public:
  WiredAzure(const Options& options,
             const Environment& environment,
             Clock& clock,
             Log& log,
             const arm::Cloud& cloud,
             Watchers watchers)
      : logging_(log),
        observer_(logging_, std::move(watchers.exchanges)),
        clock_(clock),
        wire_(curl_settings(options, environment)),
        admission_(clock, admission_settings(options)) {
    const auto credential = credential_settings(options, environment, cloud);
    credentials_ = arm::make_routes(credential, options.credentials, wire_, clock);
    if (!credentials_) return;
    tell_credentials(credential, options, **credentials_, clock, log);
    auto pipeline = pipeline_settings(cloud);
    pipeline.tokens_for =
        [routes = credentials_->get()](const http::Request& request) -> http::TokenSource& {
      return routes->source_for(request);
    };
    pipeline_.emplace(
        wire_, (*credentials_)->rest(), admission_, clock, observer_, std::move(pipeline));
    settings_.cloud = cloud;
    settings_.correlation_id = random_uuid();
    settings_.operation_timeout = options.timeout;
    settings_.operation_news = std::move(watchers.operations);
    settings_.notice = [&log](const arm::Notice& notice) {
      log.write(LogLevel::Warn, notice.text, {{"id", notice.id}});
    };
    client_.emplace(*pipeline_, clock, memory_, settings_);
  }

  arm::Client& client() override { return *client_; }
  http::Exchange& exchange() override { return *pipeline_; }
  http::TokenSource& tokens() override { return (*credentials_)->rest(); }
  std::unique_ptr<arm::Client> client_for(const std::string& pass) override {
    auto settings = settings_;
    settings.correlation_id += "/" + pass;
    return std::make_unique<arm::Client>(*pipeline_, clock_, memory_, std::move(settings));
  }
  std::vector<std::pair<std::string, std::optional<WallTime>>> token_expiries() override {
    std::vector<std::pair<std::string, std::optional<WallTime>>> out;
    for (const auto& [name, credential] : (*credentials_)->all()) {
      out.emplace_back(name, credential->expires());
    }
    return out;
  }
  const Error* problem() const { return credentials_ ? nullptr : &credentials_.error(); }

 private:
  telemetry::LoggingObserver logging_;
  Tee observer_;
  Clock& clock_;
  arm::ClientSettings settings_;
  http::CurlExchange wire_;
  http::Admission admission_;
  Result<std::unique_ptr<arm::CredentialRoutes>> credentials_;
  std::optional<http::Pipeline> pipeline_;
  arm::ClientMemory memory_;
  std::optional<arm::Client> client_;
};

}  // namespace

Result<arm::Cloud> cloud_of(const Options& options, const Environment& environment) {
  auto cloud = arm::cloud_named(options.cloud);
  if (!cloud) return fail(cloud.error());
  const auto authority =
      options.authority.empty()
          ? arm::authority_from([&](std::string_view name) { return variable(environment, name); })
          : options.authority;
  return arm::with_endpoints(*cloud, options.arm_endpoint, authority);
}

http::CurlSettings curl_settings(const Options& options, const Environment& environment) {
  http::CurlSettings settings;
  settings.ca_file =
      options.ca_file.empty()
          ? http::ca_file_from([&](std::string_view name) { return variable(environment, name); })
          : options.ca_file;
  return settings;
}

arm::CredentialSettings credential_settings(const Options& options,
                                            const Environment& environment,
                                            const arm::Cloud& cloud) {
  arm::CredentialSettings credential;
  credential.kind = options.auth;
  credential.variable = [&environment](std::string_view name) {
    return variable(environment, name);
  };
  credential.attendance =
      is_terminal(STDIN_FILENO) ? arm::Attendance::Terminal : arm::Attendance::Unattended;
  credential.cloud = cloud;
  credential.jitter = http::random_jitter;
  return credential;
}

Result<std::unique_ptr<Azure>> wire_azure(const Options& options,
                                          const Environment& environment,
                                          Clock& clock,
                                          Log& log,
                                          Watchers watchers) {
  const auto cloud = cloud_of(options, environment);
  if (!cloud) return fail(cloud.error());
  auto azure =
      std::make_unique<WiredAzure>(options, environment, clock, log, *cloud, std::move(watchers));
  if (azure->problem() != nullptr) return fail(*azure->problem());
  return azure;
}

manifest::LoadOptions load_options(const Options& options,
                                   const Environment& environment,
                                   WallTime now) {
  manifest::LoadOptions load;
  load.roots = options.manifests;
  load.allow_env = options.allow_env;
  load.allow_exec = options.allow_exec;
  // Against the working directory, whatever the manifests' own paths are relative to.
  std::error_code unknown;
  const auto secrets = std::filesystem::absolute(options.secrets_dir, unknown);
  load.secrets_dir = unknown || options.secrets_dir.empty() ? options.secrets_dir
                                                            : secrets.lexically_normal().string();
  load.min_validity = options.min_validity;
  load.allow_empty = options.allow_empty;
  load.now = now;
  load.environment = [&environment](const std::string& name) {
    return raw_variable(environment, name);
  };
  return load;
}

std::unique_ptr<manifest::SecretSource> wire_secrets(const Options& options,
                                                     const Environment& environment) {
  manifest::SecretSourceOptions source;
  for (const auto& root : options.manifests) {
    std::error_code ignored;
    source.folders.push_back(
        std::filesystem::is_directory(root, ignored) ? root : manifest::folder_of(root));
  }
  source.folders.push_back(options.secrets_dir);
  source.allow_exec = options.allow_exec;
  source.environment = [&environment](const std::string& name) {
    return raw_variable(environment, name);
  };
  return std::make_unique<manifest::SystemSecretSource>(std::move(source));
}

}  // namespace dps::app

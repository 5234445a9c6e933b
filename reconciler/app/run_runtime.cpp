#include "reconciler/app/run_runtime.hpp"

#include "reconciler/model/capabilities.hpp"

namespace dps::app {
namespace {

class Wired final : public AppRuntime {
 public:
  explicit Wired(const Options& options) : options_(options) {}

  std::unique_ptr<arm::Client> client(const std::string& pass) override {
    return azure_->client_for(pass);
  }
  manifest::SecretSource& secrets() override { return *secrets_; }
  Azure& azure() override { return *azure_; }
  const Options& options() const override { return options_; }

  const Options options_;  // wiring keeps references to it
  std::unique_ptr<Azure> azure_;
  std::unique_ptr<manifest::SecretSource> secrets_;
};

controller::KeyChecks key_checks(KeyCheck check) {
  switch (check) {
    case KeyCheck::Always:
      return controller::KeyChecks::Always;
    case KeyCheck::Due:
      return controller::KeyChecks::Due;
    case KeyCheck::Never:
      return controller::KeyChecks::Never;
  }
  return controller::KeyChecks::Due;
}

}  // namespace

Result<plan::Settings> plan_settings(const Options& options) {
  const auto capabilities = capabilities_of(options.api_version);
  if (!capabilities) return fail(capabilities.error());
  plan::Settings settings;
  settings.owner = options.owner;
  settings.capabilities = *capabilities;
  settings.prune = options.prune;
  settings.max_deletes = options.max_deletes;
  settings.max_removals = options.max_removals;
  settings.approve = options.approve;
  settings.resend_keys = options.resend_keys;
  settings.warn_validity = options.warn_validity;
  return settings;
}

Result<std::shared_ptr<AppRuntime>> make_runtime(const Options& options,
                                                 const Environment& environment,
                                                 Clock& clock,
                                                 Log& log,
                                                 Watchers watchers) {
  auto settings = plan_settings(options);
  if (!settings) return fail(settings.error());
  auto out = std::make_shared<Wired>(options);
  auto azure = wire_azure(out->options_, environment, clock, log, std::move(watchers));
  if (!azure) return fail(azure.error());
  out->azure_ = *std::move(azure);
  out->secrets_ = wire_secrets(out->options_, environment);
  out->plan = *std::move(settings);
  out->plan.approve.clear();  // it is given to a running daemon
  out->read.concurrency = options.concurrency;
  out->timeout = options.timeout;
  out->allow_exec = options.allow_exec;
  auto& engine = out->engine;
  engine.mode = options.mode;
  engine.key_checks = key_checks(options.key_check);
  engine.interval = options.interval;
  engine.key_check_interval = options.key_check_interval;
  engine.certificate_interval = options.certificate_interval;
  engine.windows = options.maintenance;
  if (!options.shard.empty()) {
    const auto shard = controller::parse_shard(options.shard);
    if (!shard) return fail(shard.error());
    engine.shard = *shard;
  }
  return out;
}

}  // namespace dps::app

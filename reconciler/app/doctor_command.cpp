#include "reconciler/app/doctor_command.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "reconciler/app/doctor.hpp"
#include "reconciler/app/exit_code.hpp"
#include "reconciler/app/wire.hpp"
#include "reconciler/http/curl_exchange.hpp"

namespace dps::app {
namespace {

constexpr Duration kLongest = std::chrono::seconds{60};

/// Asks for an end when the time is over, or when `other` asks for one.
class Bound {
 public:
  Bound(Duration limit, const std::stop_token& other)
      : forward_(other, [this] { source_.request_stop(); }),
        timer_([this, limit](const std::stop_token& done) {
          std::unique_lock lock(mutex_);
          if (!woken_.wait_for(lock, done, limit, [&] { return done.stop_requested(); }))
            source_.request_stop();
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_callback<std::function<void()>> forward_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::jthread timer_;
};

}  // namespace

int doctor(Session& session) {
  const auto& options = session.options;
  const auto capabilities = capabilities_of(options.api_version);
  const auto cloud = cloud_of(options, session.environment);
  for (const Error* error :
       {capabilities ? nullptr : &capabilities.error(), cloud ? nullptr : &cloud.error()}) {
    if (error == nullptr) continue;
    complain(*error);
    return kExitUsage;
  }

  Patient patient;
  patient.cloud = *cloud;
  const auto tenant = session.environment.find("AZURE_TENANT_ID");
  if (tenant != session.environment.end()) patient.tenant = tenant->second;
  patient.api_version = capabilities->version;
  patient.allow_exec = options.allow_exec;
  patient.prune = options.prune;
  for (const auto& section : options.credentials)
    patient.own_credentials.insert(
        patient.own_credentials.end(), section.subscriptions.begin(), section.subscriptions.end());
  patient.clock = &session.clock;

  manifest::Loaded loaded;
  const auto secrets = wire_secrets(options, session.environment);
  if (!options.manifests.empty()) {
    loaded = load(session);
    patient.manifests = &loaded;
    patient.secrets = secrets.get();
  }

  const auto settings = curl_settings(options, session.environment);
  http::CurlExchange bare(settings);
  patient.bare = &bare;
  patient.peer = [&settings](const std::string& url) {
    return http::look_at_peer(url, settings, std::chrono::seconds{10});
  };

  const auto credential = credential_settings(options, session.environment, *cloud);
  patient.credential =
      arm::choose_credential(credential.kind, credential.variable, credential.attendance);
  auto azure = wire_azure(options, session.environment, session.clock, session.log);
  if (azure) {
    patient.tokens = &(*azure)->tokens();
    patient.exchange = &(*azure)->exchange();
    patient.client = &(*azure)->client();
  } else {
    patient.no_credential = azure.error();
  }

  const Bound bound(kLongest, session.signals.drain());
  const auto diagnosis = examine(patient, bound.token());
  if (session.signals.caught() != 0) return session.interrupted();
  const auto color = session.color_out() ? DoctorColor::On : DoctorColor::Off;
  return print(
      options.output == OutputForm::Json ? render_json(diagnosis) : render_text(diagnosis, color),
      diagnosis.failed() ? kExitFailed : kExitOk);
}

}  // namespace dps::app

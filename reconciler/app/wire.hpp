// wire: Options -> built objects. Reading wire.cpp shows what the program is made of.
#pragma once

#include <memory>

#include "reconciler/app/command_line.hpp"
#include "reconciler/app/options.hpp"
#include "reconciler/arm/client.hpp"
#include "reconciler/arm/credential.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/http/token_source.hpp"
#include "reconciler/manifest/files.hpp"
#include "reconciler/manifest/load.hpp"
#include "reconciler/manifest/secret_source.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/telemetry/log.hpp"

namespace dps::app {

/// Everything that talks to the outside, in the order in which it must go.
class Azure {
 public:
  virtual ~Azure() = default;
  virtual arm::Client& client() = 0;
  virtual http::Exchange& exchange() = 0;   ///< with tokens, retries, gates
  virtual http::TokenSource& tokens() = 0;  ///< for subscriptions without a credential of their own
  /// One whose requests carry this name of a pass. This outlives it.
  virtual std::unique_ptr<arm::Client> client_for(const std::string& pass) = 0;
  /// When the token of each credential ends; nothing: there is none yet.
  virtual std::vector<std::pair<std::string, std::optional<WallTime>>> token_expiries() = 0;
};

/// Who watches besides the log. All of it outlives what is wired.
struct Watchers {
  std::vector<http::ExchangeObserver*> exchanges;
  std::function<void(const arm::OperationNews&)> operations;
};

/// The cloud with the endpoints that flags and variables name. GiveUp "BadCloud", "BadEndpoint".
Result<arm::Cloud> cloud_of(const Options& options, const Environment& environment);
http::CurlSettings curl_settings(const Options& options, const Environment& environment);
/// `environment` outlives it.
arm::CredentialSettings credential_settings(const Options& options,
                                            const Environment& environment,
                                            const arm::Cloud& cloud);

/// GiveUp "Usage", "BadCloud", "BadEndpoint", "NoCredential", "BadCredential": exit code 64.
Result<std::unique_ptr<Azure>> wire_azure(const Options& options,
                                          const Environment& environment,
                                          Clock& clock,
                                          Log& log,
                                          Watchers watchers = {});

manifest::LoadOptions load_options(const Options& options,
                                   const Environment& environment,
                                   WallTime now);
std::unique_ptr<manifest::SecretSource> wire_secrets(const Options& options,
                                                     const Environment& environment);

}  // namespace dps::app

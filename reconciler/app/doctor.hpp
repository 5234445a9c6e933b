// doctor: what stands between this program and its work, one finding for each thing that was looked
// at. Reads only, and each thing once; nothing is written anywhere.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/credential_choice.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/exchange.hpp"
#include "reconciler/http/peer.hpp"
#include "reconciler/http/token_source.hpp"
#include "reconciler/manifest/load.hpp"
#include "reconciler/manifest/secret_source.hpp"

namespace dps::app {

enum class Mark {
  Ok,
  Warn,  ///< works, with something that a person should know
  Fail,  ///< some command cannot do its work
  Skip,  ///< not tried, or not to be seen; `said` tells why
};
std::string_view word(Mark mark);  ///< "ok", "warn", "fail", "skip"

struct Finding {
  Mark mark = Mark::Ok;
  std::string check;   ///< stable: "clock", "permissions"; what scripts look for
  std::string scope;   ///< a subscription, "S/GROUP", a host; empty: the whole program
  std::string said;    ///< what was tried and found, one sentence without a full stop
  std::string means;   ///< what it breaks; empty when nothing
  std::string remedy;  ///< what to do; empty when nothing
  bool operator==(const Finding&) const = default;
};

struct Diagnosis {
  std::vector<Finding> findings;  ///< in the order in which they were looked at
  WallTime at{};
  bool failed() const;  ///< exit code 1
  std::size_t count(Mark mark) const;
};

/// What is examined, and with what. All of it outlives the call.
struct Patient {
  arm::Cloud cloud;
  std::string tenant;       ///< AZURE_TENANT_ID; may be empty
  std::string api_version;  ///< of writes
  bool allow_exec = false;
  bool prune = false;
  /// Subscriptions with a credential of their own (`credentials:` of the configuration file): what
  /// is said of the token holds for the others only.
  std::vector<std::string> own_credentials;
  const manifest::Loaded* manifests = nullptr;  ///< null: none were named
  manifest::SecretSource* secrets = nullptr;    ///< with manifests
  Result<arm::CredentialChoice> credential = arm::CredentialChoice{};
  std::optional<Error> no_credential;  ///< why the chosen one cannot be used
  Clock* clock = nullptr;
  http::Exchange* bare = nullptr;       ///< without a token
  http::TokenSource* tokens = nullptr;  ///< null with no_credential
  http::Exchange* exchange = nullptr;   ///< with the token; null with no_credential
  arm::Client* client = nullptr;        ///< null with no_credential
  /// Who answers at a URL. May be empty: then nothing is said of certificates.
  std::function<Result<http::Peer>(const std::string& url)> peer;
};

/// What needs what comes first; what rests on something that failed is a Skip that names it. When
/// `stop` is requested the rest is skipped. Never throws.
Diagnosis examine(const Patient& patient, const std::stop_token& stop);

enum class DoctorColor { Off, On };
std::string render_text(const Diagnosis& diagnosis, DoctorColor color);
std::string render_json(const Diagnosis& diagnosis);  ///< "dps-reconciler/doctor/v1"

}  // namespace dps::app

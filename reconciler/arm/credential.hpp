// credential: who we are to Azure: what a way of signing in needs, where that comes from, and the
// token source made of it. Each kind has a file of its own; docs/credentials.md is for users.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reconciler/arm/cloud.hpp"
#include "reconciler/arm/credential_choice.hpp"
#include "reconciler/arm/token_cache.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/http/exchange.hpp"

namespace dps::arm {

/// Where a secret lies. It is read each time a token is asked for, so that a renewed one is taken
/// without a restart, and wiped afterwards.
struct SecretPlace {
  enum class Kind { None, Variable, File };
  Kind kind = Kind::None;
  std::string name;  ///< of the variable; the path
  bool operator==(const SecretPlace&) const = default;
};

/// Which of a machine's identities; all empty: the system-assigned one. At most one is set.
struct ManagedIdentityName {
  std::string client_id;
  std::string object_id;
  std::string resource_id;
  bool operator==(const ManagedIdentityName&) const = default;
};

enum class ChainSending { LeafOnly, WholeChain };  ///< x5c: for registrations by name and issuer

/// One way of signing in, complete. What a kind does not use is empty.
struct CredentialSpec {
  std::string kind;
  std::string tenant;
  std::string client_id;
  SecretPlace client_secret;
  std::string certificate_file;
  SecretPlace certificate_password;
  ChainSending chain = ChainSending::LeafOnly;
  std::string federated_token_file;
  ManagedIdentityName managed_identity;
  SecretPlace access_token;
  bool operator==(const CredentialSpec&) const = default;
};

struct CredentialSettings {
  std::string kind = "auto";  ///< the value of --auth
  VariableReader variable;    ///< outlives what is made with it
  Attendance attendance = Attendance::Unattended;
  Cloud cloud;
  std::function<double()> jitter;  ///< uniform in [0, 1)
};

/// AZURE_AUTHORITY_HOST, for with_endpoints(), with https:// where it has no scheme; "" when not
/// set.
std::string authority_from(const VariableReader& variable);

/// What the variables of the field say of this kind, perhaps incompletely.
CredentialSpec spec_from_environment(const std::string& kind, const VariableReader& variable);

/// Asks nobody and reads no file yet, but for an access token. The exchange must be bare: no
/// pipeline, no admission. It, the clock and the settings' functions outlive the source.
/// GiveUp "BadCredential": something is missing or malformed; says which variable, or for a section
/// of the configuration file which key.
Result<std::unique_ptr<Credential>> make_credential(const CredentialSpec& spec,
                                                    const CredentialSettings& settings,
                                                    http::Exchange& bare,
                                                    Clock& clock);

/// The first kind that is configured, or the one named, of the environment.
/// Errors of choose_credential() and of the above.
Result<std::unique_ptr<http::TokenSource>> make_credential(const CredentialSettings& settings,
                                                           http::Exchange& bare,
                                                           Clock& clock);

/// What stands at the place, without the white space around it; empty for Kind::None.
/// "SecretMissing" (WaitForOthers).
Result<Secret> read_secret(const SecretPlace& place, const VariableReader& variable);

}  // namespace dps::arm

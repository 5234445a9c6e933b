// credential_choice: which way of signing in is taken, and why: a value for the log and for doctor.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/result.hpp"

namespace dps::arm {

/// An environment variable, or nothing. An empty one counts as not set.
using VariableReader = std::function<std::optional<std::string>(std::string_view)>;

/// Is somebody there? `auto` takes a person's own login only when there is one.
enum class Attendance { Unattended, Terminal };

struct PassedOver {
  std::string kind;
  std::string why;  ///< "AZURE_CLIENT_SECRET is not set"
  bool operator==(const PassedOver&) const = default;
};

struct CredentialChoice {
  std::string kind;  ///< one of credential_kinds()
  std::string why;   ///< "AZURE_CLIENT_SECRET is set", "--auth names it"
  /// Those that `auto` looked at before it, in that order, and then those behind it that are
  /// configured as well. Empty for a kind that was named.
  std::vector<PassedOver> passed_over;
  bool operator==(const CredentialChoice&) const = default;
};

/// The kinds that --auth knows beside `auto`, in the order in which `auto` looks at them: first
/// what a person sets by hand, then what a platform puts into the environment, then the login of
/// the person at the terminal.
const std::vector<std::string>& credential_kinds();

/// The kind named, or for "auto" the first that is configured. Looks at variables and, for the
/// Azure CLI, at PATH; asks nobody. Whether the choice is complete and works is another question:
/// `auto` does not go on to the next when it is not.
/// GiveUp "NoCredential" (nothing is configured; says what was looked for) and "BadCredential" (no
/// kind is called so).
Result<CredentialChoice> choose_credential(std::string_view kind,
                                           const VariableReader& variable,
                                           Attendance attendance);

/// "client-secret: AZURE_CLIENT_SECRET is set; passed over: azure-cli (no terminal)".
std::string sentence(const CredentialChoice& choice);

}  // namespace dps::arm

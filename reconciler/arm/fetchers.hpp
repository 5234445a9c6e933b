// fetchers: the kinds of credential, one file each. What each needs has been checked before.
#pragma once

#include <memory>
#include <string>

#include "reconciler/arm/credential.hpp"
#include "reconciler/arm/token_request.hpp"

namespace dps::arm {

/// The secret in the form.
Proof client_secret_proof(const SecretPlace& secret, const VariableReader& variable);

/// A JWT signed with the certificate's key (PS256, x5t#S256), good for five minutes and one use.
/// The file is read for each: renewed certificates are taken as they come. Errors: what the file or
/// its password is wrong with, a certificate out of its time; all WaitForOthers.
Proof client_certificate_proof(const CredentialSpec& spec,
                               const Cloud& cloud,
                               const VariableReader& variable);

/// The content of the file, read for each: the platform replaces it before it expires.
Proof federated_token_proof(const std::string& file);

/// IMDS, or the endpoint of App Service and its kin where IDENTITY_ENDPOINT and IDENTITY_HEADER are
/// set. Never by a proxy.
/// Errors: "TokenRefused" (WaitForOthers), "TokenUnavailable" (RetryLater), "BadCredential" for an
/// endpoint that is not https and neither loopback nor link-local, or of a platform that is not
/// known.
Result<std::unique_ptr<TokenFetcher>> managed_identity_fetcher(const ManagedIdentityName& name,
                                                               const CredentialSettings& settings,
                                                               TokenTools tools);

/// `az account get-access-token`, found in PATH each time; no shell, 30 s, 64 KiB.
/// Errors: "TokenRefused" (WaitForOthers: not installed, not logged in), "TokenUnavailable"
/// (RetryLater: too slow, output that cannot be read).
std::unique_ptr<TokenFetcher> azure_cli_fetcher(const std::string& tenant,
                                                const CredentialSettings& settings,
                                                Clock& clock);

}  // namespace dps::arm

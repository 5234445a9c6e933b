#include "reconciler/arm/credential.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "reconciler/arm/fetchers.hpp"
#include "reconciler/base/secret_file.hpp"
#include "reconciler/base/text.hpp"

namespace dps::arm {
namespace {

std::string value_of(const VariableReader& variable, std::string_view name) {
  return variable ? variable(name).value_or("") : std::string();
}

// What is missing, by its variable: a section of the configuration file has found out before.
class Needs {
 public:
  void text(const std::string& value, const char* variable) {
    if (value.empty()) missing_.emplace_back(variable);
  }
  void secret(const SecretPlace& place, const char* variable) {
    if (place.kind == SecretPlace::Kind::None) missing_.emplace_back(variable);
  }
  std::optional<Error> missing(const std::string& kind) const {
    if (missing_.empty()) return std::nullopt;
    return give_up("BadCredential",
                   fmt::format("{} needs {}", kind, join(missing_, ", ")),
                   "set it in the environment");
  }

 private:
  std::vector<std::string> missing_;
};

std::optional<Error> incomplete(const CredentialSpec& spec) {
  Needs needs;
  const bool application = spec.kind == "client-secret" || spec.kind == "client-certificate" ||
                           spec.kind == "workload-identity";
  if (application) {
    needs.text(spec.tenant, "AZURE_TENANT_ID");
    needs.text(spec.client_id, "AZURE_CLIENT_ID");
  }
  if (spec.kind == "client-secret") needs.secret(spec.client_secret, "AZURE_CLIENT_SECRET");
  if (spec.kind == "client-certificate") {
    needs.text(spec.certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH");
  }
  if (spec.kind == "workload-identity") {
    needs.text(spec.federated_token_file, "AZURE_FEDERATED_TOKEN_FILE");
  }
  if (spec.kind == "token") needs.secret(spec.access_token, "AZURE_ACCESS_TOKEN");
  return needs.missing(spec.kind);
}

// It becomes a part of a URL and an argument of a program.
std::optional<Error> bad_tenant(const std::string& tenant) {
  const bool sound =
      tenant.empty() || (tenant.size() <= 253 && tenant.front() != '-' && tenant.front() != '.' &&
                         std::all_of(tenant.begin(), tenant.end(), [](char one) {
                           return (one >= '0' && one <= '9') || (one >= 'a' && one <= 'z') ||
                                  (one >= 'A' && one <= 'Z') || one == '-' || one == '.';
                         }));
  if (sound) return std::nullopt;
  return give_up(
      "BadCredential",
      fmt::format("the tenant \"{}\" is neither a GUID nor a domain", printable(tenant, 60)),
      "AZURE_TENANT_ID as the portal shows it, such as "
      "5f0d3c4e-9b1a-4c6e-8d57-2f6f0a1b7c11 or contoso.onmicrosoft.com");
}

Result<std::unique_ptr<Credential>> ready_token(const CredentialSpec& spec,
                                                const CredentialSettings& settings,
                                                Clock& clock) {
  auto token = read_secret(spec.access_token, settings.variable);
  if (!token) return fail(in_context("the access token", token.error()));
  const auto& text = token->reveal();
  if (!std::all_of(text.begin(), text.end(), [](char one) { return one > ' ' && one < 127; })) {
    return fail(give_up("BadCredential",
                        fmt::format("{} holds no access token", spec.access_token.name),
                        "the token alone, without \"Bearer\" and without line breaks"));
  }
  return std::make_unique<ReadyToken>(*std::move(token), spec.access_token.name, clock);
}

}  // namespace

std::string authority_from(const VariableReader& variable) {
  auto host = value_of(variable, "AZURE_AUTHORITY_HOST");
  if (!host.empty() && host.find("://") == std::string::npos) host = "https://" + host;
  return host;
}

Result<Secret> read_secret(const SecretPlace& place, const VariableReader& variable) {
  if (place.kind == SecretPlace::Kind::None) return Secret();
  if (place.kind == SecretPlace::Kind::File) return read_secret_word(place.name);
  auto text = value_of(variable, place.name);
  const Secret whole(std::move(text));
  const auto word = trim(whole.reveal());
  if (word.empty()) {
    return fail({NextMove::WaitForOthers,
                 "SecretMissing",
                 fmt::format("the variable {} is not set", printable(place.name, 100)),
                 "set it where the tool runs",
                 0,
                 {}});
  }
  return Secret(std::string(word));
}

CredentialSpec spec_from_environment(const std::string& kind, const VariableReader& variable) {
  const auto value = [&](std::string_view name) { return value_of(variable, name); };
  const auto place = [&](const char* name) {
    return value(name).empty() ? SecretPlace{} : SecretPlace{SecretPlace::Kind::Variable, name};
  };
  CredentialSpec spec;
  spec.kind = kind;
  if (kind == "token") spec.access_token = place("AZURE_ACCESS_TOKEN");
  if (kind == "managed-identity") spec.managed_identity.client_id = value("AZURE_CLIENT_ID");
  if (kind == "token" || kind == "managed-identity") return spec;
  spec.tenant = value("AZURE_TENANT_ID");
  if (kind == "azure-cli") return spec;
  spec.client_id = value("AZURE_CLIENT_ID");
  if (kind == "client-secret") spec.client_secret = place("AZURE_CLIENT_SECRET");
  if (kind == "client-certificate") {
    spec.certificate_file = value("AZURE_CLIENT_CERTIFICATE_PATH");
    spec.certificate_password = place("AZURE_CLIENT_CERTIFICATE_PASSWORD");
    const auto chain = lower(value("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"));
    if (chain == "true" || chain == "1") spec.chain = ChainSending::WholeChain;
  }
  if (kind == "workload-identity") {
    spec.federated_token_file = value("AZURE_FEDERATED_TOKEN_FILE");
  }
  return spec;
}

Result<std::unique_ptr<Credential>> make_credential(const CredentialSpec& spec,
                                                    const CredentialSettings& settings,
                                                    http::Exchange& bare,
                                                    Clock& clock) {
  if (auto missing = incomplete(spec)) return fail(*std::move(missing));
  if (auto bad = bad_tenant(spec.tenant)) return fail(*std::move(bad));
  if (spec.kind == "token") return ready_token(spec, settings, clock);
  TokenTools tools{bare, clock, settings.jitter};
  std::unique_ptr<TokenFetcher> fetcher;
  if (spec.kind == "managed-identity") {
    auto made = managed_identity_fetcher(spec.managed_identity, settings, std::move(tools));
    if (!made) return fail(made.error());
    fetcher = *std::move(made);
  } else if (spec.kind == "azure-cli") {
    fetcher = azure_cli_fetcher(spec.tenant, settings, clock);
  } else {
    auto proof = spec.kind == "client-secret"
                     ? client_secret_proof(spec.client_secret, settings.variable)
                 : spec.kind == "client-certificate"
                     ? client_certificate_proof(spec, settings.cloud, settings.variable)
                     : federated_token_proof(spec.federated_token_file);
    fetcher = std::make_unique<AuthorityFetcher>(
        settings.cloud, spec.tenant, spec.client_id, std::move(proof), std::move(tools));
  }
  return std::make_unique<CachedTokens>(std::move(fetcher), clock);
}

Result<std::unique_ptr<http::TokenSource>> make_credential(const CredentialSettings& settings,
                                                           http::Exchange& bare,
                                                           Clock& clock) {
  const auto choice = choose_credential(settings.kind, settings.variable, settings.attendance);
  if (!choice) return fail(choice.error());
  const auto spec = spec_from_environment(choice->kind, settings.variable);
  auto made = make_credential(spec, settings, bare, clock);
  if (!made) return fail(made.error());
  return std::unique_ptr<http::TokenSource>(*std::move(made));
}

}  // namespace dps::arm

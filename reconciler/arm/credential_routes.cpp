#include "reconciler/arm/credential_routes.hpp"

#include <fmt/format.h>

#include <utility>

#include "reconciler/http/url.hpp"

namespace dps::arm {

std::string_view subscription_of(const http::Request& request) {
  constexpr std::string_view kPrefix = "/subscriptions/";
  const auto path = http::path_of(request.url);
  if (path.size() <= kPrefix.size() ||
      !equal_ignoring_case(path.substr(0, kPrefix.size()), kPrefix))
    return {};
  const auto rest = path.substr(kPrefix.size());
  return rest.substr(0, rest.find('/'));
}

void CredentialRoutes::add(const SubscriptionCredential& section,
                           std::unique_ptr<Credential> credential) {
  for (const auto& subscription : section.subscriptions) {
    by_subscription_.emplace(subscription, credential.get());
  }
  sections_.emplace_back(fmt::format("{} of {}", section.spec.kind, section.place),
                         std::move(credential));
}

http::TokenSource& CredentialRoutes::source_for(const http::Request& request) const {
  const auto found = by_subscription_.find(subscription_of(request));
  return found == by_subscription_.end() ? *rest_ : *found->second;
}

std::vector<CredentialRoutes::Named> CredentialRoutes::all() const {
  std::vector<Named> out{{"default", rest_.get()}};
  for (const auto& [name, credential] : sections_) out.push_back({name, credential.get()});
  return out;
}

Result<std::unique_ptr<CredentialRoutes>> make_routes(
    const CredentialSettings& settings,
    const std::vector<SubscriptionCredential>& sections,
    http::Exchange& bare,
    Clock& clock) {
  std::unique_ptr<Credential> rest;
  const auto choice = choose_credential(settings.kind, settings.variable, settings.attendance);
  if (choice) {
    auto made = make_credential(
        spec_from_environment(choice->kind, settings.variable), settings, bare, clock);
    if (!made) return fail(made.error());
    rest = *std::move(made);
  } else if (choice.error().id == "NoCredential" && !sections.empty()) {
    auto none = choice.error();
    none.next = NextMove::WaitForOthers;
    none.what = "no section of credentials names this subscription, and " + none.what;
    none.remedy = "name the subscription in a section of the configuration file, or " + none.remedy;
    rest = std::make_unique<NoTokens>(std::move(none));
  } else {
    return fail(choice.error());
  }
  auto routes = std::make_unique<CredentialRoutes>(std::move(rest));
  for (const auto& section : sections) {
    auto spec = section.spec;
    // The pod has one token file, whatever identity it is used for.
    if (spec.kind == "workload-identity" && spec.federated_token_file.empty() &&
        settings.variable) {
      spec.federated_token_file = settings.variable("AZURE_FEDERATED_TOKEN_FILE").value_or("");
    }
    auto made = make_credential(spec, settings, bare, clock);
    if (!made) return fail(in_context(section.place, made.error()));
    routes->add(section, *std::move(made));
  }
  return routes;
}

}  // namespace dps::arm

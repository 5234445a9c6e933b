// credential_routes: whose token a request carries, where subscriptions have credentials of their
// own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/arm/credential.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/message.hpp"

namespace dps::arm {

/// A section of the configuration file: these subscriptions sign in so.
struct SubscriptionCredential {
  std::vector<std::string> subscriptions;  ///< GUIDs, at least one, in no other section
  CredentialSpec spec;
  std::string place;  ///< "config.yaml:4:5": for errors
  bool operator==(const SubscriptionCredential&) const = default;
};

/// The subscription of a request's path (/subscriptions/{id}/…), as written; "" when there is none.
std::string_view subscription_of(const http::Request& request);

/// All token sources of a process. Built once, then const but for what the sources do inside.
class CredentialRoutes {
 public:
  struct Named {
    std::string name;  ///< "default", or the kind and place of a section
    const Credential* credential = nullptr;
  };

  /// `rest` serves every request whose subscription no section names.
  explicit CredentialRoutes(std::unique_ptr<Credential> rest) : rest_(std::move(rest)) {}

  void add(const SubscriptionCredential& section, std::unique_ptr<Credential> credential);

  /// From any thread, once built; what it returns lives as long as this.
  http::TokenSource& source_for(const http::Request& request) const;
  Credential& rest() const { return *rest_; }
  /// Each once, the default one first: for metrics of expiry.
  std::vector<Named> all() const;

 private:
  std::unique_ptr<Credential> rest_;
  std::vector<std::pair<std::string, std::unique_ptr<Credential>>> sections_;
  std::map<std::string, Credential*, LessIgnoringCase> by_subscription_;
};

/// Builds them: the sections, and for the rest what --auth says. With sections, `auto` may find
/// nothing: then the other subscriptions have no tokens, and their requests say so.
/// Errors of make_credential(), those of a section with its place.
Result<std::unique_ptr<CredentialRoutes>> make_routes(
    const CredentialSettings& settings,
    const std::vector<SubscriptionCredential>& sections,
    http::Exchange& bare,
    Clock& clock);

}  // namespace dps::arm

#include "reconciler/plan/expressible.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"

namespace dps::plan {
namespace {

void needs(const Subject& subject,
           Findings& out,
           std::string_view field,
           bool Capabilities::*capability) {
  if (subject.settings.capabilities.*capability) return;
  out.error(
      "NeedsApiVersion",
      fmt::format(
          "{} cannot be carried by API version {}", field, subject.settings.capabilities.version),
      fmt::format("--api-version {} or later, or auto", lowest_version_with(capability)));
}

void cannot(const Subject& subject, Findings& out, std::string what, std::string remedy) {
  out.error(
      "CannotExpress",
      fmt::format("{}, which a write in API version {} would lose: the service is not written",
                  std::move(what),
                  subject.settings.capabilities.version),
      std::move(remedy));
}

}  // namespace

void judge_needed_version(const Subject& subject, Findings& out) {
  const auto& want = subject.desired;
  if (want.ip_filter_rules) needs(subject, out, "ipFilterRules", &Capabilities::ip_filter_rules);
  if (want.public_network_access) {
    needs(subject, out, "publicNetworkAccess", &Capabilities::public_network_access);
  }
  if (want.data_residency) needs(subject, out, "dataResidency", &Capabilities::data_residency);
  const auto is_trusted = [](const DesiredCertificate& one) {
    return one.presence == Presence::Present && one.verification == Verification::Trusted;
  };
  if (want.certificates &&
      std::any_of(want.certificates->begin(), want.certificates->end(), is_trusted)) {
    needs(subject, out, "certificates[].verification.trusted", &Capabilities::verified_at_upload);
  }
}

void judge_expressible(const Subject& subject, Findings& out) {
  const auto& live = *subject.live;
  const auto& can = subject.settings.capabilities;
  const std::string newer = "a version of this program that knows a newer API";
  const std::string unpin = "--api-version auto";
  if (!live.identity_type.empty() && !equal_ignoring_case(live.identity_type, "None")) {
    cannot(subject,
           out,
           fmt::format("the service has an identity ({})", printable(live.identity_type, 60)),
           newer);
  }
  for (const auto& hub : live.linked_hubs) {
    if (hub.authentication_type.empty() ||
        equal_ignoring_case(hub.authentication_type, "KeyBased")) {
      continue;
    }
    cannot(subject,
           out,
           fmt::format("hub {} is linked by {}",
                       printable(hub.host_name, 120),
                       printable(hub.authentication_type, 60)),
           newer);
  }
  if (live.local_auth_disabled) {
    cannot(subject, out, "the service has local authentication switched off", newer);
  }
  if (!can.ip_filter_rules && !live.ip_filter_rules.empty()) {
    cannot(subject, out, "the service has IP filter rules", unpin);
  }
  if (!can.public_network_access && live.public_network_access &&
      equal_ignoring_case(*live.public_network_access, "Disabled")) {
    cannot(subject, out, "the service has public network access disabled", unpin);
  }
  if (!can.public_network_access && live.private_endpoints) {
    cannot(subject, out, "the service has private endpoint connections", unpin);
  }
  if (!can.data_residency && live.data_residency.value_or(false)) {
    cannot(subject, out, "the service keeps its data in its region (dataResidency)", unpin);
  }
}

}  // namespace dps::plan

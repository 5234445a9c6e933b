#include "reconciler/plan/normalise.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"

namespace dps::plan {
namespace {

std::string_view words(Comparison comparison) {
  switch (comparison) {
    case Comparison::Exactly:
      return "exactly";
    case Comparison::WithoutCase:
      return "without case; the live spelling is kept";
    case Comparison::AsLocation:
      return "without spaces and case";
    case Comparison::AsNumber:
      return "as a number";
    case Comparison::AsTruth:
      return "as true or false";
    case Comparison::InOrder:
      return "rule by rule, in order";
    case Comparison::AsRights:
      return "as sets, closed under implication";
    case Comparison::ByFingerprint:
      return "by the fingerprint in our bookkeeping tags";
    case Comparison::ByDigest:
      return "with the key that listkeys shows";
    case Comparison::ByThumbprint:
      return "by thumbprint";
  }
  return "";
}

std::string_view words(Outcome outcome) {
  switch (outcome) {
    case Outcome::Written:
      return "is written";
    case Outcome::Refused:
      return "is refused (`Replacement`)";
    case Outcome::Identifies:
      return "is another entry";
  }
  return "";
}

bool same_location(std::string_view left, std::string_view right) {
  std::size_t l = 0, r = 0;
  for (;;) {
    while (l < left.size() && left[l] == ' ') ++l;
    while (r < right.size() && right[r] == ' ') ++r;
    if (l == left.size() || r == right.size()) return l == left.size() && r == right.size();
    if (!equal_ignoring_case(left.substr(l, 1), right.substr(r, 1))) return false;
    ++l;
    ++r;
  }
}

}  // namespace

const std::vector<Rule>& rules() {
  using enum Comparison;
  using enum Outcome;
  static const std::vector<Rule> table = {
      {Field::Location, "location", AsLocation, "", Refused},
      {Field::SkuName, "sku.name", WithoutCase, "", Written},
      {Field::SkuCapacity, "sku.capacity", AsNumber, "", Written},
      {Field::AllocationPolicy, "allocationPolicy", WithoutCase, "Hashed", Written},
      {Field::PublicNetworkAccess, "publicNetworkAccess", WithoutCase, "Enabled", Written},
      {Field::IpFilterRules, "ipFilterRules", InOrder, "", Written},
      {Field::DataResidency, "dataResidency", AsTruth, "false", Refused},
      {Field::TagName, "tags[NAME]", WithoutCase, "", Identifies},
      {Field::TagValue, "tags[NAME] (value)", Exactly, "", Written},
      {Field::HubHost, "linkedHubs[HOST]", WithoutCase, "", Identifies},
      {Field::HubLocation, "linkedHubs[HOST].location", AsLocation, "", Written},
      {Field::HubWeight, "linkedHubs[HOST].allocationWeight", AsNumber, "", Written},
      {Field::HubApply, "linkedHubs[HOST].applyAllocationPolicy", AsTruth, "true", Written},
      {Field::HubCredential, "linkedHubs[HOST].credential", ByFingerprint, "", Written},
      {Field::PolicyName, "sharedAccessPolicies[NAME]", WithoutCase, "", Identifies},
      {Field::PolicyRights, "sharedAccessPolicies[NAME].rights", AsRights, "", Written},
      {Field::PolicyPrimaryKey, "sharedAccessPolicies[NAME].keys.primary", ByDigest, "", Written},
      {Field::PolicySecondaryKey,
       "sharedAccessPolicies[NAME].keys.secondary",
       ByDigest,
       "",
       Written},
      {Field::CertificateName, "certificates[NAME]", WithoutCase, "", Identifies},
      {Field::CertificateContent, "certificates[NAME] (content)", ByThumbprint, "", Written},
      {Field::CertificateVerification,
       "certificates[NAME].verification",
       AsTruth,
       "false",
       Written},
  };
  return table;
}

const Rule& rule(Field field) {
  return rules()[static_cast<std::size_t>(field)];
}

bool same(Field field, std::string_view desired, std::string_view live) {
  const auto& how = rule(field);
  if (live.empty()) live = how.absent_live;
  switch (how.comparison) {
    case Comparison::WithoutCase:
    case Comparison::ByThumbprint:
      return equal_ignoring_case(desired, live);
    case Comparison::AsLocation:
      return same_location(desired, live);
    default:
      return desired == live;
  }
}

bool same_rules(const std::vector<IpFilterRule>& desired, const std::vector<IpFilterRule>& live) {
  return std::equal(
      desired.begin(),
      desired.end(),
      live.begin(),
      live.end(),
      [](const IpFilterRule& want, const IpFilterRule& have) {
        return want.name == have.name && equal_ignoring_case(want.action, have.action) &&
               equal_ignoring_case(want.mask, have.mask) &&
               (!want.target || equal_ignoring_case(*want.target, have.target.value_or("all")));
      });
}

std::string location_key(std::string_view location) {
  auto key = lower(location);
  std::erase(key, ' ');
  return key;
}

std::string rules_markdown() {
  std::string out =
      "| field | is compared | absent in ARM means | a difference |\n"
      "|---|---|---|---|\n";
  for (const auto& row : rules()) {
    out += fmt::format("| `{}` | {} | {} | {} |\n",
                       row.path,
                       words(row.comparison),
                       row.absent_live.empty() ? std::string("nothing is there")
                                               : fmt::format("`{}`", row.absent_live),
                       words(row.outcome));
  }
  return out;
}

}  // namespace dps::plan

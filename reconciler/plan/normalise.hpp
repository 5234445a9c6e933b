// normalise: the one table of how each field is compared. The documentation prints it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/model/live_service.hpp"

namespace dps::plan {

enum class Field : std::uint8_t {
  Location,
  SkuName,
  SkuCapacity,
  AllocationPolicy,
  PublicNetworkAccess,
  IpFilterRules,
  DataResidency,
  TagName,
  TagValue,
  HubHost,
  HubLocation,
  HubWeight,
  HubApply,
  HubCredential,
  PolicyName,
  PolicyRights,
  PolicyPrimaryKey,
  PolicySecondaryKey,
  CertificateName,
  CertificateContent,
  CertificateVerification,
};

enum class Comparison : std::uint8_t {
  Exactly,
  WithoutCase,
  AsLocation,  ///< without spaces and case: "West Europe" is westeurope
  AsNumber,
  AsTruth,
  InOrder,        ///< a list whose order means something
  AsRights,       ///< as sets, closed under implication
  ByFingerprint,  ///< masked in every answer: by what the bookkeeping remembers
  ByDigest,       ///< with the key that listkeys shows
  ByThumbprint,
};

/// What a difference leads to.
enum class Outcome : std::uint8_t {
  Written,
  Refused,     ///< would need another service
  Identifies,  ///< says which entry it is; never a difference by itself
};

struct Rule {
  Field field;
  std::string_view path;  ///< as plans spell it, upper-case words stand for names
  Comparison comparison;
  std::string_view absent_live;  ///< what a missing value in ARM's answer means; "" : nothing
  Outcome outcome;
};

/// One row per Field, in the order of the enumeration.
const std::vector<Rule>& rules();
const Rule& rule(Field field);

/// Are the texts the same by the field's rule? An empty `live` stands for what absence means.
bool same(Field field, std::string_view desired, std::string_view live);
/// Rules in order. A target that the manifest leaves out is not compared; absent in ARM is "all".
bool same_rules(const std::vector<IpFilterRule>& desired, const std::vector<IpFilterRule>& live);

/// Lower case, no spaces.
std::string location_key(std::string_view location);

/// The table as Markdown rows, for docs/difference.md.
std::string rules_markdown();

}  // namespace dps::plan

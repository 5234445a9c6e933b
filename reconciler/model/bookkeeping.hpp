// bookkeeping: the tags by which a service remembers who keeps it. There is no state file.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/model/desired_service.hpp"

namespace dps {

inline constexpr std::string_view kOwnerTag = "dps-reconciler";
inline constexpr std::string_view kRevisionTag = "dps-reconciler-rev";
inline constexpr std::string_view kTagsTag = "dps-reconciler-tags";
inline constexpr std::string_view kProtectTag = "dps-reconciler-protect";
inline constexpr std::string_view kKeysTagPrefix = "dps-reconciler-keys-";  ///< then 1, 2, …

/// Is this tag ours and not the user's?
bool is_bookkeeping_tag(std::string_view name);
/// hidden-* tags belong to the portal: never compared, never removed.
bool is_hidden_tag(std::string_view name);

/// What the tags say, decoded. Broken ones count as absent.
struct Bookkeeping {
  std::optional<std::string> owner;
  std::optional<std::string> revision;  ///< digest of the desired state at the last service write
  std::set<std::string> tag_digests;    ///< tag_digest() of every tag that we set
  std::map<std::string, std::string> fingerprints;  ///< host_digest() -> hub_fingerprint()
  bool protect = false;
  bool operator==(const Bookkeeping&) const = default;
};

/// 5 base64url characters of the lower-cased tag name.
std::string tag_digest(std::string_view tag_name);
/// 6 base64url characters of the lower-cased host name.
std::string host_digest(std::string_view host_name);

Bookkeeping read_bookkeeping(const Tags& tags);
/// The tags of it, in a fixed order; no value is longer than ARM's 256 characters. Empty parts give
/// no tag.
Tags bookkeeping_tags(const Bookkeeping& bookkeeping);
/// `tags` with every bookkeeping tag taken out and those of `bookkeeping` put in.
Tags with_bookkeeping(Tags tags, const Bookkeeping& bookkeeping);

}  // namespace dps

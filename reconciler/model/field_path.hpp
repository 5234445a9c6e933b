// field_path: the names of fields in plans and in lifecycle.ignore: one spelling for both.
//   allocationPolicy          sku.capacity            tags["created-by"]
//   linkedHubs[HOST]          linkedHubs[HOST].allocationWeight
//   sharedAccessPolicies[NAME].rights                 certificates[NAME]
#pragma once

#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"

namespace dps {

std::string tag_path(std::string_view tag);
/// `list` is linkedHubs, sharedAccessPolicies or certificates; `field` may be empty.
std::string entry_path(std::string_view list, std::string_view name, std::string_view field);

/// Checks and normalises a path that a person wrote. GiveUp "BadPath" says what is known.
Result<std::string> parse_field_path(std::string_view text);

/// Does ignoring `ignored` silence a difference at `path`? The same path or anything below it;
/// names of hubs, policies and tags without case.
bool path_covers(std::string_view ignored, std::string_view path);

}  // namespace dps

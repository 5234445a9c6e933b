#include "reconciler/model/field_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "reconciler/base/text.hpp"

namespace dps {
namespace {

const std::vector<std::string> kScalars = {"sku",
                                           "sku.name",
                                           "sku.capacity",
                                           "allocationPolicy",
                                           "publicNetworkAccess",
                                           "ipFilterRules",
                                           "tags"};
struct List {
  std::string_view name;
  std::vector<std::string> fields;
};
const std::vector<List>& lists() {
  static const std::vector<List> all = {
      {"linkedHubs", {"location", "allocationWeight", "applyAllocationPolicy", "credential"}},
      {"sharedAccessPolicies", {"rights", "keys", "keys.primary", "keys.secondary"}},
      {"certificates", {"verification"}},
  };
  return all;
}

}  // namespace

std::string tag_path(std::string_view tag) {
  return fmt::format("tags[\"{}\"]", tag);
}

std::string entry_path(std::string_view list, std::string_view name, std::string_view field) {
  return field.empty() ? fmt::format("{}[{}]", list, name)
                       : fmt::format("{}[{}].{}", list, name, field);
}

Result<std::string> parse_field_path(std::string_view text) {
  const auto wrong = [&] {
    return fail(give_up("BadPath",
                        fmt::format("\"{}\" names no field", printable(text, 120)),
                        "allocationPolicy, sku.capacity, publicNetworkAccess, ipFilterRules, "
                        "tags[\"NAME\"], linkedHubs[HOST].allocationWeight or "
                        "sharedAccessPolicies[NAME].rights"));
  };
  if (std::find(kScalars.begin(), kScalars.end(), text) != kScalars.end()) return std::string(text);
  if (text.starts_with("tags[")) {
    auto name = text.substr(5);
    if (!name.ends_with("]")) return wrong();
    name.remove_suffix(1);
    if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
        name.back() == name.front()) {
      name = name.substr(1, name.size() - 2);
    }
    if (name.empty()) return wrong();
    return tag_path(name);
  }
  for (const auto& list : lists()) {
    if (text == list.name) return std::string(text);
    if (!text.starts_with(list.name) || text.size() <= list.name.size() ||
        text[list.name.size()] != '[') {
      continue;
    }
    auto rest = text.substr(list.name.size() + 1);
    const auto end = rest.find(']');
    if (end == std::string_view::npos || end == 0) return wrong();
    const auto name = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (rest.empty()) return entry_path(list.name, name, "");
    if (rest.front() != '.') return wrong();
    rest.remove_prefix(1);
    if (std::find(list.fields.begin(), list.fields.end(), rest) == list.fields.end())
      return wrong();
    return entry_path(list.name, name, rest);
  }
  return wrong();
}

bool path_covers(std::string_view ignored, std::string_view path) {
  if (path.size() < ignored.size() ||
      !equal_ignoring_case(path.substr(0, ignored.size()), ignored)) {
    return false;
  }
  return path.size() == ignored.size() || path[ignored.size()] == '.' ||
         path[ignored.size()] == '[';
}

}  // namespace dps

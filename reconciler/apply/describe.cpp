#include "reconciler/apply/describe.hpp"

#include <fmt/format.h>

#include <vector>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::apply {
namespace {

std::string shown(const Json& value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>(), 60);
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : value) {
      if (item.is_object())
        return value.size() == 1 ? "1 entry" : fmt::format("{} entries", value.size());
      items.push_back(shown(item));
    }
    return "[" + join(items, ", ") + "]";
  }
  return printable(canonical_text(value), 120);
}

}  // namespace

std::string subject_of(const plan::Change& change) {
  return change.path.empty() ? std::string(word(change.kind)) + " " + printable(change.name, 80)
                             : printable(change.path, 160);
}

std::string describe(const plan::Change& change) {
  using plan::Action;
  const auto what = subject_of(change);
  if (change.secret) return "~ " + what + " (secret, changed)";
  switch (change.action) {
    case Action::Create:
      return "+ " + what + (change.after.is_string() ? " " + shown(change.after) : "");
    case Action::Delete:
      return "- " + what;
    case Action::Adopt:
      return "= " + what + " adopted";
    case Action::Release:
      return "= " + what + " released";
    case Action::Rotate:
    case Action::Verify:
      return "↻ " + what;
    case Action::Update:
      break;
  }
  return fmt::format("~ {} {} → {}", what, shown(change.before), shown(change.after));
}

}  // namespace dps::apply

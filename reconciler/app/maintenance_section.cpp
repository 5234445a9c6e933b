#include "reconciler/app/maintenance_section.hpp"

#include <fmt/format.h>

#include "reconciler/base/text.hpp"

namespace dps::app {
namespace {

using controller::ChangeClass;
using controller::CronExpression;
using controller::MaintenanceWindow;
using controller::WindowEffect;
using manifest::Node;
using manifest::NodeKind;
using manifest::Position;

constexpr Duration kShortest = std::chrono::minutes{1};
constexpr Duration kLongest = std::chrono::hours{31 * 24};
constexpr const char* kShape = R"({allow: "0 10 * * TUE", for: 2h, changes: [delete]})";
constexpr const char* kChanges = "create, update, rotate or delete";

const std::vector<std::string>& keys() {
  static const std::vector<std::string> all = {"allow", "deny", "for", "changes", "name"};
  return all;
}

// The first fault ends it: it is a flag file, not a fleet of manifests.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Result<std::vector<MaintenanceWindow>> windows(const Node& list) const {
    if (list.kind != NodeKind::List) {
      return wrong(list.at, "maintenance is no list", std::string("- ") + kShape);
    }
    std::vector<MaintenanceWindow> out;
    for (const auto& item : list.items) {
      auto one = window(item);
      if (!one) return fail(one.error());
      out.push_back(*std::move(one));
    }
    return out;
  }

 private:
  Failure wrong(Position at, const std::string& what, const std::string& remedy) const {
    return fail(
        give_up("Usage", fmt::format("{}:{}:{}: {}", path_, at.line, at.column, what), remedy));
  }

  Result<MaintenanceWindow> window(const Node& node) const {
    if (node.kind != NodeKind::Map) return wrong(node.at, "a window is no map", kShape);
    MaintenanceWindow out;
    for (const auto& member : node.members) {
      if (const auto read = take(out, member); !read) return fail(read.error());
    }
    const auto* allow = node.find("allow");
    const auto* deny = node.find("deny");
    if (allow == nullptr && deny == nullptr) {
      return wrong(node.at, "the window says neither allow nor deny", kShape);
    }
    if (allow != nullptr && deny != nullptr) {
      return wrong(deny->at, "the window both allows and denies", "two windows");
    }
    out.effect = allow != nullptr ? WindowEffect::Allow : WindowEffect::Deny;
    if (node.find("for") == nullptr) {
      return wrong(node.at, "the window has no length", "for: 2h");
    }
    return out;
  }

  [[nodiscard]] Result<void> take(MaintenanceWindow& out, const manifest::Member& member) const {
    if (member.key == "allow" || member.key == "deny") return start(out, member);
    if (member.key == "for") return length(out, member.value);
    if (member.key == "changes") return changes(out, member.value);
    if (member.key == "name") {
      if (member.value.kind != NodeKind::Scalar) {
        return wrong(member.value.at, "name is no text", "name: a few words for people");
      }
      out.name = printable(trim(member.value.text), 80);
      return {};
    }
    const auto near = nearest(member.key, keys());
    return wrong(member.at,
                 fmt::format("unknown key \"{}\"", printable(member.key, 60)),
                 near.empty() ? "the keys of a window are " + join(keys(), ", ")
                              : fmt::format("did you mean {}?", near));
  }

  [[nodiscard]] Result<void> start(MaintenanceWindow& out, const manifest::Member& member) const {
    const auto& value = member.value;
    if (value.kind != NodeKind::Scalar) {
      return wrong(value.at, member.key + " is no cron expression", "in quotes: \"0 10 * * TUE\"");
    }
    auto parsed = CronExpression::parse(value.text);
    if (!parsed) {
      return wrong(
          value.at, fmt::format("{}: {}", member.key, parsed.error().what), parsed.error().remedy);
    }
    out.start_text = std::string(trim(value.text));
    out.start = *std::move(parsed);
    return {};
  }

  [[nodiscard]] Result<void> length(MaintenanceWindow& out, const Node& value) const {
    const auto parsed =
        value.kind == NodeKind::Scalar
            ? parse_duration(value.text)
            : Result<Duration>(fail(give_up("Usage", "for is no duration", "for: 2h")));
    if (!parsed) return wrong(value.at, parsed.error().what, parsed.error().remedy);
    if (*parsed < kShortest || *parsed > kLongest) {
      return wrong(value.at, "for: " + duration_text(*parsed) + " cannot be", "1m to 31d");
    }
    out.length = *parsed;
    return {};
  }

  [[nodiscard]] Result<void> changes(MaintenanceWindow& out, const Node& value) const {
    if (value.kind != NodeKind::List || value.items.empty()) {
      return wrong(value.at,
                   "changes names no kinds of change",
                   std::string("a list of ") + kChanges + "; all of them without the key");
    }
    for (const auto& item : value.items) {
      const auto one = item.kind == NodeKind::Scalar ? controller::change_class_named(item.text)
                                                     : std::optional<ChangeClass>();
      if (!one) {
        const auto near = nearest(item.text, {"create", "update", "rotate", "delete"});
        return wrong(item.at,
                     fmt::format("there is no kind of change \"{}\"", printable(item.text, 60)),
                     near.empty() ? kChanges : fmt::format("did you mean {}?", near));
      }
      out.changes.insert(*one);
    }
    return {};
  }

  const std::string& path_;
};

}  // namespace

Result<std::vector<MaintenanceWindow>> parse_maintenance(const Node& list,
                                                         const std::string& path) {
  return Reader(path).windows(list);
}

}  // namespace dps::app

#include "reconciler/plan/change_text.hpp"

#include <fmt/format.h>

#include "reconciler/base/json.hpp"
#include "reconciler/plan/text_layout.hpp"

namespace dps::plan {
namespace {

constexpr std::size_t kLongestValue = 160;

std::string value_text(const Json& value) {
  if (value.is_null()) return "(none)";
  if (value.is_string()) return shown(value.get_ref<const std::string&>(), kLongestValue);
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  if (!value.is_array()) return shown(canonical_text(value), kLongestValue);
  std::string out;
  for (const auto& one : value) out += (out.empty() ? "" : ", ") + value_text(one);
  return "[" + out + "]";
}

/// "westeurope, weight 10, key from hub iot-eu/hub-eu-1 iothubowner primary": what an entry or a
/// service is made of, in the words of people. Null members are left out.
class Parts {
 public:
  explicit Parts(const Json& object) : object_(object) {}

  Parts& say(std::string_view name, std::string_view before = "", std::string_view after = "") {
    const auto& value = member(object_, name);
    if (value.is_null() || value == "") return *this;
    return add(fmt::format("{}{}{}", before, value_text(value), after));
  }
  Parts& add(const std::string& part) {
    text_ += (text_.empty() ? "" : ", ") + part;
    return *this;
  }
  std::string text() const { return text_; }

 private:
  const Json& object_;
  std::string text_;
};

std::string service_text(const Json& service) {
  Parts parts(service);
  parts.say("idScope", "id scope ").say("location");
  if (const auto& sku = member(service, "sku"); sku.is_object()) {
    const auto& capacity = member(sku, "capacity");
    parts.add(value_text(member(sku, "name")) +
              (capacity.is_null() ? "" : " × " + value_text(capacity)));
  }
  parts.say("allocationPolicy").say("publicNetworkAccess", "public network access ");
  parts.say("dataResidency", "data residency ").say("protect", "protect ");
  if (const auto& rules = member(service, "ipFilterRules"); !rules.empty()) {
    parts.add(fmt::format("{} IP rule{}", rules.size(), rules.size() == 1 ? "" : "s"));
  }
  if (const auto& tags = member(service, "tags"); tags.is_object() && !tags.empty()) {
    std::string all;
    for (const auto& [name, value] : tags.items()) {
      all += fmt::format("{}{}={}", all.empty() ? "" : " ", shown(name, 64), value_text(value));
    }
    parts.add("tags " + all);
  }
  if (const auto& hubs = member(service, "linkedHubs"); !hubs.empty()) {
    parts.add((hubs.size() == 1 ? "hub " : "hubs ") + value_text(hubs));
  }
  return parts.text();
}

std::string whole_text(Kind kind, const Json& value) {
  Parts parts(value);
  switch (kind) {
    case Kind::ProvisioningService:
      return service_text(value);
    case Kind::LinkedHub: {
      parts.say("location").say("allocationWeight", "weight ");
      parts.say("applyAllocationPolicy", "applyAllocationPolicy ");
      auto key = text_member(value, "credential");
      if (key.starts_with("(secret) ")) key.erase(0, std::string_view("(secret) ").size());
      if (!key.empty()) parts.add("key " + shown(key, 120));
      return parts.text();
    }
    case Kind::SharedAccessPolicy:
      return parts.say("rights")
          .say("primaryKey", "primary key ")
          .say("secondaryKey", "secondary key ")
          .text();
    case Kind::Certificate: {
      if (const auto text = text_member(value, "thumbprint"); !text.empty()) {
        parts.add(short_thumbprint(text));
      }
      if (member(value, "verified").is_boolean()) {
        parts.add(value["verified"].get<bool>() ? "verified" : "unverified");
      }
      if (const auto date = text_member(value, "expires"); date.size() >= 10) {
        parts.add("expires " + shown(date.substr(0, 10)));
      }
      if (const auto how = text_member(value, "verification"); !how.empty()) {
        parts.add(how == "none" ? "not to be verified" : shown(how, 40));
      }
      return parts.text();
    }
    case Kind::Tag:
      break;
  }
  return value_text(value);
}

std::string quoted(const Json& value) {
  return value.is_string() ? fmt::format("\"{}\"", value_text(value)) : value_text(value);
}

}  // namespace

std::string short_thumbprint(const std::string& thumbprint) {
  constexpr std::size_t kDigits = 8;
  return shown(thumbprint.substr(0, kDigits)) + (thumbprint.size() > kDigits ? "…" : "");
}

std::string change_text(const Change& change) {
  if (change.secret) return "(secret, changed)";
  const bool tag = change.kind == Kind::Tag;
  switch (change.action) {
    case Action::Create:
      return tag ? quoted(change.after) : whole_text(change.kind, change.after);
    case Action::Delete:
      return tag ? quoted(change.before) : whole_text(change.kind, change.before);
    case Action::Adopt:
      return change.before.is_null() ? "adopted"
                                     : fmt::format("taken over from {}", quoted(change.before));
    case Action::Release:
      return "released";
    case Action::Rotate:
      return fmt::format("{} → {}",
                         short_thumbprint(text_member(change.before, "thumbprint")),
                         whole_text(change.kind, change.after));
    default:
      break;
  }
  return tag ? fmt::format("{} → {}", quoted(change.before), quoted(change.after))
             : fmt::format("{} → {}", value_text(change.before), value_text(change.after));
}

std::string path_text(const Change& change) {
  return change.path.empty() ? shown(change.name, 64) : shown(change.path, 200);
}

std::string rule_text(const Json& rule) {
  auto out = fmt::format("{}  {}  {}",
                         shown(text_member(rule, "name"), 64),
                         shown(text_member(rule, "action"), 20),
                         shown(text_member(rule, "mask"), 60));
  if (const auto target = text_member(rule, "target"); !target.empty()) {
    out += "  " + shown(target, 20);
  }
  return out;
}

}  // namespace dps::plan

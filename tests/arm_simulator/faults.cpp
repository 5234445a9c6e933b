#include "tests/arm_simulator/faults.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace dps::sim {

namespace {
using Json = nlohmann::ordered_json;

constexpr std::pair<std::string_view, FaultKind> kKinds[] = {
    {"status", FaultKind::Status},
    {"reset", FaultKind::Reset},
    {"close", FaultKind::Close},
    {"truncate", FaultKind::Truncate},
    {"hang", FaultKind::Hang},
    {"drip", FaultKind::Drip},
    {"stall", FaultKind::Stall},
    {"chunked", FaultKind::Chunked},
    {"cut-chunks", FaultKind::CutChunks},
    {"gzip", FaultKind::Gzip},
    {"headers", FaultKind::OtherHeaders},
    {"expire-tokens", FaultKind::ExpireTokens},
    {"delay", FaultKind::Delay},
    {"edit", FaultKind::Edit}};

}  // namespace

bool goes_on(FaultKind kind) {
  return kind == FaultKind::Delay || kind == FaultKind::Edit || kind == FaultKind::ExpireTokens;
}

namespace {
/// Kinds of which the point is an answer that is there.
bool alters_the_answer(FaultKind kind) {
  switch (kind) {
    case FaultKind::Truncate:
    case FaultKind::Drip:
    case FaultKind::Stall:
    case FaultKind::Chunked:
    case FaultKind::CutChunks:
    case FaultKind::Gzip:
    case FaultKind::OtherHeaders:
      return true;
    default:
      return false;
  }
}

const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool glob_from(std::string_view pattern, std::string_view text) {
  // Backtracks to the last star only; a double star is remembered apart, because a single one may
  // not cross a slash.
  while (!pattern.empty()) {
    if (pattern.starts_with("**")) {
      const auto rest = pattern.substr(2);
      for (std::size_t i = 0; i <= text.size(); ++i)
        if (glob_from(rest, text.substr(i))) return true;
      return false;
    }
    if (pattern.front() == '*') {
      const auto rest = pattern.substr(1);
      for (std::size_t i = 0; i <= text.size(); ++i) {
        if (glob_from(rest, text.substr(i))) return true;
        if (i < text.size() && text[i] == '/') return false;
      }
      return false;
    }
    if (text.empty()) return false;
    if (pattern.front() != '?' && pattern.front() != text.front()) return false;
    pattern.remove_prefix(1);
    text.remove_prefix(1);
  }
  return text.empty();
}
}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  auto glob = lower(pattern);
  if (!glob.starts_with('/') && !glob.starts_with('*')) glob = "**" + glob + "**";
  // Every path begins with a slash, so a single star in front could match nothing.
  if (glob.starts_with('*') && !glob.starts_with("**")) glob.insert(0, 1, '*');
  return glob_from(glob, lower(text));
}

struct Faults::Fault {
  Json source;
  std::string method = "*";
  std::string path = "**";
  std::string body;  // must occur in the request's body
  std::uint64_t nth = 1;
  std::uint64_t times = 1;
  FaultAction action;
  std::uint64_t matched = 0;
  std::uint64_t applied = 0;
};

Faults::Faults() = default;
Faults::~Faults() = default;

std::optional<std::string> Faults::set(const Json& list) {
  const Json* entries = &list;
  if (list.is_object() && list.contains("faults")) entries = &list["faults"];
  if (!entries->is_array()) return "faults must be a list";
  std::vector<Fault> parsed;
  for (const auto& entry : *entries) {
    const auto place = fmt::format("faults[{}]", parsed.size());
    if (!entry.is_object()) return fmt::format("{} must be an object", place);
    for (const auto& [name, value] : entry.items())
      if (name != "match" && name != "do")
        return fmt::format("{} has no '{}'; it has match and do", place, name);
    Fault fault;
    fault.source = entry;
    if (const auto* match = member(entry, "match")) {
      if (!match->is_object()) return fmt::format("{}.match must be an object", place);
      for (const auto& [name, value] : match->items()) {
        std::string* text = name == "method" ? &fault.method
                            : name == "path" ? &fault.path
                            : name == "body" ? &fault.body
                                             : nullptr;
        std::uint64_t* number = name == "nth"     ? &fault.nth
                                : name == "times" ? &fault.times
                                                  : nullptr;
        if (text != nullptr && value.is_string())
          *text = value.get<std::string>();
        else if (number != nullptr && value.is_number_unsigned())
          *number = value.get<std::uint64_t>();
        else
          return fmt::format("{}.match.{} is unknown or of the wrong type", place, name);
      }
      if (fault.nth == 0) return fmt::format("{}.match.nth counts from 1", place);
    }
    const auto* action = member(entry, "do");
    if (action == nullptr || !action->is_object()) return fmt::format("{}.do is missing", place);
    auto& target = fault.action;
    const auto* kind = member(*action, "kind");
    const auto kind_text = kind != nullptr && kind->is_string()   ? kind->get<std::string>()
                           : member(*action, "status") != nullptr ? std::string("status")
                                                                  : std::string();
    const auto known = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& pair) {
      return pair.first == kind_text;
    });
    if (known == std::end(kKinds))
      return fmt::format("{}.do.kind '{}' is unknown", place, kind_text);
    target.kind = known->second;
    target.label = kind_text;
    if (alters_the_answer(target.kind)) target.when = FaultMoment::After;
    for (const auto& [name, value] : action->items()) {
      if (name == "kind") continue;
      if (name == "status" && value.is_number_integer()) {
        target.status = value.get<int>();
        if (target.status < 100 || target.status > 599)
          return fmt::format("{}.do.status is out of range", place);
      } else if (name == "headers" && value.is_object()) {
        for (const auto& [key, text] : value.items()) {
          if (!text.is_string()) return fmt::format("{}.do.headers.{} must be a text", place, key);
          target.headers.emplace_back(key, text.get<std::string>());
        }
      } else if (name == "body") {
        target.body = value.is_string() ? value.get<std::string>() : value.dump();
      } else if (name == "delay" && value.is_string()) {
        const auto delay = duration(value.get<std::string>());
        if (!delay) return fmt::format("{}.do.delay is not a duration", place);
        target.delay = *delay;
      } else if (name == "when" && (value == "before" || value == "after")) {
        target.when = value == "before" ? FaultMoment::Before : FaultMoment::After;
      } else if (name == "edit" && value.is_object() && member(value, "id") != nullptr &&
                 value["id"].is_string() && value.contains("patch")) {
        target.edit_id = value["id"].get<std::string>();
        target.edit_patch = value["patch"].dump();
      } else {
        return fmt::format("{}.do.{} is unknown or of the wrong type", place, name);
      }
    }
    if (target.kind == FaultKind::Edit && target.edit_id.empty())
      return fmt::format("{}.do.edit needs id and patch", place);
    target.label += target.when == FaultMoment::Before ? "/before" : "/after";
    parsed.push_back(std::move(fault));
  }
  const std::lock_guard lock(mutex_);
  faults_ = std::move(parsed);
  return std::nullopt;
}

Json Faults::list() const {
  const std::lock_guard lock(mutex_);
  Json all = Json::array();
  for (const auto& fault : faults_) {
    Json entry = fault.source;
    entry["matched"] = fault.matched;
    entry["applied"] = fault.applied;
    all.push_back(std::move(entry));
  }
  return all;
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

std::vector<FaultAction> Faults::matching(const Request& request) {
  const std::lock_guard lock(mutex_);
  std::vector<FaultAction> actions;
  if (faults_.empty()) return actions;
  const auto path = percent_decoded(request.path);
  for (auto& fault : faults_) {
    if (fault.method != "*" && !equal_ignoring_case(fault.method, request.method)) continue;
    if (!glob_matches(fault.path, path)) continue;
    if (!fault.body.empty() && request.body.find(fault.body) == std::string::npos) continue;
    ++fault.matched;
    const bool due =
        fault.matched >= fault.nth && (fault.times == 0 || fault.applied < fault.times);
    const bool decided = !actions.empty() && !goes_on(actions.back().kind);
    if (!due || (decided && !goes_on(fault.action.kind))) continue;
    ++fault.applied;
    // What goes on stands before what decides.
    const auto at = decided ? actions.end() - 1 : actions.end();
    actions.insert(at, fault.action);
  }
  return actions;
}

}  // namespace dps::sim

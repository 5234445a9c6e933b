#include "reconciler/controller/suspensions.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr const char* kSchema = "dps-reconciler/suspensions/v1";

std::optional<std::map<std::string, Suspension>> parse(const std::string& text) {
  const auto json = parse_json(text);
  if (!json || !json->is_object() || json->value("schema", "") != kSchema) return std::nullopt;
  const auto list = json->find("suspensions");
  if (list == json->end() || !list->is_object()) return std::nullopt;
  std::map<std::string, Suspension> out;
  for (const auto& [key, one] : list->items()) {
    if (!one.is_object()) return std::nullopt;
    Suspension suspension;
    if (const auto reason = one.find("reason"); reason != one.end() && reason->is_string()) {
      suspension.reason = reason->get<std::string>();
    }
    if (const auto until = one.find("until"); until != one.end() && until->is_string()) {
      suspension.until = parse_rfc3339(until->get<std::string>());
      if (!suspension.until) return std::nullopt;
    }
    out.emplace(key, std::move(suspension));
  }
  return out;
}

/// The errno of what failed, or 0.
int write_all(const std::string& path, const std::string& text) {
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.number() < 0) return errno;
  for (std::size_t written = 0; written < text.size();) {
    const auto count = ::write(file.number(), text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENOSPC;
    written += static_cast<std::size_t>(count);
  }
  return ::fsync(file.number()) == 0 ? 0 : errno;
}

bool ends_later(const Suspension& left, const Suspension& right) {
  if (!left.until || !right.until) return !left.until && right.until;
  return *left.until > *right.until;
}

}  // namespace

Suspensions::Suspensions(std::string file) : file_(std::move(file)) {
  if (file_.empty()) return;
  std::ifstream in(file_);
  if (!in) {
    if (::access(file_.c_str(), F_OK) == 0) {
      all_[""] = {"the file of suspensions cannot be read: " + file_, std::nullopt};
    }
    return;
  }
  std::ostringstream text;
  text << in.rdbuf();
  auto read = parse(text.str());
  if (read) {
    all_ = *std::move(read);
  } else {
    all_[""] = {"the file of suspensions is damaged: " + file_, std::nullopt};
  }
}

std::optional<Suspension> Suspensions::of(const std::string& key, WallTime now) const {
  std::optional<Suspension> found;
  for (const auto& name : {key, std::string()}) {
    const auto one = all_.find(name);
    if (one == all_.end() || (one->second.until && *one->second.until <= now)) continue;
    if (!found || ends_later(one->second, *found)) found = one->second;
  }
  return found;
}

Result<void> Suspensions::add(const std::string& key, Suspension suspension) {
  all_.insert_or_assign(key, std::move(suspension));
  return keep();
}

Result<void> Suspensions::remove(const std::string& key) {
  if (all_.erase(key) == 0) return {};
  return keep();
}

bool Suspensions::drop_ended(WallTime now) {
  const auto ended = std::erase_if(
      all_, [&](const auto& one) { return one.second.until && *one.second.until <= now; });
  if (ended == 0) return false;
  // One that is still in the file is over all the same.
  static_cast<void>(keep());
  return true;
}

std::optional<WallTime> Suspensions::next_end() const {
  std::optional<WallTime> next;
  for (const auto& [key, one] : all_) {
    if (one.until && (!next || *one.until < *next)) next = one.until;
  }
  return next;
}

Result<void> Suspensions::keep() const {
  const auto failed = [&](const std::string& why) {
    return fail(give_up("NotKept",
                        fmt::format("it holds, but a restart will forget it: {}", why),
                        "--state-dir PATH, a folder that outlives the process"));
  };
  if (file_.empty()) return failed("there is no --state-dir");
  OrderedJson list = OrderedJson::object();
  for (const auto& [key, one] : all_) {
    OrderedJson entry = {{"reason", one.reason}};
    if (one.until) entry["until"] = rfc3339(*one.until);
    list[key] = std::move(entry);
  }
  const OrderedJson json = {{"schema", kSchema}, {"suspensions", std::move(list)}};
  const auto text = json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
  // Beside it and then in its place: a full disk leaves what was there.
  const auto fresh = file_ + ".new";
  int problem = write_all(fresh, text);
  if (problem == 0 && std::rename(fresh.c_str(), file_.c_str()) != 0) problem = errno;
  if (problem != 0) {
    std::remove(fresh.c_str());
    return failed(fmt::format("{}: {}", file_, std::strerror(problem)));
  }
  return {};
}

}  // namespace dps::controller

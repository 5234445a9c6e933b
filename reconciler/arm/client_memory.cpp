#include "reconciler/arm/client_memory.hpp"

#include <algorithm>

#include "reconciler/model/capabilities.hpp"

namespace dps::arm {

ClientMemory::ClientMemory() : read_version_(kNewestVersion) {}

std::string ClientMemory::read_version() const {
  const std::lock_guard lock(mutex_);
  return read_version_;
}

bool ClientMemory::fall_back(std::string_view refused, const std::vector<std::string>& supported) {
  const std::lock_guard lock(mutex_);
  if (read_version_ != refused) return true;
  const auto& known = known_versions();
  for (auto at = known.rbegin(); at != known.rend(); ++at) {
    const bool older = at->version < refused;
    if (older && std::find(supported.begin(), supported.end(), at->version) != supported.end()) {
      read_version_ = at->version;
      return true;
    }
  }
  return false;
}

bool ClientMemory::takes_if_match() const {
  const std::lock_guard lock(mutex_);
  return takes_if_match_;
}

bool ClientMemory::learn_that_if_match_is_refused() {
  const std::lock_guard lock(mutex_);
  const bool first = takes_if_match_;
  takes_if_match_ = false;
  return first;
}

void ClientMemory::learn_server_time(WallTime told, WallTime now) {
  const std::lock_guard lock(mutex_);
  ahead_ = told - now;
}

WallTime ClientMemory::server_time(WallTime now) const {
  const std::lock_guard lock(mutex_);
  return now + ahead_;
}

}  // namespace dps::arm

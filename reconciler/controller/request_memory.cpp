#include "reconciler/controller/request_memory.hpp"

#include <algorithm>

#include "reconciler/base/text.hpp"

namespace dps::controller {
namespace {

constexpr std::size_t kMostOfOne = 5;
constexpr std::string_view kType = "/providers/microsoft.devices/provisioningservices/";

/// The key of the service that the URL is about, or "".
std::string key_of(const std::string& url) {
  auto path = lower(url);
  const auto begin = path.find("/subscriptions/");
  const auto type = path.find(kType, begin == std::string::npos ? 0 : begin);
  if (begin == std::string::npos || type == std::string::npos) return {};
  const auto end = path.find_first_of("/?", type + kType.size());
  return path.substr(begin, end == std::string::npos ? end : end - begin);
}

}  // namespace

void RequestMemory::exchanged(const http::Exchanged& event) {
  const auto key = key_of(event.url);
  if (key.empty()) return;
  RequestLine line;
  line.at = clock_.wall();
  line.operation = event.operation;
  line.method = std::string(http::word(event.method));
  line.status = event.status;
  line.failure = event.failure;
  line.took = event.duration;
  line.client_request_id = event.client_request_id;
  if (const auto id = event.headers.find("x-ms-request-id"); id != event.headers.end()) {
    line.request_id = printable(id->second, 80);
  }
  const std::lock_guard lock(mutex_);
  auto& lines = lines_[key];
  lines.push_front(std::move(line));
  if (lines.size() > kMostOfOne) lines.pop_back();
  if (lines_.size() <= most_) return;
  const auto oldest =
      std::min_element(lines_.begin(), lines_.end(), [](const auto& a, const auto& b) {
        return a.second.front().at < b.second.front().at;
      });
  lines_.erase(oldest);
}

std::vector<RequestLine> RequestMemory::of(const ServiceId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(id.key());
  if (found == lines_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace dps::controller

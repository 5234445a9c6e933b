// request_memory: the last requests about each service, for those who ask why.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/controller/status.hpp"
#include "reconciler/http/token_source.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::controller {

/// Thread-safe. Bounded: of each service the last few, and no more services than `most`; then the
/// one that was asked about longest ago is forgotten.
class RequestMemory final : public http::ExchangeObserver {
 public:
  explicit RequestMemory(Clock& clock, std::size_t most = 20000) : clock_(clock), most_(most) {}
  void exchanged(const http::Exchanged& event) override;
  /// The newest first.
  std::vector<RequestLine> of(const ServiceId& id) const;

 private:
  Clock& clock_;
  const std::size_t most_;
  mutable std::mutex mutex_;
  std::map<std::string, std::deque<RequestLine>> lines_;  // by ServiceId::key()
};

}  // namespace dps::controller

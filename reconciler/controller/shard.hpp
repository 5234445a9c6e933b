// shard: which of several replicas a service belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reconciler/base/result.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::controller {

/// Replica `index` of `count`: 0-based.
struct Shard {
  std::uint32_t index = 0;
  std::uint32_t count = 1;

  bool owns(const ServiceId& id) const;  ///< by a hash of key() that is the same everywhere
  std::string text() const;              ///< "1/3"; "" when there is only one
  bool operator==(const Shard&) const = default;
};

/// "0/3", or "POD_NAME-0/3" in the form of a StatefulSet's host name, whose last number counts. At
/// most 1,024. GiveUp "Usage".
Result<Shard> parse_shard(std::string_view text);

}  // namespace dps::controller

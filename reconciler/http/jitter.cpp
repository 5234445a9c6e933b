#include "reconciler/http/jitter.hpp"

#include <cstdint>

#include "reconciler/base/crypto.hpp"

namespace dps::http {

double random_jitter() {
  constexpr double kRange = 4294967296.0;  // 2^32
  std::uint32_t bits = 0;
  for (const char c : random_bytes(4)) bits = bits << 8U | static_cast<unsigned char>(c);
  return bits / kRange;
}

}  // namespace dps::http

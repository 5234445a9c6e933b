// share: how much of a long walk is run: all of it on request, less of it where each step is slow.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace dps::test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t kSlower = 7;  // a prime: no list of choices is skipped by it
#else
inline constexpr std::size_t kSlower = 1;
#endif

/// Of a walk's cases every so many-th is run: 1 with DPS_WALK=full; `usual` by default; seven times
/// as rarely under a sanitizer, which makes each case that much slower.
inline std::size_t every(std::size_t usual) {
  const char* mode = std::getenv("DPS_WALK");
  if (mode != nullptr && std::string_view(mode) == "full") return 1;
  return usual * kSlower;
}

}  // namespace dps::test

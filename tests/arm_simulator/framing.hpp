// How a body travels besides plainly: in chunks, or in the form of gzip. Pure.
#pragma once

#include <string>
#include <string_view>

#include "tests/arm_simulator/message.hpp"

namespace dps::sim {

/// The body as a gzip stream (RFC 1952) of stored blocks: every decoder must take it, and no
/// library is needed to make it.
[[nodiscard]] std::string gzipped(std::string_view body);

enum class LastChunk { Sent, Missing };
/// Status line, headers and the body in chunks of uneven sizes, one with an extension.
[[nodiscard]] std::string encode_chunked(const Response& response,
                                         bool keep_alive,
                                         LastChunk last_chunk);

}  // namespace dps::sim

// HTTP/1.1 text <-> messages. Pure.
#pragma once

#include <optional>
#include <string>

#include "tests/arm_simulator/message.hpp"

namespace dps::sim {

inline constexpr std::size_t kHeadMost = 256 * 1024;  // request line and headers
inline constexpr std::size_t kBodyMost = 8 * 1024 * 1024;
inline constexpr std::size_t kAdminBodyMost = 512 * 1024 * 1024;  // a seed may be a large fleet

struct Head {
  Request request;
  std::size_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// The head without its final empty line. Nothing when it is not HTTP/1.x.
[[nodiscard]] std::optional<Head> parse_head(std::string_view text);

enum class ChunkState { Complete, Incomplete, Broken };
/// Decodes a chunked body from the start of `buffer`; when complete, `body` is filled and
/// `consumed` is how much of the buffer it took.
[[nodiscard]] ChunkState decode_chunked(std::string_view buffer,
                                        std::size_t most,
                                        std::string& body,
                                        std::size_t& consumed);

[[nodiscard]] std::string_view reason(int status);
/// Status line, headers, Content-Length and body. A HEAD's answer and a 204 carry no body.
[[nodiscard]] std::string encode(const Response& response, bool with_body, bool keep_alive);

}  // namespace dps::sim

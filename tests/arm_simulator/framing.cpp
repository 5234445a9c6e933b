#include "tests/arm_simulator/framing.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>

#include "tests/arm_simulator/http_message.hpp"

namespace dps::sim {

namespace {
std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void put_little_endian(std::string& text, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFFU);
}
}  // namespace

std::string gzipped(std::string_view body) {
  constexpr std::size_t kBlock = 65'535;
  std::string out("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
  auto rest = body;
  do {
    const auto block = rest.substr(0, kBlock);
    rest.remove_prefix(block.size());
    out += static_cast<char>(rest.empty() ? 1 : 0);
    put_little_endian(out, block.size(), 2);
    put_little_endian(out, ~block.size(), 2);
    out += block;
  } while (!rest.empty());
  put_little_endian(out, crc32(body), 4);
  put_little_endian(out, body.size(), 4);
  return out;
}

std::string encode_chunked(const Response& response, bool keep_alive, LastChunk last_chunk) {
  auto text = encode(response, false, keep_alive);
  if (response.status == 204) return text;
  const auto length = text.find("Content-Length: ");
  text.replace(length, text.find("\r\n", length) - length, "Transfer-Encoding: chunked");
  std::string_view rest = response.body;
  for (std::size_t size = 1; !rest.empty(); size = size * 3 + 2) {
    const auto chunk = rest.substr(0, size);
    rest.remove_prefix(chunk.size());
    text += fmt::format("{:X}{}\r\n{}\r\n", chunk.size(), size == 1 ? ";first=yes" : "", chunk);
  }
  if (last_chunk == LastChunk::Sent) text += "0\r\n\r\n";
  return text;
}

}  // namespace dps::sim

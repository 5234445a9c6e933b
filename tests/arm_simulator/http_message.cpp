#include "tests/arm_simulator/http_message.hpp"

#include <charconv>

namespace dps::sim {

namespace {
bool is_token(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  for (const char c : text)
    if (c <= ' ' || c >= 127 || c == ':' || c == '/') return false;
  return true;
}
}  // namespace

std::optional<Head> parse_head(std::string_view text) {
  Head head;
  const auto line_end = text.find("\r\n");
  const auto line = text.substr(0, line_end);
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return std::nullopt;
  const auto version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  auto target = line.substr(first + 1, last - first - 1);
  auto& request = head.request;
  request.method = line.substr(0, first);
  if (!is_token(request.method)) return std::nullopt;
  if (target.starts_with("http://") || target.starts_with("https://")) {  // as through a proxy
    const auto host_end = target.find('/', target.find("://") + 3);
    target = host_end == std::string_view::npos ? std::string_view("/") : target.substr(host_end);
  }
  if (target.empty() || target.front() != '/') return std::nullopt;
  for (const char c : target)
    if (static_cast<unsigned char>(c) <= ' ' || c == 127) return std::nullopt;
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);

  head.keep_alive = version == "HTTP/1.1";
  auto rest = line_end == std::string_view::npos ? std::string_view() : text.substr(line_end + 2);
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    const auto colon = field.find(':');
    if (colon == std::string_view::npos || !is_token(field.substr(0, colon))) return std::nullopt;
    request.headers.emplace_back(field.substr(0, colon), trim(field.substr(colon + 1)));
    const auto& [name, value] = request.headers.back();
    if (equal_ignoring_case(name, "Content-Length")) {
      const auto [stop, error] =
          std::from_chars(value.data(), value.data() + value.size(), head.content_length);
      if (error != std::errc{} || stop != value.data() + value.size()) return std::nullopt;
    } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
      if (!equal_ignoring_case(value, "chunked")) return std::nullopt;
      head.chunked = true;
    } else if (equal_ignoring_case(name, "Connection")) {
      const auto wish = lower(value);
      if (wish.find("close") != std::string::npos) head.keep_alive = false;
      if (wish.find("keep-alive") != std::string::npos) head.keep_alive = true;
    } else if (equal_ignoring_case(name, "Expect")) {
      head.expects_continue = equal_ignoring_case(value, "100-continue");
    }
  }
  return head;
}

ChunkState decode_chunked(std::string_view buffer,
                          std::size_t most,
                          std::string& body,
                          std::size_t& consumed) {
  body.clear();
  std::size_t at = 0;
  while (true) {
    const auto line_end = buffer.find("\r\n", at);
    if (line_end == std::string_view::npos)
      return buffer.size() - at > 1024 ? ChunkState::Broken : ChunkState::Incomplete;
    const auto line = buffer.substr(at, line_end - at);
    std::size_t size = 0;
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (error != std::errc{} || (stop != line.data() + line.size() && *stop != ';'))
      return ChunkState::Broken;
    if (size > most || body.size() + size > most) return ChunkState::Broken;
    at = line_end + 2;
    if (size == 0) {
      // Trailers up to an empty line.
      while (true) {
        const auto end = buffer.find("\r\n", at);
        if (end == std::string_view::npos) return ChunkState::Incomplete;
        const bool empty = end == at;
        at = end + 2;
        if (empty) {
          consumed = at;
          return ChunkState::Complete;
        }
      }
    }
    if (buffer.size() < at + size + 2) return ChunkState::Incomplete;
    body.append(buffer.substr(at, size));
    if (buffer.substr(at + size, 2) != "\r\n") return ChunkState::Broken;
    at += size + 2;
  }
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

std::string encode(const Response& response, bool with_body, bool keep_alive) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text += reason(response.status);
  text += "\r\n";
  for (const auto& [name, value] : response.headers) {
    if (equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Connection"))
      continue;
    text += name;
    text += ": ";
    for (const char c : value)
      if (c != '\r' && c != '\n') text += c;  // what a client sent may be echoed here
    text += "\r\n";
  }
  if (!keep_alive) text += "Connection: close\r\n";
  if (response.status != 204 && response.status >= 200)
    text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  text += "\r\n";
  if (with_body && response.status != 204) text += response.body;
  return text;
}

}  // namespace dps::sim

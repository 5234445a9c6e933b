#include "reconciler/http/transfer.hpp"

#include <fmt/format.h>
#include <string.h>

#include <utility>

#include "reconciler/http/url.hpp"

namespace dps::http {
namespace {

constexpr std::size_t kMostHeaders = std::size_t{256} * 1024;

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto bytes = size * count;
  transfer.last_byte = std::chrono::steady_clock::now();
  if (transfer.response.body.size() + bytes > transfer.settings.most_body) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto bytes = size * count;
  // A proxy's answer to CONNECT comes before the departure and is no answer.
  if (transfer.departures > 0) transfer.last_byte = std::chrono::steady_clock::now();
  transfer.header_bytes += bytes;
  if (transfer.header_bytes > kMostHeaders) {
    transfer.too_large = true;
    return 0;
  }
  const std::string_view line = trim({data, bytes});
  if (line.starts_with("HTTP/")) {  // a proxy's or an interim answer came before
    transfer.response.headers.clear();
    return bytes;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  const auto value = trim(line.substr(colon + 1));
  auto [at, fresh] =
      transfer.response.headers.try_emplace(std::string(trim(line.substr(0, colon))), value);
  if (!fresh) at->second.append(", ").append(value);
  return bytes;
}

// curl silently sends a request again when a kept-alive connection turns out to be closed, by
// GOAWAY too, and when an HTTP/2 server refuses the stream. It does not say which, so nobody can
// tell whether the server had begun on it: a write leaves once and no more.
int before_departure(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  ++transfer.departures;
  transfer.departed = std::chrono::steady_clock::now();
  const bool again = transfer.departures > 1;
  return again && transfer.request.method != Method::Get ? CURL_PREREQFUNC_ABORT
                                                         : CURL_PREREQFUNC_OK;
}

bool has_body(Method method) {
  return method == Method::Put || method == Method::Patch || method == Method::Post;
}

void set_bounds(const Transfer& transfer) {
  const auto whole = [](Duration time) { return static_cast<long>(time.count()); };
  const auto& request = transfer.request;
  const auto& settings = transfer.settings;
  auto* easy = transfer.easy;
  curl_easy_setopt(easy,
                   CURLOPT_CONNECTTIMEOUT_MS,
                   whole(request.connect_limit.value_or(settings.connect_timeout)));
  curl_easy_setopt(
      easy, CURLOPT_TIMEOUT_MS, whole(request.total_limit.value_or(settings.total_timeout)));
}

void set_trust(const Transfer& transfer) {
  auto* easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!transfer.settings.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, transfer.settings.ca_file.c_str());
  }
}

void set_callbacks(Transfer& transfer) {
  auto* easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_departure);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
}

void set_message(Transfer& transfer) {
  auto* easy = transfer.easy;
  const auto& request = transfer.request;
  const std::string method(word(request.method));
  if (has_body(request.method) || !request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(
        easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (request.method != Method::Get) {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
  // curl's own Expect costs a round trip, and its own Content-Type is a form's.
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  if (request.headers.count("content-type") == 0) {
    transfer.headers = curl_slist_append(transfer.headers, "Content-Type:");
  }
  for (const auto& [name, value] : request.headers) {
    auto line = fmt::format("{}: {}", name, value);
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
    wipe(line);  // it may be the authorization
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  // A header for ARM is not for the proxy on the way.
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
}

}  // namespace

Transfer::Transfer(const Request& asked, const CurlSettings& of) : request(asked), settings(of) {}

Transfer::~Transfer() {
  wipe(request.body);
  for (auto& [name, value] : request.headers) wipe(value);
  for (auto* line = headers; line != nullptr; line = line->next) {
    ::explicit_bzero(line->data, ::strlen(line->data));
  }
  curl_slist_free_all(headers);
}

void Transfer::finish(Answer given) {
  {
    const std::lock_guard lock(mutex);
    answer = std::move(given);
  }
  over.notify_one();
}

Overdue overdue(const Transfer& transfer, TimePoint now) {
  const auto deadline = next_deadline(transfer);
  if (!deadline || now < *deadline) return Overdue::No;
  return transfer.last_byte ? Overdue::Stall : Overdue::FirstByte;
}

std::optional<TimePoint> next_deadline(const Transfer& transfer) {
  if (transfer.departures == 0) return std::nullopt;
  if (transfer.last_byte) return *transfer.last_byte + transfer.settings.stall_timeout;
  return transfer.departed + transfer.settings.first_byte_timeout;
}

void configure(Transfer& transfer) {
  auto* easy = transfer.easy;
  const auto& request = transfer.request;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.curl_says);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name lookup does not hold up a stop
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  const auto origin = origin_of(request.url);
  // Better a stream on the connection that is being made than another handshake.
  if (origin && origin->scheme == "https") curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  if (request.via == Via::NoProxy || (origin && is_loopback(*origin))) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  }
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, transfer.settings.user_agent.c_str());
  set_bounds(transfer);
  set_trust(transfer);
  set_callbacks(transfer);
  set_message(transfer);
}

}  // namespace dps::http

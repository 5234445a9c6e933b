#include "reconciler/telemetry/webhook_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/redact.hpp"
#include "reconciler/http/url.hpp"

namespace dps::telemetry {
namespace {

constexpr std::size_t kMostDetails = 50;
constexpr std::size_t kMostDetailsInText = 10;
constexpr std::size_t kMostText = 2000;

std::string clean(const std::string& text) {
  return printable(http::without_secrets(text), kMostText);
}

// Chat programs read <…> as mark-up: <!channel> would call everybody.
std::string for_chat(std::string text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '<') {
      out += "‹";
    } else if (letter == '>') {
      out += "›";
    } else {
      out += letter;
    }
  }
  return out;
}

std::string text_of(const Delivery& delivery) {
  const auto& event = delivery.event;
  std::string out = fmt::format("[{}] {}", word(event.severity), delivery.name);
  if (event.service) out += fmt::format(" {}", event.service->name);
  out += ": " + clean(event.message);
  if (!event.reason.empty()) out += fmt::format(" ({})", event.reason);
  const auto shown = std::min(event.details.size(), kMostDetailsInText);
  for (std::size_t place = 0; place < shown; ++place) out += "\n• " + clean(event.details[place]);
  if (shown < event.details.size()) {
    out += fmt::format("\n• and {} more", event.details.size() - shown);
  }
  return for_chat(std::move(out));
}

OrderedJson or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t place = 0; place < text.size(); ++place) {
    const auto hex_digit = [&](std::size_t at) {
      return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0;
    };
    if (text[place] == '%' && hex_digit(place + 1) && hex_digit(place + 2)) {
      const std::string digits(text.substr(place + 1, 2));
      out += static_cast<char>(std::strtol(digits.c_str(), nullptr, 16));
      place += 2;
    } else {
      out += text[place];
    }
  }
  return out;
}

}  // namespace

Result<WebhookAddress> webhook_address(const std::string& url) {
  WebhookAddress out;
  std::string plain = url;
  const auto scheme = plain.find("://");
  if (scheme != std::string::npos) {
    const auto begin = scheme + 3;
    const auto end = std::min(plain.find_first_of("/?#", begin), plain.size());
    const auto at = plain.rfind('@', end == 0 ? 0 : end - 1);
    if (at != std::string::npos && at >= begin) {
      out.authorization = Secret(
          "Basic " + base64(percent_decoded(std::string_view(plain).substr(begin, at - begin))));
      plain.erase(begin, at + 1 - begin);
    }
  }
  plain = plain.substr(0, plain.find('#'));
  const auto origin = http::origin_of(plain);
  if (!origin) {
    return fail(give_up("BadWebhook",
                        "the webhook's address is no absolute http or https URL",
                        "--webhook https://HOST/PATH"));
  }
  const bool is_ipv6 = origin->host.find(':') != std::string::npos;
  out.origin = fmt::format("{}://{}{}{}:{}",
                           origin->scheme,
                           is_ipv6 ? "[" : "",
                           origin->host,
                           is_ipv6 ? "]" : "",
                           origin->port);
  out.url = Secret(std::move(plain));
  return out;
}

std::string webhook_body(const Delivery& delivery, const Sender& sender) {
  const auto& event = delivery.event;
  OrderedJson service = nullptr;
  if (event.service) {
    service = {{"id", event.service->path()},
               {"subscription", event.service->subscription},
               {"resource_group", event.service->resource_group},
               {"name", event.service->name}};
  }
  OrderedJson details = OrderedJson::array();
  for (const auto& line : event.details) {
    if (details.size() == kMostDetails) break;
    details.push_back(clean(line));
  }
  const OrderedJson body = {{"schema", "dps-reconciler/event/v1"},
                            {"id", delivery.id},
                            {"event", delivery.name},
                            {"severity", word(event.severity)},
                            {"time", rfc3339(event.time)},
                            {"text", text_of(delivery)},
                            {"message", clean(event.message)},
                            {"reason", or_null(event.reason)},
                            {"service", service},
                            {"details_count", event.details.size()},
                            {"details", details},
                            {"revision", or_null(event.revision)},
                            {"pass", or_null(event.pass)},
                            {"request_id", or_null(event.request_id)},
                            {"owner", sender.owner},
                            {"version", sender.version}};
  return body.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

http::Request webhook_request(const WebhookAddress& address,
                              const Delivery& delivery,
                              const std::string& body,
                              const std::optional<Secret>& secret,
                              WallTime now) {
  http::Request request;
  request.method = http::Method::Post;
  request.url = address.url.reveal();
  request.body = body;
  const auto timestamp = std::to_string(std::chrono::system_clock::to_time_t(now));
  request.headers = {{"content-type", "application/json"},
                     {"x-dps-reconciler-event", delivery.name},
                     {"x-dps-reconciler-delivery", delivery.id},
                     {"x-dps-reconciler-timestamp", timestamp}};
  if (secret) {
    const auto signature = hex(hmac_sha256(secret->reveal(), timestamp + "." + body));
    request.headers.emplace("x-dps-reconciler-signature", "v1=" + signature);
  }
  if (!address.authorization.empty()) {
    request.headers.emplace("authorization", address.authorization.reveal());
  }
  return request;
}

}  // namespace dps::telemetry

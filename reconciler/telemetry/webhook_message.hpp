// webhook_message: an event as the request that tells of it. Pure.
#pragma once

#include <optional>
#include <string>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/controller/observer.hpp"
#include "reconciler/http/message.hpp"

namespace dps::telemetry {

/// Where events go. The whole URL is a secret: chat hooks have their token in it.
struct WebhookAddress {
  Secret url;            ///< without user information
  Secret authorization;  ///< "Basic …" of the user information; empty: none
  std::string origin;    ///< "https://hooks.example.com": what may be told
};

/// http or https. GiveUp "BadWebhook", which does not repeat the URL.
Result<WebhookAddress> webhook_address(const std::string& url);

/// One event on its way.
struct Delivery {
  std::string id;    ///< the same at each try: for receivers that want each once
  std::string name;  ///< the word of the kind, or "summary"
  controller::Event event;
};

struct Sender {
  std::string version;  ///< of the program
  std::string owner;
};

/// The JSON text of docs/event-schema.json. Lines of detail are bounded to 50, texts to 2,000
/// characters; what looks like a secret is masked.
std::string webhook_body(const Delivery& delivery, const Sender& sender);

/// A POST with the body, and as headers X-Dps-Reconciler-Event, -Delivery, -Timestamp (seconds
/// since 1970 at `now`) and, with a secret, -Signature: "v1=" and the HMAC-SHA256 of
/// "timestamp.body" in hex.
http::Request webhook_request(const WebhookAddress& address,
                              const Delivery& delivery,
                              const std::string& body,
                              const std::optional<Secret>& secret,
                              WallTime now);

}  // namespace dps::telemetry

// redact: what of a message may be printed: allow-lists, never deny-lists; and the last net for
// texts that others wrote and that may quote a secret.
#pragma once

#include <string>
#include <string_view>

#include "reconciler/http/message.hpp"

namespace dps::http {

/// The URL with the values of all query keys but the harmless ones (api-version, asyncinfo)
/// replaced by "[redacted]". User information and fragments go. Signed operation URLs are
/// capabilities: their t, c, s and h do not appear.
std::string redacted_url(std::string_view url);

/// The headers that may be seen: dates, ids, types, quotas, pauses. URLs in them are redacted.
Headers redacted_headers(const Headers& headers);

/// Text of a server with what looks like a secret masked: the values of SharedAccessKey=,
/// AccountKey=, sig=, client_secret=, "primaryKey":, "access_token":, bearer tokens, JWTs and PEM
/// private keys become "[secret]". The four stars of a masked string stay.
std::string without_secrets(std::string_view text);

}  // namespace dps::http

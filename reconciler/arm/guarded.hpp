// guarded: a write with If-Match, and what a 412 means.
#pragma once

#include <functional>
#include <optional>

#include "reconciler/arm/client.hpp"

namespace dps::arm {

/// Sends with `If-Match: etag`. After a 412 the service is read: another etag is ReadAgain
/// "PreconditionFailed"; the same one, twice in a row, says that the service does not take the
/// header at all: it is then left out, for the rest of the process, and a notice says so.
Result<Operation> send_guarded(
    Client& client,
    const ServiceId& id,
    std::string_view version,
    const Etag& etag,
    const std::function<Result<Operation>(const std::optional<Etag>&)>& send,
    const std::stop_token& stop);

}  // namespace dps::arm

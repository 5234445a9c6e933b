#include "reconciler/arm/guarded.hpp"

namespace dps::arm {

Result<Operation> send_guarded(
    Client& client,
    const ServiceId& id,
    std::string_view version,
    const Etag& etag,
    const std::function<Result<Operation>(const std::optional<Etag>&)>& send,
    const std::stop_token& stop) {
  for (int refusals = 0;;) {
    const bool with_header = client.memory().takes_if_match() && !etag.text.empty();
    auto operation = send(with_header ? std::optional(etag) : std::nullopt);
    if (operation || operation.error().id != "PreconditionFailed" || !with_header) {
      return operation;
    }
    const auto now = client.get_service(id, version, stop);
    if (!now) return fail(in_context("reading after a 412", now.error()));
    if (now->etag != etag) return operation;
    if (++refusals < 2) continue;
    if (client.memory().learn_that_if_match_is_refused()) {
      client.notice({"IfMatchRefused",
                     "the service refuses If-Match with the etag that it shows; writes go on with "
                     "the etag in the body, and are compared before and after"});
    }
  }
}

}  // namespace dps::arm

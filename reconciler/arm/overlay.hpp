// overlay: the body of a PUT: the live document, without what the server makes, with the wanted
// changes laid over it. The heart of safe writes: a PUT replaces all that it does not repeat.
#pragma once

#include <optional>
#include <vector>

#include "reconciler/arm/codec.hpp"
#include "reconciler/arm/write_request.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/model/live_service.hpp"

namespace dps::arm {

/// JSON text with keys in it. Everything that the service did not make goes back as it came:
/// unknown members at every depth, all tags, the masked strings of hubs that do not change, private
/// endpoint connections, the etag. Left out are id, name, type, systemData, resourcegroup,
/// subscriptionid, sku.tier, the state members, the three host names and idScope, the `name` of
/// each hub, and an identity's ids.
///
/// `live` must have been read in the version of the write. `policies` are all of the service's:
/// each must have both keys, or be removed, or get both anew.
///
/// GiveUp: "KeysUnreadable" (no policies, or one without a key), "HubCredentialMissing",
/// "HubLocationMissing", "PolicyRightsMissing" (to make something that is not there),
/// "BadConnectionString" (of another host), "BadAnswer" (the document is none).
Result<Secret> overlay(const LiveService& live,
                       const std::optional<std::vector<PolicyWithKeys>>& policies,
                       const ServiceWrite& write);

/// All tags after the change: for PATCH. A tag that differs only in case keeps its live spelling.
Tags overlay_tags(const Tags& live, const ServiceWrite& write);

/// The body that creates a service. When policies are named but not the built-in one, that is added
/// with its usual rights, so that naming some does not leave the service without it.
/// GiveUp as above.
Result<Secret> creation_body(const ServiceCreate& create);

}  // namespace dps::arm

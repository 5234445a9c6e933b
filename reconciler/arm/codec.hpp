// codec: ARM's documents -> model. By the presence of fields, blind to the version, lenient: what
// is unknown is kept and never fails.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json_fwd.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/model/live_service.hpp"

namespace dps::arm {

/// A policy as listkeys shows it, ready to be sent back.
struct PolicyWithKeys {
  std::string name;
  std::string rights;  ///< as the service wrote them
  Secret primary;      ///< empty: it was missing, null or empty
  Secret secondary;
  std::string others = "{}";  ///< members that we do not know, as a JSON object
  bool operator==(const PolicyWithKeys&) const = default;
};

/// GiveUp "BadAnswer" when the id is no service's. Policies that stand in the document are left
/// out of the kept text: it never holds a key.
Result<LiveService> decode_service(const Json& document, std::string_view version);

/// One entry of a certificate list.
LiveCertificate decode_certificate(const Json& document);
/// A certificate's own answer. RetryLater "BadAnswer" when it has no etag or no thumbprint: the
/// next step could not be guarded.
Result<LiveCertificate> decode_certificate_answer(const Json& document);

PolicyWithKeys decode_policy(const Json& policy);

/// The keys digested: what the rest of the program may know of them.
LivePolicy without_keys(const PolicyWithKeys& policy, const KeyDigester& digester);

}  // namespace dps::arm

// key_facts: what is known about secrets without having them: fingerprints and digests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reconciler/base/error.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/connection_string.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps {

/// Digests keys for comparison within one process: HMAC with a key made at the start, so that a
/// digest says nothing outside of it. Thread-safe, a value.
struct KeyDigester {
  std::string key;  ///< 32 random bytes
  std::string digest(std::string_view secret) const;
};
KeyDigester random_digester();

/// The fingerprint of a hub's connection string on a service: 8 base64url characters of a digest of
/// (service id, host, connection string), all ids in lower case. Stable over processes: it is
/// stored in the bookkeeping tags.
std::string hub_fingerprint(const ServiceId& service, const ConnectionString& connection);

/// One secret of the manifests: its digest or fingerprint, or why it could not be had; neither:
/// it was not asked for (--key-check never).
struct KeyFact {
  std::string digest;
  std::optional<Error> problem;
  bool operator==(const KeyFact&) const = default;
};

/// Everything that `plan` may know about the secrets that the manifests refer to.
struct KeyFacts {
  using Entry = std::pair<ServiceId, std::string>;  ///< the service; host or policy in lower case
  std::map<Entry, KeyFact> hubs;                    ///< hub_fingerprint of the wanted string
  std::map<Entry, KeyFact> primary_keys;            ///< KeyDigester::digest of the wanted key
  std::map<Entry, KeyFact> secondary_keys;

  /// Those of one service.
  KeyFacts of(const ServiceId& service) const;
};

}  // namespace dps

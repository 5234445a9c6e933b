// desired_service: what the manifests say of one service. An absent optional means "not managed".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/base/x509.hpp"
#include "reconciler/model/rights.hpp"
#include "reconciler/model/secret_reference.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps {

/// Where something stands in the manifests. Line and column count from 1.
struct Mark {
  std::string file;
  int line = 0;
  int column = 0;
  bool operator==(const Mark&) const = default;
};

/// Why a service cannot be worked on although the text is right: a date passed, a secret missing.
struct Block {
  std::string id;  ///< stable, PascalCase: "SecretMissing", "CertificateExpired"
  std::string message;
  std::string remedy;
  Mark mark;
  bool operator==(const Block&) const = default;
};

struct Sku {
  std::string name;                      ///< "S1"
  std::optional<std::int64_t> capacity;  ///< units; absent: not managed
  bool operator==(const Sku&) const = default;
};

struct IpFilterRule {
  std::string name;
  std::string action;                 ///< Accept, Reject
  std::string mask;                   ///< CIDR
  std::optional<std::string> target;  ///< all, serviceApi, deviceApi
  bool operator==(const IpFilterRule&) const = default;
};

/// An entry's own wish: to be there, or (entry documents with lifecycle.state: absent) to be gone.
enum class Presence { Present, Absent };

struct DesiredHub {
  std::string host_name;
  std::optional<std::string> location;
  std::optional<std::int64_t> allocation_weight;
  std::optional<bool> apply_allocation_policy;
  std::optional<HubCredential> credential;  ///< absent: the stored key stays
  Presence presence = Presence::Present;
  Mark mark;
};

struct DesiredPolicy {
  std::string name;
  std::optional<Rights> rights;  ///< needed to create
  std::optional<SecretReference> primary_key;
  std::optional<SecretReference> secondary_key;
  Presence presence = Presence::Present;
  Mark mark;
};

enum class Verification { Unmanaged, ProofOfPossession, Trusted, None };
enum class RotationStrategy { Overlap, InPlace };
enum class Retire { Hold, Automatic };

/// What signs the proof leaf.
struct KeySigner {
  SecretReference key;
  std::optional<SecretReference> passphrase;
  bool operator==(const KeySigner&) const = default;
};
using Signer = std::variant<KeySigner, ExecReference>;

struct DesiredCertificate {
  std::string name;
  /// The CA; empty when the manifest names only a thumbprint (must exist, cannot be uploaded).
  std::optional<CertificateFacts> content;
  std::string thumbprint;  ///< upper-case hex, 40 digits; of `content` where there is one
  Verification verification = Verification::Unmanaged;
  std::optional<Signer> signer;  ///< with ProofOfPossession
  RotationStrategy strategy = RotationStrategy::InPlace;
  Duration overlap = std::chrono::hours{30 * 24};
  Retire retire = Retire::Hold;
  std::vector<std::string> slots;    ///< two names; the default is [<name>, <name>-2]
  std::vector<std::string> revoked;  ///< thumbprints, upper case
  Presence presence = Presence::Present;
  Mark mark;
};

enum class LifecycleState { Present, Absent, Released };
enum class Adopt { Always, Additive, WhenEqual, Never };
enum class Unlisted { Remove, Keep };

struct Suspension {
  std::string reason;
  std::optional<WallTime> until;
  bool operator==(const Suspension&) const = default;
};

struct Lifecycle {
  LifecycleState state = LifecycleState::Present;
  std::optional<std::string>
      id_scope;  ///< with Absent: only the service with this scope is deleted
  Adopt adopt = Adopt::Additive;
  std::optional<std::string> adopt_from;  ///< an owner name
  std::optional<bool> protect;            ///< absent: the mark on the service stays as it is
  std::optional<Suspension> suspend;
  std::optional<Duration> interval;  ///< how often the daemon compares it; absent: --interval
  std::vector<std::string> ignore;   ///< field paths in the canonical form of field_path
  Unlisted hubs = Unlisted::Remove;
  Unlisted policies = Unlisted::Remove;
  Unlisted certificates = Unlisted::Remove;
  Unlisted tags = Unlisted::Keep;
  bool operator==(const Lifecycle&) const = default;
};

using Tags = std::map<std::string, std::string, LessIgnoringCase>;

/// Everything the manifests say of one service, Defaults and entry documents laid in.
struct DesiredService {
  ServiceId id;
  /// True: a ProvisioningService document declares it. False: only entry documents speak of it;
  /// then every `unlisted` is Keep, nothing but those entries is managed, and no owner tag is set.
  bool declared = true;
  /// Entry documents only: `spec.service.owner`, the owner whose service they may write.
  std::optional<std::string> named_owner;
  std::optional<std::string> location;
  std::optional<Sku> sku;
  std::optional<std::string> allocation_policy;      ///< Hashed, GeoLatency, Static
  std::optional<std::string> public_network_access;  ///< Enabled, Disabled
  std::optional<std::vector<IpFilterRule>> ip_filter_rules;
  std::optional<bool> data_residency;
  std::optional<Tags> tags;
  std::optional<std::vector<DesiredHub>> linked_hubs;
  std::optional<std::vector<DesiredPolicy>> policies;
  std::optional<std::vector<DesiredCertificate>> certificates;
  Lifecycle lifecycle;
  std::vector<Block> blocks;  ///< not empty: nothing of this service is written
  std::vector<Block> warnings;
  Mark mark;
};

/// Do both want the same of the same service? Where they stand in the manifests does not count.
bool wants_the_same(const DesiredService& left, const DesiredService& right);

}  // namespace dps

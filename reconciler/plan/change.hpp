// change: one difference, as a value: what, from what, to what, why, and what devices will notice.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/model/etag.hpp"

namespace dps::plan {

enum class Action {
  Create,   ///< a service, a hub link, a policy, a tag, a certificate that is not there
  Update,   ///< a field
  Delete,   ///< the same in reverse
  Adopt,    ///< bookkeeping alone: the service is equal and becomes ours
  Release,  ///< our bookkeeping tags are taken off
  Rotate,   ///< a certificate: new content
  Verify,   ///< a certificate: proof of possession is due
};
enum class Kind { ProvisioningService, LinkedHub, SharedAccessPolicy, Certificate, Tag };
/// Drift: the manifest says what it said at our last write, so somebody changed Azure.
enum class Cause { Manifest, Drift };

/// The words that JSON and text use: "create", "LinkedHub", "drift".
std::string_view word(Action action);
std::string_view word(Kind kind);
std::string_view word(Cause cause);

/// Why a change is in the plan and yet not made.
struct Hold {
  std::string id;      ///< "max-deletes", "max-removals", "revoked", "overlap-running", …
  std::string reason;  ///< one sentence
  std::optional<WallTime> until = std::nullopt;  ///< when time alone lets it go
  bool operator==(const Hold&) const = default;
};

/// What `after` says of a certificate whose key's possession is to be proved.
inline constexpr std::string_view kByProof = "proof of possession";

/// Why a certificate goes, which decides when: revoked ones before everything else of their
/// service, the others after everything else of it succeeded.
enum class Goes {
  Not,       ///< it stays, or new content takes its place
  Revoked,   ///< named under `revoked`: before any successor, even the last one
  Retired,   ///< its overlap is over, and rotation.retire is automatic
  Unlisted,  ///< no entry names it, or the entry's own document says absent
};

std::string_view word(Goes goes);  ///< "", "revoked", "retired", "unlisted"

/// What the write of a certificate change must know beyond the change.
struct CertificateDetail {
  std::string entry;       ///< the manifest's entry, whose slot `Change::name` is; "" for unlisted
  std::string thumbprint;  ///< what is to stand there; of a removal: what stands there
  Etag etag;               ///< of the certificate that stands there now; empty: none
  Goes goes = Goes::Not;
  /// Of a Create: the entry's other name, if nothing stands there either.
  std::string other_slot;
  bool operator==(const CertificateDetail&) const = default;
};

struct Change {
  Action action = Action::Update;
  Kind kind = Kind::ProvisioningService;
  std::string name;       ///< of the service, host, policy, certificate or tag
  std::string field;      ///< "allocationWeight", "sku.capacity"; empty: the entry as a whole
  std::string path;       ///< field_path's spelling; "" for the service as a whole
  nlohmann::json before;  ///< null: was not there; secrets never
  nlohmann::json after;   ///< null: will not be there
  bool secret = false;    ///< the value is a secret: both sides print as "(secret)"
  Cause cause = Cause::Manifest;
  std::string impact;  ///< what it means for devices; may be empty
  bool reversible = true;
  /// A removal of a service, hub link, policy or certificate, or new content over a verified one.
  bool destructive = false;
  std::vector<std::string> calls;  ///< "PUT provisioningServices/fleet-eu"
  std::optional<Hold> held;
  std::optional<CertificateDetail> certificate;  ///< with Kind::Certificate
  bool operator==(const Change&) const = default;
};

/// Which change: action, kind, name and field; the same difference has the same one, whatever its
/// values.
std::string identity(const Change& change);

/// "create" (a service), "delete" (removals of anything), "rotate" (certificates), "update".
std::string_view change_class(const Change& change);

}  // namespace dps::plan

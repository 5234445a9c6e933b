// plan: everything that is to be done, as one value. It can be printed, stored, compared, refused.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/capabilities.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/model/state.hpp"
#include "reconciler/plan/change.hpp"

namespace dps::plan {

/// Each service is in exactly one; the first that fits.
enum class ServiceClass {
  Failed,        ///< could not be read, or not in a way that allows a judgement
  Blocked,       ///< readable, but something forbids writing it: see errors
  Suspended,     ///< by lifecycle.suspend: changes are shown, nothing is written
  InTransition,  ///< ARM is at work on it: no difference is shown, looked at again
  Create,
  Delete,
  Rotate,  ///< certificates change (and perhaps more)
  Update,
  Adopt,  ///< bookkeeping alone
  Unchanged,
};
std::string_view word(ServiceClass service_class);  ///< "failed", "in_transition", …

/// Why a service is blocked or failed; ids are stable: "OwnedByOther", "Replacement", "NotAdopted",
/// "Protected", "NeedsApiVersion", "LimitExceeded", …
struct Problem {
  std::string id;
  std::string message;
  std::string remedy;
  bool operator==(const Problem&) const = default;
};

/// What a live certificate is to the manifests.
enum class CertificateRole {
  Current,      ///< the wanted one of an entry
  Predecessor,  ///< stands under a name of an entry, and is not the wanted one
  Revoked,      ///< named under `revoked`
  Unlisted,     ///< to be removed, because no entry names it or its own document says absent
  Unmanaged,    ///< nobody's business here
};
std::string_view word(CertificateRole role);  ///< "current", …

enum class Validity {
  Good,
  EndsSoon,  ///< within Settings::warn_validity
  Ended,     ///< Azure keeps it all the same; devices do not register through it
};

/// One live certificate, as it was read.
struct CertificateStatus {
  std::string name;
  std::string entry;  ///< of the manifests; "" where none names it
  CertificateRole role = CertificateRole::Unmanaged;
  std::string thumbprint;
  std::string subject;
  Etag etag;
  std::optional<WallTime> expires_at;
  std::optional<WallTime> uploaded_at;  ///< ARM's `updated`: the overlap is counted from it
  Validity validity = Validity::Good;
  bool verified = false;
  std::optional<WallTime> retirable_on;   ///< of a predecessor: the end of its overlap
  std::optional<WallTime> blocked_until;  ///< a third one waits until then for its place
  bool operator==(const CertificateStatus&) const = default;
};

struct ServicePlan {
  ServiceId id;
  Mark manifest;  ///< file empty: no manifest names it (a prune)
  Etag etag;      ///< the state that was judged; empty for a create
  std::string id_scope;
  std::string live_state;  ///< "Active", …; empty for a create
  ServiceClass service_class = ServiceClass::Unchanged;
  std::vector<Change> changes;  ///< in a fixed order; held ones too
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
  std::vector<CertificateStatus> certificates;  ///< those that were read, in ARM's order
  std::vector<std::string> unseen;  ///< "sharedAccessPolicies": could not be read, not compared
  /// The bookkeeping that a write leaves behind: all of it, with_bookkeeping() puts it in.
  /// Fingerprints of the hubs whose credential is sent are put in at the moment of the write.
  /// Release leaves an empty one. No value: the service itself is not written (unchanged, blocked,
  /// deleted, certificates alone …).
  std::optional<Bookkeeping> bookkeeping;
  Bookkeeping live_bookkeeping;  ///< what the service's tags say now
  bool operator==(const ServicePlan&) const = default;

  /// Some change is to be made now: not held, not suspended, not blocked.
  bool has_work() const;
};

struct Summary {
  std::size_t create = 0, update = 0, rotate = 0, remove = 0, adopt = 0, blocked = 0, unchanged = 0,
              failed = 0, suspended = 0, in_transition = 0;
  std::size_t changes = 0;  ///< all, held ones too
  std::size_t held = 0;
  std::size_t certificates = 0;  ///< live ones that were read; of these:
  std::size_t unverified = 0, ending_soon = 0, ended = 0;
  bool operator==(const Summary&) const = default;
};

/// A guard that withholds all removals of its kind, and the digest that lets them through.
struct GuardHold {
  std::string guard;  ///< "max-deletes", "max-deletes-share", "max-removals", "revoked"
  std::string message;
  std::size_t count = 0;
  std::size_t limit = 0;
  std::vector<std::string> removals;  ///< "delete service S/G/N", "unlink hub H of S/G/N", …
  bool operator==(const GuardHold&) const = default;
};

struct Plan {
  std::string digest;  ///< of everything but itself and created_at: "sha256:…"
  WallTime created_at{};
  std::string api_version;
  std::string owner;
  std::string source_revision;
  Summary summary;
  std::vector<ServicePlan> services;  ///< in id order
  std::vector<GuardHold> guards;
  std::string approve_digest;  ///< of the guarded removals (action, id, id scope); "" without any
  std::vector<std::string> approved;  ///< the removals that Settings::approve let through, as lines
  std::vector<Unseen> unseen;
  std::vector<Problem> notices;  ///< about the whole pass: "nothing is pruned because …"

  bool has_changes() const;      ///< for --detailed-exitcode
  bool has_problems() const;     ///< something failed or is blocked: exit code 1
  bool has_guard_holds() const;  ///< exit code 3
};

/// What the flags say, as far as the difference must know it.
struct Settings {
  std::string owner = "default";
  Capabilities capabilities = *capabilities_of("auto");
  bool prune = false;
  std::size_t max_deletes = 1;
  std::size_t max_removals = 10;
  std::string approve;  ///< a digest; empty: nothing is approved
  /// Certificates that end earlier are warned of, whoever's they are.
  Duration warn_validity = std::chrono::hours(30 * 24);
  bool resend_keys = false;  ///< as if no fingerprint were believed
  /// Fingerprints that are not believed, because an operation failed: services by key().
  std::set<std::string> distrusted_keys;

  // ---- of a process that runs for long ----
  /// Changes that are not to be made now, by service key() and identity(): contested fields.
  std::map<std::string, std::map<std::string, Hold>> withheld;
  /// The same by change_class(): outside of a maintenance window.
  std::map<std::string, Hold, std::less<>> closed;
  /// Removals that were approved and are not all made yet: neither counted nor held. See
  /// Plan::approved.
  std::set<std::string> approved;
  /// Removals that this revision has caused already: they count towards the guards.
  std::size_t deletes_made = 0;
  std::size_t removals_made = 0;
};

/// The changes that make `live` equal `desired`, judged by ownership and guards. Pure: no I/O, no
/// clock. `now` is for dates (certificates, suspension) and `created_at`.
Plan make(const DesiredState& desired,
          const LiveState& live,
          const KeyFacts& keys,
          const Settings& settings,
          WallTime now);

/// The same for one service, without guards and prune: what `apply` asks again when the service
/// moved between plan and write.
ServicePlan make_service(const DesiredService& desired,
                         const LiveService& live,
                         const KeyFacts& keys,
                         const Settings& settings,
                         WallTime now);

/// Counts the services and changes again, after something was taken out.
Summary summarise(const std::vector<ServicePlan>& services);

}  // namespace dps::plan

// status: what the daemon knows, as a value: of itself, of its source, and of every service.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.hpp"
#include "reconciler/model/service_id.hpp"

namespace dps::controller {

enum class Mode { Enforce, Observe };
std::string_view word(Mode mode);  ///< "enforce", "observe"

/// Each service, and each entry of one, is in exactly one.
enum class Standing {
  InSync,
  Drifted,    ///< Azure differs, and the manifest did not change since the last write
  Pending,    ///< the manifest differs from Azure, or it was not looked at yet
  Suspended,  ///< by the manifest or by a person
  Blocked,    ///< something forbids writing it
  Failed,     ///< it could not be read or written; it is tried again
};
inline constexpr std::array kStandings = {Standing::InSync,
                                          Standing::Drifted,
                                          Standing::Pending,
                                          Standing::Suspended,
                                          Standing::Blocked,
                                          Standing::Failed};
std::string_view word(Standing standing);  ///< "in_sync", …

enum class Truth { True, False, Unknown };
std::string_view word(Truth truth);  ///< "True", …

/// As Kubernetes tells of its objects. Types, always all of them and in this order:
/// "Ready" (what is wanted is live), "Reconciling" (a write is under way or due), "Stalled" (it
/// will not come right by itself), "Drifted", "Suspended", "Held" (a guard, a window or an overlap
/// withholds something), "Contested", "OwnershipLost".
struct Condition {
  std::string type;
  Truth status = Truth::Unknown;
  std::string reason;   ///< PascalCase; never empty
  std::string message;  ///< a sentence; may be empty
  WallTime since{};     ///< when `status` became what it is
  bool operator==(const Condition&) const = default;
};
inline constexpr std::array kConditions = {"Ready",
                                           "Reconciling",
                                           "Stalled",
                                           "Drifted",
                                           "Suspended",
                                           "Held",
                                           "Contested",
                                           "OwnershipLost"};

/// Something that happened to a service: the newest stand first.
struct Moment {
  WallTime at{};
  std::string event;  ///< the word of an EventKind
  std::string message;
  std::vector<std::string> details;  ///< a line for each change; bounded
  std::string revision;
  bool operator==(const Moment&) const = default;
};

/// One live certificate of a service.
struct CertificateStanding {
  std::string name;
  bool managed = false;  ///< an entry of the manifests names it
  std::string role;      ///< the word of plan::CertificateRole
  std::string thumbprint;
  std::string subject;
  std::optional<WallTime> expires_at;
  bool verified = false;
  bool operator==(const CertificateStanding&) const = default;
};

/// Why it is not right, in the words of the error.
struct Trouble {
  std::string id;
  std::string message;
  std::string remedy;
  bool operator==(const Trouble&) const = default;
};

/// One request about a service, over.
struct RequestLine {
  WallTime at{};
  std::string operation;  ///< "get_service", "put_service", …
  std::string method;
  int status = 0;       ///< 0: no answer
  std::string failure;  ///< then: why
  Duration took{0};
  std::string request_id;  ///< ARM's; may be empty
  std::string client_request_id;
  bool operator==(const RequestLine&) const = default;
};

struct ServiceStatus {
  ServiceId id;
  std::string id_scope;    ///< empty: not known (yet)
  std::string live_state;  ///< "Active", …; empty: not there, or not read
  Standing standing = Standing::Pending;
  std::string manifest_file;  ///< empty: nobody names it any more
  int manifest_line = 0;
  std::string desired_revision;    ///< of the source: the newest that speaks of it
  std::string observed_revision;   ///< the one that the last read was held against
  std::string attempted_revision;  ///< the one that the last write was for; empty: none
  std::vector<Condition> conditions;
  std::vector<std::string> differences;  ///< a line for each, held ones with the reason; bounded
  std::vector<Trouble> troubles;
  std::vector<Moment> history;  ///< bounded; the newest first
  std::vector<CertificateStanding> certificates;
  std::vector<std::string> stale_hubs;  ///< whose key in the service is not the hub's any more
  std::vector<std::string> contested;   ///< fields
  /// How many entries of each kind (not the service itself) stand how: "LinkedHub" -> {…}, in the
  /// order of kStandings.
  std::map<std::string, std::array<std::size_t, 6>> entries;
  std::string held_by;  ///< the first reason: a guard's id, "window", "suspended", …; may be empty
  std::optional<WallTime> last_read;
  std::optional<WallTime> last_write;
  std::optional<WallTime> last_success;  ///< when it was last seen to be as wanted
  std::optional<WallTime> next_due;
  std::size_t failures = 0;                   ///< in a row
  std::string last_request_id;                ///< ARM's
  std::vector<RequestLine> requests;          ///< the last few; the newest first
  bool running = false;                       ///< a worker is at it now
  std::optional<std::size_t> queue_position;  ///< of those that are due; 0 is next
};

/// Removals that a guard withholds; see plan::GuardHold.
struct HeldRemovals {
  std::string guard;
  std::string message;
  std::size_t count = 0;
  std::size_t limit = 0;
  std::vector<std::string> removals;
};

struct SourceFaultLine {
  std::string text;  ///< "file:line:column: what is wrong; what would be right"
  bool of_text = true;
};

struct SourceStatus {
  std::string kind;      ///< "folder", "git"
  std::string location;  ///< paths or URL, without credentials
  std::string revision;  ///< in force; empty: none yet
  std::optional<WallTime> loaded_at;
  std::optional<WallTime> last_success;      ///< when the source could last be read
  std::string refused_revision;              ///< newer and faulty; empty: none
  std::vector<SourceFaultLine> faults;       ///< of the newest revision; bounded
  std::size_t fault_count = 0;               ///< all of them
  std::optional<Trouble> trouble;            ///< the source cannot be read
  std::optional<bool> last_reload_was_good;  ///< nothing: none yet
};

struct Status {
  WallTime now{};
  WallTime started_at{};
  Mode mode = Mode::Enforce;
  bool leader = true;
  std::string shard;  ///< "1/3"; empty: all
  std::string owner;
  SourceStatus source;
  std::size_t queue_depth = 0;  ///< keys that are due
  Duration queue_oldest{0};
  std::optional<WallTime> last_success;  ///< when all services were last seen to be as wanted
  std::vector<std::shared_ptr<const ServiceStatus>> services;  ///< in id order
  std::vector<HeldRemovals> guards;
  std::string approve_digest;  ///< lets exactly the withheld removals through; empty: none
  std::map<std::string, Trouble> subscriptions;  ///< those that could not be listed
  std::vector<std::string> notices;              ///< about the whole
};

}  // namespace dps::controller

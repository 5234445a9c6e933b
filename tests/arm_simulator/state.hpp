// Everything the simulated cloud holds, as plain values. One State lives in one World behind one
// mutex; the functions of the other files take it by reference and never keep it.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/arm_simulator/message.hpp"
#include "tests/arm_simulator/rights.hpp"
#include "tests/arm_simulator/switches.hpp"
#include "tests/arm_simulator/versions.hpp"
#include "tests/arm_simulator/x509.hpp"

namespace dps::sim {

/// Members keep the order in which they were written, as ARM's do.
using Json = nlohmann::ordered_json;

struct Subscription {
  std::string id;
  std::string display_name;
  bool registered = true;   // for the namespace Microsoft.Devices
  std::string tenant = {};  // empty: that of the identity of the greeting
};

struct ResourceGroup {
  std::string subscription;
  std::string name;
  std::string location;
  Json tags = Json::object();
};

struct HubPolicy {
  std::string name;
  std::string primary;
  std::string secondary;
  std::string rights;
};

struct Hub {
  std::string subscription;
  std::string group;
  std::string name;
  Json document;  // location, tags, sku, properties without state, hostName, authorizationPolicies
  std::string host_name;
  std::vector<HubPolicy> policies;
  std::uint64_t etag = 0;
  std::string operation;  // the running one; empty at rest
};

struct Policy {
  std::string name;
  std::string primary;
  std::string secondary;
  Rights rights = 0;
  Json others = Json::object();  // members that no version knows
};

struct Certificate {
  std::string name;
  std::string content;  // the very text uploaded
  CertificateFacts facts;
  bool verified = false;
  TimePoint created;
  TimePoint updated;
  std::string etag;
  std::string verification_code;  // empty: none was asked for since the last upload
};

/// What a PUT replaces as one.
struct Content {
  Json
      document;  // location, tags, sku, properties (hubs with secrets in clear) and unknown members
  std::vector<Policy> policies;
  std::uint64_t etag = 0;
};

struct Service {
  std::string subscription;
  std::string group;
  std::string name;
  std::string id_scope;
  std::string state = "Active";
  std::string provisioning_state = "Succeeded";
  Content content;
  std::optional<Content> previous;  // while an update runs: what the old view shows
  std::vector<Certificate> certificates;
  std::string operation;  // the running one; empty at rest
};

struct Failure {
  int code = 0;
  int http_status = 0;
  std::string message;
};

enum class OperationKind { PutService, DeleteService, PutHub, DeleteHub };

struct Operation {
  std::string id;
  OperationKind kind = OperationKind::PutService;
  std::string target;  // key of the resource
  std::string resource_id;
  std::string status_query;  // the exact queries under which it may be asked for
  std::string location_query;
  bool below_resource = false;  // URL form `resource`
  bool exact_query = false;     // URL form `signed`
  TimePoint end;
  bool ended = false;
  std::optional<Failure> failure;
};

struct HistoryEntry {
  std::uint64_t seq = 0;
  TimePoint time;
  std::string id;
  std::string event;
  std::string etag;
  std::string document;  // JSON text with secrets; empty: gone
};

struct RequestRecord {
  std::uint64_t seq = 0;
  TimePoint time;
  std::string method;
  std::string path;
  std::string query;
  int status = 0;  // 0: never answered
  std::string if_match;
  std::string body_etag;
  std::string client_request_id;
  std::uint64_t connection = 0;
  std::string fault;
};

struct Bucket {
  double level = -1;  // below 0: not used yet
  TimePoint at;
  std::uint64_t taken = 0;
};

/// Who may sign in. Empty members: not in that way.
struct Identity {
  std::string tenant;
  std::string client_id;
  std::string client_secret;
  std::string expired_secret;                 // answered as one that was good once
  std::vector<std::string> certificates;      // PEM, registered
  std::vector<std::string> federated_tokens;  // the only ones that are good now
  std::string managed;                        // "system", "user": by the metadata endpoint
  std::string object_id;
  std::string resource_id;
  std::vector<std::string> subscriptions;  // empty: all of its tenant
};

struct GoodToken {
  TimePoint expiry;
  std::string tenant;
  std::string client_id;
};

struct State {
  std::vector<Identity> identities{1};  // first the one of the greeting; never empty
  Switches switches;
  Random random{1};
  Milliseconds advanced{0};
  std::uint64_t last_counter = 0x1E990000;  // of every etag
  std::uint64_t last_scope = 0xCA0000;

  // Keys are ids in lower case, so that paths without case find them and lists come sorted.
  std::map<std::string, Subscription, std::less<>> subscriptions;
  std::map<std::string, ResourceGroup, std::less<>> groups;
  std::map<std::string, Hub, std::less<>> hubs;
  std::map<std::string, Service, std::less<>> services;
  std::unordered_map<std::string, std::string> service_names;  // lower-case name -> key
  std::unordered_map<std::string, std::string> hub_hosts;      // lower-case host name -> key

  std::unordered_map<std::string, Operation> operations;
  std::multimap<TimePoint, std::string> running;  // end -> operation
  std::deque<std::string> ended;                  // oldest first; forgotten past a bound

  std::unordered_map<std::string, GoodToken> tokens;
  std::map<std::string, TimePoint> used_assertions;           // jti -> when it may be forgotten
  std::string identity_header = "simulated-identity-header";  // of the endpoint of App Service
  std::map<std::string, Bucket> buckets;

  std::deque<HistoryEntry> history;
  std::uint64_t last_history = 0;

  /// Certificates read while a seed is planted, by their text: fleets repeat them.
  std::unordered_map<std::string, CertificateFacts> read_certificates;

  [[nodiscard]] TimePoint now() const { return std::chrono::system_clock::now() + advanced; }
  [[nodiscard]] const Identity& identity() const { return identities.front(); }
  [[nodiscard]] std::uint64_t next_counter() { return ++last_counter; }
};

[[nodiscard]] std::string subscription_key(std::string_view subscription);
[[nodiscard]] std::string group_key(std::string_view subscription, std::string_view group);
[[nodiscard]] std::string service_id(const Service& service);
[[nodiscard]] std::string hub_id(const Hub& hub);
[[nodiscard]] std::string certificate_id(const Service& service, const Certificate& certificate);
[[nodiscard]] std::string group_id(const ResourceGroup& group);

/// Enters a resource under its key, its name and its host; makes group and subscription if needed.
Service& add_service(State& state, Service service);
Hub& add_hub(State& state, Hub hub);
void remove_service(State& state, const std::string& key);
void remove_hub(State& state, const std::string& key);
void ensure_group(State& state,
                  const std::string& subscription,
                  const std::string& group,
                  const std::string& location);

/// Remembers what a resource is like now. `certificate` empty: the service itself.
void remember(State& state, const Service& service, std::string_view event);
void remember(State& state,
              const Service& service,
              const Certificate& certificate,
              std::string_view event);
void remember(State& state, const Hub& hub, std::string_view event);
void remember_gone(State& state, std::string id, std::string_view event);

[[nodiscard]] std::string new_certificate_etag(State& state);
[[nodiscard]] std::string new_id_scope(State& state);

/// Parts of a connection string; nothing when HostName, SharedAccessKeyName or SharedAccessKey
/// lacks.
struct ConnectionString {
  std::string host_name;
  std::string key_name;
  std::string key;
};
[[nodiscard]] std::optional<ConnectionString> parse_connection_string(std::string_view text);
inline constexpr std::string_view kStars = "****";
[[nodiscard]] std::string masked(std::string_view connection_string);

}  // namespace dps::sim

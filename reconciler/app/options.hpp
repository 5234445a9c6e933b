// options: what the person asked for, as plain structs; no parsing here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconciler/arm/credential_routes.hpp"
#include "reconciler/base/clock.hpp"
#include "reconciler/base/secret.hpp"
#include "reconciler/controller/maintenance.hpp"
#include "reconciler/controller/status.hpp"
#include "reconciler/telemetry/log.hpp"

namespace dps::app {

enum class Command {
  Run,
  Plan,
  Apply,
  Show,
  Doctor,
  Validate,
  Schema,
  Version,
  Help,
  // Asked of a running daemon.
  Status,
  Why,
  Reconcile,
  Suspend,
  Resume,
  Approve,
};
enum class KeyCheck { Always, Due, Never };  ///< Due: the daemon's default
enum class OutputForm { Text, Json, Markdown, Html };
using telemetry::Log;
using telemetry::LogForm;
using telemetry::LogLevel;
enum class Color { Auto, Always, Never };

/// Every flag of product use, with its default. The same names in the environment
/// (DPS_RECONCILER_<NAME>) and in the configuration file (lowerCamelCase).
struct Options {
  Command command = Command::Run;
  std::vector<std::string> arguments;  ///< as they were given: a reload reads them again

  std::vector<std::string> manifests;  ///< folders or files; at least one where manifests are read
  std::vector<std::string> select;
  std::string cloud = "public";
  std::string arm_endpoint;  ///< empty: the cloud's
  std::string authority;     ///< empty: the cloud's, or AZURE_AUTHORITY_HOST
  std::string auth = "auto";
  /// Of the configuration file alone: subscriptions that sign in in a way of their own.
  std::vector<arm::SubscriptionCredential> credentials;
  std::string api_version = "auto";
  std::string owner = "default";
  bool owner_given = false;  ///< --prune demands that it was said
  bool prune = false;
  KeyCheck key_check = KeyCheck::Always;
  std::size_t concurrency = 64;
  std::size_t quota_reserve = 20;  ///< percent of each of ARM's quotas, left for others
  std::string ca_file;             ///< empty: SSL_CERT_FILE, CURL_CA_BUNDLE or the system's
  Duration timeout = std::chrono::minutes{10};
  OutputForm output = OutputForm::Text;
  LogForm log_format = LogForm::Text;
  LogLevel log_level = LogLevel::Info;
  Color color = Color::Auto;
  bool strict = false;
  bool yes = false;
  std::string approve;
  std::size_t max_deletes = 1;
  std::size_t max_removals = 10;
  std::vector<std::string> allow_env = {"DPS_VAR_*"};
  bool allow_exec = false;
  std::string secrets_dir = "/run/secrets";
  bool allow_empty = false;
  bool resend_keys = false;
  Duration min_validity{0};
  Duration warn_validity = std::chrono::hours(30 * 24);

  // ---- the daemon ----
  controller::Mode mode = controller::Mode::Enforce;
  Duration interval = std::chrono::minutes{5};
  Duration key_check_interval = std::chrono::hours{1};
  Duration certificate_interval = std::chrono::hours{1};
  Duration grace = std::chrono::seconds{25};
  std::string listen = "127.0.0.1:9464";  ///< "off": nothing listens
  std::string listen_cert, listen_key;    ///< PEM files; both or none
  std::string control_token_file;         ///< empty: POST is refused
  std::size_t metrics_max_services = 1000;
  std::string state_dir;        ///< empty: nothing is kept; --git needs it
  std::string leader_election;  ///< "file:PATH"; empty: alone
  std::string shard;            ///< "i/n"; empty: all
  std::string webhook;          ///< empty: none
  std::string webhook_secret_file;
  /// Of the configuration file alone: `maintenance:`.
  std::vector<controller::MaintenanceWindow> maintenance;

  // ---- git as the source ----
  std::string git;  ///< empty: folders
  std::string git_ref = "HEAD";
  std::string git_path;  ///< below the repository's root; empty: all of it
  Duration git_interval = std::chrono::minutes{1};
  Duration git_timeout = std::chrono::minutes{1};
  std::size_t git_max_size = 256;  ///< MiB
  std::string git_username;        ///< with git_token_file; empty: "git"
  std::string git_token_file, git_ca_file, git_ssh_key, git_known_hosts, git_verify;

  // ---- commands to a running daemon ----
  std::string server;          ///< empty: http:// and --listen
  std::string target_service;  ///< status, why, reconcile, suspend, resume; empty: all
  std::string reason;          ///< suspend
  std::string until;           ///< suspend: RFC 3339, or a duration from now; empty: for ever
  bool check = false;          ///< status: 0 when ready, 1 when not; prints nothing
  std::string digest;          ///< approve

  bool detailed_exitcode = false;  ///< plan
  std::string plan_out;            ///< plan --out
  std::string saved_plan;          ///< apply FILE
  std::string show_service;        ///< show SERVICE: a name, GROUP/NAME or SUBSCRIPTION/GROUP/NAME
};

}  // namespace dps::app

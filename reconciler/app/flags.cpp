#include "reconciler/app/flags.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "reconciler/base/text.hpp"
#include "reconciler/model/capabilities.hpp"

namespace dps::app {
namespace {

using Values = std::vector<std::string>;

Failure usage(const std::string& what, const std::string& remedy) {
  return fail(give_up("Usage", what, remedy));
}

template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;

// A flag whose value is one of a few words.
template <class Value>
auto one_of(Value Options::*member, Words<Value> words) {
  return
      [member, words = std::move(words)](Options& options, const Values& values) -> Result<void> {
        std::vector<std::string> names;
        for (const auto& [name, value] : words) {
          if (values.back() == name) {
            options.*member = value;
            return {};
          }
          names.push_back(name);
        }
        return usage(fmt::format("\"{}\" is not known", printable(values.back(), 60)),
                     "one of " + join(names, ", "));
      };
}

auto text(std::string Options::*member) {
  return [member](Options& options, const Values& values) -> Result<void> {
    options.*member = values.back();
    return {};
  };
}

auto texts(std::vector<std::string> Options::*member) {
  return [member](Options& options, const Values& values) -> Result<void> {
    options.*member = values;
    return {};
  };
}

auto flag(bool Options::*member) {
  return [member](Options& options, const Values& values) -> Result<void> {
    if (values.empty() || values.back() == "true") {
      options.*member = true;
    } else if (values.back() == "false") {
      options.*member = false;
    } else {
      return usage(fmt::format("\"{}\" is not a switch", printable(values.back(), 60)),
                   "true or false");
    }
    return {};
  };
}

auto count(std::size_t Options::*member, std::size_t least, std::size_t most) {
  return [=](Options& options, const Values& values) -> Result<void> {
    const auto& given = values.back();
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (error != std::errc{} || end != given.data() + given.size() || value < least ||
        value > most) {
      return usage(fmt::format("\"{}\" is not a number that fits", printable(given, 60)),
                   fmt::format("a whole number from {} to {}", least, most));
    }
    options.*member = value;
    return {};
  };
}

auto duration(Duration Options::*member) {
  return [member](Options& options, const Values& values) -> Result<void> {
    const auto parsed = parse_duration(values.back());
    if (!parsed) return usage(parsed.error().what, parsed.error().remedy);
    options.*member = *parsed;
    return {};
  };
}

auto pause(Duration Options::*member, Duration least) {
  return [member, least](Options& options, const Values& values) -> Result<void> {
    if (auto set = duration(member)(options, values); !set) return set;
    if (options.*member < least) {
      return usage(fmt::format("\"{}\" is too short", printable(values.back(), 60)),
                   "at least " + duration_text(least));
    }
    return {};
  };
}

std::vector<Flag> make() {
  using enum Arity;
  std::vector<Flag> all;
  const auto add = [&](std::string name,
                       Arity arity,
                       std::string value,
                       std::string description,
                       std::string default_text,
                       auto set) {
    all.push_back({std::move(name),
                   arity,
                   std::move(value),
                   std::move(description),
                   std::move(default_text),
                   std::move(set)});
  };
  add("manifests", Repeated, "PATH", "folder or file of manifests", "", texts(&Options::manifests));
  add("select",
      Repeated,
      "PATTERN",
      "work only on KIND/NAME or KIND/SUBSCRIPTION/GROUP/NAME[/ENTRY]; globs",
      "",
      texts(&Options::select));
  add("cloud", Single, "NAME", "public, usgov or china", "public", text(&Options::cloud));
  add("arm-endpoint",
      Single,
      "URL",
      "Azure Resource Manager at this address",
      "the cloud's",
      text(&Options::arm_endpoint));
  add("authority",
      Single,
      "URL",
      "tokens from this address",
      "AZURE_AUTHORITY_HOST or the cloud's",
      text(&Options::authority));
  add("auth",
      Single,
      "KIND",
      "auto, client-secret, client-certificate, token, workload-identity, managed-identity or "
      "azure-cli; auto takes the first of these that is configured (docs/credentials.md)",
      "auto",
      text(&Options::auth));
  add("api-version",
      Single,
      "VERSION",
      "the API version to write with; auto is " + std::string(kDefaultVersion),
      "auto",
      text(&Options::api_version));
  add("owner",
      Single,
      "NAME",
      "who we are in the bookkeeping tags",
      "default",
      [](Options& options, const Values& values) -> Result<void> {
        const auto& name = values.back();
        if (name.empty() || name.size() > 64 ||
            name.find_first_not_of(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
                std::string::npos) {
          return usage(fmt::format("\"{}\" is not an owner name", printable(name, 80)),
                       "1 to 64 letters, digits, '-', '_' or '.'");
        }
        options.owner = name;
        options.owner_given = true;
        return {};
      });
  add("prune",
      Switch,
      "",
      "delete owned services that no manifest names; demands --owner",
      "false",
      flag(&Options::prune));
  add("key-check",
      Single,
      "WHEN",
      "read keys to compare them: always, due (every --key-check-interval) or never",
      "always; of run: due",
      one_of(
          &Options::key_check,
          Words<KeyCheck>{
              {"always", KeyCheck::Always}, {"due", KeyCheck::Due}, {"never", KeyCheck::Never}}));
  add("concurrency",
      Single,
      "N",
      "requests in flight at most",
      "64",
      count(&Options::concurrency, 1, 1024));
  add("quota-reserve",
      Single,
      "PERCENT",
      "of each of Azure's request limits, left for people and other tools",
      "20",
      count(&Options::quota_reserve, 0, 90));
  add("ca-file",
      Single,
      "PATH",
      "PEM file of the CAs to trust in place of the system's",
      "SSL_CERT_FILE, CURL_CA_BUNDLE or the system's",
      text(&Options::ca_file));
  add("timeout",
      Single,
      "DURATION",
      "longest wait for one service's operation",
      "10m",
      duration(&Options::timeout));
  add("output",
      Single,
      "FORM",
      "text or json",
      "text",
      one_of(&Options::output,
             Words<OutputForm>{{"text", OutputForm::Text}, {"json", OutputForm::Json}}));
  add("log-format",
      Single,
      "FORM",
      "text or json",
      "text",
      one_of(&Options::log_format,
             Words<LogForm>{{"text", LogForm::Text}, {"json", LogForm::Json}}));
  add("log-level",
      Single,
      "LEVEL",
      "trace, debug, info, warn, error or off",
      "info",
      one_of(&Options::log_level,
             Words<LogLevel>{{"trace", LogLevel::Trace},
                             {"debug", LogLevel::Debug},
                             {"info", LogLevel::Info},
                             {"warn", LogLevel::Warn},
                             {"error", LogLevel::Error},
                             {"off", LogLevel::Off}}));
  add("color",
      Single,
      "WHEN",
      "auto, always or never; NO_COLOR is honoured",
      "auto",
      one_of(
          &Options::color,
          Words<Color>{{"auto", Color::Auto}, {"always", Color::Always}, {"never", Color::Never}}));
  add("strict", Switch, "", "what could not be seen is a failure", "false", flag(&Options::strict));
  add("yes", Switch, "", "do not ask before destructive changes", "false", flag(&Options::yes));
  add("approve",
      Single,
      "DIGEST",
      "let exactly the guarded removals of this digest through",
      "",
      text(&Options::approve));
  add("max-deletes",
      Single,
      "N",
      "services that one pass may delete",
      "1",
      count(&Options::max_deletes, 0, 100000));
  add("max-removals",
      Single,
      "N",
      "hubs, policies and certificates that one pass may remove",
      "10",
      count(&Options::max_removals, 0, 1000000));
  add("allow-env",
      Repeated,
      "GLOB",
      "variables that ${env:NAME} may name; never AZURE_*",
      "DPS_VAR_*",
      texts(&Options::allow_env));
  add("allow-exec",
      Switch,
      "",
      "let manifests name programs that print a secret",
      "false",
      flag(&Options::allow_exec));
  add("secrets-dir",
      Single,
      "PATH",
      "secret files may lie here besides the manifests",
      "/run/secrets",
      text(&Options::secrets_dir));
  add("allow-empty",
      Switch,
      "",
      "no manifest at all is not a fault",
      "false",
      flag(&Options::allow_empty));
  add("resend-keys",
      Switch,
      "",
      "send every hub's key again, whatever its fingerprint says",
      "false",
      flag(&Options::resend_keys));
  add("min-validity",
      Single,
      "DURATION",
      "certificates that expire sooner are faults",
      "0s",
      [](Options& options, const Values& values) -> Result<void> {
        if (values.back() == "0") return usage("\"0\" is not a duration", "0s or 30d");
        return duration(&Options::min_validity)(options, values);
      });
  add("warn-validity",
      Single,
      "DURATION",
      "live and wanted certificates that expire sooner are warned of",
      "30d",
      [](Options& options, const Values& values) -> Result<void> {
        if (values.back() == "0") return usage("\"0\" is not a duration", "0s or 30d");
        return duration(&Options::warn_validity)(options, values);
      });
  add("mode",
      Single,
      "MODE",
      "run: enforce, or observe: report differences and write nothing",
      "enforce",
      one_of(&Options::mode,
             Words<controller::Mode>{{"enforce", controller::Mode::Enforce},
                                     {"observe", controller::Mode::Observe}}));
  add("interval",
      Single,
      "DURATION",
      "run: how often every service is compared, spread by a tenth",
      "5m",
      pause(&Options::interval, std::chrono::seconds{1}));
  add("key-check-interval",
      Single,
      "DURATION",
      "run: how often keys are read to compare them",
      "1h",
      pause(&Options::key_check_interval, std::chrono::seconds{1}));
  add("certificate-interval",
      Single,
      "DURATION",
      "run: how often the certificates of all services are read, for the metrics",
      "1h",
      pause(&Options::certificate_interval, std::chrono::seconds{1}));
  add("grace",
      Single,
      "DURATION",
      "run: longest time from SIGTERM to the end",
      "25s",
      pause(&Options::grace, std::chrono::seconds{1}));
  add("listen",
      Single,
      "ADDRESS:PORT",
      "run: serve metrics, health and status here; off: nowhere",
      "127.0.0.1:9464",
      text(&Options::listen));
  add("listen-cert",
      Single,
      "PATH",
      "run: serve TLS with this PEM chain",
      "",
      text(&Options::listen_cert));
  add("listen-key", Single, "PATH", "run: its PEM key", "", text(&Options::listen_key));
  add("control-token-file",
      Single,
      "PATH",
      "bearer token of POST /-/reconcile, suspend, resume and approve; without one they are "
      "refused",
      "",
      text(&Options::control_token_file));
  add("metrics-max-services",
      Single,
      "N",
      "run: services that have metrics of their own, at most",
      "1000",
      count(&Options::metrics_max_services, 0, 1000000));
  add("state-dir",
      Single,
      "PATH",
      "run: the git repository and suspensions are kept here",
      "",
      text(&Options::state_dir));
  add("leader-election",
      Single,
      "file:PATH",
      "run: write only while holding a lock on this file; does not span machines",
      "",
      text(&Options::leader_election));
  add("shard",
      Single,
      "I/N",
      "run: only the services of replica I of N; I counts from 0, or ends a host name: dps-0/3",
      "",
      text(&Options::shard));
  add("webhook", Single, "URL", "run: POST events here", "", text(&Options::webhook));
  add("webhook-secret-file",
      Single,
      "PATH",
      "run: sign them with this secret (HMAC-SHA256)",
      "",
      text(&Options::webhook_secret_file));
  add("git",
      Single,
      "URL",
      "manifests from this repository (https or ssh)",
      "",
      text(&Options::git));
  add("git-ref", Single, "REF", "branch, tag or commit", "HEAD", text(&Options::git_ref));
  add("git-path",
      Single,
      "PATH",
      "folder or file of manifests in the repository",
      "all of it",
      text(&Options::git_path));
  add("git-interval",
      Single,
      "DURATION",
      "how often the repository is asked",
      "1m",
      pause(&Options::git_interval, std::chrono::seconds{1}));
  add("git-timeout",
      Single,
      "DURATION",
      "longest time of one fetch",
      "1m",
      pause(&Options::git_timeout, std::chrono::seconds{1}));
  add("git-max-size",
      Single,
      "MIB",
      "a repository that takes more room is refused",
      "256",
      count(&Options::git_max_size, 1, 1048576));
  add("git-username",
      Single,
      "NAME",
      "user name that goes with --git-token-file",
      "git",
      text(&Options::git_username));
  add("git-token-file",
      Single,
      "PATH",
      "token or password for https, read at each fetch",
      "",
      text(&Options::git_token_file));
  add("git-ca-file",
      Single,
      "PATH",
      "PEM file of the CAs to trust for https, in place of the system's",
      "",
      text(&Options::git_ca_file));
  add("git-ssh-key", Single, "PATH", "private key for ssh", "", text(&Options::git_ssh_key));
  add("git-known-hosts",
      Single,
      "PATH",
      "host keys for ssh; hosts that are not in it are refused",
      "",
      text(&Options::git_known_hosts));
  add("git-verify",
      Single,
      "PATH",
      "allowed signers (ssh-keygen(1)); a commit without a good signature is refused",
      "",
      text(&Options::git_verify));
  add("server",
      Single,
      "URL",
      "status, why, reconcile, suspend, resume, approve: the running daemon",
      "http:// and --listen",
      text(&Options::server));
  return all;
}

}  // namespace

const std::vector<Flag>& flags() {
  static const std::vector<Flag> all = make();
  return all;
}

std::string environment_name(std::string_view flag) {
  auto name = "DPS_RECONCILER_" + upper(flag);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

std::string config_key(std::string_view flag) {
  std::string key;
  bool raise = false;
  for (const char c : flag) {
    if (c == '-') {
      raise = true;
    } else {
      key += raise ? upper(std::string_view(&c, 1)) : std::string(1, c);
      raise = false;
    }
  }
  return key;
}

}  // namespace dps::app

#include "reconciler/telemetry/metric_families.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace dps::telemetry {

std::string_view word(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
  }
  return "";
}

const std::vector<MetricInfo>& metric_families() {
  using enum MetricType;
  static const std::vector<MetricInfo> families = {
      // ---- is all well ----
      {"dps_reconciler_last_success_timestamp_seconds",
       Gauge,
       "",
       "When all services were last seen to be as wanted, in seconds since 1970; 0 before the "
       "first time.",
       "older than three intervals: something does not converge; `resources` says what"},
      {"dps_reconciler_resources",
       Gauge,
       "kind, state",
       "Services and their entries by how they stand: in_sync, drifted, pending, suspended, "
       "blocked or failed.",
       "`state=~\"failed|blocked\"` above 0 for 15 minutes"},
      {"dps_reconciler_reconcile_total",
       Counter,
       "result",
       "Runs that ended: whole passes, sweeps of a subscription and runs over one service.",
       "a growing `failed`; no growth at all for three intervals: the loop does not turn"},
      {"dps_reconciler_reconcile_duration_seconds", Histogram, "", "How long runs took.", ""},
      {"dps_reconciler_leader",
       Gauge,
       "",
       "1 when this replica may write, 0 on a standby.",
       "the sum over the replicas is not 1 for 5 minutes"},
      {"dps_reconciler_subscriptions_unreadable",
       Gauge,
       "",
       "Subscriptions that could not be listed when they were last read.",
       "above 0 for 15 minutes: a role is missing, or Azure is in trouble"},

      // ---- each service ----
      {"dps_reconciler_service_condition",
       Gauge,
       "subscription, resource_group, service, condition",
       "A condition of a service: 1 true, 0 false, -1 not known.",
       "`condition=\"Stalled\"` or `\"Contested\"` or `\"OwnershipLost\"` is 1"},
      {"dps_reconciler_service_info",
       Gauge,
       "subscription, resource_group, service, id_scope",
       "1 for each service; joins its id scope to the other families.",
       ""},
      {"dps_reconciler_service_last_success_timestamp_seconds",
       Gauge,
       "subscription, resource_group, service",
       "When the service was last seen to be as wanted, in seconds since 1970; 0 before the first "
       "time.",
       "older than a day"},
      {"dps_reconciler_metrics_services_capped",
       Gauge,
       "",
       "Services that have no series of their own here, because there are more than "
       "--metrics-max-services.",
       "above 0: raise the bound, or shard"},

      // ---- changes ----
      {"dps_reconciler_changes_total",
       Counter,
       "kind, action, result",
       "Changes that were tried, by what became of them: success or failed.",
       "a growing `failed`"},
      {"dps_reconciler_drift_detected_total",
       Counter,
       "kind",
       "Differences in Azure that no manifest asked for, each counted when it is first seen.",
       "grows every day: somebody else writes to the same services"},
      {"dps_reconciler_conflicts_total",
       Counter,
       "",
       "Writes that found that somebody else had written meanwhile.",
       "grows: two programs manage one service"},
      {"dps_reconciler_contested_fields",
       Gauge,
       "",
       "Fields that somebody set back three times; they are left alone until the manifest "
       "changes.",
       "above 0: find the other writer"},
      {"dps_reconciler_guard_blocked",
       Gauge,
       "guard",
       "Removals that a guard withholds until somebody approves them.",
       "above 0: look at `/status`, then approve or revert"},

      // ---- hubs and certificates ----
      {"dps_reconciler_hub_key_stale",
       Gauge,
       "service, hub",
       "1 for each linked hub whose key in the service is not the hub's any more; no series "
       "otherwise.",
       "is 1 for an hour: devices cannot be assigned to that hub"},
      {"dps_reconciler_certificate_expiry_timestamp_seconds",
       Gauge,
       "service, certificate, managed",
       "When a certificate expires, in seconds since 1970.",
       "less than 30 days away"},
      {"dps_reconciler_certificate_verified",
       Gauge,
       "service, certificate, managed",
       "1 when Azure holds the certificate verified, 0 when not: devices cannot use it then.",
       "`managed=\"true\"` is 0 for an hour"},

      // ---- Azure ----
      {"dps_reconciler_arm_requests_total",
       Counter,
       "operation, code",
       "Requests to Azure Resource Manager, each try counted; the code is the status, or the id of "
       "the failure where there was no answer.",
       "the share of `5..` and of failures"},
      {"dps_reconciler_arm_request_duration_seconds",
       Histogram,
       "operation",
       "How long Azure Resource Manager took to answer, each try by itself.",
       ""},
      {"dps_reconciler_arm_retries_total",
       Counter,
       "reason",
       "Requests that are tried again; the reason is a code as above.",
       ""},
      {"dps_reconciler_arm_throttle_wait_seconds_total",
       Counter,
       "",
       "Time that requests waited for Azure's request limit.",
       "grows by more than half a second a second: the fleet is too large for the interval"},
      {"dps_reconciler_arm_quota_remaining",
       Gauge,
       "subscription, quota",
       "Requests that Azure said are left; no series when it said nothing within the hour.",
       "near 0"},
      {"dps_reconciler_long_operations_in_flight",
       Gauge,
       "",
       "Writes that Azure took and is still at work on.",
       ""},
      {"dps_reconciler_long_operation_duration_seconds",
       Histogram,
       "",
       "How long such writes took until they ended, or were given up.",
       ""},
      {"dps_reconciler_token_expiry_timestamp_seconds",
       Gauge,
       "credential",
       "When the token in use expires, in seconds since 1970; 0 before the first one.",
       "in the past while requests are made"},

      // ---- the queue and the source ----
      {"dps_reconciler_queue_depth", Gauge, "", "Keys that are due and wait for a worker.", ""},
      {"dps_reconciler_queue_oldest_seconds",
       Gauge,
       "",
       "How long the oldest of them waits.",
       "longer than an interval: more concurrency, or more shards"},
      {"dps_reconciler_manifest_faults",
       Gauge,
       "",
       "Faults in the newest revision of the manifests.",
       "above 0: `validate` says the same with lines"},
      {"dps_reconciler_manifest_reload_success",
       Gauge,
       "",
       "1 when the newest revision was taken; 0 when it is faulty, or none was loaded yet.",
       "is 0 for 10 minutes: an older revision is in force"},
      {"dps_reconciler_source_last_success_timestamp_seconds",
       Gauge,
       "",
       "When the source of the manifests could last be read, in seconds since 1970; 0 before the "
       "first time.",
       "older than ten --git-interval"},
      {"dps_reconciler_source_revision_info",
       Gauge,
       "revision",
       "1 for the revision that is in force; no series before the first.",
       ""},

      // ---- the process ----
      {"dps_reconciler_webhook_events_total",
       Counter,
       "result",
       "Events for the webhook: delivered, failed, dropped (the queue was full), duplicate or "
       "limited (told in a summary).",
       "a growing `failed` or `dropped`"},
      {"dps_reconciler_build_info", Gauge, "version, commit", "1; which program this is.", ""},
      {"process_cpu_seconds_total", Counter, "", "Processor time used, user and system.", ""},
      {"process_resident_memory_bytes", Gauge, "", "Memory in use.", "grows for days"},
      {"process_virtual_memory_bytes", Gauge, "", "Address space in use.", ""},
      {"process_open_fds", Gauge, "", "Open file descriptors.", "grows for days"},
      {"process_max_fds", Gauge, "", "How many file descriptors may be open.", ""},
      {"process_start_time_seconds",
       Gauge,
       "",
       "When the process started, in seconds since 1970.",
       "changes often: it is restarted again and again"},
  };
  return families;
}

const MetricInfo& metric_family(std::string_view name) {
  const auto& all = metric_families();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  if (found == all.end()) throw std::logic_error("no metric is called " + std::string(name));
  return *found;
}

}  // namespace dps::telemetry

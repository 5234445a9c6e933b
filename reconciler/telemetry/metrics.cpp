#include "reconciler/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <sstream>

#include "reconciler/telemetry/metric_families.hpp"
#include "reconciler/telemetry/metrics_text.hpp"

namespace dps::telemetry {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::MetricFamily;

const Histogram::BucketBoundaries kRunSeconds = {
    0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200};
const Histogram::BucketBoundaries kRequestSeconds = {
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
const Histogram::BucketBoundaries kOperationSeconds = {
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200};

// What other parts say, named beforehand so that rates have a start. What they say beyond these is
// shown from its first time on.
constexpr std::array kOperations = {"check_name",
                                    "delete_certificate",
                                    "delete_service",
                                    "generate_verification_code",
                                    "get_certificate",
                                    "get_resource_group",
                                    "get_service",
                                    "list_certificates",
                                    "list_hub_keys",
                                    "list_keys",
                                    "list_services",
                                    "list_skus",
                                    "other",
                                    "patch_service",
                                    "poll",
                                    "put_certificate",
                                    "put_service",
                                    "verify_certificate"};
constexpr std::array kCodes = {"200", "429", "500", "503"};
constexpr std::array kRetryReasons = {"408", "429", "500", "502", "503", "504", "NetworkError"};
constexpr std::array kKinds = {
    "ProvisioningService", "LinkedHub", "SharedAccessPolicy", "Certificate", "Tag"};
const std::map<std::string, std::vector<std::string>> kActions = {
    {"ProvisioningService", {"create", "update", "delete", "adopt", "release"}},
    {"LinkedHub", {"create", "update", "delete"}},
    {"SharedAccessPolicy", {"create", "update", "delete"}},
    {"Certificate", {"create", "update", "delete", "rotate", "verify"}},
    {"Tag", {"create", "update", "delete"}},
};
constexpr std::array kWebhookResults = {WebhookResult::Delivered,
                                        WebhookResult::Failed,
                                        WebhookResult::Dropped,
                                        WebhookResult::Duplicate,
                                        WebhookResult::Limited};
constexpr std::array kRunResults = {controller::RunResult::Success,
                                    controller::RunResult::Failed,
                                    controller::RunResult::Held,
                                    controller::RunResult::Interrupted};

// Bounds on what others name: beyond, it is "other".
constexpr std::size_t kMostPairs = 500;
constexpr std::size_t kMostQuotas = 2000;
// Azure's buckets are full again long before that.
constexpr Duration kQuotaLife = std::chrono::hours{1};

template <class T>
Family<T> family(std::string_view name) {
  const auto& info = metric_family(name);
  return Family<T>(std::string(info.name), std::string(info.help), {});
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string text_of(std::string_view word) {
  return std::string(word);
}

}  // namespace

std::string_view word(WebhookResult result) {
  switch (result) {
    case WebhookResult::Delivered:
      return "delivered";
    case WebhookResult::Failed:
      return "failed";
    case WebhookResult::Dropped:
      return "dropped";
    case WebhookResult::Duplicate:
      return "duplicate";
    case WebhookResult::Limited:
      return "limited";
  }
  return "";
}

struct Metrics::Counts {
  Family<Counter> runs = family<Counter>("dps_reconciler_reconcile_total");
  Family<Histogram> run_seconds = family<Histogram>("dps_reconciler_reconcile_duration_seconds");
  Family<Counter> changes = family<Counter>("dps_reconciler_changes_total");
  Family<Counter> drift = family<Counter>("dps_reconciler_drift_detected_total");
  Family<Counter> conflicts = family<Counter>("dps_reconciler_conflicts_total");
  Family<Counter> requests = family<Counter>("dps_reconciler_arm_requests_total");
  Family<Histogram> request_seconds =
      family<Histogram>("dps_reconciler_arm_request_duration_seconds");
  Family<Counter> retries = family<Counter>("dps_reconciler_arm_retries_total");
  Family<Counter> throttle = family<Counter>("dps_reconciler_arm_throttle_wait_seconds_total");
  Family<prometheus::Gauge> in_flight =
      family<prometheus::Gauge>("dps_reconciler_long_operations_in_flight");
  Family<Histogram> operation_seconds =
      family<Histogram>("dps_reconciler_long_operation_duration_seconds");
  Family<Counter> webhook = family<Counter>("dps_reconciler_webhook_events_total");

  struct Reading {
    double remaining = 0;
    TimePoint at{};
  };
  mutable std::mutex mutex;
  std::set<std::pair<std::string, std::string>> pairs;  // under the mutex
  std::map<std::string, Reading> quotas;                // under the mutex, by gate

  Counts() {
    for (const auto result : kRunResults) runs.Add({{"result", text_of(word(result))}});
    run_seconds.Add({}, kRunSeconds);
    for (const auto& [kind, actions] : kActions) {
      for (const auto& action : actions) {
        for (const auto* result : {"success", "failed"}) {
          changes.Add({{"kind", kind}, {"action", action}, {"result", result}});
        }
      }
    }
    for (const auto* kind : kKinds) drift.Add({{"kind", kind}});
    conflicts.Add({});
    for (const auto* operation : kOperations) {
      for (const auto* code : kCodes) {
        pairs.emplace(operation, code);
        requests.Add({{"operation", operation}, {"code", code}});
      }
      request_seconds.Add({{"operation", operation}}, kRequestSeconds);
    }
    for (const auto* reason : kRetryReasons) retries.Add({{"reason", reason}});
    throttle.Add({});
    in_flight.Add({});
    operation_seconds.Add({}, kOperationSeconds);
    for (const auto result : kWebhookResults) webhook.Add({{"result", text_of(word(result))}});
  }

  // The pair, or what stands for it once there are too many.
  std::pair<std::string, std::string> bounded(std::string operation, std::string code) {
    const std::lock_guard lock(mutex);
    std::pair pair(std::move(operation), std::move(code));
    if (pairs.contains(pair)) return pair;
    if (pairs.size() >= kMostPairs) return {"other", "other"};
    pairs.insert(pair);
    return pair;
  }

  MetricFamily quota_family(TimePoint now) {
    auto out = empty_family("dps_reconciler_arm_quota_remaining");
    const std::lock_guard lock(mutex);
    std::erase_if(quotas, [&](const auto& one) { return now - one.second.at > kQuotaLife; });
    for (const auto& [gate, reading] : quotas) {
      const std::string_view whole = gate;
      const auto slash = whole.rfind('/');
      const auto subscription = slash == whole.npos ? std::string_view{} : whole.substr(0, slash);
      const auto quota = slash == whole.npos ? whole : whole.substr(slash + 1);
      add_sample(out, {{"subscription", subscription}, {"quota", quota}}, reading.remaining);
    }
    return out;
  }
};

Metrics::Metrics(MetricsSettings settings, Clock& clock)
    : settings_(std::move(settings)), clock_(clock), counts_(std::make_unique<Counts>()) {}

Metrics::~Metrics() = default;

void Metrics::run_ended(const controller::RunEnded& run) {
  counts_->runs.Add({{"result", text_of(word(run.result))}}).Increment();
  counts_->run_seconds.Add({}, kRunSeconds).Observe(seconds(run.took));
}

void Metrics::change_ended(const controller::ChangeEnded& change) {
  counts_->changes
      .Add({{"kind", change.kind},
            {"action", change.action},
            {"result", change.made ? "success" : "failed"}})
      .Increment();
}

void Metrics::drift_found(const std::string& kind) {
  counts_->drift.Add({{"kind", kind}}).Increment();
}

void Metrics::conflict() {
  counts_->conflicts.Add({}).Increment();
}

void Metrics::exchanged(const http::Exchanged& event) {
  const auto [operation, code] = counts_->bounded(
      event.operation, event.status == 0 ? event.failure : std::to_string(event.status));
  counts_->requests.Add({{"operation", operation}, {"code", code}}).Increment();
  counts_->request_seconds.Add({{"operation", operation}}, kRequestSeconds)
      .Observe(seconds(event.duration));
  if (event.retry_in) counts_->retries.Add({{"reason", code}}).Increment();
}

void Metrics::throttled(const std::string& /*gate*/, Duration waited) {
  counts_->throttle.Add({}).Increment(seconds(waited));
}

void Metrics::remaining(const std::string& gate, std::int64_t requests) {
  const std::lock_guard lock(counts_->mutex);
  auto& quotas = counts_->quotas;
  if (quotas.size() >= kMostQuotas && !quotas.contains(gate)) return;
  quotas[gate] = {static_cast<double>(requests), clock_.now()};
}

void Metrics::operation_began() {
  counts_->in_flight.Add({}).Increment();
}

void Metrics::operation_ended(Duration took) {
  counts_->in_flight.Add({}).Decrement();
  counts_->operation_seconds.Add({}, kOperationSeconds).Observe(seconds(took));
}

void Metrics::webhook(WebhookResult result) {
  counts_->webhook.Add({{"result", text_of(word(result))}}).Increment();
}

std::string Metrics::text(const controller::Status& status) const {
  auto all = families_of(status, settings_.max_services);
  const auto take = [&](std::vector<MetricFamily> more) {
    all.insert(
        all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  auto& counts = *counts_;
  take(counts.runs.Collect());
  take(counts.run_seconds.Collect());
  take(counts.changes.Collect());
  take(counts.drift.Collect());
  take(counts.conflicts.Collect());
  take(counts.requests.Collect());
  take(counts.request_seconds.Collect());
  take(counts.retries.Collect());
  take(counts.throttle.Collect());
  take(counts.in_flight.Collect());
  take(counts.operation_seconds.Collect());
  take(counts.webhook.Collect());
  take({counts.quota_family(clock_.now())});
  take(process_families());

  auto build = empty_family("dps_reconciler_build_info");
  add_sample(build, {{"version", settings_.version}, {"commit", settings_.commit}}, 1);
  take({std::move(build)});
  auto tokens = empty_family("dps_reconciler_token_expiry_timestamp_seconds");
  if (settings_.tokens) {
    for (const auto& [credential, expires] : settings_.tokens()) {
      add_sample(tokens, {{"credential", credential}}, expires ? seconds_since_1970(*expires) : 0);
    }
  }
  take({std::move(tokens)});

  std::sort(all.begin(), all.end(), [](const auto& left, const auto& right) {
    return left.name < right.name;
  });
  for (auto& family : all) {
    std::sort(family.metric.begin(), family.metric.end(), [](const auto& left, const auto& right) {
      return left.label < right.label;
    });
  }
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  return std::move(out).str();
}

}  // namespace dps::telemetry

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "reconciler/telemetry/metric_families.hpp"
#include "reconciler/telemetry/metrics_text.hpp"

namespace dps::telemetry {
namespace {

using controller::ServiceStatus;
using controller::Status;
using prometheus::MetricFamily;

double value_of(controller::Truth truth) {
  switch (truth) {
    case controller::Truth::True:
      return 1;
    case controller::Truth::False:
      return 0;
    case controller::Truth::Unknown:
      return -1;
  }
  return -1;
}

double or_zero(const std::optional<WallTime>& time) {
  return time ? seconds_since_1970(*time) : 0;
}

MetricFamily single(std::string_view name, double value) {
  auto family = empty_family(name);
  add_sample(family, {}, value);
  return family;
}

MetricFamily resources(const Status& status) {
  // Kinds that nobody has are there too, at 0.
  std::map<std::string, std::array<std::size_t, 6>> counts = {{"ProvisioningService", {}},
                                                              {"LinkedHub", {}},
                                                              {"SharedAccessPolicy", {}},
                                                              {"Certificate", {}}};
  for (const auto& service : status.services) {
    for (std::size_t place = 0; place < controller::kStandings.size(); ++place) {
      if (controller::kStandings[place] == service->standing) {
        ++counts["ProvisioningService"][place];
      }
    }
    for (const auto& [kind, entries] : service->entries) {
      auto& sums = counts[kind];
      for (std::size_t place = 0; place < entries.size(); ++place) sums[place] += entries[place];
    }
  }
  auto family = empty_family("dps_reconciler_resources");
  for (const auto& [kind, sums] : counts) {
    for (std::size_t place = 0; place < sums.size(); ++place) {
      add_sample(family,
                 {{"kind", kind}, {"state", word(controller::kStandings[place])}},
                 static_cast<double>(sums[place]));
    }
  }
  return family;
}

MetricFamily guards(const Status& status) {
  std::map<std::string, std::size_t> held = {
      {"max-deletes", 0}, {"max-deletes-share", 0}, {"max-removals", 0}, {"revoked", 0}};
  for (const auto& guard : status.guards) held[guard.guard] += guard.count;
  auto family = empty_family("dps_reconciler_guard_blocked");
  for (const auto& [guard, count] : held) {
    add_sample(family, {{"guard", guard}}, static_cast<double>(count));
  }
  return family;
}

// The families that have series for each service.
struct PerService {
  MetricFamily condition = empty_family("dps_reconciler_service_condition");
  MetricFamily info = empty_family("dps_reconciler_service_info");
  MetricFamily last_success = empty_family("dps_reconciler_service_last_success_timestamp_seconds");
  MetricFamily stale = empty_family("dps_reconciler_hub_key_stale");
  MetricFamily expiry = empty_family("dps_reconciler_certificate_expiry_timestamp_seconds");
  MetricFamily verified = empty_family("dps_reconciler_certificate_verified");
  std::set<std::string> names;

  void add(const ServiceStatus& service) {
    const auto& id = service.id;
    for (const auto& one : service.conditions) {
      add_sample(condition,
                 {{"subscription", id.subscription},
                  {"resource_group", id.resource_group},
                  {"service", id.name},
                  {"condition", one.type}},
                 value_of(one.status));
    }
    add_sample(info,
               {{"subscription", id.subscription},
                {"resource_group", id.resource_group},
                {"service", id.name},
                {"id_scope", service.id_scope}},
               1);
    add_sample(last_success,
               {{"subscription", id.subscription},
                {"resource_group", id.resource_group},
                {"service", id.name}},
               or_zero(service.last_success));
    // Azure knows each name once, manifests may name it twice: two equal series spoil a scrape.
    if (!names.insert(id.name).second) return;
    for (const auto& hub : std::set(service.stale_hubs.begin(), service.stale_hubs.end())) {
      add_sample(stale, {{"service", id.name}, {"hub", hub}}, 1);
    }
    std::set<std::string_view> seen;
    for (const auto& certificate : service.certificates) {
      if (!seen.insert(certificate.name).second) continue;
      const Labels labels = {{"service", id.name},
                             {"certificate", certificate.name},
                             {"managed", certificate.managed ? "true" : "false"}};
      if (certificate.expires_at) {
        add_sample(expiry, labels, seconds_since_1970(*certificate.expires_at));
      }
      add_sample(verified, labels, certificate.verified ? 1 : 0);
    }
  }
};

}  // namespace

double seconds_since_1970(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

MetricFamily empty_family(std::string_view name) {
  const auto& info = metric_family(name);
  const auto type = info.type == MetricType::Counter ? prometheus::MetricType::Counter
                                                     : prometheus::MetricType::Gauge;
  return {std::string(info.name), std::string(info.help), type, {}};
}

void add_sample(MetricFamily& family, const Labels& labels, double value) {
  auto& sample = family.metric.emplace_back();
  sample.label.reserve(labels.size());
  for (const auto& [name, text] : labels) sample.label.push_back({name, std::string(text)});
  if (family.type == prometheus::MetricType::Counter) {
    sample.counter.value = value;
  } else {
    sample.gauge.value = value;
  }
}

std::vector<MetricFamily> families_of(const Status& status, std::size_t max_services) {
  const auto& source = status.source;
  std::vector<MetricFamily> all;
  all.push_back(
      single("dps_reconciler_last_success_timestamp_seconds", or_zero(status.last_success)));
  all.push_back(resources(status));
  all.push_back(single("dps_reconciler_leader", status.leader ? 1 : 0));
  all.push_back(single("dps_reconciler_subscriptions_unreadable",
                       static_cast<double>(status.subscriptions.size())));
  all.push_back(guards(status));
  all.push_back(single("dps_reconciler_queue_depth", static_cast<double>(status.queue_depth)));
  all.push_back(single("dps_reconciler_queue_oldest_seconds",
                       std::chrono::duration<double>(status.queue_oldest).count()));
  all.push_back(single("dps_reconciler_manifest_faults", static_cast<double>(source.fault_count)));
  all.push_back(single("dps_reconciler_manifest_reload_success",
                       source.last_reload_was_good.value_or(false) ? 1 : 0));
  all.push_back(
      single("dps_reconciler_source_last_success_timestamp_seconds", or_zero(source.last_success)));
  auto revision = empty_family("dps_reconciler_source_revision_info");
  if (!source.revision.empty()) add_sample(revision, {{"revision", source.revision}}, 1);
  all.push_back(std::move(revision));

  std::size_t contested = 0;
  for (const auto& service : status.services) contested += service->contested.size();
  all.push_back(single("dps_reconciler_contested_fields", static_cast<double>(contested)));

  const auto shown = std::min(status.services.size(), max_services);
  all.push_back(single("dps_reconciler_metrics_services_capped",
                       static_cast<double>(status.services.size() - shown)));
  PerService each;
  for (std::size_t place = 0; place < shown; ++place) each.add(*status.services[place]);
  all.push_back(std::move(each.condition));
  all.push_back(std::move(each.info));
  all.push_back(std::move(each.last_success));
  all.push_back(std::move(each.stale));
  all.push_back(std::move(each.expiry));
  all.push_back(std::move(each.verified));
  return all;
}

}  // namespace dps::telemetry

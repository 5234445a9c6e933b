#include "reconciler/telemetry/status_json.hpp"

#include <algorithm>
#include <vector>

#include "reconciler/base/json.hpp"
#include "reconciler/telemetry/find_service.hpp"

namespace dps::telemetry {
namespace {

using controller::ServiceStatus;
using controller::Status;

enum class History { With, Without };

OrderedJson time_json(const std::optional<WallTime>& time) {
  return time ? OrderedJson(rfc3339(*time)) : OrderedJson();
}

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson() : OrderedJson(text);
}

OrderedJson trouble_json(const controller::Trouble& trouble) {
  return {{"id", trouble.id}, {"message", trouble.message}, {"remedy", trouble.remedy}};
}

OrderedJson moment_json(const controller::Moment& moment) {
  return {{"time", rfc3339(moment.at)},
          {"event", moment.event},
          {"message", moment.message},
          {"details", moment.details},
          {"revision", moment.revision}};
}

OrderedJson request_json(const controller::RequestLine& request) {
  return {{"time", rfc3339(request.at)},
          {"operation", request.operation},
          {"method", request.method},
          {"status", request.status == 0 ? OrderedJson() : OrderedJson(request.status)},
          {"failure", text_or_null(request.failure)},
          {"took_seconds", std::chrono::duration<double>(request.took).count()},
          {"request_id", text_or_null(request.request_id)},
          {"client_request_id", text_or_null(request.client_request_id)}};
}

OrderedJson source_json(const controller::SourceStatus& source) {
  auto faults = OrderedJson::array();
  for (const auto& fault : source.faults) {
    faults.push_back({{"text", fault.text}, {"class", fault.of_text ? "text" : "environment"}});
  }
  return {{"kind", source.kind},
          {"location", source.location},
          {"revision", text_or_null(source.revision)},
          {"loaded_at", time_json(source.loaded_at)},
          {"last_success", time_json(source.last_success)},
          {"refused_revision", text_or_null(source.refused_revision)},
          {"last_reload_was_good",
           source.last_reload_was_good ? OrderedJson(*source.last_reload_was_good) : OrderedJson()},
          {"trouble", source.trouble ? trouble_json(*source.trouble) : OrderedJson()},
          {"fault_count", source.fault_count},
          {"faults", std::move(faults)}};
}

OrderedJson service_json(const ServiceStatus& service, History history) {
  auto conditions = OrderedJson::array();
  for (const auto& condition : service.conditions) {
    conditions.push_back({{"type", condition.type},
                          {"status", controller::word(condition.status)},
                          {"reason", condition.reason},
                          {"message", condition.message},
                          {"last_transition_time", rfc3339(condition.since)}});
  }
  auto troubles = OrderedJson::array();
  for (const auto& trouble : service.troubles) troubles.push_back(trouble_json(trouble));
  auto entries = OrderedJson::object();
  for (const auto& [kind, counts] : service.entries) {
    auto& of_kind = entries[kind] = OrderedJson::object();
    for (std::size_t i = 0; i < controller::kStandings.size(); ++i) {
      of_kind[std::string(controller::word(controller::kStandings[i]))] = counts[i];
    }
  }
  OrderedJson out = {
      {"id", service.id.path()},
      {"subscription", service.id.subscription},
      {"resource_group", service.id.resource_group},
      {"name", service.id.name},
      {"id_scope", text_or_null(service.id_scope)},
      {"state", controller::word(service.standing)},
      {"live_state", text_or_null(service.live_state)},
      {"manifest",
       service.manifest_file.empty()
           ? OrderedJson()
           : OrderedJson{{"file", service.manifest_file}, {"line", service.manifest_line}}},
      {"desired_revision", text_or_null(service.desired_revision)},
      {"observed_revision", text_or_null(service.observed_revision)},
      {"attempted_revision", text_or_null(service.attempted_revision)},
      {"conditions", std::move(conditions)},
      {"differences", service.differences},
      {"troubles", std::move(troubles)},
      {"contested", service.contested},
      {"stale_hubs", service.stale_hubs},
      {"entries", std::move(entries)},
      {"held_by", text_or_null(service.held_by)},
      {"last_change",
       service.history.empty() ? OrderedJson() : moment_json(service.history.front())},
      {"last_read", time_json(service.last_read)},
      {"last_write", time_json(service.last_write)},
      {"last_success", time_json(service.last_success)},
      {"next_due", time_json(service.next_due)},
      {"failures", service.failures},
      {"running", service.running},
      {"queue_position",
       service.queue_position ? OrderedJson(*service.queue_position) : OrderedJson()},
      {"last_request_id", text_or_null(service.last_request_id)}};
  if (history == History::With) {
    auto& moments = out["history"] = OrderedJson::array();
    for (const auto& moment : service.history) moments.push_back(moment_json(moment));
    auto& requests = out["requests"] = OrderedJson::array();
    for (const auto& request : service.requests) requests.push_back(request_json(request));
  }
  return out;
}

OrderedJson certificate_json(const ServiceStatus& service,
                             const controller::CertificateStanding& certificate) {
  return {{"service", service.id.path()},
          {"name", certificate.name},
          {"managed", certificate.managed},
          {"role", certificate.role},
          {"thumbprint", certificate.thumbprint},
          {"subject", certificate.subject},
          {"expires_at", time_json(certificate.expires_at)},
          {"verified", certificate.verified}};
}

OrderedJson head_json(const Status& status,
                      const controller::Health& health,
                      std::string_view version) {
  auto summary = OrderedJson::object();
  for (const auto standing : controller::kStandings) {
    summary[std::string(controller::word(standing))] = 0;
  }
  for (const auto& service : status.services) {
    auto& count = summary[std::string(controller::word(service->standing))];
    count = count.get<std::size_t>() + 1;
  }
  auto guards = OrderedJson::array();
  for (const auto& held : status.guards) {
    guards.push_back({{"guard", held.guard},
                      {"message", held.message},
                      {"count", held.count},
                      {"limit", held.limit},
                      {"removals", held.removals}});
  }
  auto subscriptions = OrderedJson::array();
  for (const auto& [subscription, trouble] : status.subscriptions) {
    auto unreadable = trouble_json(trouble);
    unreadable["subscription"] = subscription;
    subscriptions.push_back(std::move(unreadable));
  }
  return {{"schema", "dps-reconciler/status/v1"},
          {"version", version},
          {"now", rfc3339(status.now)},
          {"started_at", rfc3339(status.started_at)},
          {"mode", controller::word(status.mode)},
          {"owner", status.owner},
          {"leader", status.leader},
          {"shard", text_or_null(status.shard)},
          {"alive", health.alive},
          {"ready", health.ready},
          {"not_ready_reasons", health.reasons},
          {"last_success", time_json(status.last_success)},
          {"source", source_json(status.source)},
          {"queue",
           {{"depth", status.queue_depth},
            {"oldest_seconds", std::chrono::duration<double>(status.queue_oldest).count()}}},
          {"summary", std::move(summary)},
          {"guards", std::move(guards)},
          {"approve_digest", text_or_null(status.approve_digest)},
          {"unreadable_subscriptions", std::move(subscriptions)},
          {"notices", status.notices}};
}

std::string text_of(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

// Ten thousand services as one tree of values would take a hundred megabytes: each is made text by
// itself.
std::string document(const Status& status,
                     const controller::Health& health,
                     std::string_view version,
                     const std::vector<const ServiceStatus*>& services,
                     History history) {
  auto out = text_of(head_json(status, health, version));
  out.pop_back();
  out += ",\"services\":[";
  const char* separator = "\n";
  for (const auto* service : services) {
    out += separator;
    out += text_of(service_json(*service, history));
    separator = ",\n";
  }
  out += "],\"certificates\":[";
  separator = "\n";
  for (const auto* service : services) {
    for (const auto& certificate : service->certificates) {
      out += separator;
      out += text_of(certificate_json(*service, certificate));
      separator = ",\n";
    }
  }
  return out + "]}\n";
}

}  // namespace

std::string status_json(const Status& status,
                        const controller::Health& health,
                        std::string_view version,
                        const StatusFilter& filter) {
  std::vector<const ServiceStatus*> chosen;
  std::size_t passed_over = 0;
  for (const auto& service : status.services) {
    if (filter.standing && service->standing != *filter.standing) continue;
    if (passed_over++ < filter.offset) continue;
    if (chosen.size() == filter.limit) break;
    chosen.push_back(service.get());
  }
  return document(status, health, version, chosen, History::Without);
}

Result<std::string> service_status_json(const Status& status,
                                        const controller::Health& health,
                                        std::string_view version,
                                        std::string_view service) {
  const auto found = find_service(status, service);
  if (!found) return fail(found.error());
  return document(status, health, version, {found->get()}, History::With);
}

std::optional<controller::Standing> standing_of(std::string_view word) {
  const auto* found = std::find_if(
      controller::kStandings.begin(),
      controller::kStandings.end(),
      [&](controller::Standing standing) { return controller::word(standing) == word; });
  if (found == controller::kStandings.end()) return std::nullopt;
  return *found;
}

}  // namespace dps::telemetry

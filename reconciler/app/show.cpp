#include "reconciler/app/show.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/rights.hpp"

namespace dps::app {
namespace {

Result<ServiceId> id_of(const std::string& name, const std::vector<ServiceId>& known) {
  if (name.starts_with('/')) {
    auto id = parse_service_id(name);
    if (!id) return fail(give_up("Usage", id.error().what, "SUBSCRIPTION/GROUP/NAME"));
    return id;
  }
  const auto parts = split(name, '/');
  if (parts.size() == 3) return ServiceId{parts[0], parts[1], parts[2]};
  std::vector<ServiceId> found;
  for (const auto& id : known) {
    const bool fits = parts.size() == 1
                          ? equal_ignoring_case(id.name, name)
                          : parts.size() == 2 && equal_ignoring_case(id.resource_group, parts[0]) &&
                                equal_ignoring_case(id.name, parts[1]);
    if (fits) found.push_back(id);
  }
  if (found.size() != 1) {
    return fail(give_up("Usage",
                        fmt::format("\"{}\" names {} in the manifests",
                                    printable(name, 120),
                                    found.empty() ? "no service" : "several services"),
                        "SUBSCRIPTION/GROUP/NAME, or --manifests and a name in them"));
  }
  return found.front();
}

std::string fingerprint_of(const Bookkeeping& book, const LiveHub& hub) {
  const auto found = book.fingerprints.find(host_digest(hub.host_name));
  return found == book.fingerprints.end() ? std::string() : found->second;
}

}  // namespace

Result<Shown> show(const std::string& name,
                   const std::vector<ServiceId>& known,
                   arm::Client& client,
                   std::stop_token stop) {
  const auto id = id_of(name, known);
  if (!id) return fail(id.error());
  auto live = client.get_service(*id, "", stop);
  if (!live) return fail(live.error());
  Shown shown{*std::move(live), {}, {}, {}, {}};
  if (const auto policies = client.list_keys(*id, "", stop)) {
    shown.policies.emplace();
    for (const auto& policy : *policies) shown.policies->emplace_back(policy.name, policy.rights);
  } else {
    shown.policies_problem = policies.error().what;
  }
  auto certificates = client.list_certificates(*id, stop);
  if (certificates) {
    shown.certificates = *std::move(certificates);
  } else {
    shown.certificates_problem = certificates.error().what;
  }
  return shown;
}

std::string show_text(const Shown& shown) {
  const auto& service = shown.service;
  const auto book = read_bookkeeping(service.tags);
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    out += fmt::format("{:<18}{}\n", name, printable(value, 300));
  };
  line("service", service.id.name);
  line("id", service.id.path());
  line("id scope", service.id_scope);
  line("state", service.state);
  line("devices", service.device_host);
  line("operations", service.service_host);
  line("location", service.location);
  line(
      "sku",
      service.sku_name + (service.sku_capacity ? fmt::format(" x {}", *service.sku_capacity) : ""));
  line("allocation policy", service.allocation_policy);
  line("public access", service.public_network_access.value_or("Enabled"));
  line("owner", book.owner ? *book.owner : "(nobody)");
  line("protected", book.protect ? "yes" : "no");
  for (const auto& rule : service.ip_filter_rules) {
    line("ip rule", fmt::format("{} {} {}", rule.name, rule.action, rule.mask));
  }
  for (const auto& hub : service.linked_hubs) {
    const auto fingerprint = fingerprint_of(book, hub);
    line("linked hub",
         fmt::format(
             "{}  {}  weight {}  {}  key of {}{}",
             hub.host_name,
             hub.location,
             hub.allocation_weight ? std::to_string(*hub.allocation_weight) : "-",
             hub.apply_allocation_policy.value_or(true) ? "allocated to" : "not allocated to",
             hub.key_name,
             fingerprint.empty() ? "" : "  fingerprint " + fingerprint));
  }
  if (shown.policies) {
    for (const auto& [name, rights] : *shown.policies) line("policy", name + ": " + rights);
  } else {
    line("policies", "could not be read: " + shown.policies_problem);
  }
  if (shown.certificates) {
    std::size_t longest = 0;
    for (const auto& one : *shown.certificates) longest = std::max(longest, one.name.size());
    for (const auto& one : *shown.certificates) {
      line("certificate",
           fmt::format("{:<{}}  {}  {}  until {}",
                       one.name,
                       std::min<std::size_t>(longest, 64),
                       one.thumbprint,
                       one.verified ? "verified" : "NOT verified",
                       one.expiry ? rfc3339(*one.expiry) : "?"));
    }
  } else {
    line("certificates", "could not be read: " + shown.certificates_problem);
  }
  for (const auto& [name, value] : service.tags) {
    if (!is_bookkeeping_tag(name)) line("tag", name + ": " + value);
  }
  return out;
}

std::string show_json(const Shown& shown) {
  const auto& service = shown.service;
  const auto book = read_bookkeeping(service.tags);
  OrderedJson hubs = OrderedJson::array(), tags = OrderedJson::object(),
              rules = OrderedJson::array();
  for (const auto& hub : service.linked_hubs) {
    hubs.push_back({{"host_name", hub.host_name},
                    {"location", hub.location},
                    {"allocation_weight",
                     hub.allocation_weight ? OrderedJson(*hub.allocation_weight) : OrderedJson()},
                    {"apply_allocation_policy", hub.apply_allocation_policy.value_or(true)},
                    {"key_name", hub.key_name},
                    {"fingerprint", fingerprint_of(book, hub)}});
  }
  for (const auto& rule : service.ip_filter_rules) {
    rules.push_back({{"name", rule.name},
                     {"action", rule.action},
                     {"mask", rule.mask},
                     {"target", rule.target ? OrderedJson(*rule.target) : OrderedJson()}});
  }
  for (const auto& [name, value] : service.tags) {
    if (!is_bookkeeping_tag(name)) tags[name] = value;
  }
  OrderedJson policies, certificates;
  if (shown.policies) {
    policies = OrderedJson::array();
    for (const auto& [name, rights] : *shown.policies) {
      policies.push_back({{"name", name}, {"rights", lenient_rights(rights).names()}});
    }
  }
  if (shown.certificates) {
    certificates = OrderedJson::array();
    for (const auto& one : *shown.certificates) {
      certificates.push_back(
          {{"name", one.name},
           {"thumbprint", one.thumbprint},
           {"subject", one.subject},
           {"verified", one.verified},
           {"expires_at", one.expiry ? OrderedJson(rfc3339(*one.expiry)) : OrderedJson()}});
    }
  }
  const OrderedJson record = {
      {"schema", "dps-reconciler/service/v1"},
      {"id", service.id.path()},
      {"name", service.id.name},
      {"id_scope", service.id_scope},
      {"state", service.state},
      {"etag", service.etag.text},
      {"device_provisioning_host_name", service.device_host},
      {"service_operations_host_name", service.service_host},
      {"location", service.location},
      {"sku",
       {{"name", service.sku_name},
        {"capacity", service.sku_capacity ? OrderedJson(*service.sku_capacity) : OrderedJson()}}},
      {"allocation_policy", service.allocation_policy},
      {"public_network_access", service.public_network_access.value_or("Enabled")},
      {"ip_filter_rules", rules},
      {"owner", book.owner ? OrderedJson(*book.owner) : OrderedJson()},
      {"protected", book.protect},
      {"tags", tags},
      {"linked_hubs", hubs},
      {"shared_access_policies", policies},
      {"certificates", certificates}};
  return record.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace dps::app

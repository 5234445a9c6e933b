// What only a token can see: subscriptions, the provider, permissions, locks, quotas, services.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "reconciler/app/doctor_parts.hpp"
#include "reconciler/arm/fault.hpp"
#include "reconciler/arm/permissions.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/url.hpp"
#include "reconciler/model/capabilities.hpp"

namespace dps::app {
namespace {

using Names = std::set<std::string, LessIgnoringCase>;

/// What the manifests want of one subscription.
struct Wanted {
  std::map<std::string, std::set<arm::When>, LessIgnoringCase> groups;  ///< of services
  Names hub_groups;
  std::vector<ServiceId> services;
  bool policies_may_be_kept = false;
};

std::set<arm::When> demands(const DesiredService& service, bool prune) {
  std::set<arm::When> out{arm::When::Always};
  if (service.location) out.insert(arm::When::Creates);
  if (service.policies) out.insert(arm::When::Policies);
  if (prune || service.lifecycle.state == LifecycleState::Absent) out.insert(arm::When::Deletes);
  for (const auto& certificate : service.certificates.value_or(std::vector<DesiredCertificate>{})) {
    out.insert(arm::When::Certificates);
    if (certificate.content) out.insert(arm::When::CertificateWrites);
  }
  if (service.certificates) out.insert(arm::When::Certificates);
  return out;
}

std::map<std::string, Wanted, LessIgnoringCase> wanted_of(const DesiredState& desired, bool prune) {
  std::map<std::string, Wanted, LessIgnoringCase> out;
  for (const auto& [id, service] : desired.services) {
    auto& wanted = out[id.subscription];
    wanted.services.push_back(id);
    wanted.groups[id.resource_group].merge(demands(service, prune));
    for (const auto& hub : service.linked_hubs.value_or(std::vector<DesiredHub>{})) {
      if (!hub.credential) continue;
      if (const auto* key = std::get_if<HubKeyReference>(&*hub.credential))
        out[key->subscription].hub_groups.insert(key->resource_group);
    }
  }
  return out;
}

class SubscriptionChecks {
 public:
  SubscriptionChecks(const Patient& patient,
                     Chart& chart,
                     std::string subscription,
                     const Wanted& wanted,
                     const std::stop_token& stop)
      : patient_(patient),
        chart_(chart),
        subscription_(std::move(subscription)),
        wanted_(wanted),
        stop_(stop) {}

  void run() {
    if (!reachable()) {
      return;
    }
    const bool registered = provider();
    Names groups = wanted_.hub_groups;
    for (const auto& [group, demanded] : wanted_.groups) groups.insert(group);
    permissions_of_subscription();
    for (const auto& group : groups) {
      if (permissions(group)) locks(group);
    }
    quota();
    if (!registered) {
      chart_.skip("services", subscription_, "not tried: the provider is not registered");
    } else {
      services();
    }
  }

 private:
  struct Asked {
    std::optional<Json> json;
    std::optional<Error> error;
  };

  Asked get(const std::string& path, std::string_view version) {
    auto answer = arm::accepted(ask(*patient_.exchange,
                                    fmt::format("{}/subscriptions/{}{}?api-version={}",
                                                patient_.cloud.arm,
                                                http::percent_encoded(subscription_),
                                                path,
                                                version),
                                    stop_));
    if (!answer) return {std::nullopt, answer.error()};
    for (const auto& [name, value] : answer->headers) {
      if (lower(name).starts_with("x-ms-ratelimit-remaining-subscription-"))
        remaining_[lower(name).substr(38)] = value;
    }
    auto json = parse_json(answer->body);
    if (json && json->is_object()) return {*std::move(json), std::nullopt};
    return {std::nullopt,
            Error{NextMove::RetryLater,
                  "BadAnswer",
                  "the answer is not what Azure would send",
                  "look for a proxy between here and Azure",
                  answer->status,
                  {}}};
  }

  std::string group_scope(const std::string& group) const { return subscription_ + "/" + group; }
  static std::string group_path(const std::string& group) {
    return "/resourceGroups/" + http::percent_encoded(group);
  }

  bool reachable() {
    const auto asked = get("", "2022-12-01");
    if (!asked.json) {
      const auto& error = *asked.error;
      // A role on a group alone cannot read the subscription, and need not.
      if (error.http_status == 403) {
        chart_.add({Mark::Warn,
                    "subscription",
                    subscription_,
                    "cannot be read itself: the role is on groups or resources below it",
                    "services are listed by group, and --prune cannot work",
                    "Reader on the subscription, if one list should do"});
        return true;
      }
      chart_.fail("subscription", subscription_, error, "nothing in it can be read or written");
      return false;
    }
    const auto state = text_member(*asked.json, "state");
    const auto said = fmt::format("\"{}\" is {}",
                                  printable(text_member(*asked.json, "displayName"), 80),
                                  state.empty() ? "readable" : printable(state, 40));
    if (state.empty() || equal_ignoring_case(state, "Enabled")) {
      chart_.ok("subscription", subscription_, said);
    } else {
      chart_.add({equal_ignoring_case(state, "Disabled") ? Mark::Fail : Mark::Warn,
                  "subscription",
                  subscription_,
                  said,
                  "writes are refused",
                  "its owner settles what Azure's portal shows for it"});
    }
    return true;
  }

  bool provider() {
    const auto asked = get("/providers/Microsoft.Devices", arm::kResourcesVersion);
    if (!asked.json) {
      chart_.add(
          {Mark::Skip, "provider", subscription_, "cannot be seen: " + asked.error->what, {}, {}});
      return true;
    }
    const auto state = text_member(*asked.json, "registrationState");
    if (!equal_ignoring_case(state, "Registered")) {
      chart_.add(
          {Mark::Fail,
           "provider",
           subscription_,
           "Microsoft.Devices is " + (state.empty() ? "unknown" : printable(state, 40)),
           "nothing can be read or written (MissingSubscriptionRegistration)",
           "az provider register --namespace Microsoft.Devices --subscription " + subscription_});
      return false;
    }
    versions(*asked.json);
    return true;
  }

  void versions(const Json& provider) {
    std::vector<std::string> offered;
    for (const auto& type : member(provider, "resourceTypes")) {
      if (!equal_ignoring_case(text_member(type, "resourceType"), "provisioningServices")) continue;
      for (const auto& version : member(type, "apiVersions")) {
        if (version.is_string()) offered.push_back(version.get<std::string>());
      }
    }
    const auto has = [&](std::string_view wanted) {
      return std::find(offered.begin(), offered.end(), wanted) != offered.end();
    };
    if (offered.empty() || (has(patient_.api_version) && has(kNewestVersion))) {
      chart_.ok("provider",
                subscription_,
                "Microsoft.Devices is registered" +
                    (offered.empty() ? "" : ", with version " + patient_.api_version));
      return;
    }
    std::string newest;
    for (const auto& known : known_versions()) {
      if (has(known.version)) newest = known.version;
    }
    const bool writes = has(patient_.api_version);
    chart_.add({writes || newest.empty() ? Mark::Warn : Mark::Fail,
                "provider",
                subscription_,
                fmt::format("Microsoft.Devices is registered, without version {}",
                            writes ? std::string(kNewestVersion) : patient_.api_version),
                writes ? "reads fall back to an older version" : "writes are refused",
                newest.empty() ? "look at --cloud and --arm-endpoint"
                               : "--api-version " + newest + " is the newest known one there"});
  }

  Result<std::vector<arm::Grant>> grants(const std::string& scope_path) {
    const auto asked =
        get(scope_path + "/providers/Microsoft.Authorization/permissions", "2022-04-01");
    if (!asked.json) return fail(*asked.error);
    return arm::parse_permissions(asked.json->dump());
  }

  /// Lines for what is missing; how many were there.
  std::size_t judge(const std::vector<arm::Grant>& granted,
                    const std::string& scope,
                    const std::function<bool(const arm::Need&)>& concerns) {
    std::size_t there = 0;
    for (const auto& need : arm::needs()) {
      if (!concerns(need)) continue;
      if (arm::allows(granted, need.action)) {
        ++there;
        continue;
      }
      // A plan that sees less is still a plan.
      const bool partial = need.scope == arm::Scope::Subscription;
      chart_.add({partial ? Mark::Warn : Mark::Fail,
                  "permissions",
                  scope,
                  "not allowed: " + need.action,
                  fmt::format("{}: {}", word(need.by), need.without),
                  "a role with that action for the identity above; new roles take minutes"});
    }
    return there;
  }

  void permissions_of_subscription() {
    const bool creates =
        std::any_of(wanted_.groups.begin(), wanted_.groups.end(), [](const auto& group) {
          return group.second.contains(arm::When::Creates);
        });
    if (!creates) return;
    const auto granted = grants("");
    if (!granted) {
      chart_.skip("permissions", subscription_, "cannot be seen: " + granted.error().what);
      return;
    }
    judge(*granted, subscription_, [](const arm::Need& need) {
      return need.scope == arm::Scope::Subscription;
    });
  }

  bool permissions(const std::string& group) {
    const auto granted = grants(group_path(group));
    if (!granted) {
      const auto& error = granted.error();
      if (error.id == "ResourceGroupNotFound") {
        chart_.fail("permissions", group_scope(group), error, "its services cannot be made");
        return false;
      }
      chart_.skip("permissions", group_scope(group), "cannot be seen: " + error.what);
      return true;
    }
    const auto of_services = wanted_.groups.find(group);
    const auto concerns = [&](const arm::Need& need) {
      if (need.scope == arm::Scope::HubGroup) return wanted_.hub_groups.contains(group);
      if (need.scope == arm::Scope::Subscription || of_services == wanted_.groups.end())
        return false;
      return of_services->second.contains(need.when);
    };
    std::vector<std::string> names;
    for (const auto& need : arm::needs()) {
      if (concerns(need) && arm::allows(*granted, need.action)) {
        const auto start = need.action.find("Microsoft.Devices/") == 0 ? 18U : 0U;
        names.push_back(need.action.substr(start));
      }
    }
    judge(*granted, group_scope(group), concerns);
    if (!names.empty())
      chart_.ok("permissions", group_scope(group), "allowed: " + join(names, ", "));
    return true;
  }

  void locks(const std::string& group) {
    const auto asked =
        get(group_path(group) + "/providers/Microsoft.Authorization/locks", "2016-09-01");
    const auto scope = group_scope(group);
    if (!asked.json || !member(*asked.json, "value").is_array()) {
      chart_.skip("locks", scope, "cannot be seen, which plan and apply do not need");
      return;
    }
    bool read_only = false, keeps = false;
    std::string name;
    for (const auto& lock : member(*asked.json, "value")) {
      const auto level = text_member(member(lock, "properties"), "level");
      read_only = read_only || equal_ignoring_case(level, "ReadOnly");
      keeps = keeps || equal_ignoring_case(level, "CanNotDelete");
      name = printable(text_member(lock, "name"), 80);
    }
    if (read_only) {
      chart_.add({Mark::Fail,
                  "locks",
                  scope,
                  fmt::format("a read-only lock (\"{}\")", name),
                  "apply: every write is refused, and so is reading keys (ScopeLocked)",
                  "az lock list --resource-group " + group + "; its owner takes it off"});
    } else if (keeps) {
      chart_.add({Mark::Warn,
                  "locks",
                  scope,
                  fmt::format("a lock against deletion (\"{}\")", name),
                  "services and certificates cannot be removed; the rest works",
                  "nothing, unless something is to be removed"});
    } else {
      chart_.ok("locks", scope, "none");
    }
  }

  void quota() {
    std::vector<std::string> parts;
    bool low = false;
    for (const auto& [name, value] : remaining_) {
      parts.push_back(fmt::format("{} {}", printable(value, 12), printable(name, 40)));
      low = low || value.size() < 2;
    }
    if (parts.empty()) {
      chart_.skip("quota", subscription_, "the answers do not tell what remains");
    } else if (low) {
      chart_.add({Mark::Warn,
                  "quota",
                  subscription_,
                  "remaining: " + join(parts, ", "),
                  "requests are held back (429) until it fills again",
                  "see who else signs in with this identity; lower --concurrency"});
    } else {
      chart_.ok("quota", subscription_, "remaining: " + join(parts, ", "));
    }
  }

  void services() {
    if (wanted_.services.empty()) return;
    std::size_t there = 0, missing = 0, moving = 0, broken = 0, unreadable = 0;
    std::string why;
    const auto listed = patient_.client->list_services(subscription_, stop_);
    for (const auto& id : wanted_.services) {
      Result<LiveService> live = fail(give_up("ServiceNotFound", "", ""));
      if (listed) {
        for (const auto& one : *listed) {
          if (one.id == id) live = one;
        }
      } else {
        live = patient_.client->get_service(id, "", stop_);
      }
      if (!live) {
        const bool gone = live.error().id == "ServiceNotFound";
        (gone ? missing : unreadable) += 1;
        if (!gone) why = live.error().what;
        continue;
      }
      ++there;
      const auto& state = live->state;
      if (state.ends_with("ing")) ++moving;
      if (state.ends_with("Failed") || state == "Deleted") ++broken;
    }
    auto said = fmt::format("{} of {} exist", there, wanted_.services.size());
    if (moving > 0) said += fmt::format(", {} in transition", moving);
    if (broken > 0) said += fmt::format(", {} in a failed state", broken);
    if (unreadable > 0) said += fmt::format(", {} cannot be read: {}", unreadable, why);
    if (unreadable > 0 || broken > 0) {
      chart_.add({unreadable > 0 ? Mark::Fail : Mark::Warn,
                  "services",
                  subscription_,
                  said,
                  unreadable > 0 ? "they cannot be planned" : "they are blocked, never made anew",
                  unreadable > 0 ? "see the lines above" : "dps-reconciler plan names them"});
    } else {
      chart_.ok("services", subscription_, said);
    }
  }

  const Patient& patient_;
  Chart& chart_;
  const std::string subscription_;
  const Wanted& wanted_;
  const std::stop_token stop_;
  std::map<std::string, std::string> remaining_;
};

}  // namespace

void look_at_subscriptions(const Patient& patient,
                           Chart& chart,
                           const std::string& why_not,
                           const std::stop_token& stop) {
  if (patient.manifests == nullptr) {
    chart.skip("subscription", "", "not tried: no manifest names one");
    return;
  }
  const auto all = wanted_of(patient.manifests->desired, patient.prune);
  if (all.empty()) chart.skip("subscription", "", "not tried: no manifest names one");
  for (const auto& [subscription, wanted] : all) {
    const auto& own = patient.own_credentials;
    const bool signs_in_itself = patient.exchange != nullptr &&
                                 std::any_of(own.begin(), own.end(), [&](const std::string& one) {
                                   return equal_ignoring_case(one, subscription);
                                 });
    if (!why_not.empty() && !signs_in_itself) {
      chart.skip("subscription", subscription, "not tried, nor anything in it: " + why_not);
    } else if (stop.stop_requested()) {
      chart.skip("subscription", subscription, "not tried: out of time, or interrupted");
    } else {
      SubscriptionChecks(patient, chart, subscription, wanted, stop).run();
    }
  }
}

}  // namespace dps::app

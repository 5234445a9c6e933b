#include "reconciler/arm/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "reconciler/arm/preflight.hpp"
#include "reconciler/arm/task_pool.hpp"

namespace dps::arm {
namespace {

bool wants_policies(const DesiredService& desired) {
  return desired.policies && desired.lifecycle.state == LifecycleState::Present;
}

bool wants_certificates(const DesiredService& desired) {
  return desired.certificates && desired.lifecycle.state == LifecycleState::Present;
}

bool wants_another_sku(const DesiredService& desired, const LiveService& live) {
  if (!desired.sku || desired.lifecycle.state != LifecycleState::Present) return false;
  return !equal_ignoring_case(desired.sku->name, live.sku_name) ||
         (desired.sku->capacity && desired.sku->capacity != live.sku_capacity);
}

Seen<LiveCertificate> seen_certificates(Result<std::vector<LiveCertificate>> list) {
  Seen<LiveCertificate> out;
  if (list) {
    out.entries = *std::move(list);
  } else {
    out.refused = std::move(list.error());
  }
  return out;
}

Seen<LivePolicy> seen_policies(const Result<std::vector<PolicyWithKeys>>& list,
                               const KeyDigester& digester) {
  Seen<LivePolicy> out;
  if (list) {
    out.entries.emplace();
    for (const auto& policy : *list) out.entries->push_back(without_keys(policy, digester));
  } else {
    out.refused = list.error();
  }
  return out;
}

/// One run of read_live: tasks fill `live_` under the mutex.
class Reading {
 public:
  Reading(const DesiredState& desired,
          const ReadOptions& options,
          Client& client,
          const KeyDigester& digester,
          const std::stop_token& stop)
      : desired_(desired), options_(options), client_(client), digester_(digester), stop_(stop) {}

  LiveState run() {
    std::map<std::string, std::vector<const DesiredService*>, LessIgnoringCase> subscriptions;
    for (const auto& [id, service] : desired_.services) {
      subscriptions[id.subscription].push_back(&service);
    }
    {
      TaskPool pool(options_.concurrency);
      pool_ = &pool;
      // The lists first: their chains of pages are what lasts longest.
      for (const auto& one : subscriptions) {
        pool.add([this, &one] { list(one.first, one.second); });
      }
      for (const auto& one : desired_.services) {
        if (wants_certificates(one.second) || options_.certificate_reads == CertificateReads::All) {
          pool.add([this, &one] { list_certificates(one.second); });
        }
      }
      pool.wait();
    }
    for (auto& [id, seen] : certificates_) {
      if (const auto found = live_.services.find(id); found != live_.services.end()) {
        found->second.certificates = std::move(seen);
      }
    }
    // Which of several refusals of one scope was kept must not depend on chance alone: by scope.
    std::sort(live_.unseen.begin(),
              live_.unseen.end(),
              [](const Unseen& left, const Unseen& right) { return left.scope < right.scope; });
    return std::move(live_);
  }

 private:
  using Wanted = std::vector<const DesiredService*>;

  void list(const std::string& subscription, const Wanted& wanted) {
    auto services = client_.list_services(subscription, stop_);
    if (services) {
      take_list(*std::move(services), wanted);
      return;
    }
    const auto error = in_context("listing subscription " + subscription, services.error());
    const bool denied = is_denied(error);
    {
      const std::lock_guard lock(mutex_);
      live_.unlisted.emplace(subscription, error);
      if (!denied) {
        for (const auto* service : wanted) live_.unreadable.emplace(service->id, error);
      }
    }
    if (denied) list_groups(subscription, wanted);
  }

  void list_groups(const std::string& subscription, const Wanted& wanted) {
    std::map<std::string, Wanted, LessIgnoringCase> groups;
    for (const auto* service : wanted) groups[service->id.resource_group].push_back(service);
    for (auto& [group, members] : groups) {
      pool_->add([this, subscription, group = group, members = std::move(members)] {
        list_group(subscription, group, members);
      });
    }
  }

  void list_group(const std::string& subscription, const std::string& group, const Wanted& wanted) {
    auto services = client_.list_services_of_group(subscription, group, stop_);
    if (services) {
      take_list(*std::move(services), wanted);
      return;
    }
    if (is_denied(services.error())) {
      for (const auto* service : wanted) {
        pool_->add([this, service] { get(*service); });
      }
      return;
    }
    const auto error = in_context("listing resource group " + group, services.error());
    const std::lock_guard lock(mutex_);
    for (const auto* service : wanted) live_.unreadable.emplace(service->id, error);
  }

  void take_list(std::vector<LiveService> services, const Wanted& wanted) {
    std::vector<const DesiredService*> absent;
    std::vector<const DesiredService*> present;
    {
      const std::lock_guard lock(mutex_);
      for (auto& service : services) {
        auto id = service.id;
        live_.services.insert_or_assign(std::move(id), std::move(service));
      }
      for (const auto* service : wanted) {
        (live_.services.count(service->id) == 0 ? absent : present).push_back(service);
      }
    }
    for (const auto* service : present) look_closer(*service);
    for (const auto* service : absent) {
      pool_->add([this, service] { get(*service); });
    }
  }

  // The list does not show it, or there is no list.
  void get(const DesiredService& desired) {
    auto live = client_.get_service(desired.id, {}, stop_);
    if (live) {
      {
        const std::lock_guard lock(mutex_);
        live_.services.insert_or_assign(desired.id, *std::move(live));
      }
      look_closer(desired);
      return;
    }
    if (live.error().id != "ServiceNotFound") {
      const std::lock_guard lock(mutex_);
      live_.unreadable.emplace(desired.id, in_context("reading the service", live.error()));
      return;
    }
    PreflightResult result;
    if (desired.declared && desired.lifecycle.state == LifecycleState::Present) {
      result = look_before_create(desired.id, groups_, client_, stop_);
    }
    const std::lock_guard lock(mutex_);
    live_.missing.emplace(desired.id, std::move(result.preflight));
    for (auto& unseen : result.unseen) add_unseen(std::move(unseen));
  }

  // What costs a request of its own, of a service that is there.
  void look_closer(const DesiredService& desired) {
    if (wants_policies(desired) && options_.key_reads == KeyReads::Ask) {
      pool_->add([this, &desired] { list_policies(desired); });
    }
    bool sku = false;
    {
      const std::lock_guard lock(mutex_);
      sku = wants_another_sku(desired, live_.services.at(desired.id));
    }
    if (sku) pool_->add([this, &desired] { check_sku(desired); });
  }

  void list_certificates(const DesiredService& desired) {
    auto seen = seen_certificates(client_.list_certificates(desired.id, stop_));
    const std::lock_guard lock(mutex_);
    certificates_.emplace(desired.id, std::move(seen));
  }

  void list_policies(const DesiredService& desired) {
    auto seen = seen_policies(client_.list_keys(desired.id, {}, stop_), digester_);
    const std::lock_guard lock(mutex_);
    if (seen.refused && is_denied(*seen.refused)) {
      add_unseen(
          {fmt::format("listkeys in subscription {}", desired.id.subscription), *seen.refused});
    }
    if (const auto found = live_.services.find(desired.id); found != live_.services.end()) {
      found->second.policies = std::move(seen);
    }
  }

  void check_sku(const DesiredService& desired) {
    const auto skus = client_.list_skus(desired.id, stop_);
    const std::lock_guard lock(mutex_);
    if (!skus) {
      add_unseen({fmt::format("skus in subscription {}", desired.id.subscription), skus.error()});
      return;
    }
    const bool known = std::any_of(skus->begin(), skus->end(), [&](const std::string& name) {
      return equal_ignoring_case(name, desired.sku->name);
    });
    if (known) return;
    live_.services.erase(desired.id);
    live_.unreadable.emplace(
        desired.id,
        give_up("BadSku",
                fmt::format("the service cannot have the SKU {}", desired.sku->name),
                fmt::format("it may have {}", join(*skus, ", "))));
  }

  // Under the mutex; one entry per scope.
  void add_unseen(Unseen unseen) {
    for (const auto& known : live_.unseen) {
      if (equal_ignoring_case(known.scope, unseen.scope)) return;
    }
    live_.unseen.push_back(std::move(unseen));
  }

  const DesiredState& desired_;
  const ReadOptions& options_;
  Client& client_;
  const KeyDigester& digester_;
  const std::stop_token stop_;
  TaskPool* pool_ = nullptr;
  GroupLooks groups_;

  std::mutex mutex_;
  LiveState live_;
  std::map<ServiceId, Seen<LiveCertificate>> certificates_;
};

}  // namespace

LiveState read_live(const DesiredState& desired,
                    const ReadOptions& options,
                    Client& client,
                    const KeyDigester& digester,
                    const std::stop_token& stop) {
  return Reading(desired, options, client, digester, stop).run();
}

Result<LiveService> read_one(const DesiredService& desired,
                             const ReadOptions& options,
                             Client& client,
                             const KeyDigester& digester,
                             const std::stop_token& stop) {
  auto live = client.get_service(desired.id, {}, stop);
  if (!live) return live;
  if (wants_certificates(desired)) {
    live->certificates = seen_certificates(client.list_certificates(desired.id, stop));
  }
  if (wants_policies(desired) && options.key_reads == KeyReads::Ask) {
    live->policies = seen_policies(client.list_keys(desired.id, {}, stop), digester);
  }
  return live;
}

}  // namespace dps::arm

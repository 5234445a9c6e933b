#include <fmt/format.h>

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "reconciler/arm/read.hpp"
#include "reconciler/arm/task_pool.hpp"
#include "reconciler/base/match.hpp"

namespace dps::arm {
namespace {

Result<ConnectionString> checked(const std::string& host, Result<ConnectionString> connection) {
  if (!connection) return connection;
  if (!equal_ignoring_case(connection->host_name, host)) {
    return fail(give_up("BadConnectionString",
                        fmt::format("the connection string of hub {} is that of another host",
                                    printable(host, 100)),
                        "let the credential name a connection string of this hub"));
  }
  if (connection->masked() || connection->key.empty()) {
    return fail(give_up(
        "BadConnectionString",
        fmt::format("the connection string of hub {} has no key in it", printable(host, 100))));
  }
  return connection;
}

ConnectionString connection_of(const std::string& host,
                               const HubKeyReference& reference,
                               const PolicyWithKeys& keys) {
  return {host,
          keys.name.empty() ? reference.policy : keys.name,
          reference.key == KeyKind::Primary ? keys.primary : keys.secondary};
}

// Hub and policy: one answer carries both keys.
std::string question(const HubKeyReference& reference) {
  return lower(reference.hub_path() + "/" + reference.policy);
}

KeyFact fact_of(const ServiceId& service, const Result<ConnectionString>& connection) {
  KeyFact fact;
  if (connection) {
    fact.digest = hub_fingerprint(service, *connection);
  } else {
    fact.problem = connection.error();
  }
  return fact;
}

Result<ConnectionString> from_reader(const std::string& host,
                                     const SecretReference& reference,
                                     SecretReader& secrets,
                                     const std::stop_token& stop) {
  const auto text = secrets.read(reference, stop);
  if (!text) return fail(text.error());
  auto connection = parse_connection_string(text->reveal());
  if (!connection) return fail(in_context(describe(reference), connection.error()));
  return checked(host, std::move(connection));
}

}  // namespace

Result<ConnectionString> hub_connection(const std::string& host,
                                        const HubCredential& credential,
                                        Client& client,
                                        SecretReader& secrets,
                                        const std::stop_token& stop) {
  return match(
      credential,
      [&](const HubKeyReference& reference) -> Result<ConnectionString> {
        const auto keys = client.hub_keys(reference, stop);
        if (!keys) return fail(keys.error());
        return checked(host, connection_of(host, reference, *keys));
      },
      [&](const SecretReference& reference) {
        return from_reader(host, reference, secrets, stop);
      });
}

KeyFacts read_keys(const DesiredState& desired,
                   const LiveState& live,
                   const ReadOptions& options,
                   Client& client,
                   SecretReader& secrets,
                   const KeyDigester& digester,
                   const std::stop_token& stop) {
  struct Asker {
    ServiceId service;
    const DesiredHub* hub;
    const HubKeyReference* reference;
  };
  KeyFacts facts;
  std::mutex mutex;
  std::map<std::string, std::vector<Asker>> hubs;  // by question

  TaskPool pool(options.concurrency);
  const auto read_policy_key = [&](const ServiceId& id,
                                   const DesiredPolicy& policy,
                                   const std::optional<SecretReference>& reference,
                                   std::map<KeyFacts::Entry, KeyFact> KeyFacts::*into) {
    if (!reference) return;
    pool.add([&, id, into] {
      const auto key = secrets.read(*reference, stop);
      KeyFact fact;
      if (key) {
        fact.digest = digester.digest(key->reveal());
      } else {
        fact.problem = key.error();
      }
      const std::lock_guard lock(mutex);
      (facts.*into).insert_or_assign({id, lower(policy.name)}, std::move(fact));
    });
  };
  const auto read_hub = [&](const ServiceId& id, const DesiredHub& hub) {
    if (!hub.credential || hub.presence == Presence::Absent) return;
    const KeyFacts::Entry entry{id, lower(hub.host_name)};
    if (const auto* reference = std::get_if<HubKeyReference>(&*hub.credential)) {
      if (options.key_reads == KeyReads::Skip) {
        const std::lock_guard lock(mutex);
        facts.hubs.emplace(entry, KeyFact{});
      } else {
        hubs[question(*reference)].push_back({id, &hub, reference});
      }
      return;
    }
    const auto& reference = std::get<SecretReference>(*hub.credential);
    pool.add([&, id, entry] {
      auto fact = fact_of(id, from_reader(hub.host_name, reference, secrets, stop));
      const std::lock_guard lock(mutex);
      facts.hubs.insert_or_assign(entry, std::move(fact));
    });
  };

  for (const auto& [id, service] : desired.services) {
    if (live.unreadable.count(id) > 0 || service.lifecycle.state != LifecycleState::Present) {
      continue;
    }
    if (service.linked_hubs) {
      for (const auto& hub : *service.linked_hubs) read_hub(id, hub);
    }
    if (service.policies) {
      for (const auto& policy : *service.policies) {
        if (policy.presence == Presence::Absent) continue;
        read_policy_key(id, policy, policy.primary_key, &KeyFacts::primary_keys);
        read_policy_key(id, policy, policy.secondary_key, &KeyFacts::secondary_keys);
      }
    }
  }
  for (const auto& [asked, askers] : hubs) {
    pool.add([&, &askers = askers] {
      const auto keys = client.hub_keys(*askers.front().reference, stop);
      for (const auto& asker : askers) {
        const auto& host = asker.hub->host_name;
        auto fact = keys ? fact_of(asker.service,
                                   checked(host, connection_of(host, *asker.reference, *keys)))
                         : KeyFact{{}, keys.error()};
        const std::lock_guard lock(mutex);
        facts.hubs.insert_or_assign({asker.service, lower(host)}, std::move(fact));
      }
    });
  }
  pool.wait();
  return facts;
}

}  // namespace dps::arm

// read: what ARM shows of everything that the manifests speak of, in as few requests as can be.
#pragma once

#include <cstddef>
#include <set>
#include <stop_token>
#include <string>

#include "reconciler/arm/client.hpp"
#include "reconciler/arm/secret_reader.hpp"
#include "reconciler/model/key_facts.hpp"
#include "reconciler/model/state.hpp"

namespace dps::arm {

/// The reads that are charged to the write quota: listkeys of services and of hubs.
enum class KeyReads { Ask, Skip };

/// Whose certificates: of services whose manifest names some, or of all wanted services.
enum class CertificateReads { Named, All };

struct ReadOptions {
  std::size_t concurrency = 64;
  KeyReads key_reads = KeyReads::Ask;
  CertificateReads certificate_reads = CertificateReads::Named;
};

/// One list of services per subscription that `desired` names; refused (403) there, one per
/// resource group; refused there, one GET per service. Beside them one list of certificates per
/// service whose manifest names certificates; then one listkeys per service whose manifest names
/// policies, and one list of SKUs per service whose SKU is to change.
///
/// A wanted service that no list shows is asked for by a GET. Missing is what that says (the
/// service, not its group or subscription): then, unless the manifest wants it gone, its group and
/// its name are looked at. A failure is an entry of `unreadable`, never a gap; a POST that is
/// denied or locked is one entry of `unseen` per subscription.
///
/// Services of the subscriptions that nobody names are in the result too, without certificates and
/// policies. Blocking; threads of its own, gone when it returns.
LiveState read_live(const DesiredState& desired,
                    const ReadOptions& options,
                    Client& client,
                    const KeyDigester& digester,
                    const std::stop_token& stop);

/// One service afresh, as read_live would see it: for a pass over a single service.
/// Errors as get_service; ServiceNotFound is one of them.
Result<LiveService> read_one(const DesiredService& desired,
                             const ReadOptions& options,
                             Client& client,
                             const KeyDigester& digester,
                             const std::stop_token& stop);

/// The secrets of the manifests, digested. Hubs are asked once per (hub, policy), however many
/// services link them, and not at all with KeyReads::Skip; environment, files and programs always.
/// Services in `live.unreadable` are left out. What cannot be had is a fact with a problem.
KeyFacts read_keys(const DesiredState& desired,
                   const LiveState& live,
                   const ReadOptions& options,
                   Client& client,
                   SecretReader& secrets,
                   const KeyDigester& digester,
                   const std::stop_token& stop);

/// The connection string of one hub, in clear: for the moment of the write. Errors: those of
/// hub_keys and of the reader; "BadConnectionString" when it is another host's or has no key.
Result<ConnectionString> hub_connection(const std::string& host,
                                        const HubCredential& credential,
                                        Client& client,
                                        SecretReader& secrets,
                                        const std::stop_token& stop);

}  // namespace dps::arm

// translate: the changes of a plan -> what is to be laid over the live document. Here the secrets
// are read, at the moment of the write.
#pragma once

#include <functional>
#include <set>
#include <stop_token>
#include <string>

#include "reconciler/arm/write_request.hpp"
#include "reconciler/base/result.hpp"
#include "reconciler/model/bookkeeping.hpp"
#include "reconciler/model/connection_string.hpp"
#include "reconciler/model/desired_service.hpp"
#include "reconciler/model/live_service.hpp"
#include "reconciler/plan/plan.hpp"

namespace dps::apply {

/// Where the values come from. The errors are those of the source.
struct Secrets {
  std::function<Result<ConnectionString>(const ServiceId&, const DesiredHub&)> hub;
  std::function<Result<Secret>(const SecretReference&)> key;
};

using plan::identity;

/// The changes that are to be made now: not held and, when they destroy, in `allowed` (identities
/// of what was judged by the guards).
bool is_due(const plan::Change& change, const std::set<std::string>& allowed);

/// The due changes as one update. Bookkeeping tags are part of it: those of the plan, with the
/// fingerprints of the connection strings that are sent.
Result<arm::ServiceWrite> to_update(const plan::ServicePlan& plan,
                                    const DesiredService& desired,
                                    const LiveService& live,
                                    const std::set<std::string>& allowed,
                                    const Secrets& secrets);

/// A whole new service. GiveUp "LocationMissing" or "SkuMissing" when the manifest has none.
Result<arm::ServiceCreate> to_create(const plan::ServicePlan& plan,
                                     const DesiredService& desired,
                                     const Secrets& secrets);

/// The live bookkeeping tags made those of `book`, nothing else.
arm::ServiceWrite to_bookkeeping(const Bookkeeping& book, const LiveService& live);

/// Our bookkeeping tags off, nothing else.
arm::ServiceWrite to_release(const LiveService& live);

}  // namespace dps::apply

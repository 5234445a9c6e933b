#include "reconciler/arm/preflight.hpp"

#include <fmt/format.h>

#include <utility>

#include "reconciler/base/text.hpp"

namespace dps::arm {

bool is_denied(const Error& error) {
  return error.id == "AuthorizationFailed" || error.id == "ScopeLocked" ||
         error.id == "RequestDisallowedByPolicy";
}

Result<void> GroupLooks::get(const ServiceId& id, Client& client, const std::stop_token& stop) {
  const auto key = lower(id.subscription + "/" + id.resource_group);
  std::promise<Result<void>> first;
  std::shared_future<Result<void>> known;
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found != known_.end()) {
      known = found->second;
    } else {
      known_.emplace(key, first.get_future().share());
    }
  }
  if (known.valid()) return known.get();
  auto answer = client.get_resource_group(id.subscription, id.resource_group, stop);
  first.set_value(answer);
  return answer;
}

PreflightResult look_before_create(const ServiceId& id,
                                   GroupLooks& groups,
                                   Client& client,
                                   const std::stop_token& stop) {
  PreflightResult out;
  const auto take = [&](Error error, std::string scope) {
    if (is_denied(error)) {
      out.unseen.push_back({std::move(scope), std::move(error)});
    } else {
      out.preflight.problems.push_back(std::move(error));
    }
  };

  if (auto group = groups.get(id, client, stop); !group) {
    auto error = group.error();
    // A plain 404 of this address can only mean the group.
    if (error.http_status == 404 && error.id != "SubscriptionNotFound") {
      error.id = "ResourceGroupNotFound";
      error.remedy = "make the resource group, or correct its name in the manifest";
    }
    take(std::move(error),
         fmt::format("resource group {} in subscription {}", id.resource_group, id.subscription));
  }
  if (auto name = client.check_name(id.subscription, id.name, stop); !name) {
    take(name.error(), fmt::format("name check in subscription {}", id.subscription));
  } else if (!name->available) {
    out.preflight.problems.push_back(Error{
        NextMove::WaitForOthers,
        "NameTaken",
        fmt::format(
            "the name {} is taken{}{}", id.name, name->message.empty() ? "" : ": ", name->message),
        "names are global in Azure: take another one; that of a service deleted lately is "
        "free again after a while",
        0,
        {}});
  }
  return out;
}

}  // namespace dps::arm

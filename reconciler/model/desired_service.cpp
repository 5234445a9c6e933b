#include "reconciler/model/desired_service.hpp"

#include <algorithm>
#include <tuple>

namespace dps {
namespace {

auto wish(const DesiredHub& hub) {
  return std::tie(hub.host_name,
                  hub.location,
                  hub.allocation_weight,
                  hub.apply_allocation_policy,
                  hub.credential,
                  hub.presence);
}

auto wish(const DesiredPolicy& policy) {
  return std::tie(
      policy.name, policy.rights, policy.primary_key, policy.secondary_key, policy.presence);
}

auto wish(const DesiredCertificate& ca) {
  return std::tie(ca.name,
                  ca.content,
                  ca.thumbprint,
                  ca.verification,
                  ca.signer,
                  ca.strategy,
                  ca.overlap,
                  ca.retire,
                  ca.slots,
                  ca.revoked,
                  ca.presence);
}

auto wish(const Block& block) {
  return std::tie(block.id, block.message);
}

template <class Entry>
bool same(const std::vector<Entry>& left, const std::vector<Entry>& right) {
  return std::equal(
      left.begin(), left.end(), right.begin(), right.end(), [](const auto& one, const auto& other) {
        return wish(one) == wish(other);
      });
}

template <class Entry>
bool same(const std::optional<std::vector<Entry>>& left,
          const std::optional<std::vector<Entry>>& right) {
  return left.has_value() == right.has_value() && (!left || same(*left, *right));
}

auto plain_part(const DesiredService& service) {
  return std::tie(service.declared,
                  service.named_owner,
                  service.location,
                  service.sku,
                  service.allocation_policy,
                  service.public_network_access,
                  service.ip_filter_rules,
                  service.data_residency,
                  service.tags,
                  service.lifecycle);
}

}  // namespace

bool wants_the_same(const DesiredService& left, const DesiredService& right) {
  return left.id == right.id && plain_part(left) == plain_part(right) &&
         same(left.linked_hubs, right.linked_hubs) && same(left.policies, right.policies) &&
         same(left.certificates, right.certificates) && same(left.blocks, right.blocks);
}

}  // namespace dps

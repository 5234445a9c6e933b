#include "reconciler/model/key_facts.hpp"

#include "reconciler/base/crypto.hpp"

namespace dps {

std::string KeyDigester::digest(std::string_view secret) const {
  return base64url(hmac_sha256(key, secret));
}

KeyDigester random_digester() {
  return {random_bytes(32)};
}

std::string hub_fingerprint(const ServiceId& service, const ConnectionString& connection) {
  Secret all(service.key() + "\n" + lower(connection.host_name) + "\n" + connection.key_name +
             "\n" + connection.key.reveal());
  return short_digest(all.reveal(), 8);
}

KeyFacts KeyFacts::of(const ServiceId& service) const {
  KeyFacts out;
  const auto copy = [&](const auto& from, auto& to) {
    for (auto at = from.lower_bound({service, ""}); at != from.end() && at->first.first == service;
         ++at) {
      to.insert(*at);
    }
  };
  copy(hubs, out.hubs);
  copy(primary_keys, out.primary_keys);
  copy(secondary_keys, out.secondary_keys);
  return out;
}

}  // namespace dps

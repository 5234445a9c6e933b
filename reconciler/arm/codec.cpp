#include "reconciler/arm/codec.hpp"

#include "reconciler/base/json.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/model/connection_string.hpp"

namespace dps::arm {
namespace {

std::optional<std::int64_t> number_member(const Json& object, std::string_view name) {
  const auto& value = member(object, name);
  if (!value.is_number()) return std::nullopt;
  return value.get<std::int64_t>();
}

std::optional<bool> bool_member(const Json& object, std::string_view name) {
  const auto& value = member(object, name);
  if (!value.is_boolean()) return std::nullopt;
  return value.get<bool>();
}

LiveHub decode_hub(const Json& entry) {
  LiveHub hub;
  hub.host_name = text_member(entry, "name");
  if (const auto text = text_member(entry, "connectionString"); !text.empty()) {
    if (const auto connection = parse_connection_string(text)) {
      hub.key_name = connection->key_name;
      if (hub.host_name.empty()) hub.host_name = connection->host_name;
    }
  }
  if (hub.host_name.empty()) hub.host_name = text_member(entry, "hostName");
  hub.location = text_member(entry, "location");
  hub.allocation_weight = number_member(entry, "allocationWeight");
  hub.apply_allocation_policy = bool_member(entry, "applyAllocationPolicy");
  hub.authentication_type = text_member(entry, "authenticationType");
  return hub;
}

IpFilterRule decode_rule(const Json& entry) {
  IpFilterRule rule;
  rule.name = text_member(entry, "filterName");
  rule.action = text_member(entry, "action");
  rule.mask = text_member(entry, "ipMask");
  if (member(entry, "target").is_string()) rule.target = text_member(entry, "target");
  return rule;
}

Tags decode_tags(const Json& object) {
  Tags tags;
  if (!object.is_object()) return tags;
  for (const auto& [name, value] : object.items()) {
    tags.emplace(name, value.is_string() ? value.get<std::string>() : std::string());
  }
  return tags;
}

std::string kept_text(const Json& document) {
  const auto& properties = member(document, "properties");
  if (!properties.is_object() || !properties.contains("authorizationPolicies")) {
    return canonical_text(document);
  }
  auto kept = document;
  kept["properties"].erase("authorizationPolicies");
  return canonical_text(kept);
}

}  // namespace

Result<LiveService> decode_service(const Json& document, std::string_view version) {
  const auto id = parse_service_id(text_member(document, "id"));
  if (!id) {
    return fail(Error{NextMove::RetryLater,
                      "BadAnswer",
                      "ARM answered with something that is no provisioning service",
                      "check that the endpoint is Azure Resource Manager",
                      0,
                      {}});
  }
  const auto& properties = member(document, "properties");
  const auto& sku = member(document, "sku");

  LiveService live;
  live.id = *id;
  live.etag.text = text_member(document, "etag");
  live.location = text_member(document, "location");
  live.state = text_member(properties, "state");
  live.sku_name = text_member(sku, "name");
  live.sku_capacity = number_member(sku, "capacity");
  live.allocation_policy = text_member(properties, "allocationPolicy");
  if (member(properties, "publicNetworkAccess").is_string()) {
    live.public_network_access = text_member(properties, "publicNetworkAccess");
  }
  for (const auto& entry : member(properties, "ipFilterRules")) {
    live.ip_filter_rules.push_back(decode_rule(entry));
  }
  live.data_residency = bool_member(properties, "enableDataResidency");
  live.tags = decode_tags(member(document, "tags"));
  for (const auto& entry : member(properties, "iotHubs")) {
    live.linked_hubs.push_back(decode_hub(entry));
  }
  live.id_scope = text_member(properties, "idScope");
  live.device_host = text_member(properties, "deviceProvisioningHostName");
  live.service_host = text_member(properties, "serviceOperationsHostName");
  const auto& identity = member(document, "identity");
  live.identity_type = text_member(identity, "type");
  if (live.identity_type.empty()) live.identity_type = text_member(identity, "identityType");
  live.local_auth_disabled = bool_member(properties, "disableLocalAuth").value_or(false);
  const auto& endpoints = member(properties, "privateEndpointConnections");
  live.private_endpoints = endpoints.is_array() && !endpoints.empty();
  live.api_version = version;
  live.document = kept_text(document);
  return live;
}

LiveCertificate decode_certificate(const Json& document) {
  const auto& properties = member(document, "properties");
  LiveCertificate certificate;
  certificate.name = text_member(document, "name");
  certificate.etag.text = text_member(document, "etag");
  certificate.thumbprint = upper(text_member(properties, "thumbprint"));
  certificate.subject = text_member(properties, "subject");
  certificate.expiry = parse_rfc1123(text_member(properties, "expiry"));
  certificate.updated = parse_rfc1123(text_member(properties, "updated"));
  certificate.verified = bool_member(properties, "isVerified").value_or(false);
  return certificate;
}

Result<LiveCertificate> decode_certificate_answer(const Json& document) {
  auto certificate = decode_certificate(document);
  const char* lacks = certificate.thumbprint.empty()  ? "thumbprint"
                      : certificate.etag.text.empty() ? "etag"
                                                      : nullptr;
  if (lacks != nullptr) {
    return fail(
        Error{NextMove::RetryLater,
              "BadAnswer",
              std::string("ARM showed a certificate without its ") + lacks,
              "check that the endpoint is Azure Resource Manager and no proxy stands before",
              200,
              {}});
  }
  return certificate;
}

PolicyWithKeys decode_policy(const Json& policy) {
  PolicyWithKeys out;
  out.name = text_member(policy, "keyName");
  out.rights = text_member(policy, "rights");
  out.primary = Secret(text_member(policy, "primaryKey"));
  out.secondary = Secret(text_member(policy, "secondaryKey"));
  Json others = Json::object();
  if (policy.is_object()) {
    for (const auto& [name, value] : policy.items()) {
      if (name != "keyName" && name != "rights" && name != "primaryKey" && name != "secondaryKey") {
        others[name] = value;
      }
    }
  }
  out.others = canonical_text(others);
  return out;
}

LivePolicy without_keys(const PolicyWithKeys& policy, const KeyDigester& digester) {
  const auto digest = [&](const Secret& key) {
    return key.empty() ? std::string() : digester.digest(key.reveal());
  };
  return {
      policy.name, lenient_rights(policy.rights), digest(policy.primary), digest(policy.secondary)};
}

}  // namespace dps::arm

#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "tests/arm_simulator/fleet.hpp"
#include "tests/arm_simulator/state.hpp"

namespace dps::sim {

namespace {
namespace fs = std::filesystem;

std::string quoted(const Json& value) {
  return value.dump();
}  // JSON text is YAML text

std::optional<std::string> write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return fmt::format("cannot write {}", path.string());
  return std::nullopt;
}

struct HubPlace {
  std::string group;
  std::string primary;  // of iothubowner
};

std::string hubs_yaml(const Json& hubs, const std::map<std::string, HubPlace>& places) {
  if (hubs.empty()) return "  linkedHubs: []\n";
  std::string yaml = "  linkedHubs:\n";
  for (const auto& hub : hubs) {
    const auto parts = parse_connection_string(hub.at("connectionString").get<std::string>());
    if (!parts) continue;
    yaml += fmt::format("    - hostName: {}\n", parts->host_name);
    yaml += fmt::format("      location: {}\n", quoted(hub.at("location")));
    if (hub.contains("allocationWeight"))
      yaml += fmt::format("      allocationWeight: {}\n", hub["allocationWeight"].dump());
    if (hub.contains("applyAllocationPolicy"))
      yaml += fmt::format("      applyAllocationPolicy: {}\n", hub["applyAllocationPolicy"].dump());
    const auto place = places.find(lower(parts->host_name));
    if (place != places.end())
      yaml += fmt::format(
          "      credential:\n        hub: {{resourceGroup: {}, policy: {}, key: primary}}\n",
          place->second.group,
          parts->key_name);
  }
  return yaml;
}

std::string policies_yaml(const Json& policies) {
  std::string yaml = "  sharedAccessPolicies:\n";
  for (const auto& policy : policies) {
    yaml += fmt::format("    - name: {}\n      rights: [{}]\n",
                        policy.at("keyName").get<std::string>(),
                        policy.at("rights").get<std::string>());
  }
  return policies.empty() ? "  sharedAccessPolicies: []\n" : yaml;
}

std::string pem_of(const CertificateFacts& facts) {
  const auto text = base64(facts.der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t i = 0; i < text.size(); i += 64) pem += text.substr(i, 64) + "\n";
  return pem + "-----END CERTIFICATE-----\n";
}
}  // namespace

std::optional<std::string> write_manifests(const Json& seed, const std::string& folder) {
  std::map<std::string, HubPlace> places;
  for (const auto& hub : seed.value("iot_hubs", Json::array())) {
    const auto parts = split(hub.at("id").get<std::string>(), '/');
    places[lower(hub.at("properties").at("hostName").get<std::string>())] = {parts[4], {}};
  }
  std::error_code error;
  std::map<std::string, CertificateFacts> read;  // fleets repeat their certificates
  std::set<std::string> written;
  for (const auto& service : seed.value("provisioning_services", Json::array())) {
    const auto parts = split(service.at("id").get<std::string>(), '/');
    const auto& name = parts[8];
    const auto& properties = service.at("properties");
    const fs::path where = fs::path(folder) / parts[2];
    fs::create_directories(where / "certs", error);
    if (error) return fmt::format("cannot make {}: {}", where.string(), error.message());
    std::string yaml = "apiVersion: dps-reconciler/v1\nkind: ProvisioningService\nmetadata:\n";
    yaml += fmt::format(
        "  name: {}\n  resourceGroup: {}\n  subscription: {}\n", name, parts[4], parts[2]);
    yaml += fmt::format("spec:\n  location: {}\n", quoted(service.at("location")));
    const auto& sku = service.at("sku");
    if (sku.contains("capacity"))
      yaml += fmt::format("  sku: {{name: {}, capacity: {}}}\n",
                          sku.at("name").get<std::string>(),
                          sku["capacity"].dump());
    else
      yaml += fmt::format("  sku: {{name: {}}}\n", sku.at("name").get<std::string>());
    yaml += fmt::format("  allocationPolicy: {}\n",
                        properties.at("allocationPolicy").get<std::string>());
    yaml += fmt::format("  tags: {}\n", service.at("tags").dump());
    yaml += hubs_yaml(properties.at("iotHubs"), places);
    yaml += policies_yaml(properties.at("authorizationPolicies"));
    const auto certificates = service.value("certificates", Json::array());
    yaml += certificates.empty() ? "  certificates: []\n" : "  certificates:\n";
    for (const auto& certificate : certificates) {
      const auto content = certificate.at("properties").at("certificate").get<std::string>();
      auto known = read.find(content);
      if (known == read.end()) {
        const auto facts = read_certificate(content);
        if (!facts) return fmt::format("a certificate of {} cannot be read", name);
        known = read.emplace(content, *facts).first;
      }
      const auto& facts = known->second;
      const auto file = fmt::format("certs/{}.pem", lower(facts.thumbprint).substr(0, 16));
      if (written.insert((where / file).string()).second)
        if (auto fault = write_file(where / file, pem_of(facts))) return fault;
      yaml += fmt::format("    - name: {}\n      certificate: {{file: {}}}\n",
                          certificate.at("name").get<std::string>(),
                          file);
      if (certificate.at("properties").value("isVerified", false))
        yaml += "      verification: {trusted: true}\n";
    }
    if (auto fault = write_file(where / (name + ".yaml"), yaml)) return fault;
  }
  return std::nullopt;
}

}  // namespace dps::sim

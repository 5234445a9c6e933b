#include "reconciler/manifest/load.hpp"

#include <gtest/gtest.h>

namespace dps::manifest {
namespace {

constexpr const char* kService = R"(apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata:
  name: fleet-eu
  resourceGroup: iot-eu
  subscription: 00000000-0000-0000-0000-000000000001
spec:
  location: westeurope
  sku: {name: S1, capacity: 1}
  allocationPolicy: GeoLatency
  tags: {env: prod}
  linkedHubs:
    - hostName: hub-eu-1.azure-devices.net
      location: westeurope
      allocationWeight: 10
      applyAllocationPolicy: true
      credential:
        hub: {resourceGroup: iot-eu, policy: iothubowner, key: secondary}
  sharedAccessPolicies:
    - name: enrollment-writer
      rights: [EnrollmentRead, EnrollmentWrite]
)";

Loaded loaded(std::map<std::string, std::string> contents) {
  MemoryFiles files(std::move(contents));
  LoadOptions options;
  options.roots = {"fleet"};
  options.environment = [](const std::string&) { return std::nullopt; };
  return load(files, options);
}

std::string all(const Loaded& loaded) {
  std::string out;
  for (const auto& fault : loaded.faults) out += render(fault, false);
  return out;
}

TEST(Load, ReadsAWholeService) {
  const auto result = loaded({{"fleet/eu.yaml", kService}});

  ASSERT_EQ(all(result), "");
  EXPECT_TRUE(result.desired.complete);
  ASSERT_EQ(result.desired.services.size(), 1U);
  const auto& service = result.desired.services.begin()->second;
  EXPECT_EQ(service.id.brief(), "00000000-0000-0000-0000-000000000001/iot-eu/fleet-eu");
  EXPECT_EQ(service.location, "westeurope");
  EXPECT_EQ(service.sku, (Sku{"S1", 1}));
  EXPECT_EQ(service.allocation_policy, "GeoLatency");
  EXPECT_EQ(service.tags, (Tags{{"env", "prod"}}));
  ASSERT_EQ(service.linked_hubs->size(), 1U);
  const auto& hub = service.linked_hubs->front();
  EXPECT_EQ(hub.host_name, "hub-eu-1.azure-devices.net");
  EXPECT_EQ(hub.allocation_weight, 10);
  EXPECT_EQ(hub.apply_allocation_policy, true);
  EXPECT_EQ(std::get<HubKeyReference>(*hub.credential),
            (HubKeyReference{"00000000-0000-0000-0000-000000000001",
                             "iot-eu",
                             "hub-eu-1",
                             "iothubowner",
                             KeyKind::Secondary}));
  EXPECT_EQ(hub.mark, (Mark{"fleet/eu.yaml", 13, 7}));
  EXPECT_EQ(service.policies->front().rights->text(), "EnrollmentWrite");
  EXPECT_FALSE(service.certificates);
}

}  // namespace
}  // namespace dps::manifest

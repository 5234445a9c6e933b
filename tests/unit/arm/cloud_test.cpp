#include "reconciler/arm/cloud.hpp"

#include <gtest/gtest.h>

#include "reconciler/arm/traffic.hpp"
#include "tests/unit/arm/documents.hpp"

namespace dps::arm {
namespace {

TEST(Cloud, IsOneOfThree) {
  EXPECT_EQ(cloud_named("public")->arm, "https://management.azure.com");
  EXPECT_EQ(cloud_named("usgov")->authority, "https://login.microsoftonline.us");
  EXPECT_EQ(cloud_named("china")->audience, "https://management.chinacloudapi.cn");
  EXPECT_EQ(cloud_named("german").error().id, "BadCloud");
}

TEST(Cloud, KeepsItsAudienceAtAnotherEndpoint) {
  const auto cloud =
      with_endpoints(*cloud_named("public"), "http://127.0.0.1:8080/", "https://login.example/");
  ASSERT_TRUE(cloud);
  EXPECT_EQ(cloud->arm, "http://127.0.0.1:8080");
  EXPECT_EQ(cloud->authority, "https://login.example");
  EXPECT_EQ(cloud->audience, "https://management.azure.com");
}

TEST(Cloud, RefusesEndpointsThatAreUnsafe) {
  for (const auto* url : {"http://management.azure.com",
                          "management.azure.com",
                          "https://h/path",
                          "https://h?q",
                          "x"}) {
    EXPECT_EQ(with_endpoints(*cloud_named("public"), url, "").error().id, "BadEndpoint") << url;
    EXPECT_EQ(with_endpoints(*cloud_named("public"), "", url).error().id, "BadEndpoint") << url;
  }
}

TEST(Urls, AreEncodedBySegment) {
  const auto cloud = *cloud_named("public");
  const ServiceId id{"s", "a group/(x)", "n"};
  EXPECT_EQ(service_url(cloud, id, "V", "/listkeys"),
            "https://management.azure.com/subscriptions/s/resourceGroups/a%20group%2F%28x%29/"
            "providers/Microsoft.Devices/provisioningServices/n/listkeys?api-version=V");
  EXPECT_EQ(services_url(cloud, "s", "V"),
            "https://management.azure.com/subscriptions/s/providers/Microsoft.Devices/"
            "provisioningServices?api-version=V");
  EXPECT_EQ(certificate_url(cloud, {"s", "g", "n"}, "c d", "V", "/verify"),
            "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/"
            "Microsoft.Devices/provisioningServices/n/certificates/c%20d/verify?api-version=V");
  EXPECT_EQ(hub_keys_url(cloud, {"s", "g", "hub", "iothubowner", KeyKind::Primary}),
            "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/"
            "Microsoft.Devices/IotHubs/hub/IotHubKeys/iothubowner/listkeys?api-version=2023-06-30");
}

struct TrafficCase {
  const char* name;
  http::Method method;
  std::string url;
  const char* operation;
  const char* quota;
  http::Repeat repeat;
};

class Traffic : public testing::TestWithParam<TrafficCase> {};

TEST_P(Traffic, IsKnownByMethodAndPath) {
  http::Request request;
  request.method = GetParam().method;
  request.url = GetParam().url;
  const auto traits = traits_of(request);
  EXPECT_EQ(traits.operation, GetParam().operation);
  EXPECT_EQ(traits.gate, "s/" + std::string(GetParam().quota));
  EXPECT_EQ(traits.repeat, GetParam().repeat);
}

using http::Method;
using http::Repeat;
const Cloud kCloud = *cloud_named("public");
const ServiceId kId{"S", "g", "n"};

INSTANTIATE_TEST_SUITE_P(
    Requests,
    Traffic,
    testing::Values(
        TrafficCase{"list",
                    Method::Get,
                    services_url(kCloud, "S", "V"),
                    "list_services",
                    "reads",
                    Repeat::Freely},
        TrafficCase{"get",
                    Method::Get,
                    service_url(kCloud, kId, "V"),
                    "get_service",
                    "reads",
                    Repeat::Freely},
        TrafficCase{"put",
                    Method::Put,
                    service_url(kCloud, kId, "V"),
                    "put_service",
                    "resource-requests",
                    Repeat::OnlyUndone},
        TrafficCase{"patch",
                    Method::Patch,
                    service_url(kCloud, kId, "V"),
                    "patch_service",
                    "resource-requests",
                    Repeat::OnlyUndone},
        TrafficCase{"remove",
                    Method::Delete,
                    service_url(kCloud, kId, "V"),
                    "delete_service",
                    "deletes",
                    Repeat::OnlyUndone},
        TrafficCase{"keys",
                    Method::Post,
                    service_url(kCloud, kId, "V", "/listkeys"),
                    "list_keys",
                    "writes",
                    Repeat::Freely},
        TrafficCase{"hub_keys",
                    Method::Post,
                    hub_keys_url(kCloud, {"S", "g", "h", "p", KeyKind::Primary}),
                    "list_hub_keys",
                    "writes",
                    Repeat::Freely},
        TrafficCase{"name",
                    Method::Post,
                    name_check_url(kCloud, "S", "V"),
                    "check_name",
                    "writes",
                    Repeat::Freely},
        TrafficCase{"certificates",
                    Method::Get,
                    service_url(kCloud, kId, "V", "/certificates"),
                    "list_certificates",
                    "reads",
                    Repeat::Freely},
        TrafficCase{"upload",
                    Method::Put,
                    certificate_url(kCloud, kId, "c", "V"),
                    "put_certificate",
                    "writes",
                    Repeat::OnlyUndone},
        TrafficCase{"code",
                    Method::Post,
                    certificate_url(kCloud, kId, "c", "V", "/generateVerificationCode"),
                    "generate_verification_code",
                    "writes",
                    Repeat::OnlyUndone},
        TrafficCase{"group",
                    Method::Get,
                    group_url(kCloud, "S", "g"),
                    "get_resource_group",
                    "reads",
                    Repeat::Freely},
        TrafficCase{"poll",
                    Method::Get,
                    "https://management.azure.com/subscriptions/S/providers/Microsoft.Devices/"
                    "locations/x/provisioningserviceoperationresults/abc?api-version=V&asyncinfo",
                    "poll",
                    "reads",
                    Repeat::Freely}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace dps::arm

#include "tests/arm_simulator/fleet.hpp"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/arm_simulator/text.hpp"
#include "tests/arm_simulator/x509.hpp"

namespace dps::sim {

namespace {
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> kLocations = {
    "westeurope", "eastus", "West US 2", "northeurope", "southeastasia", "East US"};
constexpr std::array<std::string_view, 6> kRights = {"EnrollmentRead",
                                                     "EnrollmentWrite",
                                                     "ServiceConfig",
                                                     "RegistrationStatusRead",
                                                     "DeviceConnect",
                                                     "RegistrationStatusWrite"};
constexpr std::array<std::string_view, 3> kAllocation = {"Hashed", "GeoLatency", "Static"};
constexpr std::array<std::string_view, 3> kEnvironments = {"prod", "stage", "dev"};

/// Few key pairs and a bounded pool of CAs, so that ten thousand services take seconds.
class AuthorityPool {
 public:
  AuthorityPool(std::size_t count, unsigned seed) {
    std::vector<KeyPair> keys(std::min<std::size_t>(count, 4));
    using namespace std::chrono;
    const auto from = sys_days(2024y / January / 1);
    for (std::size_t i = 0; i < count; ++i) {
      const auto until = sys_days(2040y / January / 1) + days(static_cast<int>(i % 365));
      pems_.push_back(issue({fmt::format("Fleet CA {:03} of {}", i, seed),
                             Purpose::Authority,
                             i + 1,
                             from,
                             until,
                             {}},
                            keys[i % keys.size()],
                            keys[i % keys.size()]));
    }
  }
  [[nodiscard]] const std::string& pem(std::size_t index) const {
    return pems_[index % pems_.size()];
  }

 private:
  std::vector<std::string> pems_;
};

Json hub_policy(Random& random, const char* name, const char* rights) {
  return {{"keyName", name},
          {"primaryKey", random.key()},
          {"secondaryKey", random.key()},
          {"rights", rights}};
}
}  // namespace

std::variant<FleetSpec, std::string> parse_fleet(std::string_view text) {
  FleetSpec spec;
  const std::pair<std::string_view, unsigned*> fields[] = {{"subs", &spec.subs},
                                                           {"services", &spec.services},
                                                           {"hubs", &spec.hubs},
                                                           {"policies", &spec.policies},
                                                           {"certificates", &spec.certificates},
                                                           {"seed", &spec.seed}};
  for (const auto& part : split(text, ',')) {
    const auto equals = part.find('=');
    const auto name = std::string_view(part).substr(0, equals);
    const auto field = std::find_if(std::begin(fields), std::end(fields), [&](const auto& known) {
      return known.first == name;
    });
    if (equals == std::string::npos || field == std::end(fields))
      return fmt::format(
          "'{}' is not understood; a fleet is "
          "subs=5,services=40,hubs=2,policies=3,certificates=3,seed=1",
          part);
    const auto value = std::string_view(part).substr(equals + 1);
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), *field->second);
    if (error != std::errc{} || end != value.data() + value.size() || *field->second > 1'000'000)
      return fmt::format("'{}' is not a number from 0 to 1000000", value);
  }
  if (spec.policies > 63 || spec.hubs > 50 || spec.certificates > 25)
    return std::string("a service has at most 50 hubs, 63 policies and 25 certificates");
  return spec;
}

Json make_fleet(const FleetSpec& spec) {
  Random random(spec.seed);
  const AuthorityPool authorities(
      spec.certificates == 0 ? 0 : std::max<std::size_t>(spec.certificates, 32), spec.seed);
  Json subscriptions = Json::array();
  Json groups = Json::array();
  Json hubs = Json::array();
  Json services = Json::array();
  std::uint64_t etag = 0x1E000000;
  for (unsigned s = 0; s < spec.subs; ++s) {
    const auto subscription = random.guid();
    subscriptions.push_back({{"subscriptionId", subscription},
                             {"displayName", fmt::format("Fleet {}", s + 1)},
                             {"registered", true}});
    const auto base = fmt::format("/subscriptions/{}/resourceGroups/", subscription);
    for (const char* group : {"iot-blue", "iot-green"})
      groups.push_back(
          {{"id", base + group}, {"location", "westeurope"}, {"tags", Json::object()}});
    for (unsigned n = 0; n < spec.services; ++n) {
      const std::string group = n % 2 == 0 ? "iot-blue" : "iot-green";
      const auto name = fmt::format("fleet-{}-{}-{:04}", spec.seed, s + 1, n + 1);
      const auto location = kLocations[n % kLocations.size()];
      const auto below = base + group + "/providers/Microsoft.Devices/";
      Json linked = Json::array();
      for (unsigned h = 0; h < spec.hubs; ++h) {
        const auto hub_name = fmt::format("hub-{}-{}-{:04}-{}", spec.seed, s + 1, n + 1, h + 1);
        Json policies = Json::array(
            {hub_policy(random, "iothubowner", "RegistryWrite, ServiceConnect, DeviceConnect"),
             hub_policy(random, "service", "ServiceConnect")});
        linked.push_back({{"applyAllocationPolicy", true},
                          {"allocationWeight", 1 + h},
                          {"connectionString",
                           fmt::format("HostName={}.azure-devices.net;SharedAccessKeyName="
                                       "iothubowner;SharedAccessKey={}",
                                       hub_name,
                                       policies[0]["primaryKey"].get<std::string>())},
                          {"location", location}});
        hubs.push_back({{"id", below + "IotHubs/" + hub_name},
                        {"location", location},
                        {"tags", Json::object()},
                        {"etag", counter_etag(++etag)},
                        {"properties",
                         {{"hostName", hub_name + ".azure-devices.net"},
                          {"authorizationPolicies", std::move(policies)}}}});
      }
      Json policies = Json::array({{{"keyName", "provisioningserviceowner"},
                                    {"primaryKey", random.key()},
                                    {"secondaryKey", random.key()},
                                    {"rights", "ServiceConfig, EnrollmentWrite, DeviceConnect"}}});
      for (unsigned p = 0; p < spec.policies; ++p)
        policies.push_back({{"keyName", fmt::format("policy-{}", p + 1)},
                            {"primaryKey", random.key()},
                            {"secondaryKey", random.key()},
                            {"rights", kRights[(n + p) % kRights.size()]}});
      Json certificates = Json::array();
      for (unsigned c = 0; c < spec.certificates; ++c) {
        const auto which = static_cast<std::size_t>(n) * spec.certificates + c;
        certificates.push_back({{"name", fmt::format("ca-{}", c + 1)},
                                {"etag", base64(fmt::format("\"{}\"", random.guid()))},
                                {"properties",
                                 {{"certificate", base64(authorities.pem(which))},
                                  {"isVerified", true},
                                  {"created", "Mon, 01 Jan 2024 00:00:00 GMT"},
                                  {"updated", "Mon, 01 Jan 2024 00:00:00 GMT"}}}});
      }
      services.push_back(
          {{"id", below + "provisioningServices/" + name},
           {"name", name},
           {"location", location},
           {"etag", counter_etag(++etag)},
           {"tags",
            {{"env", kEnvironments[n % kEnvironments.size()]}, {"number", std::to_string(n + 1)}}},
           {"sku", {{"name", "S1"}, {"tier", "Standard"}, {"capacity", 1}}},
           {"properties",
            {{"state", "Active"},
             {"provisioningState", "Succeeded"},
             {"iotHubs", std::move(linked)},
             {"allocationPolicy", kAllocation[n % kAllocation.size()]},
             {"idScope", fmt::format("0ne{:08X}", (s + 1) * 0x10000U + n)},
             {"authorizationPolicies", std::move(policies)}}},
           {"certificates", std::move(certificates)}});
    }
  }
  return {{"subscriptions", std::move(subscriptions)},
          {"resource_groups", std::move(groups)},
          {"iot_hubs", std::move(hubs)},
          {"provisioning_services", std::move(services)}};
}

}  // namespace dps::sim

// doctor as a process against the simulator: each ailment is named, nothing is changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/arm_simulator/simulator.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps::lab {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::Ended;
using testing_support::Variables;
using Json = nlohmann::ordered_json;

constexpr const char* kSubscription = "11111111-1111-4111-8111-111111111111";
const std::string kGroup = std::string("/subscriptions/") + kSubscription + "/resourceGroups/rg";

class DoctorProgram : public testing::Test {
 protected:
  DoctorProgram() : DoctorProgram(sim::SimulatorOptions{}) {}
  explicit DoctorProgram(const sim::SimulatorOptions& options) : simulator_(options) {
    folder_ = test::new_folder("doctor");
    std::ofstream(folder_ / "fleet.yaml") << R"(apiVersion: dps-reconciler/v1
kind: ProvisioningService
metadata: {name: fleet, resourceGroup: rg, subscription: 11111111-1111-4111-8111-111111111111}
spec:
  location: westeurope
  sku: {name: S1, capacity: 1}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
  sharedAccessPolicies:
    - {name: writer, rights: [EnrollmentWrite]}
)";
    const auto fault = simulator_.world().plant(
        {{"resource_groups", {{{"id", kGroup}, {"location", "westeurope"}}}},
         {"provisioning_services",
          {{{"id", kGroup + "/providers/Microsoft.Devices/provisioningServices/fleet"},
            {"location", "westeurope"}}}}});
    EXPECT_FALSE(fault.has_value()) << *fault;
  }
  ~DoctorProgram() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void set_switch(const std::string& name, const std::string& value) {
    const auto problem = simulator_.world().set_switch(name, value);
    ASSERT_FALSE(problem.has_value()) << *problem;
  }

  Ended doctor(const Variables& more = {}, const std::vector<std::string>& arguments = {}) {
    const auto& identity = simulator_.world().options();
    Variables variables = {{"AZURE_TENANT_ID", identity.tenant},
                           {"AZURE_CLIENT_ID", identity.client_id},
                           {"AZURE_CLIENT_SECRET", identity.client_secret},
                           {"DPS_RECONCILER_ARM_ENDPOINT", simulator_.arm()},
                           {"DPS_RECONCILER_AUTHORITY", simulator_.arm()}};
    for (const auto& [name, value] : more) variables[name] = value;
    std::vector<std::string> argv = {
        DPS_RECONCILER, "doctor", "--manifests", folder_.string(), "--log-level", "off"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto before = simulator_.world().state();
    auto ended = testing_support::run(argv, variables);
    EXPECT_EQ(simulator_.world().state(), before);
    for (const auto& asked : simulator_.world().requests()) {
      const auto method = asked.at("method").get<std::string>();
      const bool token = asked.at("path").get<std::string>().ends_with("/oauth2/v2.0/token");
      EXPECT_TRUE(method == "GET" || method == "HEAD" || (token && method == "POST"))
          << method << " " << asked.at("path");
    }
    EXPECT_THAT(ended.out + ended.err, Not(HasSubstr(identity.client_secret)));
    return ended;
  }

  sim::Simulator simulator_;
  std::filesystem::path folder_;
};

TEST_F(DoctorProgram, IsContentWithASoundInstallation) {
  const auto ended = doctor();
  EXPECT_EQ(ended.exit_code, 0) << ended.out << ended.err;
  for (const char* line : {"ok    manifests",
                           "ok    clock",
                           "ok    credential",
                           "ok    token",
                           "ok    provider",
                           "ok    permissions",
                           "ok    locks",
                           "1 of 1 exist",
                           "No failure"})
    EXPECT_THAT(ended.out, HasSubstr(line));
  const auto json = doctor({}, {"--output", "json"});
  EXPECT_EQ(json.exit_code, 0);
  const auto record = Json::parse(json.out);
  EXPECT_EQ(record.at("schema"), "dps-reconciler/doctor/v1");
  EXPECT_EQ(record.at("summary").at("fail"), 0);
}

TEST_F(DoctorProgram, NamesWhatASwitchTakesAway) {
  struct Case {
    const char* name;
    const char* value;
    int exit_code;
    std::vector<std::string> says;
  };
  for (const Case& one : std::vector<Case>{
           {"deny",
            "listkeys",
            1,
            {"not allowed: Microsoft.Devices/provisioningServices/listkeys"}},
           {"deny", "write", 1, {"not allowed: Microsoft.Devices/provisioningServices/Write"}},
           {"deny", "hub-listkeys", 1, {"not allowed: Microsoft.Devices/iotHubs/iotHubKeys"}},
           {"deny", "name-check", 0, {"checkProvisioningServiceNameAvailability"}},
           {"deny", "read-subscription", 0, {"warn  subscription"}},
           {"deny",
            "read,list,list-group",
            1,
            {"not allowed: Microsoft.Devices/provisioningServices/Read"}},
           {"provider-registered", "no", 1, {"az provider register --namespace Microsoft.Devices"}},
           {"lock", "read-only", 1, {"FAIL  locks", "ScopeLocked"}},
           {"lock", "delete", 0, {"warn  locks"}},
           {"supported-api-versions", "2020-03-01", 1, {"--api-version 2020-03-01"}},
       }) {
    SCOPED_TRACE(std::string(one.name) + "=" + one.value);
    const auto before = simulator_.world().switch_value(one.name);
    set_switch(one.name, one.value);
    const auto ended = doctor();
    EXPECT_EQ(ended.exit_code, one.exit_code) << ended.out << ended.err;
    for (const auto& says : one.says) EXPECT_THAT(ended.out, HasSubstr(says));
    set_switch(one.name, before);
  }
}

TEST_F(DoctorProgram, NamesWhyThereIsNoToken) {
  const auto wrong = doctor({{"AZURE_CLIENT_SECRET", "wrong"}});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.out, HasSubstr("FAIL  token"));
  EXPECT_THAT(wrong.out, HasSubstr("7000215"));
  EXPECT_THAT(wrong.out, HasSubstr("nor anything in it: no token"));
  const auto none = doctor({{"AZURE_CLIENT_SECRET", ""}, {"PATH", "/nowhere"}});
  EXPECT_EQ(none.exit_code, 1) << none.out << none.err;
  EXPECT_THAT(none.out, HasSubstr("FAIL  credential"));
}

TEST_F(DoctorProgram, NamesWhatIsWrongWithTheWayThere) {
  const auto nobody = doctor({{"DPS_RECONCILER_ARM_ENDPOINT", "http://127.0.0.1:1"},
                              {"DPS_RECONCILER_AUTHORITY", "http://127.0.0.1:1"}});
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_THAT(nobody.out, HasSubstr("FAIL  arm"));
  EXPECT_THAT(nobody.out, HasSubstr("skip  clock"));
  sim::SimulatorOptions options;
  options.tls_listen = "127.0.0.1:0";
  const sim::Simulator with_tls(options);
  const auto untrusted = doctor({{"DPS_RECONCILER_ARM_ENDPOINT", with_tls.arm_tls()}});
  EXPECT_EQ(untrusted.exit_code, 1);
  EXPECT_THAT(untrusted.out, HasSubstr("FAIL  arm"));
  EXPECT_THAT(untrusted.out, HasSubstr("certificate"));
}

TEST_F(DoctorProgram, ShowsWhoIssuedACertificateAndUntilWhenItIsGood) {
  sim::SimulatorOptions options;
  options.tls_listen = "127.0.0.1:0";
  const sim::Simulator with_tls(options);
  std::ofstream(folder_ / "ca.pem.txt") << with_tls.tls_ca_pem();
  const auto ended = doctor({{"DPS_RECONCILER_ARM_ENDPOINT", with_tls.arm_tls()},
                             {"SSL_CERT_FILE", (folder_ / "ca.pem.txt").string()}});
  EXPECT_THAT(ended.out, HasSubstr("certificate by ARM simulator CA, good until 20")) << ended.err;
}

TEST_F(DoctorProgram, TellsAClockThatIsWrong) {
  for (const auto& [by, exit_code] :
       {std::pair(std::chrono::seconds{90}, 0), std::pair(std::chrono::seconds{400}, 1)}) {
    simulator_.world().advance(by);
    const auto ended = doctor();
    EXPECT_EQ(ended.exit_code, exit_code) << ended.out;
    EXPECT_THAT(ended.out, HasSubstr("behind Azure's"));
  }
}

}  // namespace
}  // namespace dps::lab

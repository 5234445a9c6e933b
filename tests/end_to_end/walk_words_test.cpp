// What a person reads: the words of each kind of change, to the letter, and no key anywhere.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/apply/render_report.hpp"
#include "reconciler/plan/render_json.hpp"
#include "reconciler/plan/render_text.hpp"
#include "tests/end_to_end/walk_run.hpp"

namespace dps::lab {
namespace {

using testing::HasSubstr;

constexpr const char* kKey = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=";

void change_everything(SimJson& manifest) {
  auto& spec = manifest["spec"];
  spec["sku"]["capacity"] = 3;
  spec["allocationPolicy"] = "Static";
  spec["publicNetworkAccess"] = "Disabled";
  remove_entry(spec["ipFilterRules"], "name", "plant");
  entry(spec["ipFilterRules"], "name", "office")["mask"] = "10.1.0.0/16";
  spec["tags"]["env"] = "test";
  spec["tags"]["stage"] = "one";
  spec["tags"].erase("Team");
  auto& hub = entry(spec["linkedHubs"], "hostName", kHub1);
  hub["allocationWeight"] = 0;
  hub["applyAllocationPolicy"] = false;
  hub["location"] = "uksouth";
  spec["linkedHubs"].push_back(
      {{"hostName", "hub-4.azure-devices.net"},
       {"location", "westeurope"},
       {"allocationWeight", 7},
       {"credential",
        {{"hub", {{"resourceGroup", "rg"}, {"policy", "service"}, {"key", "secondary"}}}}}});
  remove_entry(spec["linkedHubs"], "hostName", kHub2);
  spec["linkedHubs"].push_back({{"hostName", kHub3}});
  entry(spec["sharedAccessPolicies"], "name", "writer")["rights"] = {"EnrollmentWrite"};
  spec["sharedAccessPolicies"].push_back(
      {{"name", "extra"}, {"rights", {"DeviceConnect", "ServiceConfig"}}});
  manifest["lifecycle"]["unlisted"]["sharedAccessPolicies"] = "remove";
  manifest["lifecycle"]["unlisted"]["linkedHubs"] = "remove";
  manifest["lifecycle"]["protect"] = true;
}

/// Everything between the head of the service and the summary, as it is printed.
std::string body(const std::string& text) {
  const auto begin = text.find('\n') + 1;
  return text.substr(begin, text.find("\n\n") + 1 - begin);
}

TEST(WordsOfAPlan, AreTheseForEachKindOfChange) {
  Scene scene(kNewest, {});
  scene.rotate_hub_keys("hub-1");
  scene.set_variable("READER_2", kKey);
  scene.rewrite(change_everything);
  const auto plan = scene.lab.plan();
  plan::TextStyle style;
  style.width = 200;
  const auto text = plan::render_text(plan, style);
  const char* const expected =
      R"words(    ~ sku.capacity                                               1 → 3
        changes the bill and the quota; no effect on registered devices
    ~ allocationPolicy                                           GeoLatency → Static
        affects new registrations only; registered devices stay on their hubs
    ~ publicNetworkAccess                                        Enabled → Disabled
        devices and clients outside of private endpoints can no longer reach the service
    ~ ipFilterRules
        devices and clients at addresses that the new rules reject are refused from now on
        - office  Accept  10.0.0.0/8  all
        - plant  Accept  192.168.0.0/16
        + office  Accept  10.1.0.0/16  all
    ~ lifecycle.protect                                          false → true
        no manifest and no --prune can delete this service any more
    ~ tags["env"]                                                "prod" → "test"
    + tags["stage"]                                              "one"
    ~ linkedHubs[hub-1.azure-devices.net].location               westeurope → uksouth
        a label of the link; no effect on devices
    ~ linkedHubs[hub-1.azure-devices.net].allocationWeight       10 → 0
        no new devices to this hub
    ~ linkedHubs[hub-1.azure-devices.net].applyAllocationPolicy  true → false
        left out of allocation: devices cannot register to this hub unless their enrollment names it
    ~ linkedHubs[hub-1.azure-devices.net].credential             (secret, changed)
        the key changed at its source; with the old one, registrations to this hub fail once it is revoked
    + linkedHubs[hub-4.azure-devices.net]                        westeurope, weight 7, key from hub rg/hub-4 service secondary
        new registrations may be assigned to this hub
    + sharedAccessPolicies[extra]                                [ServiceConfig, DeviceConnect]
        a new policy; clients of the others notice nothing
    ~ sharedAccessPolicies[reader].keys.secondary                (secret, changed)
        clients that use the present secondary key fail now
    ~ sharedAccessPolicies[writer].rights                        [EnrollmentRead] → [EnrollmentWrite]
        clients with its key gain EnrollmentWrite, RegistrationStatusWrite
    - tags["Team"]                                               "iot"
    - linkedHubs[hub-2.azure-devices.net]                        North Europe, weight 5
        hub unlinked: devices stay where they are; when they register again, they are assigned to another hub
    - sharedAccessPolicies[legacy]                               [ServiceConfig, DeviceConnect]
        policy removed: clients with its key fail now
)words";
  EXPECT_EQ(body(text), expected);
  EXPECT_THAT(text, HasSubstr("Plan: 0 to create, 1 to update, 0 to delete; 0 unchanged.\n"));

  const auto report = scene.lab.apply();
  EXPECT_EQ(report.count(Outcome::Updated), 1U);
  for (const auto& output : {text,
                             plan::render_json(plan),
                             apply::render_text(report, apply::ReportColor::Off),
                             apply::render_json(report)}) {
    expect_no_secret(scene, output, "the output");
  }
  EXPECT_GT(scene.secrets().size(), 15U);
  scene.lab.expect_nothing_to_do();
}

}  // namespace
}  // namespace dps::lab

#include "tests/end_to_end/walk_cases.hpp"

#include <fmt/format.h>

#include "reconciler/model/bookkeeping.hpp"

namespace dps::lab {
namespace {

constexpr const char* kOther1 = "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=";
constexpr const char* kOther2 = "eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXk=";

using Mutation = std::function<void(SimJson&)>;

/// One field: how the manifest comes to say something else, what the document then becomes, and
/// how the plan names it. The same change made by a second writer is the drift.
struct Field {
  std::string name;
  Mutation manifest;
  std::function<void(Scene&, SimJson&)> document;
  std::string line;        ///< without the cause
  std::string drift_line;  ///< empty: as `line`
  std::string text;
  std::string drift_text;
  Write write = Write::Put;
  std::string needs = {};
  std::function<void(Scene&, SimJson&)> healed = {};  ///< where drift leaves a trace; else none
  Mutation base = {};
  bool reads_policies = false;
  bool reads_hub_key = false;
};

std::string service_line(const std::string& field) {
  return "update ProvisioningService fleet " + field;
}
std::string hub_line(const std::string& host, const std::string& field) {
  return "update LinkedHub " + host + " " + field;
}

SimJson& spec(SimJson& manifest) {
  return manifest["spec"];
}
SimJson& hub_of(SimJson& manifest, const std::string& host) {
  return entry(spec(manifest)["linkedHubs"], "hostName", host);
}
SimJson& policy_of(SimJson& manifest, const std::string& name) {
  return entry(spec(manifest)["sharedAccessPolicies"], "name", name);
}
SimJson& rules_of(SimJson& manifest) {
  return spec(manifest)["ipFilterRules"];
}

Mutation unlisted(const std::string& list, const std::string& what) {
  return [=](SimJson& manifest) { manifest["lifecycle"]["unlisted"][list] = what; };
}

Mutation in_spec(const std::string& field, const SimJson& value) {
  return [=](SimJson& manifest) { spec(manifest)[field] = value; };
}

std::function<void(Scene&, SimJson&)> property(const std::string& name, const SimJson& value) {
  return [=](Scene&, SimJson& document) { document["properties"][name] = value; };
}

Field allocation(const std::string& value) {
  return {"allocationPolicy to " + value,
          in_spec("allocationPolicy", value),
          property("allocationPolicy", value),
          service_line("allocationPolicy"),
          "",
          "allocationPolicy GeoLatency → " + value,
          "allocationPolicy " + value + " → GeoLatency (drift)"};
}

Field rules(const std::string& name,
            const Mutation& manifest,
            const std::function<void(SimJson&)>& live,
            const std::string& text,
            const std::string& drift_text) {
  return {"ipFilterRules " + name,
          [manifest](SimJson& m) {
            if (!rules_of(m).is_array()) {
              rules_of(m) = SimJson::array(
                  {{{"name", "office"}, {"action", "Accept"}, {"mask", "10.0.0.0/8"}}});
              return;
            }
            manifest(m);
          },
          [live](Scene&, SimJson& document) {
            auto& list = document["properties"]["ipFilterRules"];
            if (!list.is_array()) {
              list = SimJson::array(
                  {{{"filterName", "x"}, {"action", "Accept"}, {"ipMask", "10.0.0.0/8"}}});
              return;
            }
            live(list);
          },
          service_line("ipFilterRules"),
          "",
          text,
          drift_text,
          Write::Put,
          "2020-01-01"};
}

void swap_first_two(SimJson& list) {
  const SimJson first = list[0];
  list[0] = SimJson(list[1]);
  list[1] = first;
}

std::vector<Field> service_fields() {
  std::vector<Field> out;
  out.push_back({"sku.capacity",
                 [](SimJson& m) { spec(m)["sku"]["capacity"] = 3; },
                 [](Scene&, SimJson& d) { d["sku"]["capacity"] = 3; },
                 service_line("sku.capacity"),
                 "",
                 "sku.capacity 1 → 3",
                 "sku.capacity 3 → 1 (drift)"});
  out.push_back(allocation("Hashed"));
  out.push_back(allocation("Static"));
  out.push_back({"publicNetworkAccess",
                 in_spec("publicNetworkAccess", "Disabled"),
                 property("publicNetworkAccess", "Disabled"),
                 service_line("publicNetworkAccess"),
                 "",
                 "publicNetworkAccess Enabled → Disabled",
                 "publicNetworkAccess Disabled → Enabled (drift)",
                 Write::Put,
                 "2020-03-01"});
  out.push_back(rules(
      "one more",
      [](SimJson& m) {
        rules_of(m).push_back({{"name", "lab"}, {"action", "Accept"}, {"mask", "172.16.0.0/12"}});
      },
      [](SimJson& list) {
        list.push_back({{"filterName", "lab"}, {"action", "Accept"}, {"ipMask", "172.16.0.0/12"}});
      },
      "+ lab Accept 172.16.0.0/12",
      "- lab Accept 172.16.0.0/12"));
  out.push_back(rules(
      "one less",
      [](SimJson& m) { remove_entry(rules_of(m), "name", "office"); },
      [](SimJson& list) { remove_entry(list, "filterName", "office"); },
      "- office Accept 10.0.0.0/8 all",
      "+ office Accept 10.0.0.0/8 all"));
  out.push_back(rules(
      "none",
      [](SimJson& m) { rules_of(m) = SimJson::array(); },
      [](SimJson& list) { list = SimJson::array(); },
      "- office Accept 10.0.0.0/8 all",
      "+ office Accept 10.0.0.0/8 all"));
  out.push_back(rules(
      "in another order",
      [](SimJson& m) { swap_first_two(rules_of(m)); },
      [](SimJson& list) { swap_first_two(list); },
      "ipFilterRules",
      "ipFilterRules"));
  const auto member = [&](const char* what, const char* ours, const char* arms, const char* value) {
    out.push_back(rules(
        std::string("another ") + what,
        [=](SimJson& m) { entry(rules_of(m), "name", "office")[ours] = value; },
        [=](SimJson& list) { entry(list, "filterName", "office")[arms] = value; },
        "+ office",
        "- office"));
  };
  member("action", "action", "action", "Reject");
  member("mask", "mask", "ipMask", "10.1.0.0/16");
  member("target", "target", "target", "serviceApi");
  out.push_back(rules(
      "another name",
      [](SimJson& m) { entry(rules_of(m), "name", "office")["name"] = "bureau"; },
      [](SimJson& list) { entry(list, "filterName", "office")["filterName"] = "bureau"; },
      "+ bureau Accept 10.0.0.0/8 all",
      "- bureau Accept 10.0.0.0/8 all"));
  return out;
}

std::vector<Field> tag_fields() {
  std::vector<Field> out;
  out.push_back({"tag added",
                 [](SimJson& m) { spec(m)["tags"]["stage"] = "one"; },
                 [](Scene&, SimJson& d) { d["tags"]["stage"] = "one"; },
                 "create Tag stage",
                 "",
                 "+ tags[\"stage\"] \"one\"",
                 "",
                 Write::Patch});
  out.push_back({"tag changed",
                 [](SimJson& m) { spec(m)["tags"]["env"] = "test"; },
                 [](Scene&, SimJson& d) { d["tags"]["env"] = "test"; },
                 "update Tag env",
                 "",
                 "~ tags[\"env\"] \"prod\" → \"test\"",
                 "~ tags[\"env\"] \"test\" → \"prod\" (drift)",
                 Write::Patch});
  out.push_back({"own tag no longer named",
                 [](SimJson& m) { spec(m)["tags"].erase("env"); },
                 [](Scene&, SimJson& d) { d["tags"].erase("env"); },
                 "delete Tag env",
                 "create Tag env",
                 "- tags[\"env\"] \"prod\"",
                 "+ tags[\"env\"] \"prod\" (drift)",
                 Write::Patch});
  out.push_back({"tag to an empty text",
                 [](SimJson& m) { spec(m)["tags"]["env"] = ""; },
                 [](Scene&, SimJson& d) { d["tags"]["env"] = ""; },
                 "update Tag env",
                 "",
                 "~ tags[\"env\"]",
                 "~ tags[\"env\"]",
                 Write::Patch});
  return out;
}

std::vector<Field> hub_fields() {
  std::vector<Field> out;
  const auto field = [&](const std::string& host,
                         const char* ours,
                         const char* arms,
                         const SimJson& before,
                         const SimJson& after) {
    const auto said = [](const SimJson& value) {
      return value.is_string() ? value.get<std::string>() : value.dump();
    };
    const auto path = fmt::format("linkedHubs[{}].{}", host, ours);
    out.push_back({fmt::format("hub {} {}", ours, after.dump()),
                   [=](SimJson& m) { hub_of(m, host)[ours] = after; },
                   [=](Scene&, SimJson& d) { hub_in(d, host)[arms] = after; },
                   hub_line(host, ours),
                   "",
                   fmt::format("~ {} {} → {}", path, said(before), said(after)),
                   fmt::format("~ {} {} → {} (drift)", path, said(after), said(before))});
  };
  field(kHub1, "allocationWeight", "allocationWeight", 10, 0);
  field(kHub2, "allocationWeight", "allocationWeight", 5, 6);
  field(kHub1, "applyAllocationPolicy", "applyAllocationPolicy", true, false);
  field(kHub1, "location", "location", "westeurope", "uksouth");
  field(kHub2, "location", "location", "North Europe", "uksouth");

  // hub-3 is linked by others already; so the manifest that names it must not relink it: a fourth.
  out.push_back(
      {"hub linked",
       [](SimJson& m) {
         spec(m)["linkedHubs"].push_back(
             {{"hostName", "hub-4.azure-devices.net"},
              {"location", "westeurope"},
              {"allocationWeight", 7},
              {"credential",
               {{"hub", {{"resourceGroup", "rg"}, {"policy", "service"}, {"key", "secondary"}}}}}});
       },
       [](Scene& scene, SimJson& d) {
         d["properties"]["iotHubs"].push_back(
             {{"allocationWeight", 7},
              {"connectionString", scene.connection("hub-4", "service", "secondaryKey")},
              {"location", "westeurope"}});
       },
       "create LinkedHub hub-4.azure-devices.net",
       "",
       "+ linkedHubs[hub-4.azure-devices.net] westeurope, weight 7, key from hub",
       ""});
  return out;
}

std::vector<Field> policy_fields() {
  std::vector<Field> out;
  const auto rights = [&](const char* what, const SimJson& ours, const char* arms) {
    out.push_back({std::string("rights ") + what,
                   [=](SimJson& m) { policy_of(m, "writer")["rights"] = ours; },
                   [=](Scene&, SimJson& d) { policy_in(d, "writer")["rights"] = arms; },
                   "update SharedAccessPolicy writer rights",
                   "",
                   "~ sharedAccessPolicies[writer].rights [EnrollmentRead] → [",
                   "] → [EnrollmentRead] (drift)"});
    out.back().reads_policies = true;
  };
  rights("wider", {"EnrollmentWrite"}, "EnrollmentWrite");
  rights("other", {"DeviceConnect", "ServiceConfig"}, "ServiceConfig, DeviceConnect");
  rights("narrower", SimJson::array({"RegistrationStatusRead"}), "RegistrationStatusRead");
  return out;
}

Case by_manifest(const Field& field) {
  Case one;
  one.name = field.name + ", by manifest";
  one.base = field.base;
  one.act = [field](Scene& scene) { scene.rewrite(field.manifest); };
  one.lines = {field.line + " (manifest)"};
  one.text = field.text;
  one.write = field.write;
  one.result = field.document;
  one.needs = field.needs;
  one.reads_policies = field.reads_policies;
  one.reads_hub_key = field.reads_hub_key;
  return one;
}

Case by_drift(const Field& field) {
  auto one = by_manifest(field);
  one.name = field.name + ", live";
  one.act = [field](Scene& scene) {
    scene.meddle([&](SimJson& document) { field.document(scene, document); });
  };
  one.lines = {(field.drift_line.empty() ? field.line : field.drift_line) + " (drift)"};
  one.text = field.drift_text;
  one.result = field.healed;
  one.said_by_manifest = false;
  return one;
}

Case from_manifest(std::string name, const Mutation& change, std::string line, std::string text) {
  Case one;
  one.name = std::move(name);
  one.act = [change](Scene& scene) { scene.rewrite(change); };
  one.lines = {std::move(line) + " (manifest)"};
  one.text = std::move(text);
  return one;
}

void refused(std::vector<Case>& out) {
  const auto refuse = [&](const char* field, const SimJson& value, const char* words) {
    auto one = from_manifest(std::string(field) + ", refused", in_spec(field, value), "", words);
    one.lines.clear();
    one.write = Write::None;
    one.outcome = Outcome::Blocked;
    one.problem = "Replacement";
    out.push_back(one);
    return &out.back();
  };
  refuse("location", "northeurope", "location is westeurope and the manifest says northeurope");
  refuse("dataResidency", true, "dataResidency is false and the manifest says true")->needs =
      "2021-10-15";
  auto sku = from_manifest(
      "sku.name that is not to be had",
      [](SimJson& m) { spec(m)["sku"]["name"] = "S2"; },
      "",
      "BadSku");
  sku.lines.clear();
  sku.write = Write::None;
  sku.outcome = Outcome::Failed;
  sku.problem = "BadSku";
  out.push_back(sku);
}

void spelled(std::vector<Case>& out) {
  // Another spelling of the same: nothing is to be done.
  const auto same = [&](std::string name, const Mutation& manifest) {
    Case one;
    one.name = std::move(name);
    one.act = [manifest](Scene& scene) { scene.rewrite(manifest); };
    one.write = Write::None;
    one.outcome = Outcome::Unchanged;
    out.push_back(one);
    return &out.back();
  };
  same("location spelled otherwise", in_spec("location", "West Europe"));
  same("hub location spelled otherwise",
       [](SimJson& m) { hub_of(m, kHub2)["location"] = "northeurope"; });
  same("hub host in capitals", [](SimJson& m) {
    hub_of(m, kHub1)["hostName"] = "HUB-1.azure-devices.net";
    auto& hub = hub_of(m, "HUB-1.azure-devices.net");
    hub["credential"]["hub"]["name"] = "hub-1";
  });
  same("policy name in capitals", [](SimJson& m) { policy_of(m, "writer")["name"] = "Writer"; });
  same("tag key that differs in case", [](SimJson& m) {
    spec(m)["tags"].erase("env");
    spec(m)["tags"]["ENV"] = "prod";
  });
  same("rights with implied ones", [](SimJson& m) {
    policy_of(m, "writer")["rights"] = {"EnrollmentRead", "RegistrationStatusRead"};
  });
  same("hubs in another order", [](SimJson& m) { swap_first_two(spec(m)["linkedHubs"]); });
  same("policies in another order",
       [](SimJson& m) { swap_first_two(spec(m)["sharedAccessPolicies"]); });
  same("a field left out", [](SimJson& m) {
    spec(m).erase("allocationPolicy");
    hub_of(m, kHub1).erase("allocationWeight");
    hub_of(m, kHub1).erase("credential");
    spec(m)["sku"].erase("capacity");
  });
  same("rule without its target", [](SimJson& m) {
    if (spec(m).contains("ipFilterRules")) entry(rules_of(m), "name", "rest").erase("target");
  });
  same("every list left out", [](SimJson& m) {
    for (const char* list : {"linkedHubs", "sharedAccessPolicies", "tags", "ipFilterRules"}) {
      spec(m).erase(list);
    }
  });
  same("apply left out is true",
       [](SimJson& m) { hub_of(m, kHub2)["applyAllocationPolicy"] = true; });
  auto* tag = same("tag key that differs in case, live", {});
  tag->act = [](Scene& scene) {
    scene.meddle([](SimJson& d) {
      d["tags"].erase("env");
      d["tags"]["Env"] = "prod";
    });
    scene.take_snapshot();
  };
}

void tags(std::vector<Case>& out) {
  auto cased = from_manifest(
      "value of a tag whose key differs in case",
      [](SimJson& m) {
        spec(m)["tags"].erase("env");
        spec(m)["tags"]["ENV"] = "test";
      },
      "update Tag env",
      "~ tags[\"env\"] \"prod\" → \"test\"");
  cased.write = Write::Patch;
  cased.result = [](Scene&, SimJson& d) { d["tags"]["env"] = "test"; };
  out.push_back(cased);

  Case foreign;
  foreign.name = "foreign tag, unlisted remove";
  foreign.base = unlisted("tags", "remove");
  foreign.act = [](Scene& scene) { scene.meddle([](SimJson& d) { d["tags"]["Stray"] = "x"; }); };
  foreign.lines = {"delete Tag created-by (drift)",
                   "delete Tag Cost-Center (drift)",
                   "delete Tag Stray (drift)"};
  foreign.text = "- tags[\"Stray\"] \"x\" (drift)";
  foreign.write = Write::Patch;
  foreign.result = [](Scene&, SimJson& d) {
    d["tags"].erase("created-by");
    d["tags"].erase("Cost-Center");
  };
  out.push_back(foreign);

  Case kept;
  kept.name = "foreign tag, unlisted keep";
  kept.act = [](Scene& scene) { scene.meddle([](SimJson& d) { d["tags"]["Stray"] = "x"; }); };
  kept.write = Write::None;
  kept.outcome = Outcome::Unchanged;
  kept.result = [](Scene&, SimJson& d) { d["tags"]["Stray"] = "x"; };
  out.push_back(kept);
}

void hubs(std::vector<Case>& out) {
  auto removed = from_manifest(
      "hub unlinked",
      [](SimJson& m) {
        remove_entry(spec(m)["linkedHubs"], "hostName", kHub2);
        m["lifecycle"]["unlisted"]["linkedHubs"] = "remove";
        hub_of(m, kHub1)["allocationWeight"] = 10;
        spec(m)["linkedHubs"].push_back({{"hostName", kHub3}});
      },
      "delete LinkedHub hub-2.azure-devices.net",
      "- linkedHubs[hub-2.azure-devices.net] North Europe, weight 5");
  removed.result = [](Scene&, SimJson& d) { remove_hub(d, kHub2); };
  out.push_back(removed);

  auto keep = from_manifest(
      "hub no longer named, unlisted keep",
      [](SimJson& m) { remove_entry(spec(m)["linkedHubs"], "hostName", kHub2); },
      "",
      "");
  keep.lines.clear();
  keep.write = Write::None;
  keep.outcome = Outcome::Unchanged;
  out.push_back(keep);

  Case foreign = from_manifest("foreign hub, unlisted remove",
                               unlisted("linkedHubs", "remove"),
                               "delete LinkedHub hub-3.azure-devices.net",
                               "- linkedHubs[hub-3.azure-devices.net] East US 2");
  foreign.result = [](Scene&, SimJson& d) { remove_hub(d, kHub3); };
  out.push_back(foreign);

  Case relinked;
  relinked.name = "hub unlinked, live";
  relinked.act = [](Scene& scene) { scene.meddle([](SimJson& d) { remove_hub(d, kHub2); }); };
  relinked.lines = {"create LinkedHub hub-2.azure-devices.net (drift)"};
  relinked.text = "+ linkedHubs[hub-2.azure-devices.net] North Europe, weight 5, key from";
  out.push_back(relinked);

  Case stray;
  stray.name = "hub linked, live";
  stray.base = [](SimJson& m) { m["lifecycle"]["unlisted"]["linkedHubs"] = "remove"; };
  stray.act = [](Scene& scene) {
    scene.meddle([&](SimJson& d) { remove_hub(d, kHub3); });
    scene.take_snapshot();
    scene.meddle([&](SimJson& d) {
      d["properties"]["iotHubs"].push_back({{"connectionString", scene.connection("hub-4")},
                                            {"location", "westeurope"},
                                            {"allocationWeight", 1}});
    });
  };
  stray.lines = {"delete LinkedHub hub-4.azure-devices.net (drift)"};
  stray.text = "- linkedHubs[hub-4.azure-devices.net] westeurope, weight 1 (drift)";
  out.push_back(stray);

  Case rotated;
  rotated.name = "hub key rotated at the hub";
  rotated.act = [](Scene& scene) { scene.rotate_hub_keys("hub-1"); };
  rotated.lines = {"update LinkedHub hub-1.azure-devices.net credential (manifest)"};
  rotated.text = "~ linkedHubs[hub-1.azure-devices.net].credential (secret, changed)";
  rotated.reads_hub_key = true;
  rotated.result = [](Scene& scene, SimJson& d) {
    hub_in(d, kHub1)["connectionString"] = scene.connection("hub-1");
  };
  out.push_back(rotated);

  Case variable;
  variable.name = "connection string in a variable changed";
  variable.act = [](Scene& scene) {
    scene.set_variable("HUB_2", scene.connection("hub-2", "service"));
  };
  variable.lines = {"update LinkedHub hub-2.azure-devices.net credential (manifest)"};
  variable.text = "~ linkedHubs[hub-2.azure-devices.net].credential (secret, changed)";
  variable.result = [](Scene& scene, SimJson& d) {
    hub_in(d, kHub2)["connectionString"] = scene.connection("hub-2", "service");
  };
  out.push_back(variable);

  auto other = from_manifest(
      "credential by another key of the hub",
      [](SimJson& m) { hub_of(m, kHub1)["credential"]["hub"]["policy"] = "service"; },
      "update LinkedHub hub-1.azure-devices.net credential",
      "~ linkedHubs[hub-1.azure-devices.net].credential (secret, changed)");
  other.reads_hub_key = true;
  other.result = [](Scene& scene, SimJson& d) {
    hub_in(d, kHub1)["connectionString"] = scene.connection("hub-1", "service");
  };
  out.push_back(other);

  auto taken = from_manifest(
      "foreign hub named, with a credential",
      [](SimJson& m) {
        spec(m)["linkedHubs"].push_back(
            {{"hostName", kHub3},
             {"credential", {{"hub", {{"resourceGroup", "rg"}, {"policy", "iothubowner"}}}}}});
      },
      "update LinkedHub hub-3.azure-devices.net credential",
      "no record says which key is stored");
  taken.reads_hub_key = true;
  taken.result = [](Scene& scene, SimJson& d) {
    hub_in(d, kHub3)["connectionString"] = scene.connection("hub-3");
  };
  out.push_back(taken);
}

void policies(std::vector<Case>& out) {
  const auto put = [&](Case one) {
    one.reads_policies = true;
    out.push_back(std::move(one));
  };
  auto added = from_manifest(
      "policy added, keys made by the service",
      [](SimJson& m) {
        spec(m)["sharedAccessPolicies"].push_back(
            {{"name", "extra"}, {"rights", {"DeviceConnect"}}});
      },
      "create SharedAccessPolicy extra",
      "+ sharedAccessPolicies[extra] [DeviceConnect]");
  added.result = [](Scene&, SimJson& d) {
    d["properties"]["authorizationPolicies"].push_back({{"keyName", "extra"},
                                                        {"primaryKey", "*"},
                                                        {"secondaryKey", "*"},
                                                        {"rights", "DeviceConnect"}});
  };
  put(added);

  auto keyed = from_manifest(
      "policy added with keys",
      [](SimJson& m) {
        spec(m)["sharedAccessPolicies"].push_back(
            {{"name", "extra"},
             {"rights", {"DeviceConnect"}},
             {"keys", {{"primary", {{"env", "READER_1"}}}, {"secondary", {{"env", "READER_2"}}}}}});
      },
      "create SharedAccessPolicy extra",
      "primary key (secret) from");
  keyed.result = [](Scene& scene, SimJson& d) {
    d["properties"]["authorizationPolicies"].push_back(
        {{"keyName", "extra"},
         {"primaryKey", scene.variable("READER_1")},
         {"secondaryKey", scene.variable("READER_2")},
         {"rights", "DeviceConnect"}});
  };
  put(keyed);

  auto removed = from_manifest(
      "policy removed",
      [](SimJson& m) {
        remove_entry(spec(m)["sharedAccessPolicies"], "name", "writer");
        spec(m)["sharedAccessPolicies"].push_back({{"name", "legacy"}});
        m["lifecycle"]["unlisted"]["sharedAccessPolicies"] = "remove";
      },
      "delete SharedAccessPolicy writer",
      "- sharedAccessPolicies[writer] [EnrollmentRead]");
  removed.result = [](Scene&, SimJson& d) { remove_policy(d, "writer"); };
  put(removed);

  auto kept = from_manifest(
      "policy no longer named, unlisted keep",
      [](SimJson& m) { remove_entry(spec(m)["sharedAccessPolicies"], "name", "writer"); },
      "",
      "");
  kept.lines.clear();
  kept.write = Write::None;
  kept.outcome = Outcome::Unchanged;
  put(kept);

  auto foreign = from_manifest("foreign policy, unlisted remove",
                               unlisted("sharedAccessPolicies", "remove"),
                               "delete SharedAccessPolicy legacy",
                               "clients with its key fail now");
  foreign.result = [](Scene&, SimJson& d) { remove_policy(d, "legacy"); };
  put(foreign);

  Case lost;
  lost.name = "policy removed, live";
  lost.act = [](Scene& scene) { scene.meddle([](SimJson& d) { remove_policy(d, "writer"); }); };
  lost.lines = {"create SharedAccessPolicy writer (drift)"};
  lost.text = "+ sharedAccessPolicies[writer] [EnrollmentRead]";
  lost.result = [](Scene&, SimJson& d) {
    policy_in(d, "writer")["primaryKey"] = "*";
    policy_in(d, "writer")["secondaryKey"] = "*";
  };
  put(lost);

  Case stray;
  stray.name = "policy added, live";
  stray.base = unlisted("sharedAccessPolicies", "remove");
  stray.act = [](Scene& scene) {
    scene.meddle([](SimJson& d) { remove_policy(d, "legacy"); });
    scene.take_snapshot();
    scene.meddle([](SimJson& d) {
      d["properties"]["authorizationPolicies"].push_back(
          {{"keyName", "stray"}, {"rights", "DeviceConnect"}});
    });
  };
  stray.lines = {"delete SharedAccessPolicy stray (drift)"};
  stray.text = "- sharedAccessPolicies[stray] [DeviceConnect] (drift)";
  put(stray);

  const auto key = [&](const char* variable, const char* which, const char* member) {
    Case changed;
    changed.name = fmt::format("{} key in a variable changed", which);
    changed.act = [=](Scene& scene) { scene.set_variable(variable, kOther1); };
    changed.lines = {fmt::format("update SharedAccessPolicy reader keys.{} (manifest)", which)};
    changed.text = fmt::format("~ sharedAccessPolicies[reader].keys.{} (secret, changed)", which);
    changed.result = [=](Scene&, SimJson& d) { policy_in(d, "reader")[member] = kOther1; };
    put(changed);

    Case live;
    live.name = fmt::format("{} key made anew, live", which);
    live.act = [=](Scene& scene) {
      scene.meddle([&](SimJson& d) { policy_in(d, "reader")[member] = kOther2; });
    };
    // Whether the variable or the service changed cannot be told: no record of the key is kept.
    live.lines = {fmt::format("update SharedAccessPolicy reader keys.{} (manifest)", which)};
    live.text = fmt::format("clients that use the present {} key fail now", which);
    put(live);
  };
  key("READER_1", "primary", "primaryKey");
  key("READER_2", "secondary", "secondaryKey");
}

void lifecycle(std::vector<Case>& out) {
  auto on = from_manifest(
      "protect on",
      [](SimJson& m) { m["lifecycle"]["protect"] = true; },
      service_line("lifecycle.protect"),
      "lifecycle.protect false → true");
  on.write = Write::Patch;
  out.push_back(on);

  auto off = from_manifest(
      "protect off",
      [](SimJson& m) { m["lifecycle"]["protect"] = false; },
      service_line("lifecycle.protect"),
      "lifecycle.protect true → false");
  off.base = [](SimJson& m) { m["lifecycle"]["protect"] = true; };
  off.write = Write::Patch;
  out.push_back(off);

  Case stripped;
  stripped.name = "mark of protection taken off, live";
  stripped.base = off.base;
  stripped.act = [](Scene& scene) {
    scene.meddle([](SimJson& d) { d["tags"].erase(std::string(kProtectTag)); });
  };
  stripped.lines = {service_line("lifecycle.protect") + " (drift)"};
  stripped.text = "lifecycle.protect false → true (drift)";
  stripped.write = Write::Patch;
  out.push_back(stripped);

  auto released = from_manifest(
      "released",
      [](SimJson& m) { m["lifecycle"]["state"] = "released"; },
      "release ProvisioningService fleet",
      "our bookkeeping tags are taken off");
  released.write = Write::Patch;
  released.outcome = Outcome::Released;
  out.push_back(released);

  Case adopted;
  adopted.name = "adopted, equal";
  adopted.act = [](Scene& scene) {
    scene.rewrite([](SimJson& m) {
      hub_of(m, kHub1).erase("credential");
      hub_of(m, kHub2).erase("credential");
    });
    scene.meddle([](SimJson& d) {
      SimJson tags = SimJson::object();
      for (const auto& [name, value] : d["tags"].items()) {
        if (!is_bookkeeping_tag(name)) tags[name] = value;
      }
      d["tags"] = tags;
    });
  };
  adopted.lines = {"adopt ProvisioningService fleet (manifest)"};
  adopted.text = "equal already: only our bookkeeping tags are added";
  adopted.write = Write::Patch;
  adopted.outcome = Outcome::Adopted;
  out.push_back(adopted);

  Case taken;
  taken.name = "taken over from another owner";
  taken.act = [](Scene& scene) {
    scene.rewrite([](SimJson& m) { m["lifecycle"]["adoptFrom"] = "old-owner"; });
    scene.meddle([](SimJson& d) { d["tags"][std::string(kOwnerTag)] = "old-owner"; });
  };
  taken.lines = {"adopt ProvisioningService fleet (manifest)"};
  taken.text = "taken over from \"old-owner\"";
  taken.write = Write::Patch;
  taken.outcome = Outcome::Adopted;
  out.push_back(taken);

  Case foreign;
  foreign.name = "another owner's";
  foreign.act = [](Scene& scene) {
    scene.rewrite([](SimJson& m) { spec(m)["allocationPolicy"] = "Static"; });
    scene.meddle([](SimJson& d) { d["tags"][std::string(kOwnerTag)] = "somebody"; });
  };
  foreign.lines = {service_line("allocationPolicy") + " (manifest)"};
  foreign.problem = "OwnedByOther";
  foreign.outcome = Outcome::Blocked;
  foreign.write = Write::None;
  out.push_back(foreign);

  auto suspended = from_manifest(
      "suspended",
      [](SimJson& m) {
        m["lifecycle"]["suspend"] = true;
        spec(m)["allocationPolicy"] = "Static";
      },
      service_line("allocationPolicy"),
      "allocationPolicy GeoLatency → Static");
  suspended.write = Write::None;
  suspended.outcome = Outcome::Suspended;
  out.push_back(suspended);
}

void ignored(std::vector<Case>& out) {
  const auto ignore = [&](const std::string& path,
                          const std::string& needs,
                          const std::function<void(SimJson&)>& live) {
    Case one;
    one.name = "ignored: " + path;
    one.base = [path](SimJson& m) { m["lifecycle"]["ignore"] = SimJson::array({path}); };
    one.act = [live](Scene& scene) {
      scene.meddle(live);
      scene.take_snapshot();
    };
    one.write = Write::None;
    one.outcome = Outcome::Unchanged;
    one.needs = needs;
    one.said_by_manifest = false;
    out.push_back(one);
  };
  ignore(
      "allocationPolicy", "", [](SimJson& d) { d["properties"]["allocationPolicy"] = "Static"; });
  ignore("sku.capacity", "", [](SimJson& d) { d["sku"]["capacity"] = 9; });
  ignore("publicNetworkAccess", "2020-03-01", [](SimJson& d) {
    d["properties"]["publicNetworkAccess"] = "Disabled";
  });
  ignore("ipFilterRules", "2020-01-01", [](SimJson& d) {
    d["properties"]["ipFilterRules"] = SimJson::array();
  });
  ignore("tags[\"env\"]", "", [](SimJson& d) { d["tags"]["env"] = "other"; });
  ignore("tags", "", [](SimJson& d) { d["tags"]["env"] = "other"; });
  const std::string hub = std::string("linkedHubs[") + kHub1 + "]";
  ignore(
      hub + ".allocationWeight", "", [](SimJson& d) { hub_in(d, kHub1)["allocationWeight"] = 99; });
  ignore(hub + ".applyAllocationPolicy", "", [](SimJson& d) {
    hub_in(d, kHub1)["applyAllocationPolicy"] = false;
  });
  ignore(hub + ".location", "", [](SimJson& d) { hub_in(d, kHub1)["location"] = "uksouth"; });
  ignore(hub, "", [](SimJson& d) { remove_hub(d, kHub1); });
  ignore("linkedHubs", "", [](SimJson& d) { remove_hub(d, kHub1); });
  ignore("sharedAccessPolicies[writer].rights", "", [](SimJson& d) {
    policy_in(d, "writer")["rights"] = "DeviceConnect";
  });
  ignore("sharedAccessPolicies[reader].keys.primary", "", [](SimJson& d) {
    policy_in(d, "reader")["primaryKey"] = kOther1;
  });
  ignore("sharedAccessPolicies[writer]", "", [](SimJson& d) { remove_policy(d, "writer"); });
  ignore("sharedAccessPolicies", "", [](SimJson& d) { remove_policy(d, "writer"); });

  Case credential;
  credential.name = "ignored: credential of a hub";
  credential.base = [hub](SimJson& m) {
    m["lifecycle"]["ignore"] = SimJson::array({hub + ".credential"});
  };
  credential.act = [](Scene& scene) { scene.rotate_hub_keys("hub-1"); };
  credential.write = Write::None;
  credential.outcome = Outcome::Unchanged;
  out.push_back(credential);
}

void defaults(std::vector<Case>& out) {
  const auto by_defaults = [&](const char* name,
                               const Mutation& without,
                               const char* before,
                               const char* after,
                               const std::string& line,
                               const char* text,
                               Write write,
                               const std::function<void(Scene&, SimJson&)>& result) {
    Case one;
    one.name = std::string("Defaults: ") + name;
    const auto head = std::string("apiVersion: dps-reconciler/v1\nkind: Defaults\n");
    one.act = [=](Scene& scene) {
      // First the same from Defaults: that is no difference.
      scene.lab.manifest("defaults.yaml", head + before);
      scene.rewrite(without);
      scene.lab.expect_nothing_to_do();
      scene.lab.forget_requests();
      scene.lab.manifest("defaults.yaml", head + after);
    };
    one.lines = {line + " (manifest)"};
    one.text = text;
    one.write = write;
    one.result = result;
    out.push_back(one);
  };
  by_defaults(
      "sku",
      [](SimJson& m) { spec(m).erase("sku"); },
      "spec: {sku: {name: S1, capacity: 1}}\n",
      "spec: {sku: {name: S1, capacity: 2}}\n",
      service_line("sku.capacity"),
      "sku.capacity 1 → 2",
      Write::Put,
      [](Scene&, SimJson& d) { d["sku"]["capacity"] = 2; });
  by_defaults(
      "tags",
      [](SimJson& m) { spec(m)["tags"].erase("env"); },
      "spec: {tags: {env: prod}}\n",
      "spec: {tags: {env: test, Team: not ours}}\n",
      "update Tag env",
      "~ tags[\"env\"] \"prod\" → \"test\"",
      Write::Patch,
      [](Scene&, SimJson& d) { d["tags"]["env"] = "test"; });
  by_defaults("protect",
              {},
              "lifecycle: {protect: false}\n",
              "lifecycle: {protect: true}\n",
              service_line("lifecycle.protect"),
              "lifecycle.protect false → true",
              Write::Patch,
              {});
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const auto& fields : {service_fields(), tag_fields(), hub_fields(), policy_fields()}) {
    for (const auto& field : fields) {
      out.push_back(by_manifest(field));
      if (field.name == "hub linked") out.back().reads_hub_key = true;
      const bool one_sided = field.drift_text.empty() && field.drift_line.empty();
      if (!one_sided) out.push_back(by_drift(field));
    }
  }
  refused(out);
  spelled(out);
  tags(out);
  hubs(out);
  policies(out);
  lifecycle(out);
  ignored(out);
  defaults(out);
  return out;
}

}  // namespace

const std::vector<Case>& cases() {
  static const std::vector<Case> all = all_cases();
  return all;
}

}  // namespace dps::lab

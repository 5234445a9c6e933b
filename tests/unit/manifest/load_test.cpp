#include "reconciler/manifest/load.hpp"

#include <gtest/gtest.h>

#include "tests/unit/manifest/corpus.hpp"
#include "tests/unit/manifest/temporary_folder.hpp"

namespace dps::manifest {
namespace {

constexpr const char* kSubscription = "00000000-0000-0000-0000-000000000001";

std::string document(const std::string& kind, const std::string& rest) {
  return "apiVersion: dps-reconciler/v1\nkind: " + kind + "\n" + rest;
}

std::string service(const std::string& rest, const std::string& name = "fleet-eu") {
  return document("ProvisioningService",
                  "metadata: {name: " + name +
                      ", resourceGroup: iot-eu, subscription: " + kSubscription + "}\n" + rest);
}

std::string hub_document(const std::string& host, const std::string& rest = {}) {
  return document("LinkedHub",
                  "spec:\n  hostName: " + host +
                      "\n  service: {name: fleet-eu, resourceGroup: iot-eu, subscription: " +
                      kSubscription + "}\n" + rest);
}

Loaded loaded(const std::map<std::string, std::string>& contents,
              std::vector<std::string> roots = {}) {
  MemoryFiles files(contents);
  auto options = corpus_options("fleet");
  if (!roots.empty()) options.roots = std::move(roots);
  return load(files, options);
}

std::string faults(const Loaded& result) {
  std::string out;
  for (const auto& fault : result.faults) out += render(fault, false);
  return out;
}

DesiredService only(const Loaded& result) {
  EXPECT_EQ(faults(result), "");
  EXPECT_EQ(result.desired.services.size(), 1U);
  return result.desired.services.empty() ? DesiredService{}
                                         : result.desired.services.begin()->second;
}

TEST(Load, ReadsAWholeService) {
  const auto result = only(loaded({{"fleet/eu.yaml", service(R"(spec:
  location: westeurope
  sku: {name: S1, capacity: 1}
  allocationPolicy: GeoLatency
  publicNetworkAccess: Enabled
  dataResidency: false
  ipFilterRules: [{name: office, action: Accept, mask: 10.0.0.0/8, target: all}]
  tags: {env: prod, note: "$${env:NOT_ONE}", region: "${env:DPS_VAR_REGION}-1"}
  linkedHubs:
    - hostName: hub-eu-1.azure-devices.net
      location: westeurope
      allocationWeight: 10
      applyAllocationPolicy: true
      credential:
        hub: {resourceGroup: iot-hubs, policy: iothubowner, key: secondary}
    - hostName: hub-eu-2.azure-devices.net
  sharedAccessPolicies:
    - name: provisioningserviceowner
    - name: enrollment-writer
      rights: [EnrollmentRead, EnrollmentWrite]
lifecycle:
  adopt: whenEqual
  adoptFrom: old-owner
  protect: false
  suspend: {reason: moving, until: 2026-12-01T00:00:00Z}
  ignore: ['tags["created-by"]', "tags['x']"]
  unlisted: {linkedHubs: keep, tags: remove}
)")}}));

  EXPECT_EQ(result.id.brief(), std::string(kSubscription) + "/iot-eu/fleet-eu");
  EXPECT_TRUE(result.declared);
  EXPECT_EQ(result.location, "westeurope");
  EXPECT_EQ(result.sku, (Sku{"S1", 1}));
  EXPECT_EQ(result.allocation_policy, "GeoLatency");
  EXPECT_EQ(result.public_network_access, "Enabled");
  EXPECT_EQ(result.data_residency, false);
  EXPECT_EQ(result.ip_filter_rules,
            (std::vector<IpFilterRule>{{"office", "Accept", "10.0.0.0/8", "all"}}));
  EXPECT_EQ(result.tags,
            (Tags{{"env", "prod"}, {"note", "${env:NOT_ONE}"}, {"region", "westeurope-1"}}));
  ASSERT_EQ(result.linked_hubs->size(), 2U);
  const auto& hub = result.linked_hubs->front();
  EXPECT_EQ(hub.allocation_weight, 10);
  EXPECT_EQ(hub.apply_allocation_policy, true);
  EXPECT_EQ(
      std::get<HubKeyReference>(*hub.credential),
      (HubKeyReference{kSubscription, "iot-hubs", "hub-eu-1", "iothubowner", KeyKind::Secondary}));
  EXPECT_EQ(hub.mark, (Mark{"fleet/eu.yaml", 13, 7}));
  EXPECT_FALSE(result.linked_hubs->back().credential);
  EXPECT_EQ(result.policies->back().rights->text(), "EnrollmentWrite");
  EXPECT_FALSE(result.policies->front().rights);
  EXPECT_FALSE(result.certificates) << "absent means not managed";
  Lifecycle lifecycle;
  lifecycle.adopt = Adopt::WhenEqual;
  lifecycle.adopt_from = "old-owner";
  lifecycle.protect = false;
  lifecycle.suspend = Suspension{"moving", parse_rfc3339("2026-12-01T00:00:00Z")};
  lifecycle.ignore = {"tags[\"created-by\"]", "tags[\"x\"]"};
  lifecycle.hubs = Unlisted::Keep;
  lifecycle.tags = Unlisted::Remove;
  EXPECT_EQ(result.lifecycle, lifecycle);
}

TEST(Load, AbsentIsNotManagedAndEmptyMeansNone) {
  const auto absent = only(loaded({{"fleet/eu.yaml", service("")}}));
  EXPECT_FALSE(absent.tags || absent.linked_hubs || absent.policies || absent.sku);
  EXPECT_EQ(absent.lifecycle, Lifecycle{});

  const auto empty =
      only(loaded({{"fleet/eu.yaml", service("spec: {tags: {}, linkedHubs: []}\n")}}));
  EXPECT_TRUE(empty.tags && empty.tags->empty());
  EXPECT_TRUE(empty.linked_hubs && empty.linked_hubs->empty());
}

TEST(Load, ReadsCertificatesWithTheirRotation) {
  const auto root = project_folder() + "/tests/golden";
  const TemporaryFolder folder;
  folder.write("ca.pem", content_of(root + "/secrets/ca.pem"));
  folder.write(
      "fleet.yaml",
      service("spec:\n  certificates:\n"
              "    - name: a\n"
              "      certificate: {file: ca.pem}\n"
              "      verification:\n"
              "        proofOfPossession:\n"
              "          key:\n"
              "            file: " +
              root +
              "/secrets/ca-encrypted.key\n"
              "            passphrase:\n"
              "              file: " +
              root +
              "/secrets/passphrase\n"
              "      rotation: {overlap: 7d, retire: automatic}\n"
              "    - name: b\n"
              "      certificate: {thumbprint: " +
              std::string(40, 'a') + "}\n      revoked: [" + std::string(40, 'b') + "]\n"));
  DiskFiles files;
  const auto result = only(load(files, corpus_options(folder.path())));

  ASSERT_EQ(result.certificates->size(), 2U);
  const auto& a = result.certificates->front();
  EXPECT_EQ(a.content->subject, "CN=Fault corpus CA");
  EXPECT_EQ(a.thumbprint, a.content->thumbprint);
  EXPECT_EQ(a.verification, Verification::ProofOfPossession);
  EXPECT_EQ(a.strategy, RotationStrategy::Overlap);
  EXPECT_EQ(a.overlap, std::chrono::hours{7 * 24});
  EXPECT_EQ(a.retire, Retire::Automatic);
  EXPECT_EQ(a.slots, (std::vector<std::string>{"a", "a-2"}));
  EXPECT_EQ(std::get<FileReference>(std::get<KeySigner>(*a.signer).key).path,
            root + "/secrets/ca-encrypted.key");
  const auto& b = result.certificates->back();
  EXPECT_FALSE(b.content);
  EXPECT_EQ(b.thumbprint, std::string(40, 'A'));
  EXPECT_EQ(b.verification, Verification::Unmanaged);
  EXPECT_EQ(b.revoked, (std::vector<std::string>{std::string(40, 'B')}));
}

TEST(Load, TheNearestDefaultsWinAndTagsAreMerged) {
  const auto result = only(loaded({
      {"fleet/defaults.yaml",
       document("Defaults",
                "spec:\n  subscription: " + std::string(kSubscription) +
                    "\n  resourceGroup: far\n  location: far\n  tags: {team: far, kept: far}\n"
                    "lifecycle: {protect: true, unlisted: {tags: remove}}\n")},
      {"fleet/eu/defaults.yaml",
       document("Defaults",
                "spec: {resourceGroup: near, sku: {name: S1}, tags: {team: near}}\n"
                "lifecycle: {unlisted: {linkedHubs: keep}}\n")},
      {"fleet/us/defaults.yaml", document("Defaults", "spec: {location: elsewhere}\n")},
      {"fleet/eu/deep/service.yaml",
       document("ProvisioningService", "metadata: {name: fleet-eu}\nspec: {tags: {own: x}}\n")},
  }));

  EXPECT_EQ(result.id.resource_group, "near");
  EXPECT_EQ(result.id.subscription, kSubscription);
  EXPECT_EQ(result.location, "far");
  EXPECT_EQ(result.sku, (Sku{"S1", std::nullopt}));
  EXPECT_EQ(result.tags, (Tags{{"kept", "far"}, {"own", "x"}, {"team", "near"}}));
  EXPECT_EQ(result.lifecycle.protect, true);
  EXPECT_EQ(result.lifecycle.tags, Unlisted::Remove);
  EXPECT_EQ(result.lifecycle.hubs, Unlisted::Keep);
  EXPECT_EQ(result.lifecycle.policies, Unlisted::Remove);
}

TEST(Load, AnEntryJoinsTheListOfItsService) {
  const auto result = only(loaded(
      {{"fleet/a.yaml", hub_document("hub-2.example.net", "lifecycle: {ignore: [location]}\n")},
       {"fleet/b.yaml", service("spec: {linkedHubs: [{hostName: hub-1.example.net}]}\n")}}));

  EXPECT_TRUE(result.declared);
  ASSERT_EQ(result.linked_hubs->size(), 2U);
  EXPECT_EQ(result.linked_hubs->back().host_name, "hub-2.example.net");
  EXPECT_EQ(result.linked_hubs->back().mark.file, "fleet/a.yaml");
  EXPECT_EQ(result.lifecycle.hubs, Unlisted::Remove) << "the list is there, hence complete";
  EXPECT_EQ(result.lifecycle.ignore,
            (std::vector<std::string>{"linkedHubs[hub-2.example.net].location"}));
}

TEST(Load, AnEntryOfADeclaredServiceWithoutTheListKeepsTheOthers) {
  const auto result = only(loaded({{"fleet/a.yaml", hub_document("hub-2.example.net")},
                                   {"fleet/b.yaml", service("spec: {certificates: []}\n")}}));

  EXPECT_EQ(result.lifecycle.hubs, Unlisted::Keep);
  EXPECT_EQ(result.lifecycle.certificates, Unlisted::Remove);
}

TEST(Load, EntriesOfAnUndeclaredServiceKeepEverything) {
  const auto result = only(loaded(
      {{"fleet/a.yaml", hub_document("hub-2.example.net", "lifecycle: {state: absent}\n")}}));

  EXPECT_FALSE(result.declared);
  EXPECT_FALSE(result.named_owner);
  EXPECT_EQ(result.linked_hubs->front().presence, Presence::Absent);
  EXPECT_EQ(result.lifecycle.hubs, Unlisted::Keep);
  EXPECT_EQ(result.lifecycle.policies, Unlisted::Keep);
  EXPECT_EQ(result.lifecycle.certificates, Unlisted::Keep);
  EXPECT_EQ(result.lifecycle.tags, Unlisted::Keep);
}

TEST(Load, AMissingSecretBlocksItsServiceOnly) {
  const auto result = loaded({{"fleet/a.yaml",
                               service("spec:\n  linkedHubs:\n    - hostName: hub-1.example.net\n"
                                       "      credential: {connectionString: {env: NOT_SET}}\n")},
                              {"fleet/b.yaml", service("", "fleet-us")}});

  EXPECT_TRUE(result.desired.complete);
  ASSERT_EQ(result.desired.services.size(), 2U);
  const auto& blocked = result.desired.services.begin()->second;
  ASSERT_EQ(blocked.blocks.size(), 1U);
  EXPECT_EQ(blocked.blocks.front().id, "SecretMissing");
  EXPECT_EQ(blocked.blocks.front().mark, (Mark{"fleet/a.yaml", 7, 38}));
  EXPECT_TRUE(result.desired.services.rbegin()->second.blocks.empty());
  ASSERT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(result.faults.front().fault_class, FaultClass::Environment);
  EXPECT_EQ(result.faults.front().service, blocked.id);
}

TEST(Load, ATombstoneNeedsNoSecrets) {
  const auto result =
      only(loaded({{"fleet/a.yaml",
                    service("spec:\n  linkedHubs:\n    - hostName: hub-1.example.net\n"
                            "      credential: {connectionString: {env: NOT_SET}}\n"
                            "lifecycle: {state: absent, idScope: 0ne0012ABCD}\n")}}));

  EXPECT_EQ(result.lifecycle.state, LifecycleState::Absent);
  EXPECT_EQ(result.lifecycle.id_scope, "0ne0012ABCD");
  EXPECT_TRUE(result.blocks.empty());
}

TEST(Load, DefaultsDoNotProtectATombstone) {
  const auto result =
      only(loaded({{"fleet/a.yaml", service("lifecycle: {state: absent, idScope: 0ne0012ABCD}\n")},
                   {"fleet/defaults.yaml", document("Defaults", "lifecycle: {protect: true}\n")}}));

  EXPECT_FALSE(result.lifecycle.protect) << "the mark on the service stays and decides";
}

TEST(Load, ARootThatIsAFileMayReferToFilesBesideIt) {
  const auto text = service("spec: {certificates: [{name: ca, certificate: {file: ca.pem}}]}\n");
  const auto ca = content_of(project_folder() + "/tests/golden/secrets/ca.pem");
  const std::map<std::string, std::string> contents = {
      {"fleet/a.yaml", text}, {"fleet/ca.pem", ca}, {"fleet/other.yaml", "nonsense"}};

  EXPECT_TRUE(only(loaded(contents, {"fleet/a.yaml"})).certificates->front().content);
}

TEST(Load, SkipsDotNamesAndOtherEndings) {
  const auto result = loaded({{"fleet/a.yaml", service("")},
                              {"fleet/.git/b.yaml", "nonsense"},
                              {"fleet/.hidden.yaml", "nonsense"},
                              {"fleet/readme.md", "nonsense"},
                              {"fleet/sub/c.yml", service("", "fleet-us")}});

  EXPECT_EQ(faults(result), "");
  EXPECT_EQ(result.files, 2U);
  EXPECT_EQ(result.documents, 2U);
}

TEST(Load, ReadsAFileOnceWhateverTheRoots) {
  const auto result = loaded({{"fleet/a.yaml", service("")}}, {"fleet", "fleet/a.yaml", "./fleet"});

  EXPECT_EQ(faults(result), "");
  EXPECT_EQ(result.files, 1U);
}

TEST(Load, TheRevisionIsThatOfTheContentAndNotOfThePlace) {
  const auto text = service("");
  const auto first = loaded({{"fleet/a.yaml", text}}).desired.revision;

  EXPECT_EQ(first.size(), std::string("sha256:").size() + 12);
  EXPECT_EQ(loaded({{"other/a.yaml", text}}, {"other"}).desired.revision, first);
  EXPECT_NE(loaded({{"fleet/a.yaml", text + "# more\n"}}).desired.revision, first);
  EXPECT_NE(loaded({{"fleet/b.yaml", text}}).desired.revision, first);
}

TEST(Load, TheRevisionCoversCertificates) {
  const auto text = service("spec: {certificates: [{name: ca, certificate: {file: ca.pem}}]}\n");
  const auto secrets = project_folder() + "/tests/golden/secrets";
  const auto revision = [&](const std::string& name) {
    return loaded({{"fleet/a.yaml", text}, {"fleet/ca.pem", content_of(secrets + "/" + name)}})
        .desired.revision;
  };

  EXPECT_EQ(revision("ca.pem"), revision("ca.pem"));
  EXPECT_NE(revision("ca.pem"), revision("other.pem"));
}

TEST(Load, ProgramsAreReferencesWhenAllowedAndAreNotRun) {
  const TemporaryFolder folder;
  MemoryFiles files({{"fleet/a.yaml",
                      service("spec:\n  sharedAccessPolicies:\n    - name: p\n"
                              "      keys: {primary: {exec: [touch, " +
                              folder.path("ran") + "]}}\n")}});
  auto options = corpus_options("fleet");
  options.allow_exec = true;
  const auto result = only(load(files, options));

  EXPECT_EQ(std::get<ExecReference>(*result.policies->front().primary_key).argv.front(), "touch");
  EXPECT_FALSE(std::filesystem::exists(folder.path("ran")));
}

TEST(Load, ManifestsBehindTheLinksOfAMountedVolumeAreRead) {
  const TemporaryFolder folder;  // as a cluster mounts them: file -> ..data/file -> ..2026/file
  folder.write("..2026/fleet.yaml", service(""));
  folder.link("..data", "..2026");
  folder.link("fleet.yaml", "..data/fleet.yaml");
  DiskFiles files;

  EXPECT_EQ(only(load(files, corpus_options(folder.path()))).id.name, "fleet-eu");
}

TEST(Diagnostic, IsRenderedWithColorOnlyWhenAsked) {
  const auto result = loaded({{"fleet/a.yaml", service("spec: {location: 5}\n")}});

  ASSERT_EQ(result.faults.size(), 1U);
  EXPECT_EQ(render(result.faults.front(), false),
            "fleet/a.yaml:4:18: spec.location is a number; put it in quotes to make it text: "
            "\"5\"\n  spec: {location: 5}\n                   ^\n");
  EXPECT_NE(render(result.faults.front(), true).find("\x1b[1mfleet/a.yaml:4:18\x1b[0m"),
            std::string::npos);
}

}  // namespace
}  // namespace dps::manifest

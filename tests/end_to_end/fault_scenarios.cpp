// The rows of the fault matrix, and the passes that make these requests.
#include <mutex>

#include "tests/arm_simulator/x509.hpp"
#include "tests/end_to_end/fault_matrix.hpp"

namespace dps::lab {
namespace {

const Row kToken = {"token", "POST", "/*/oauth2/v2.0/token"};
const Row kList = {
    "list", "GET", "/subscriptions/*/providers/Microsoft.Devices/provisioningServices"};
const Row kPage = {
    "second page", "GET", "/subscriptions/*/providers/Microsoft.Devices/provisioningServices", 2};
const Row kGroup = {"group", "GET", "/subscriptions/*/resourceGroups/*"};
const Row kName = {
    "name check", "POST", "/subscriptions/**/checkProvisioningServiceNameAvailability"};
const Row kHubKeys = {"hub keys", "POST", "/subscriptions/**/IotHubs/**/listkeys"};
const Row kKeys = {"listkeys", "POST", "/subscriptions/**/provisioningServices/*/listkeys"};
const Row kPoll = {"poll", "GET", "/subscriptions/**perationResults/**"};
const Row kCertificates = {
    "list certificates", "GET", "/subscriptions/**/provisioningServices/*/certificates"};

Row service(const std::string& name, const std::string& method, int nth = 1) {
  return {name, method, "/subscriptions/**/provisioningServices/*", nth};
}

Row certificate(const std::string& name, const std::string& method, const std::string& step = "") {
  return {name, method, "/subscriptions/**/certificates/*" + step};
}

void bystander(Lab& lab) {
  lab.plant({{"provisioning_services",
              {{{"id", service_path("bystander")},
                {"location", "westeurope"},
                {"tags", {{"team", "green"}}}}}}});
  lab.set_switch("page-size", "1");
}

void converged(Lab& lab) {
  bystander(lab);
  lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
  lab.apply();
  add_the_others(lab);
}

struct Authority {
  std::string pem;
  std::string key;
};

const Authority& authority(const std::string& name) {
  static std::map<std::string, Authority> made;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  auto& one = made[name];
  if (one.pem.empty()) {
    const sim::KeyPair key;
    sim::Issue wish;
    wish.common_name = name;
    wish.not_before = sim::TimePoint(std::chrono::seconds(1'600'000'000));
    wish.not_after = sim::TimePoint(std::chrono::seconds(2'600'000'000));
    one = {sim::issue(wish, key, key), key.pem()};
  }
  return one;
}

SimJson live_certificate(const std::string& name, const std::string& common_name) {
  return {{"name", name},
          {"properties", {{"certificate", authority(common_name).pem}, {"isVerified", true}}}};
}

SimJson aged(SimJson certificate, int days) {
  const auto then = sim::rfc1123(std::chrono::time_point_cast<sim::TimePoint::duration>(
      std::chrono::system_clock::now() - std::chrono::hours{24 * days}));
  certificate["properties"]["created"] = then;
  certificate["properties"]["updated"] = then;
  return certificate;
}

/// The fleet with this entry under `certificates`.
std::string with_certificate(std::string fleet,
                             const std::string& common_name,
                             const std::string& rest) {
  std::string pem;
  for (const auto& line : split(authority(common_name).pem, '\n')) pem += "         " + line + "\n";
  fleet.insert(
      fleet.find("lifecycle:"),
      "  certificates:\n    - name: factory-ca\n      certificate:\n       pem: |\n" + pem + rest);
  return fleet;
}

/// The fleet with these certificates, and a manifest that wants `common_name` proved.
void rotating(Lab& lab,
              const SimJson& live,
              const std::string& common_name,
              const std::string& rest = "") {
  converged(lab);
  lab.edit(service_path("fleet"), {{"certificates", live}});
  lab.variable("CA_KEY", authority(common_name).key);
  lab.manifest(
      "fleet.yaml",
      with_certificate(shared_fleet(10, "prod"),
                       common_name,
                       "      verification: {proofOfPossession: {key: {env: CA_KEY}}}\n" + rest));
}

}  // namespace

std::vector<Scenario> scenarios() {
  return {
      {"create",
       [](Lab& lab) {
         bystander(lab);
         lab.manifest("fleet.yaml", shared_fleet(10, "prod"));
       },
       {kToken,
        kList,
        service("GET of a missing service", "GET"),
        kGroup,
        kName,
        kHubKeys,
        service("PUT that creates", "PUT"),
        kPoll,
        service("GET after the creation", "GET", 3)}},
      {"update",
       [](Lab& lab) {
         converged(lab);
         lab.manifest("fleet.yaml",
                      shared_fleet(20, "test", "    - {name: reader, rights: [EnrollmentRead]}\n"));
       },
       {kToken,
        kList,
        kPage,
        kHubKeys,
        kKeys,
        service("GET before the write", "GET"),
        {"listkeys before the write", kKeys.method, kKeys.path, 2},
        service("PUT that updates", "PUT"),
        kPoll,
        service("GET after the write", "GET", 2)}},
      {"tags",
       [](Lab& lab) {
         converged(lab);
         lab.manifest("fleet.yaml", shared_fleet(10, "test"));
       },
       {kList,
        kPage,
        kToken,
        kHubKeys,
        kKeys,
        service("GET before the PATCH", "GET"),
        service("PATCH", "PATCH"),
        service("GET after the PATCH", "GET", 2)}},
      {"delete",
       [](Lab& lab) {
         converged(lab);
         lab.manifest(
             "fleet.yaml",
             std::string(kHead) +
                 fmt::format(
                     "lifecycle: {{state: absent, idScope: {}}}\n",
                     lab.service("fleet").at("properties").at("idScope").get<std::string>()));
       },
       {kToken,
        kList,
        kPage,
        service("GET before the DELETE", "GET"),
        service("DELETE", "DELETE"),
        {"poll of the DELETE", kPoll.method, kPoll.path}}},
      {"certificates as they should be",
       [](Lab& lab) {
         converged(lab);
         lab.edit(
             service_path("fleet"),
             {{"certificates", SimJson::array({live_certificate("factory-ca", "Factory CA")})}});
         lab.manifest("fleet.yaml", with_certificate(shared_fleet(10, "test"), "Factory CA", ""));
       },
       {kToken,
        kList,
        kPage,
        kHubKeys,
        kKeys,
        kCertificates,
        service("GET before the PATCH", "GET"),
        service("PATCH", "PATCH"),
        service("GET after the PATCH", "GET", 2)}},
      {"a CA uploaded and proved, another removed",
       [](Lab& lab) {
         rotating(lab, SimJson::array({live_certificate("old-ca", "Old CA")}), "Factory CA");
       },
       {kCertificates,
        certificate("PUT of a certificate", "PUT"),
        certificate("verification code", "POST", "/generateVerificationCode"),
        certificate("verify", "POST", "/verify"),
        certificate("DELETE of a certificate", "DELETE")},
       true},
      {"a rotation with overlap",
       [](Lab& lab) {
         rotating(lab,
                  SimJson::array({aged(live_certificate("factory-ca", "Factory CA"), 100)}),
                  "Next CA");
       },
       {kCertificates,
        certificate("PUT into the second name", "PUT"),
        certificate("verification code", "POST", "/generateVerificationCode"),
        certificate("verify", "POST", "/verify")},
       true,
       true},
      // Of two that stand, so that its successor has no choice of names.
      {"a revoked CA removed and followed",
       [](Lab& lab) {
         rotating(lab,
                  SimJson::array({aged(live_certificate("factory-ca", "Factory CA"), 100),
                                  aged(live_certificate("factory-ca-2", "Old CA"), 2)}),
                  "Next CA",
                  "      revoked: [" +
                      sim::read_certificate(authority("Factory CA").pem)->thumbprint + "]\n");
         lab.settings.approve = lab.plan().approve_digest;
         lab.forget_requests();
       },
       {kCertificates,
        certificate("DELETE of a revoked certificate", "DELETE"),
        certificate("PUT of its successor", "PUT"),
        certificate("verification code", "POST", "/generateVerificationCode"),
        certificate("verify", "POST", "/verify")},
       true,
       true},
      {"a predecessor retired",
       [](Lab& lab) {
         rotating(lab,
                  SimJson::array({aged(live_certificate("factory-ca", "Factory CA"), 100),
                                  aged(live_certificate("factory-ca-2", "Next CA"), 40)}),
                  "Next CA",
                  "      rotation: {retire: automatic}\n");
       },
       {kCertificates, certificate("DELETE of a predecessor", "DELETE")},
       true,
       true},
  };
}

}  // namespace dps::lab

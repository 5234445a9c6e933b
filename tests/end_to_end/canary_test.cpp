// Canaries: a recognisable secret in every place from which the program takes one, or where a
// server may send one; none of them may turn up in anything that the program leaves behind. The
// programs run as processes, as a user runs them.
#include "tests/end_to_end/canary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "reconciler/base/crypto.hpp"
#include "reconciler/base/text.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "tests/arm_simulator/x509.hpp"
#include "tests/support/client_identity.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps::lab {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing_support::Ended;
using testing_support::Process;
using testing_support::Variables;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

constexpr const char* kSubscription = "11111111-1111-4111-8111-111111111111";

std::string key_of(const std::string& word) {
  auto text = word;
  while (text.size() < 32) text += "/" + word;
  return base64(text.substr(0, 32));
}

/// The same key, sealed with a passphrase.
std::string sealed(const std::string& pem, const std::string& passphrase) {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(out,
                                key,
                                EVP_aes_256_cbc(),
                                passphrase.data(),
                                static_cast<int>(passphrase.size()),
                                nullptr,
                                nullptr);
  char* data = nullptr;
  const long length = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(length));
  EVP_PKEY_free(key);
  BIO_free(in);
  BIO_free(out);
  return text;
}

class Canaries : public testing::Test {
 protected:
  Canaries() {
    folder_ = test::new_folder("canary");
    for (const char* name : {"manifests", "secrets", "bin", "tmp", "out"})
      std::filesystem::create_directory(folder_ / name);
    plant();
    start();
  }
  ~Canaries() override {
    simulator_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  static std::string read(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  void script(const std::string& name, const std::string& text) const {
    write(name, "#!/bin/sh\n" + text);
    ::chmod(path(name).c_str(), 0755);
  }

  std::string canary(const std::string& name) const {
    for (const auto& one : canaries_)
      if (one.name == name) return one.text;
    ADD_FAILURE() << "no canary " << name;
    return {};
  }
  static std::string connection(const std::string& hub, const std::string& key) {
    return "HostName=" + hub +
           ".azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" + key;
  }

  void plant() {
    for (const char* name : {"hub key",
                             "second hub key",
                             "live policy key",
                             "key of a file",
                             "key of a variable",
                             "key of a program",
                             "policy key of a file",
                             "policy key of a variable",
                             "literal in a manifest",
                             "echoed in a body",
                             "echoed in a header"})
      canaries_.push_back({name, key_of(std::string("canary ") + name)});
    canaries_.push_back(
        {"access token", "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOiJ0b2tlbiJ9.Q2FuYXJ5QWNjZXNz"});
    canaries_.push_back(
        {"federated token", "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOiJmZWQifQ.Q2FuYXJ5RmVkZXI"});
    canaries_.push_back(
        {"az token", "eyJhbGciOiJub25lIn0.eyJjYW5hcnkiOiJhelNlYyJ9.Q2FuYXJ5QXpUb2s"});
    canaries_.push_back({"identity header", "canary-identity-header-4711"});
    canaries_.push_back({"certificate password", "canary-pfx-pass/word+1"});
    const sim::KeyPair key;
    canaries_.push_back({"CA key", key.pem()});
    sim::Issue wish;
    wish.common_name = "Canary CA";
    wish.not_before = sim::TimePoint(std::chrono::seconds(1'600'000'000));
    wish.not_after = sim::TimePoint(std::chrono::seconds(2'600'000'000));
    write("manifests/ca.pem", sim::issue(wish, key, key));
    write("secrets/ca.key", key.pem());
    canaries_.push_back({"passphrase of the CA key", "canary-ca-passphrase/word+2"});
    write("secrets/ca.sealed", sealed(key.pem(), canary("passphrase of the CA key")));
    write("secrets/ca.passphrase", canary("passphrase of the CA key") + "\n");
    const test::ClientIdentity pfx("canary");
    canaries_.push_back({"key of the PFX", pfx.key_pem()});
    write("secrets/client.pfx", pfx.pfx(canary("certificate password")));
    const auto body = split(key.pem(), '\n').at(1);
    script("bin/sign-loudly", "echo 'cannot sign with " + body + "' >&2\nexit 3\n");
    script("bin/sign-more-loudly", "cat " + path("secrets/ca.key") + " >&2\nexit 3\n");
    script("bin/sign-line-by-line",
           "tail -n +2 " + path("secrets/ca.key") + " >&2\necho '" + body + "'\nexit 3\n");
    const sim::KeyPair client_key;
    canaries_.push_back({"client certificate key", client_key.pem()});
    write("secrets/client.pem", sim::issue(wish, client_key, client_key) + client_key.pem());
    write("secrets/hub-2", connection("hub-2", canary("key of a file")) + "\n");
    write("secrets/policy", canary("policy key of a file"));
    write("secrets/federated", canary("federated token"));
    // A child sees its own command line and environment; so do we.
    script("bin/give-hub",
           "tr '\\000' '\\n' < /proc/self/environ > " + path("out/child-environ") + "\n" +
               "tr '\\000' '\\n' < /proc/$$/cmdline > " + path("out/child-cmdline") + "\n" +
               "echo '" + connection("hub-3", canary("key of a program")) + "'\n" + "echo '" +
               connection("hub-3", canary("key of a program")) + "' >&2\n");
    script("bin/fail-loudly",
           "echo '" + canary("key of a program") + "' >&2\necho '" + canary("key of a program") +
               "'\nexit 3\n");
    script("bin/az",
           "echo '{\"accessToken\": \"" + canary("az token") +
               "\", \"expiresOn\": \"2099-01-01 00:00:00.000000\"}'\necho '" + canary("az token") +
               "' >&2\n");
  }

  void start() {
    const auto group = std::string("/subscriptions/") + kSubscription + "/resourceGroups/rg";
    const auto hub = [&](const std::string& name, const std::string& key) {
      return Json{{"id", group + "/providers/Microsoft.Devices/IotHubs/" + name},
                  {"location", "westeurope"},
                  {"properties",
                   {{"authorizationPolicies",
                     {{{"keyName", "iothubowner"},
                       {"primaryKey", key},
                       {"secondaryKey", canary("second hub key")},
                       {"rights", "RegistryWrite, ServiceConnect, DeviceConnect"}}}}}}};
    };
    write("seed.json",
          Json{{"resource_groups", {{{"id", group}, {"location", "westeurope"}}}},
               {"iot_hubs",
                {hub("hub-1", canary("hub key")),
                 hub("hub-2", canary("key of a file")),
                 hub("hub-3", canary("key of a program")),
                 hub("hub-4", canary("key of a variable"))}},
               {"provisioning_services",
                {{{"id", group + "/providers/Microsoft.Devices/provisioningServices/live"},
                  {"location", "westeurope"},
                  {"properties",
                   {{"iotHubs",
                     {{{"connectionString", connection("hub-1", canary("hub key"))},
                       {"location", "westeurope"}}}},
                    {"authorizationPolicies",
                     {{{"keyName", "provisioningserviceowner"},
                       {"primaryKey", canary("live policy key")},
                       {"secondaryKey", canary("live policy key")},
                       {"rights", "ServiceConfig, EnrollmentWrite, DeviceConnect"}}}}}}}}}}
              .dump());
    simulator_ = std::make_unique<Process>(
        Arguments{ARM_SIMULATOR, "--seed", path("seed.json"), "--set", "operation-time=0s"},
        Variables{});
    greeting_ = Json::parse(simulator_->read_line());
    canaries_.push_back({"client secret", greeting_.at("client_secret").get<std::string>()});
  }

  std::string admin(http::Method method, const std::string& what, const Json& body = nullptr) {
    http::CurlExchange wire{http::CurlSettings{}};
    http::Request request;
    request.method = method;
    request.url = greeting_.at("admin").get<std::string>() + what;
    request.headers["content-type"] = "application/json";
    if (!body.is_null()) request.body = body.dump();
    const auto answer = wire.send(request, {});
    EXPECT_TRUE(answer && answer->status < 300) << what << (answer ? answer->body : "");
    return answer ? answer->body : "";
  }

  Variables environment() const {
    return {{"AZURE_TENANT_ID", greeting_.at("tenant")},
            {"AZURE_CLIENT_ID", greeting_.at("client_id")},
            {"AZURE_CLIENT_SECRET", greeting_.at("client_secret")},
            {"DPS_RECONCILER_ARM_ENDPOINT", greeting_.at("arm")},
            {"DPS_RECONCILER_AUTHORITY", greeting_.at("arm")},
            {"DPS_RECONCILER_SECRETS_DIR", path("secrets")},
            {"HUB_4", connection("hub-4", canary("key of a variable"))},
            {"POLICY_SECONDARY", canary("policy key of a variable")},
            {"TMPDIR", path("tmp")},
            {"HOME", path("tmp")}};
  }

  static std::string service(const std::string& name, const std::string& spec) {
    return std::string(
               "apiVersion: dps-reconciler/v1\nkind: ProvisioningService\nmetadata: {name: ") +
           name + ", resourceGroup: rg, subscription: " + kSubscription +
           "}\nspec:\n  location: westeurope\n  sku: {name: S1, capacity: 1}\n" + spec;
  }

  /// Every kind of secret that a manifest can name.
  void write_fleet(int weight) const {
    write("manifests/fleet.yaml",
          service("fleet",
                  "  linkedHubs:\n"
                  "    - hostName: hub-1.azure-devices.net\n      location: westeurope\n"
                  "      allocationWeight: " +
                      std::to_string(weight) +
                      "\n      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: "
                      "primary}}\n"
                      "    - hostName: hub-2.azure-devices.net\n      location: westeurope\n"
                      "      credential: {connectionString: {file: " +
                      path("secrets/hub-2") +
                      "}}\n"
                      "    - hostName: hub-3.azure-devices.net\n      location: westeurope\n"
                      "      credential: {connectionString: {exec: [" +
                      path("bin/give-hub") +
                      ", argument]}}\n"
                      "    - hostName: hub-4.azure-devices.net\n      location: westeurope\n"
                      "      credential: {connectionString: {env: HUB_4}}\n"
                      "  sharedAccessPolicies:\n    - name: writer\n      rights: "
                      "[EnrollmentWrite]\n      keys: {primary: {file: " +
                      path("secrets/policy") +
                      "}, secondary: {env: POLICY_SECONDARY}}\n"
                      "  certificates:\n    - name: canary-ca\n      certificate: {file: ca.pem}\n"
                      "      verification: {proofOfPossession: {key: {file: " +
                      path("secrets/ca.key") + "}}}\n"));
    write("manifests/live.yaml", service("live", "  allocationPolicy: Static\n"));
  }

  /// Runs it and searches all that it left.
  Ended run(Arguments arguments, const Variables& more = {}) {
    auto variables = environment();
    for (const auto& [name, value] : more) {
      if (value.empty()) {
        variables.erase(name);
      } else {
        variables[name] = value;
      }
    }
    Arguments argv = {DPS_RECONCILER};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(),
                {"--manifests", path("manifests"), "--log-level", "trace", "--allow-exec"});
    auto ended = testing_support::run(argv, variables);
    search(join(arguments, " "), ended);
    return ended;
  }

  void search(const std::string& what, const Ended& ended) const {
    EXPECT_THAT(found_in(ended.out, everything()), IsEmpty()) << what << ": stdout";
    EXPECT_THAT(found_in(ended.err, everything()), IsEmpty()) << what << ": stderr";
    for (const char* folder : {"tmp", "out"}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / folder)) {
        if (!entry.is_regular_file()) continue;
        const auto name = entry.path().filename().string();
        EXPECT_THAT(found_in(read(entry.path()), left_behind(name)), IsEmpty())
            << what << ": " << name;
      }
    }
  }
  /// Of the environment of a child: what the person put there for it is there.
  std::vector<Canary> left_behind(const std::string& file) const {
    auto all = everything();
    if (file == "child-environ") {
      std::erase_if(all, [](const Canary& one) { return one.name.ends_with("of a variable"); });
    }
    return all;
  }
  /// The planted ones, and the capabilities that the simulator signed and keys that it made.
  std::vector<Canary> everything() const { return canaries_; }

  void learn(const std::string& name, const std::string& text) {
    const bool known = std::any_of(
        canaries_.begin(), canaries_.end(), [&](const Canary& one) { return one.text == text; });
    if (!known) canaries_.push_back({name, text});
  }
  void learn_what_the_simulator_made() {
    const auto requests = Json::parse(admin(http::Method::Get, "/requests?since=0"));
    std::size_t signed_urls = 0;
    for (const auto& one : requests.is_array() ? requests : requests.at("requests")) {
      for (const auto& part : split(one.at("query").get<std::string>(), '&')) {
        const auto equals = part.find('=');
        if (equals == std::string::npos || equals > 1) continue;  // t, c, s, h
        if (part.size() < 20) continue;
        learn("signed URL's " + part.substr(0, 1), part.substr(equals + 1));
        ++signed_urls;
      }
    }
    EXPECT_GT(signed_urls, 0U);
    const auto state = Json::parse(admin(http::Method::Get, "/state"));
    for (const auto& one : state.at("provisioning_services")) {
      for (const auto& policy : one.at("properties").at("authorizationPolicies")) {
        for (const char* key : {"primaryKey", "secondaryKey"})
          learn("made key", policy.at(key).get<std::string>());
      }
    }
  }

  std::filesystem::path folder_;
  std::unique_ptr<Process> simulator_;
  Json greeting_;
  std::vector<Canary> canaries_;
};

// ---- the search itself ----

TEST_F(Canaries, AreFoundWhereTheyAre) {
  const auto state = found_in(admin(http::Method::Get, "/state"), canaries_);
  EXPECT_THAT(state, testing::Contains(HasSubstr("hub key")));
  EXPECT_THAT(state, testing::Contains(HasSubstr("live policy key")));
  for (const auto& one : canaries_) {
    for (const auto& form : forms_of(one.text)) {
      EXPECT_THAT(found_in("2026-11-22 info: " + form + " was said", {one}), SizeIs(1)) << one.name;
    }
    // As a part of something longer that is encoded as a whole.
    for (const std::string before : {"", "a", "ab", "abc"}) {
      const auto line = split(one.text, '\n').size() > 1 ? split(one.text, '\n').at(1) : one.text;
      EXPECT_THAT(found_in(base64(before + line + "and more"), {one}), SizeIs(1)) << one.name;
    }
  }
  EXPECT_THAT(found_in("nothing of the kind", canaries_), IsEmpty());
}

// ---- the whole life ----

TEST_F(Canaries, NoneEscapesFromPlansAppliesAndTheirFiles) {
  write_fleet(10);
  for (const std::string form : {"text", "json"}) {
    const Arguments forms = {"--output", form, "--log-format", form};
    const auto with = [&](Arguments arguments) {
      arguments.insert(arguments.end(), forms.begin(), forms.end());
      return arguments;
    };
    write_fleet(form == "text" ? 10 : 20);
    EXPECT_EQ(run(with({"validate"})).exit_code, 0);
    EXPECT_EQ(run(with({"plan", "--out", path("out/plan-" + form + ".json")})).exit_code, 0);
    const auto applied = run(with({"apply", path("out/plan-" + form + ".json")}));
    EXPECT_EQ(applied.exit_code, 0) << applied.out << applied.err;
    EXPECT_EQ(run(with({"plan", "--resend-keys"})).exit_code, 0);
    EXPECT_EQ(run(with({"apply", "--resend-keys"})).exit_code, 0);
    EXPECT_EQ(run(with({"show", std::string(kSubscription) + "/rg/fleet"})).exit_code, 0);
    learn_what_the_simulator_made();
    search("afterwards", applied);
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/child-environ"));
}

TEST_F(Canaries, NoneEscapesFromFaultyManifests) {
  const std::vector<std::pair<std::string, std::string>> faulty = {
      {"literal key",
       "  sharedAccessPolicies:\n    - {name: w, rights: [ServiceConfig], keys: {primary: \"" +
           canary("literal in a manifest") + "\"}}\n"},
      {"literal string",
       "  linkedHubs:\n    - hostName: hub-1.azure-devices.net\n      credential: "
       "{connectionString: \"" +
           connection("hub-1", canary("literal in a manifest")) + "\"}\n"},
      {"literal in a tag", "  tags: {note: [\"" + canary("literal in a manifest") + "\"\n"},
  };
  for (const auto& [name, spec] : faulty) {
    if (name == "literal in a tag") continue;  // a tag is no secret
    SCOPED_TRACE(name);
    write("manifests/faulty.yaml", service("faulty", spec));
    for (const char* command : {"validate", "plan", "apply"}) {
      for (const char* form : {"text", "json"}) {
        EXPECT_EQ(run({command, "--output", form}).exit_code, 1);
      }
    }
  }
}

TEST_F(Canaries, NoneEscapesFromProgramsThatFail) {
  write("manifests/fleet.yaml",
        service("fleet",
                "  linkedHubs:\n    - hostName: hub-3.azure-devices.net\n      location: "
                "westeurope\n      credential: {connectionString: {exec: [" +
                    path("bin/fail-loudly") + "]}}\n"));
  EXPECT_EQ(run({"apply"}).exit_code, 1);
}

TEST_F(Canaries, NoneEscapesFromAKeyWithAPassphraseNorFromASignerThatPrintsIt) {
  struct Case {
    std::string name;
    std::string proof;
    int exit_code;
  };
  const auto key = "key: {file: " + path("secrets/ca.sealed") + ", passphrase: {file: ";
  for (const Case& one :
       std::vector<Case>{{"wrong passphrase", key + path("secrets/policy") + "}}", 1},
                         {"loud", "exec: [" + path("bin/sign-loudly") + "]", 1},
                         {"louder", "exec: [" + path("bin/sign-more-loudly") + "]", 1},
                         {"line by line", "exec: [" + path("bin/sign-line-by-line") + "]", 1},
                         {"right", key + path("secrets/ca.passphrase") + "}}", 0}}) {
    SCOPED_TRACE(one.name);
    write("manifests/fleet.yaml",
          service("fleet",
                  "  certificates:\n    - name: canary-ca\n      certificate: {file: ca.pem}\n"
                  "      verification: {proofOfPossession: {" +
                      one.proof + "}}\n"));
    for (const char* form : {"text", "json"}) {
      const auto ended = run({"apply", "--output", form});
      EXPECT_EQ(ended.exit_code, one.exit_code) << ended.out << ended.err;
      if (one.name == "loud") {
        EXPECT_THAT(ended.out, HasSubstr("cannot sign with [secret]"));
      }
    }
  }
}

TEST_F(Canaries, NoneEscapesFromSecretsThatAreOfTheWrongForm) {
  write("secrets/hub-2", "HostName=hub-2.azure-devices.net;" + canary("key of a file"));
  write("secrets/policy", canary("policy key of a file") + "!not base64");
  write_fleet(10);
  EXPECT_EQ(run({"plan"}).exit_code + run({"apply", "--output", "json"}).exit_code, 2);
}

// ---- ways of signing in ----

TEST_F(Canaries, NoneEscapesFromAnyWayOfSigningIn) {
  write("manifests/live.yaml", service("live", "  allocationPolicy: Static\n"));
  const Variables none = {{"AZURE_CLIENT_SECRET", ""}};
  const auto with = [&](Variables more) {
    more.insert(none.begin(), none.end());
    return more;
  };
  struct Way {
    std::string name;
    Arguments arguments;
    Variables variables;
  };
  for (const Way& way : std::vector<Way>{
           {"secret of another", {}, {{"AZURE_CLIENT_SECRET", canary("echoed in a body")}}},
           {"token", {"--auth", "token"}, with({{"AZURE_ACCESS_TOKEN", canary("access token")}})},
           {"workload identity",
            {"--auth", "workload-identity"},
            with({{"AZURE_FEDERATED_TOKEN_FILE", path("secrets/federated")}})},
           {"client certificate",
            {"--auth", "client-certificate"},
            with({{"AZURE_CLIENT_CERTIFICATE_PATH", path("secrets/client.pem")},
                  {"AZURE_CLIENT_CERTIFICATE_PASSWORD", canary("certificate password")}})},
           {"client certificate as PFX",
            {"--auth", "client-certificate"},
            with({{"AZURE_CLIENT_CERTIFICATE_PATH", path("secrets/client.pfx")},
                  {"AZURE_CLIENT_CERTIFICATE_PASSWORD", canary("certificate password")}})},
           {"PFX with a wrong password",
            {"--auth", "client-certificate"},
            with({{"AZURE_CLIENT_CERTIFICATE_PATH", path("secrets/client.pfx")},
                  {"AZURE_CLIENT_CERTIFICATE_PASSWORD", canary("passphrase of the CA key")}})},
           {"managed identity",
            {"--auth", "managed-identity"},
            with({{"IDENTITY_ENDPOINT", greeting_.at("arm").get<std::string>() + "/msi/token"},
                  {"IDENTITY_HEADER", canary("identity header")}})},
           {"azure cli", {"--auth", "azure-cli"}, with({{"PATH", path("bin") + ":/usr/bin:/bin"}})},
       }) {
    SCOPED_TRACE(way.name);
    for (const std::string command : {"plan", "doctor"}) {
      Arguments arguments = {command};
      arguments.insert(arguments.end(), way.arguments.begin(), way.arguments.end());
      const auto ended = run(arguments, way.variables);
      EXPECT_THAT(ended.exit_code, testing::AnyOf(0, 1, 64)) << ended.err;
    }
  }
}

// ---- what servers say ----

TEST_F(Canaries, NoneEscapesFromWhatAServerEchoes) {
  write_fleet(10);
  ASSERT_EQ(run({"apply"}).exit_code, 0);
  write_fleet(30);
  const auto echo = "Bad value 'SharedAccessKey=" + canary("echoed in a body") +
                    "' with \"primaryKey\": \"" + canary("live policy key") +
                    "\", Authorization: Bearer " + canary("access token");
  const auto fault =
      [&](const std::string& method, const std::string& where, int status, bool json) {
        const auto body = json ? Json{{"error", {{"code", "BadRequest"}, {"message", echo}}}}.dump()
                               : "<html>" + echo + "</html>";
        return Json{{{"match", {{"method", method}, {"path", where}, {"times", 0}}},
                     {"do",
                      {{"kind", "status"},
                       {"status", status},
                       {"headers",
                        {{"x-ms-error", canary("echoed in a header")},
                         {"Location", "https://x.example/?sig=" + canary("echoed in a header")},
                         {"WWW-Authenticate", "Bearer " + canary("echoed in a header")}}},
                       {"body", body}}}}};
      };
  for (const std::string method : {"GET", "PUT", "POST"}) {
    for (const int status : {200, 302, 400, 401, 403, 404, 409}) {
      for (const bool json : {true, false}) {
        // Elsewhere these are waited for, in real time, and say no more.
        if (method != "GET" && (status < 400 || status == 409)) continue;
        SCOPED_TRACE(method + " " + std::to_string(status));
        admin(http::Method::Put, "/faults", fault(method, "/subscriptions/**", status, json));
        run({"apply", "--output", json ? "json" : "text", "--timeout", "1s"});
      }
    }
  }
  admin(http::Method::Put, "/faults", fault("POST", "/*/oauth2/v2.0/token", 401, true));
  run({"plan"});
  run({"doctor"});
  admin(http::Method::Delete, "/faults");
}

}  // namespace
}  // namespace dps::lab

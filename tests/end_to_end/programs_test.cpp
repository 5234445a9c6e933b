// The two programs as a user runs them: processes, flags, environment, files, exit codes, what is
// printed where, signals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "reconciler/http/curl_exchange.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"

namespace dps {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing_support::Ended;
using testing_support::Process;
using testing_support::Variables;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

constexpr const char* kSubscription = "11111111-1111-4111-8111-111111111111";
constexpr const char* kHubCanary = "SFVCQ0FOQVJZSFVCQ0FOQVJZSFVCQ0FOQVJZSFVCQ0E=";
constexpr const char* kPolicyCanary = "UE9MQ0FOQVJZUE9MQ0FOQVJZUE9MQ0FOQVJZUE9MQ0E=";
constexpr const char* kFileCanary = "RklMRUNBTkFSWUZJTEVDQU5BUllGSUxFQ0FOQVJZRkk=";
constexpr const char* kEnvCanary = "RU5WQ0FOQVJZRU5WQ0FOQVJZRU5WQ0FOQVJZRU5WQ0E=";

class Programs : public testing::Test {
 protected:
  Programs() {
    folder_ = test::new_folder("programs");
    std::filesystem::create_directory(folder_ / "manifests");
    std::filesystem::create_directory(folder_ / "secrets");
  }
  ~Programs() override {
    simulator_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }

  void start(const Arguments& more = {}) {
    const auto hub = [](const std::string& name) {
      return Json{{"id",
                   std::string("/subscriptions/") + kSubscription +
                       "/resourceGroups/rg/providers/Microsoft.Devices/IotHubs/" + name},
                  {"location", "westeurope"},
                  {"properties",
                   {{"authorizationPolicies",
                     {{{"keyName", "iothubowner"},
                       {"primaryKey", kHubCanary},
                       {"secondaryKey", kHubCanary},
                       {"rights", "RegistryWrite, ServiceConnect, DeviceConnect"}}}}}}};
    };
    write("seed.json",
          Json{{"subscriptions", {{{"subscriptionId", kSubscription}, {"registered", true}}}},
               {"resource_groups",
                {{{"id", std::string("/subscriptions/") + kSubscription + "/resourceGroups/rg"},
                  {"location", "westeurope"}}}},
               {"iot_hubs", {hub("hub-1"), hub("hub-2")}}}
              .dump());
    Arguments argv = {ARM_SIMULATOR, "--seed", path("seed.json")};
    argv.insert(argv.end(), more.begin(), more.end());
    simulator_ = std::make_unique<Process>(argv, Variables{});
    greeting_ = Json::parse(simulator_->read_line());
  }

  Json admin(http::Method method, const std::string& what, const Json& body = nullptr) {
    http::CurlExchange wire{http::CurlSettings{}};
    http::Request request;
    request.method = method;
    request.url = greeting_.at("admin").get<std::string>() + what;
    request.headers["content-type"] = "application/json";
    if (!body.is_null()) request.body = body.dump();
    const auto answer = wire.send(request, {});
    EXPECT_TRUE(answer.has_value());
    if (!answer || answer->body.empty()) return nullptr;
    EXPECT_LT(answer->status, 300) << answer->body;
    return Json::parse(answer->body, nullptr, false);
  }
  std::size_t writes() {
    std::size_t count = 0;
    const auto log = admin(http::Method::Get, "/requests?since=0");
    for (const auto& one : log.is_array() ? log : log.at("requests")) {
      const auto method = one.at("method").get<std::string>();
      count += method == "PUT" || method == "PATCH" || method == "DELETE" ? 1U : 0U;
    }
    return count;
  }
  Json service(const std::string& name) {
    const auto state = admin(http::Method::Get, "/state");
    for (const auto& one : state.at("provisioning_services")) {
      if (one.at("id").get<std::string>().ends_with("/" + name)) return one;
    }
    return nullptr;
  }

  Variables environment() const {
    return {{"AZURE_TENANT_ID", greeting_.value("tenant", "t")},
            {"AZURE_CLIENT_ID", greeting_.value("client_id", "c")},
            {"AZURE_CLIENT_SECRET", greeting_.value("client_secret", "s3cret")},
            {"DPS_RECONCILER_ARM_ENDPOINT", greeting_.value("arm", "http://127.0.0.1:9")},
            {"DPS_RECONCILER_AUTHORITY", greeting_.value("arm", "http://127.0.0.1:9")},
            {"DPS_RECONCILER_SECRETS_DIR", path("secrets")}};
  }
  Arguments argv(const Arguments& arguments) const {
    Arguments all = {DPS_RECONCILER};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  Ended reconciler(const Arguments& arguments, const Variables& more = {}) const {
    auto variables = environment();
    for (const auto& [name, value] : more) variables[name] = value;
    return testing_support::run(argv(arguments), variables);
  }
  /// With --manifests.
  Ended on_manifests(Arguments arguments, const Variables& more = {}) const {
    arguments.insert(arguments.end(), {"--manifests", path("manifests")});
    return reconciler(arguments, more);
  }

  static std::string fleet(const std::string& name, const std::string& spec = "") {
    return std::string(
               "apiVersion: dps-reconciler/v1\nkind: ProvisioningService\nmetadata: {name: ") +
           name + ", resourceGroup: rg, subscription: " + kSubscription +
           "}\nspec:\n  location: westeurope\n  sku: {name: S1, capacity: 1}\n" + spec;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Process> simulator_;
  Json greeting_ = Json::object();
};

// ---- exit codes ----

TEST_F(Programs, WrongUsageIs64AndSaysWhatWouldBeRight) {
  write("manifests/fleet.yaml", fleet("fleet"));
  write("unknown.yaml", "output: json\nspeed: high\n");
  write("torn.json", "{\"schema\": \"dps-reconciler/plan/v1\"");
  write("other.json", "{\"schema\": \"dps-reconciler/report/v1\"}");
  struct Case {
    std::string name;
    Arguments arguments;
    Variables variables{};
    std::string says;
  };
  const auto manifests = path("manifests");
  for (const Case& one : std::vector<Case>{
           {"flag", {"plan", "--manifests", manifests, "--speed"}, {}, "speed"},
           {"no manifests", {"plan"}, {}, "--manifests"},
           {"two commands", {"plan", "--once", "--manifests", manifests}, {}, "command"},
           {"prune without owner", {"plan", "--prune", "--manifests", manifests}, {}, "--owner"},
           {"prune with select",
            {"plan", "--prune", "--owner", "me", "--select", "*/*", "--manifests", manifests},
            {},
            "--select"},
           {"select of nothing",
            {"plan", "--select", "ProvisioningService/nobody", "--manifests", manifests},
            {},
            "nobody"},
           {"broken select",
            {"plan", "--select", "nonsense", "--manifests", manifests},
            {},
            "select"},
           {"number",
            {"plan", "--max-deletes", "many", "--manifests", manifests},
            {},
            "max-deletes"},
           {"duration", {"plan", "--timeout", "10", "--manifests", manifests}, {}, "timeout"},
           {"word", {"plan", "--output", "xml", "--manifests", manifests}, {}, "text"},
           {"version",
            {"plan", "--api-version", "1999-01-01", "--manifests", manifests},
            {},
            "1999"},
           {"cloud", {"plan", "--cloud", "mars", "--manifests", manifests}, {}, "mars"},
           {"variable",
            {"plan", "--manifests", manifests},
            {{"DPS_RECONCILER_CONCURRENCY", "0"}},
            "DPS_RECONCILER_CONCURRENCY"},
           {"config file",
            {"plan", "--config", path("unknown.yaml"), "--manifests", manifests},
            {},
            "unknown.yaml:2"},
           {"missing config file",
            {"plan", "--config", path("none.yaml"), "--manifests", manifests},
            {},
            "none.yaml"},
           {"missing plan",
            {"apply", path("none.json"), "--manifests", manifests},
            {},
            "none.json"},
           {"torn plan", {"apply", path("torn.json"), "--manifests", manifests}, {}, "torn.json"},
           {"other JSON",
            {"apply", path("other.json"), "--manifests", manifests},
            {},
            "other.json"},
           {"no credential",
            {"plan", "--manifests", manifests},
            {{"AZURE_CLIENT_SECRET", ""}, {"AZURE_CLIENT_ID", ""}, {"AZURE_TENANT_ID", ""}},
            "AZURE_"},
       }) {
    SCOPED_TRACE(one.name);
    const auto ended = reconciler(one.arguments, one.variables);
    EXPECT_EQ(ended.exit_code, 64) << ended.err;
    EXPECT_THAT(ended.out, IsEmpty());
    EXPECT_THAT(ended.err, HasSubstr(one.says));
  }
}

TEST_F(Programs, FaultyManifestsAre1AndNothingIsWritten) {
  start();
  write("manifests/good.yaml", fleet("good"));
  write("manifests/bad.yaml", fleet("bad", "  alocationPolicy: Hashed\n"));
  for (const char* command : {"validate", "plan", "apply"}) {
    SCOPED_TRACE(command);
    const auto ended = on_manifests({command});
    EXPECT_EQ(ended.exit_code, 1);
    EXPECT_THAT(ended.err, HasSubstr("bad.yaml:7:"));
    EXPECT_THAT(ended.err, HasSubstr("allocationPolicy"));
    EXPECT_THAT(ended.out, IsEmpty());
  }
  EXPECT_EQ(writes(), 0U);
}

TEST_F(Programs, NoDocumentIs1UnlessItIsAllowed) {
  start();
  EXPECT_EQ(on_manifests({"plan"}).exit_code, 1);
  EXPECT_EQ(on_manifests({"plan", "--allow-empty"}).exit_code, 0);
  EXPECT_EQ(reconciler({"plan", "--manifests", path("nowhere")}).exit_code, 1);
}

TEST_F(Programs, ALifeInExitCodes) {
  start();
  write("manifests/fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  EXPECT_EQ(on_manifests({"validate"}).exit_code, 0);
  EXPECT_EQ(on_manifests({"plan"}).exit_code, 0);
  EXPECT_EQ(on_manifests({"plan", "--detailed-exitcode"}).exit_code, 2);
  EXPECT_EQ(writes(), 0U);
  const auto created = on_manifests({"--once"});
  EXPECT_EQ(created.exit_code, 0) << created.err;
  EXPECT_THAT(created.out, HasSubstr("id scope 0ne"));
  EXPECT_EQ(on_manifests({"--plan", "--detailed-exitcode"}).exit_code, 0);

  // A saved plan, and a world that moves on.
  write("manifests/fleet.yaml", fleet("fleet", "  tags: {env: test}\n"));
  EXPECT_EQ(on_manifests({"plan", "--out", path("plan.json")}).exit_code, 0);
  admin(http::Method::Post,
        "/edit",
        {{"id", service("fleet").at("id")}, {"patch", {{"tags", {{"theirs", "1"}}}}}});
  const auto stale = on_manifests({"apply", path("plan.json")});
  EXPECT_EQ(stale.exit_code, 4) << stale.out << stale.err;
  EXPECT_EQ(service("fleet").at("tags").at("env"), "prod");
  EXPECT_EQ(on_manifests({"plan", "--out", path("plan.json")}).exit_code, 0);
  auto tampered = read("plan.json");
  tampered.replace(tampered.find("\"test\""), 6, "\"evil\"");
  write("tampered.json", tampered);
  EXPECT_EQ(on_manifests({"apply", path("tampered.json")}).exit_code, 64);
  EXPECT_EQ(on_manifests({"apply", path("plan.json")}).exit_code, 0);
  EXPECT_EQ(service("fleet").at("tags").at("env"), "test");

  // A guard.
  write("manifests/anchor.yaml", fleet("anchor"));
  EXPECT_EQ(on_manifests({"apply"}).exit_code, 0);
  std::filesystem::remove(folder_ / "manifests/fleet.yaml");
  const Arguments prune = {"apply", "--prune", "--owner", "default", "--max-deletes", "0"};
  const auto held = on_manifests(prune);
  EXPECT_EQ(held.exit_code, 3) << held.out << held.err;
  const auto at = held.out.find("--approve ");
  ASSERT_NE(at, std::string::npos) << held.out;
  const auto digest = held.out.substr(at + 10, 16);
  auto approved = prune;
  approved.insert(approved.end(), {"--approve", digest});
  const auto pruned = on_manifests(approved);
  EXPECT_EQ(pruned.exit_code, 0) << pruned.out << pruned.err;
  EXPECT_TRUE(service("fleet").is_null());

  // Something failed.
  admin(http::Method::Patch, "/switches", {{"deny", "write"}});
  write("manifests/anchor.yaml", fleet("anchor", "  allocationPolicy: Static\n"));
  EXPECT_EQ(on_manifests({"apply"}).exit_code, 1);
}

// ---- what is printed where ----

TEST_F(Programs, StdoutIsDataEvenAtTraceAndJsonHasItsMembers) {
  start();
  write("manifests/fleet.yaml", fleet("fleet", "  tags: {env: prod}\n"));
  const Arguments loud = {"--output", "json", "--log-level", "trace"};
  const auto with = [&](const std::string& command) {
    Arguments all = {command};
    all.insert(all.end(), loud.begin(), loud.end());
    const auto ended = on_manifests(all);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    return ended;
  };
  const auto planned = with("plan");
  EXPECT_THAT(planned.err, HasSubstr("GET"));  // trace tells of requests
  const auto plan = Json::parse(planned.out);
  EXPECT_EQ(plan.at("schema"), "dps-reconciler/plan/v1");
  for (const char* member :
       {"digest", "created_at", "api_version", "owner", "source_revision", "summary", "services"})
    EXPECT_TRUE(plan.contains(member)) << member;
  for (const char* member :
       {"create", "update", "rotate", "delete", "adopt", "blocked", "unchanged", "failed"})
    EXPECT_TRUE(plan.at("summary").contains(member)) << member;
  const auto& entry = plan.at("services").at(0);
  for (const char* member : {"id", "manifest", "etag", "state", "changes", "errors"})
    EXPECT_TRUE(entry.contains(member)) << member;
  for (const char* member : {"action",
                             "kind",
                             "name",
                             "path",
                             "before",
                             "after",
                             "secret",
                             "cause",
                             "impact",
                             "reversible",
                             "destructive",
                             "calls"})
    EXPECT_TRUE(entry.at("changes").at(0).contains(member)) << member;

  const auto report = Json::parse(with("apply").out);
  EXPECT_EQ(report.at("schema"), "dps-reconciler/report/v1");
  EXPECT_EQ(report.at("summary").at("created"), 1);
  EXPECT_THAT(report.at("services").at(0).at("id_scope").get<std::string>(), StartsWith("0ne"));
  EXPECT_EQ(Json::parse(with("validate").out).at("schema"), "dps-reconciler/validation/v1");

  const auto shown =
      reconciler({"show", std::string(kSubscription) + "/rg/fleet", "--output", "json"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(Json::parse(shown.out).contains("schema"));
  EXPECT_TRUE(Json::parse(reconciler({"schema"}).out).is_object());
  EXPECT_EQ(Json::parse(reconciler({"version", "--output", "json"}).out).at("schema"),
            "dps-reconciler/version/v1");
  const auto help = reconciler({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--manifests"));
}

TEST_F(Programs, ColourIsForThoseWhoAskForIt) {
  start();
  write("manifests/fleet.yaml", fleet("fleet"));
  const std::string escape = "\x1b[";
  EXPECT_THAT(on_manifests({"plan"}).out, Not(HasSubstr(escape)));
  EXPECT_THAT(on_manifests({"plan", "--color", "always"}).out, HasSubstr(escape));
  EXPECT_THAT(on_manifests({"plan", "--color", "never"}).out, Not(HasSubstr(escape)));
  EXPECT_THAT(on_manifests({"plan", "--color", "always", "--output", "json"}).out,
              Not(HasSubstr(escape)));
}

TEST_F(Programs, AFlagBeatsTheEnvironmentAndThatTheConfigurationFile) {
  start();
  write("manifests/fleet.yaml", fleet("fleet"));
  write("config.yaml", "owner: from-file\noutput: json\nmanifests: [" + path("manifests") + "]\n");
  const auto owner = [&](const Arguments& more, const Variables& variables) {
    Arguments all = {"plan", "--config", path("config.yaml")};
    all.insert(all.end(), more.begin(), more.end());
    const auto ended = reconciler(all, variables);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    return Json::parse(ended.out).at("owner").get<std::string>();
  };
  const Variables variable = {{"DPS_RECONCILER_OWNER", "from-environment"}};
  EXPECT_EQ(owner({}, {}), "from-file");
  EXPECT_EQ(owner({}, variable), "from-environment");
  EXPECT_EQ(owner({"--owner", "from-flag"}, variable), "from-flag");
}

// ---- secrets ----

TEST_F(Programs, NoSecretIsEverPrintedNorSaved) {
  start();
  write("secrets/hub-2",
        std::string(
            "HostName=hub-2.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=") +
            kHubCanary);
  write("secrets/primary", kFileCanary);
  const auto spec = [](int weight) {
    return R"(  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: )" +
           std::to_string(weight) + R"(
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
    - hostName: hub-2.azure-devices.net
      location: westeurope
      credential: {connectionString: {file: /SECRETS/hub-2}}
  sharedAccessPolicies:
    - name: writer
      rights: [EnrollmentWrite]
      keys: {primary: {file: /SECRETS/primary}, secondary: {env: POLICY_SECONDARY}}
)";
  };
  const auto in_place = [&](std::string text) {
    for (auto at = text.find("/SECRETS"); at != std::string::npos; at = text.find("/SECRETS"))
      text.replace(at, 8, path("secrets"));
    return text;
  };
  const Variables variables = {{"POLICY_SECONDARY", kEnvCanary}};
  std::string everything;
  const auto take = [&](const Ended& ended, int code) {
    EXPECT_EQ(ended.exit_code, code) << ended.out << ended.err;
    everything += ended.out + ended.err;
  };
  const auto loud = [&](Arguments arguments, const char* output, const char* format) {
    arguments.insert(arguments.end(),
                     {"--log-level", "trace", "--output", output, "--log-format", format});
    return on_manifests(arguments, variables);
  };
  write("manifests/fleet.yaml", in_place(fleet("fleet", spec(1))));
  take(loud({"plan", "--out", path("plan.json")}, "text", "json"), 0);
  take(loud({"apply"}, "json", "text"), 0);
  take(loud({"plan"}, "json", "text"), 0);
  // Drift of a policy's key, a change, and troubles whose texts quote what was sent.
  admin(http::Method::Post,
        "/edit",
        {{"id", service("fleet").at("id")},
         {"patch",
          {{"properties",
            {{"authorizationPolicies",
              {{{"keyName", "provisioningserviceowner"},
                {"primaryKey", kPolicyCanary},
                {"secondaryKey", kPolicyCanary},
                {"rights", "ServiceConfig"}},
               {{"keyName", "writer"},
                {"primaryKey", kPolicyCanary},
                {"secondaryKey", kPolicyCanary},
                {"rights", "EnrollmentWrite"}}}}}}}}});
  write("manifests/fleet.yaml", in_place(fleet("fleet", spec(2))));
  take(loud({"plan", "--out", path("second.json")}, "json", "text"), 0);
  admin(http::Method::Put,
        "/faults",
        {{{"match", {{"method", "PUT"}}},
          {"do",
           {{"kind", "status"},
            {"status", 400},
            {"body",
             Json{{"error",
                   {{"code", "Bad"},
                    {"message",
                     std::string("in HostName=h;SharedAccessKeyName=k;SharedAccessKey=") +
                         kHubCanary + " and \"primaryKey\":\"" + kFileCanary + "\""}}}}
                 .dump()}}}}});
  take(loud({"apply"}, "text", "text"), 1);
  admin(http::Method::Delete, "/faults");
  take(loud({"apply"}, "json", "json"), 0);
  take(reconciler({"show", std::string(kSubscription) + "/rg/fleet", "--log-level", "trace"}), 0);
  take(on_manifests({"apply", "--log-level", "trace"},
                    {{"AZURE_CLIENT_SECRET", "WrongSecretCanary~1"}}),
       1);
  everything += read("plan.json") + read("second.json");

  // The search would find one: they are where they belong.
  const auto state = admin(http::Method::Get, "/state").dump();
  for (const char* canary : {kHubCanary, kFileCanary, kEnvCanary, kPolicyCanary}) {
    EXPECT_THAT(state, HasSubstr(canary));
    EXPECT_EQ(everything.find(canary), std::string::npos) << canary;
  }
  EXPECT_THAT(everything, HasSubstr("hub-1.azure-devices.net"));
  EXPECT_EQ(everything.find(greeting_.at("client_secret").get<std::string>()), std::string::npos);
  EXPECT_EQ(everything.find("WrongSecretCanary"), std::string::npos);
  EXPECT_EQ(everything.find("Bearer "), std::string::npos);
}

// ---- signals ----

class Signalled : public Programs {
 protected:
  // An apply of two services, one at a time, of which the first is under way.
  std::unique_ptr<Process> under_way(const std::string& operation_time) {
    start({"--operation-time", operation_time});
    write("manifests/one.yaml", fleet("one"));
    write("manifests/two.yaml", fleet("two"));
    auto running = std::make_unique<Process>(
        argv({"apply", "--concurrency", "1", "--manifests", path("manifests")}), environment());
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (writes() == 0 && std::chrono::steady_clock::now() < patience)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    EXPECT_EQ(writes(), 1U);
    return running;
  }
};

TEST_F(Signalled, TheFirstSignalLetsTheRunningWriteEndAndBeginsNoOther) {
  auto running = under_way("2s");
  running->signal(SIGTERM);
  const auto ended = running->wait();
  EXPECT_EQ(ended.exit_code, 143) << ended.out << ended.err;
  EXPECT_EQ(writes(), 1U);
  EXPECT_THAT(ended.out, HasSubstr("1 created"));
  EXPECT_THAT(ended.out, HasSubstr("1 interrupted"));
  const auto next = on_manifests({"apply"});
  EXPECT_EQ(next.exit_code, 0) << next.out << next.err;
  EXPECT_EQ(writes(), 2U);
}

TEST_F(Signalled, TheSecondSignalEndsItAtOnceAndTheNextRunPicksUp) {
  auto running = under_way("4s");
  const auto began = std::chrono::steady_clock::now();
  running->signal(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds{100});
  running->signal(SIGINT);
  const auto ended = running->wait();
  EXPECT_EQ(ended.exit_code, 130) << ended.out << ended.err;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{3});
  const auto next = on_manifests({"apply"});
  EXPECT_EQ(next.exit_code, 0) << next.out << next.err;
  EXPECT_EQ(writes(), 2U);
}

TEST_F(Signalled, KilledAtAnyMomentTheNextRunPicksUp) {
  auto running = under_way("1s");
  running->signal(SIGKILL);
  EXPECT_EQ(running->wait().exit_code, 137);
  const auto next = on_manifests({"apply"});
  EXPECT_EQ(next.exit_code, 0) << next.out << next.err;
  EXPECT_EQ(writes(), 2U);
  EXPECT_EQ(on_manifests({"plan", "--detailed-exitcode"}).exit_code, 0);
}

// ---- the network ----

TEST_F(Programs, TlsIsTrustedByTheNamedFileAndRefusedWithoutIt) {
  start({"--tls-listen", "127.0.0.1:0", "--tls-ca-out", path("ca.pem")});
  write("manifests/fleet.yaml", fleet("fleet"));
  const auto tls = greeting_.at("arm_tls").get<std::string>();
  Variables variables = {{"DPS_RECONCILER_ARM_ENDPOINT", tls}, {"DPS_RECONCILER_AUTHORITY", tls}};
  const auto refused = on_manifests({"plan"}, variables);
  EXPECT_EQ(refused.exit_code, 1) << refused.err;
  EXPECT_THAT(refused.out + refused.err, HasSubstr("certificate"));
  variables["SSL_CERT_FILE"] = path("ca.pem");
  const auto trusted = on_manifests({"plan"}, variables);
  EXPECT_EQ(trusted.exit_code, 0) << trusted.out << trusted.err;
}

TEST_F(Programs, AnEndpointThatRefusesIsAClearErrorWithinSeconds) {
  write("manifests/fleet.yaml", fleet("fleet"));
  const auto began = std::chrono::steady_clock::now();
  const auto ended = on_manifests({"plan"});  // nothing listens there
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{20});
  EXPECT_THAT(ended.out + ended.err, HasSubstr("onnect"));
}

TEST_F(Programs, AWrongSecretIsFinalAndSaysSo) {
  start();
  write("manifests/fleet.yaml", fleet("fleet"));
  const auto began = std::chrono::steady_clock::now();
  const auto ended = on_manifests({"apply"}, {{"AZURE_CLIENT_SECRET", "wrong"}});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{5});
  EXPECT_THAT(ended.out + ended.err, HasSubstr("AADSTS7000215"));
  EXPECT_EQ(writes(), 0U);
}

TEST_F(Programs, TheSimulatorRefusesWrongFlagsAndEndsWellOnSigterm) {
  EXPECT_EQ(testing_support::run({ARM_SIMULATOR, "--nonsense"}).exit_code, 64);
  start();
  simulator_->signal(SIGTERM);
  EXPECT_EQ(simulator_->wait().exit_code, 0);
}

}  // namespace
}  // namespace dps

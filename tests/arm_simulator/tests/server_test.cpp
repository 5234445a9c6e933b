// The simulator over real sockets: HTTP as it travels, faults, TLS, the admin API.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/arm_simulator/simulator.hpp"
#include "tests/arm_simulator/tests/driver.hpp"

namespace dps::sim {
namespace {

int connect_to(const std::string& url) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return descriptor;
}

enum class End { Answer, Eof, Reset };

struct Wire {
  End end = End::Answer;
  std::string text;
};

/// One connection, blocking. Reads one answer by its Content-Length.
class Client {
 public:
  explicit Client(const std::string& url) : descriptor_(connect_to(url)) {}
  ~Client() { ::close(descriptor_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void write(const std::string& text) {
    ASSERT_EQ(::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  Wire read() {
    std::string text;
    while (true) {
      const auto head = text.find("\r\n\r\n");
      if (head != std::string::npos) {
        const auto field = text.find("Content-Length: ");
        const auto size = field == std::string::npos ? 0U : std::stoul(text.substr(field + 16));
        if (text.size() >= head + 4 + size) return {End::Answer, text};
      }
      char block[4096];
      const auto got = ::recv(descriptor_, block, sizeof block, 0);
      if (got == 0) return {End::Eof, text};
      if (got < 0) return {End::Reset, text};
      text.append(block, static_cast<std::size_t>(got));
    }
  }
  /// Reads give up after so long a silence.
  void leave_after(std::chrono::milliseconds silence) {
    const timeval patience{0, static_cast<suseconds_t>(silence.count() * 1000)};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  /// Everything until the server closes.
  std::string read_to_end() {
    std::string text;
    char block[4096];
    for (ssize_t got = 0; (got = ::recv(descriptor_, block, sizeof block, 0)) > 0;)
      text.append(block, static_cast<std::size_t>(got));
    return text;
  }
  Wire ask(const std::string& method,
           const std::string& target,
           const std::string& body = {},
           const std::string& headers = {}) {
    write(fmt::format("{} {} HTTP/1.1\r\nHost: arm.test\r\n{}Content-Length: {}\r\n\r\n{}",
                      method,
                      target,
                      headers,
                      body.size(),
                      body));
    return read();
  }

 private:
  int descriptor_;
};

std::string body_of(const Wire& wire) {
  const auto head = wire.text.find("\r\n\r\n");
  return head == std::string::npos ? std::string() : wire.text.substr(head + 4);
}

Json admin(const Simulator& simulator,
           const std::string& method,
           const std::string& target,
           const std::string& body = {}) {
  Client client(simulator.admin());
  return Json::parse(body_of(client.ask(method, target, body)));
}

TEST(Server, KeepsConnectionsAndNumbersThem) {
  Simulator simulator;
  Client one(simulator.arm());
  Client two(simulator.arm());
  EXPECT_TRUE(one.ask("GET", "/a").text.starts_with("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_EQ(two.ask("GET", "/b").end, End::Answer);
  EXPECT_EQ(one.ask("GET", "/c").end, End::Answer);
  const auto log = simulator.world().requests();
  ASSERT_EQ(log.size(), 3U);
  EXPECT_EQ(log[0]["connection"], log[2]["connection"]);
  EXPECT_NE(log[0]["connection"], log[1]["connection"]);
  EXPECT_EQ(log[0]["path"], "/a");
}

TEST(Server, SeesLongTargetsAndQueriesAsTheyCame) {
  Simulator simulator;
  const std::string query = "asyncinfo&t=%2f%2F&x=" + std::string(12'000, 'y');
  Client client(simulator.arm());
  EXPECT_EQ(client.ask("GET", "/a%20b?" + query).end, End::Answer);
  EXPECT_EQ(simulator.world().requests()[0]["query"], query);
  EXPECT_EQ(simulator.world().requests()[0]["path"], "/a%20b");
}

TEST(Server, TakesChunkedBodiesAndExpectations) {
  Simulator simulator;
  Client client(simulator.admin());
  client.write(
      "POST /clock HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"advanc\r\n");
  client.write("a;ext=1\r\ne\": \"10s\"}\r\n0\r\n\r\n");
  EXPECT_TRUE(client.read().text.starts_with("HTTP/1.1 200"));
  client.write(
      "POST /clock HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n");
  EXPECT_TRUE(client.read().text.starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
  client.write(R"({"advance": "1s"})");
  EXPECT_TRUE(client.read().text.starts_with("HTTP/1.1 200"));
}

TEST(Server, EndsConnectionsThatTalkNonsense) {
  Simulator simulator;
  for (const std::string text : {"hello\r\n\r\n",
                                 "GET / HTTP/9.9\r\n\r\n",
                                 "GET nowhere HTTP/1.1\r\n\r\n",
                                 "GET / HTTP/1.1\r\nbad header\r\n\r\n",
                                 "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                                 "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                                 "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    Client client(simulator.arm());
    client.write(text);
    const auto answer = client.read();
    EXPECT_TRUE(answer.text.starts_with("HTTP/1.1 4")) << text << answer.text;
    EXPECT_EQ(client.read().end, End::Eof) << text;
  }
}

TEST(Server, ServesThreeHundredConnectionsAtOnceUnderLatency) {
  Simulator simulator;
  ASSERT_FALSE(simulator.world().set_switch("latency", "100ms"));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<Client>(simulator.arm()));
  const auto start = std::chrono::steady_clock::now();
  for (auto& client : clients) client->write("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  for (auto& client : clients) EXPECT_EQ(client->read().end, End::Answer);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, std::chrono::milliseconds(100));
  EXPECT_LT(took, std::chrono::seconds(15)) << "one after the other it would be thirty";
}

TEST(Server, StopsWhileClientsWait) {
  auto simulator = std::make_unique<Simulator>();
  ASSERT_FALSE(
      simulator->faults().set(Json::parse(R"([{"match":{"times":0},"do":{"kind":"hang"}}])")));
  Client idle(simulator->arm());
  Client hanging(simulator->arm());
  hanging.write("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  simulator.reset();
  EXPECT_NE(hanging.read().end, End::Answer);
  EXPECT_NE(idle.read().end, End::Answer);
}

struct Broken {
  Simulator simulator;
  Wire first(const std::string& fault) {
    const auto set = simulator.faults().set(Json::parse(fault));
    EXPECT_FALSE(set.has_value()) << set.value_or("");
    Client client(simulator.arm());
    return client.ask("GET", "/subscriptions/x");
  }
  std::string logged() { return simulator.world().requests()[0]["fault"].get<std::string>(); }
};

TEST(Fault, AnswersAStatusWithHeadersAndBody) {
  Broken test;
  const auto wire = test.first(
      R"([{"match":{"path":"/SUBSCRIPTIONS/*"},"do":{"kind":"status","status":503,"headers":{"Retry-After":"7"},"body":"<html>"}}])");
  EXPECT_TRUE(wire.text.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_NE(wire.text.find("Retry-After: 7\r\n"), std::string::npos);
  EXPECT_EQ(body_of(wire), "<html>");
  EXPECT_EQ(test.logged(), "status/before");
  EXPECT_EQ(test.simulator.world().requests()[0]["status"], 503);
}

TEST(Fault, BreaksConnections) {
  EXPECT_EQ(Broken().first(R"([{"do":{"kind":"reset"}}])").end, End::Reset);
  const auto closed = Broken().first(R"([{"do":{"kind":"close"}}])");
  EXPECT_EQ(closed.end, End::Eof);
  EXPECT_TRUE(closed.text.empty());
  const auto truncated = Broken().first(R"([{"do":{"kind":"truncate"}}])");
  EXPECT_EQ(truncated.end, End::Eof);
  EXPECT_NE(truncated.text.find("Content-Length"), std::string::npos);
  const auto dripped = Broken().first(R"([{"do":{"kind":"drip","delay":"1ms"}}])");
  EXPECT_EQ(dripped.end, End::Answer);
  EXPECT_TRUE(dripped.text.starts_with("HTTP/1.1 401"));
  const auto cut = Broken().first(R"([{"do":{"kind":"cut-chunks"}}])");
  EXPECT_EQ(cut.end, End::Answer);  // for a reader who looks at the head only
  EXPECT_NE(cut.text.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(cut.text.find("Content-Length"), std::string::npos);
}

TEST(Fault, StallsUntilTheClientLeaves) {
  Simulator simulator;
  ASSERT_FALSE(simulator.faults().set(Json::parse(R"([{"do":{"kind":"stall"}}])")));
  Client client(simulator.arm());
  client.write("GET /subscriptions HTTP/1.1\r\nHost: arm.test\r\n\r\n");
  client.leave_after(std::chrono::milliseconds(30));
  const auto text = client.read_to_end();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 401")) << text;
  EXPECT_FALSE(text.ends_with("}")) << text;
}

TEST(Fault, SendsTheTrueAnswerInOtherForms) {
  for (const std::string kind : {"chunked", "gzip", "headers"}) {
    SCOPED_TRACE(kind);
    Simulator simulator;
    ASSERT_FALSE(simulator.faults().set(
        Json{{{"do", {{"kind", kind}, {"headers", {{"Content-Type", "text/plain"}}}}}}}));
    Client client(simulator.arm());
    client.write("GET /subscriptions HTTP/1.1\r\nHost: arm.test\r\nConnection: close\r\n\r\n");
    const auto text = client.read_to_end();
    EXPECT_TRUE(text.starts_with("HTTP/1.1 401")) << text;
    EXPECT_NE(text.find("Content-Type: text/plain"), std::string::npos) << text;
    // In chunks the word is torn in two.
    const auto word = kind == "chunked" ? "Authorization" : "AuthenticationFailed";
    EXPECT_NE(text.find(word), std::string::npos) << text;
    EXPECT_EQ(text.find("Content-Encoding: gzip") != std::string::npos, kind == "gzip");
    if (kind == "chunked") {
      EXPECT_NE(text.find("\r\n\r\n1;first=yes\r\n{\r\n5\r\n"), std::string::npos) << text;
      EXPECT_TRUE(text.ends_with("\r\n0\r\n\r\n")) << text;
    }
  }
}

TEST(Fault, ExpiresEveryTokenThatWasGivenOut) {
  Simulator simulator;
  const auto& identity = simulator.world().options();
  const auto form = "grant_type=client_credentials&client_id=" + identity.client_id +
                    "&client_secret=s3cret~of%2Bthe%2Fsimulator%26co%3D1&scope=x%2F.default";
  Client client(simulator.arm());
  const auto bearer = [&] {
    const auto token = Json::parse(
        body_of(client.ask("POST", "/" + identity.tenant + "/oauth2/v2.0/token", form)));
    return "Authorization: Bearer " + token["access_token"].get<std::string>() + "\r\n";
  };
  const auto old = bearer();
  const std::string target = "/subscriptions?api-version=2020-01-01";
  ASSERT_FALSE(simulator.faults().set(
      Json::parse(R"([{"match":{"path":"/subscriptions"},"do":{"kind":"expire-tokens"}}])")));
  const auto refused = client.ask("GET", target, {}, old).text;
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 401"));
  EXPECT_NE(refused.find("ExpiredAuthenticationToken"), std::string::npos);
  EXPECT_TRUE(client.ask("GET", target, {}, bearer()).text.starts_with("HTTP/1.1 200"));
}

TEST(Fault, StrikesTheNthForSomeTimes) {
  Simulator simulator;
  ASSERT_FALSE(simulator.faults().set(Json::parse(
      R"([{"match":{"method":"GET","path":"/a/**","nth":2,"times":2},"do":{"status":500}}])")));
  Client client(simulator.arm());
  std::string seen;
  for (int i = 0; i < 5; ++i) seen += client.ask("GET", "/a/b/c").text.substr(9, 1);
  EXPECT_EQ(seen, "45544");
  EXPECT_TRUE(client.ask("PUT", "/a/b").text.starts_with("HTTP/1.1 404")) << "another method";
  EXPECT_EQ(simulator.faults().list()[0]["matched"], 5);
  EXPECT_EQ(simulator.faults().list()[0]["applied"], 2);
}

TEST(Fault, LosesTheAnswerAfterTheWorkWasDone) {
  Simulator simulator;
  ASSERT_FALSE(simulator.world().plant({{"subscriptions", Json::array({kSubscription})}}));
  const auto& identity = simulator.world().options();
  const auto form = "grant_type=client_credentials&client_id=" + identity.client_id +
                    "&client_secret=s3cret~of%2Bthe%2Fsimulator%26co%3D1&scope=x%2F.default";
  Client signing(simulator.arm());
  const auto token =
      Json::parse(body_of(signing.ask("POST", "/" + identity.tenant + "/oauth2/v2.0/token", form)));
  const auto bearer = "Authorization: Bearer " + token["access_token"].get<std::string>() + "\r\n";
  ASSERT_FALSE(simulator.faults().set(Json::parse(
      R"([{"match":{"method":"PUT","path":"/subscriptions/*/resourceGroups/*"},"do":{"kind":"reset","when":"after"}}])")));
  Client client(simulator.arm());
  EXPECT_EQ(
      client.ask("PUT", kGroup + "?api-version=2022-12-12", R"({"location":"westus"})", bearer).end,
      End::Reset);
  Client again(simulator.arm());
  EXPECT_TRUE(again.ask("GET", kGroup + "?api-version=2022-12-12", {}, bearer)
                  .text.starts_with("HTTP/1.1 200"));
}

TEST(Fault, LetsASecondWriterInBetween) {
  Simulator simulator;
  ASSERT_FALSE(
      simulator.world().plant({{"provisioning_services", Json::array({{{"id", kService}}})}}));
  const Json edit = {{"id", kService}, {"patch", {{"tags", {{"by", "other"}}}}}};
  const Json fault = {{"do", {{"kind", "edit"}, {"edit", edit}}}};
  ASSERT_FALSE(simulator.faults().set(Json::array({fault})));
  Client client(simulator.arm());
  EXPECT_TRUE(client.ask("GET", "/x").text.starts_with("HTTP/1.1 404"))
      << "and the request goes on";
  EXPECT_EQ(simulator.world().state()["provisioning_services"][0]["tags"]["by"], "other");
}

TEST(Fault, IsRefusedWithItsPlace) {
  Faults faults;
  for (const char* text : {R"({})",
                           R"([1])",
                           R"([{}])",
                           R"([{"do":{"kind":"explode"}}])",
                           R"([{"match":{"nth":0},"do":{"kind":"reset"}}])",
                           R"([{"match":{"color":"red"},"do":{"kind":"reset"}}])",
                           R"([{"do":{"kind":"delay","delay":"soon"}}])",
                           R"([{"do":{"kind":"edit"}}])",
                           R"([{"do":{"kind":"status","status":9}}])"})
    EXPECT_TRUE(faults.set(Json::parse(text)).has_value()) << text;
}

TEST(Glob, MatchesWithoutCaseAndKnowsSegments) {
  EXPECT_TRUE(glob_matches("/a/*/c", "/A/b/C"));
  EXPECT_FALSE(glob_matches("/a/*", "/a/b/c"));
  EXPECT_TRUE(glob_matches("/a/**", "/a/b/c"));
  EXPECT_TRUE(glob_matches("**/verify", "/a/b/verify"));
  EXPECT_FALSE(glob_matches("**/verify", "/a/b/verify/x"));
  EXPECT_TRUE(glob_matches("/?", "/x"));
  EXPECT_TRUE(glob_matches("*/verify", "/a/b/verify"));
  EXPECT_TRUE(glob_matches("listKeys", "/a/listkeys"));
  EXPECT_FALSE(glob_matches("/listkeys", "/a/listkeys"));
}

TEST(Admin, DrivesEverything) {
  Simulator simulator;
  EXPECT_EQ(admin(simulator, "GET", "/health")["status"], "ok");
  EXPECT_EQ(admin(simulator, "GET", "/switches")["if-match"], "ignored");
  EXPECT_EQ(
      admin(
          simulator, "PATCH", "/switches", R"({"if-match":"enforced","page-size":3})")["page-size"],
      "3");
  EXPECT_TRUE(admin(simulator, "PATCH", "/switches", R"({"if-match":"ignored","nope":"x"})")
                  .contains("error"));
  EXPECT_EQ(admin(simulator, "GET", "/switches")["if-match"], "enforced") << "all or none";
  EXPECT_FALSE(admin(simulator, "GET", "/switches/describe")[0]["meaning"].empty());
  const auto before = simulator.world().now();
  admin(simulator, "POST", "/clock", R"({"advance":"2h"})");
  EXPECT_GE(simulator.world().now() - before, std::chrono::hours(2));
  EXPECT_TRUE(admin(simulator, "POST", "/clock", R"({"advance":"soon"})").contains("error"));
  EXPECT_TRUE(admin(simulator, "POST", "/clock", "garbage").contains("error"));
  admin(simulator,
        "PUT",
        "/state",
        Json({{"provisioning_services", Json::array({{{"id", kService}}})}}).dump());
  EXPECT_EQ(admin(simulator, "GET", "/state")["provisioning_services"].size(), 1U);
  EXPECT_TRUE(admin(simulator, "PUT", "/state", R"({"x":1})").contains("error"));
  admin(simulator,
        "POST",
        "/edit",
        Json({{"id", kService}, {"patch", {{"tags", {{"a", "b"}}}}}}).dump());
  EXPECT_EQ(admin(simulator, "GET", "/history").back()["event"], "edited");
  Client(simulator.arm()).ask("GET", "/x");
  EXPECT_EQ(admin(simulator, "GET", "/requests?since=0").size(), 1U);
  EXPECT_EQ(admin(simulator, "GET", "/requests?since=1").size(), 0U);
  admin(simulator, "DELETE", "/requests");
  EXPECT_EQ(admin(simulator, "GET", "/requests").size(), 0U);
  EXPECT_EQ(admin(simulator, "PUT", "/faults", R"([{"do":{"kind":"close"}}])").size(), 1U);
  EXPECT_EQ(admin(simulator, "DELETE", "/faults").size(), 0U);
  EXPECT_TRUE(admin(simulator, "GET", "/nonsense").contains("error"));
}

TEST(Tls, ServesWithACertificateOfItsOwnCa) {
  SimulatorOptions options;
  options.tls_listen = "127.0.0.1:0";
  Simulator simulator(options);
  ASSERT_TRUE(simulator.arm_tls().starts_with("https://127.0.0.1:"));
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  BIO* source = BIO_new_mem_buf(simulator.tls_ca_pem().data(), -1);
  X509* ca = PEM_read_bio_X509(source, nullptr, nullptr, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int descriptor = connect_to(simulator.arm_tls());
  SSL* ssl = SSL_new(context);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
  SSL_set_fd(ssl, descriptor);
  EXPECT_EQ(SSL_connect(ssl), 1);
  const std::string text = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_GT(SSL_write(ssl, text.data(), static_cast<int>(text.size())), 0);
  char block[64] = {};
  EXPECT_GT(SSL_read(ssl, block, sizeof block - 1), 0);
  EXPECT_TRUE(std::string(block).starts_with("HTTP/1.1 404"));
  SSL_free(ssl);
  ::close(descriptor);
  X509_free(ca);
  BIO_free(source);
  SSL_CTX_free(context);
}

TEST(Greeting, HasEverythingAClientNeeds) {
  Simulator simulator;
  const auto line = Json::parse(simulator.greeting());
  EXPECT_EQ(line["arm"], simulator.arm());
  EXPECT_TRUE(line["arm_tls"].is_null());
  for (const char* name : {"admin", "tenant", "client_id", "client_secret", "subscriptions"})
    EXPECT_TRUE(line.contains(name)) << name;
}

TEST(Options, ThatCannotBeHadAreRefused) {
  SimulatorOptions taken;
  Simulator simulator;
  taken.listen = simulator.arm().substr(7);
  EXPECT_THROW(Simulator{taken}, std::runtime_error);
  SimulatorOptions wrong;
  wrong.listen = "nonsense";
  EXPECT_THROW(Simulator{wrong}, std::runtime_error);
  SimulatorOptions bad_certificate;
  bad_certificate.tls_listen = "127.0.0.1:0";
  bad_certificate.tls_certificate_pem = "garbage";
  EXPECT_THROW(Simulator{bad_certificate}, std::runtime_error);
}

}  // namespace
}  // namespace dps::sim

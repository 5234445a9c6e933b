// web: over real sockets of the loopback: bounds, TLS, and what broken clients send.
#include "reconciler/telemetry/web.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "reconciler/base/descriptor.hpp"
#include "reconciler/http/curl_exchange.hpp"
#include "reconciler/telemetry/status_json.hpp"
#include "reconciler/telemetry/web_listen.hpp"
#include "tests/support/new_folder.hpp"
#include "tests/support/process.hpp"
#include "tests/unit/telemetry/page_control.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

namespace dps::telemetry {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kLongest = std::chrono::seconds{20};

/// A client that sends any bytes.
class Wire {
 public:
  explicit Wire(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }
  /// Whether all of it was taken.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// What comes until the other side closes; "timeout" after twenty seconds.
  std::string all() const {
    std::string out;
    char buffer[16384];
    pollfd ready{socket_.number(), POLLIN, 0};
    while (::poll(&ready, 1, 20'000) == 1) {
      const auto got = ::recv(socket_.number(), buffer, sizeof buffer, 0);
      if (got <= 0) return out;
      out.append(buffer, static_cast<std::size_t>(got));
    }
    return "timeout";
  }
  /// Whether something came: bytes, or the end.
  bool is_readable_within(std::chrono::milliseconds limit) const {
    pollfd ready{socket_.number(), POLLIN, 0};
    return ::poll(&ready, 1, static_cast<int>(limit.count())) != 0;
  }
  void no_more() const { ::shutdown(socket_.number(), SHUT_WR); }

 private:
  Descriptor socket_;
  bool connected_ = false;
};

class WebTest : public testing::Test {
 protected:
  WebTest() { control_.known = test::calm_fleet(3); }

  void start(WebSettings settings = {}) {
    settings.listen = "127.0.0.1:0";
    settings.version = "0.1.0";
    auto web = Web::start(
        settings, control_, [] { return std::string("# metrics\n"); }, clock_);
    ASSERT_TRUE(web) << web.error().what;
    web_ = std::move(*web);
    port_ = web_->port();
  }
  std::string ask(std::string_view bytes) const {
    const Wire wire(port_);
    wire.send(bytes);
    return wire.all();
  }
  bool answers() const {
    return ask("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("ok\n");
  }

  SystemClock clock_;
  test::FakeControl control_;
  std::unique_ptr<Web> web_;
  std::uint16_t port_ = 0;
};

TEST_F(WebTest, ServesOnAPortOfTheKernelsChoice) {
  start();
  EXPECT_NE(port_, 0);
  EXPECT_TRUE(answers());
  const auto head = ask("HEAD /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << "a HEAD has no body";
}

TEST_F(WebTest, OffServesNothing) {
  WebSettings settings;
  settings.listen = "off";
  const auto web = Web::start(
      settings, control_, [] { return std::string(); }, clock_);
  ASSERT_TRUE(web);
  EXPECT_EQ((*web)->port(), 0);
}

TEST_F(WebTest, SaysWhyItCannotListen) {
  start();
  const auto error_of = [&](const std::string& listen) {
    WebSettings settings;
    settings.listen = listen;
    const auto web = Web::start(
        settings, control_, [] { return std::string(); }, clock_);
    return web ? "none" : web.error().id + ": " + web.error().what + "; " + web.error().remedy;
  };
  EXPECT_THAT(
      error_of("127.0.0.1:" + std::to_string(port_)),
      testing::AllOf(StartsWith("ListenFailed"), HasSubstr("in use"), HasSubstr("another daemon")));
  EXPECT_THAT(error_of("192.0.2.1:0"), StartsWith("ListenFailed"));
  for (const auto* bad : {"",
                          "9464",
                          "127.0.0.1",
                          "127.0.0.1:",
                          "127.0.0.1:x",
                          "127.0.0.1:65536",
                          "::1:9464",
                          "[127.0.0.1]:1",
                          "a b:1",
                          "http://a:1"}) {
    EXPECT_THAT(error_of(bad), StartsWith("BadListen")) << bad;
  }
}

TEST_F(WebTest, OutlivesGarbage) {
  start();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nothing", ""},
      {"zeros", std::string(1000, '\0')},
      {"no HTTP", "hello\r\n\r\n"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)},
      {"no host", "GET /status HTTP/1.1\r\n\r\n"},
      {"a huge URL", "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a huge header",
       "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(100'000, 'a') + "\r\n\r\n"},
      {"a header without end", "GET / HTTP/1.1\r\nHost: a\r\nX" + std::string(100'000, 'a')},
      {"an endless method", std::string(100'000, 'A')},
      {"a broken chunk",
       "POST /-/reconcile HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
      {"a length of less than nothing",
       "POST /-/reconcile HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
      {"escapes",
       "GET /%00%ff%%%2e%2e/?service=%00&%=%&&&= HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
  };
  for (const auto& [name, bytes] : cases) {
    const Wire wire(port_);
    wire.send(bytes);
    wire.no_more();
    EXPECT_NE(wire.all(), "timeout") << name;
    EXPECT_TRUE(answers()) << name;
  }
  std::string headers = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 10'000; ++i) headers += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_THAT(ask(headers + "\r\n"), testing::Not(HasSubstr(" 200 ")));
  EXPECT_TRUE(answers());
}

TEST_F(WebTest, AnswersPipelinedRequestsInTheirOrder) {
  start();
  std::string bytes;
  for (int i = 0; i < 50; ++i) {
    bytes += i % 2 == 0 ? "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                        : "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  const auto out = ask(bytes + "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  std::size_t count = 0;
  for (auto at = out.find("HTTP/1.1 200"); at != std::string::npos;
       at = out.find("HTTP/1.1 200", at + 1))
    ++count;
  EXPECT_EQ(count, 50U);
  EXPECT_LT(out.find("ok\n"), out.find("# metrics\n"));
  EXPECT_THAT(out, HasSubstr("HTTP/1.1 404"));
}

TEST_F(WebTest, TakesNoLargeBody) {
  start();
  const std::string head = "POST /-/reconcile HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  EXPECT_THAT(ask(head + "Content-Length: 70000\r\n\r\n"), StartsWith("HTTP/1.1 413"));
  const Wire wire(port_);
  std::string chunks = head + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 100; ++i) chunks += "1000\r\n" + std::string(0x1000, 'a') + "\r\n";
  wire.send(chunks);
  EXPECT_THAT(wire.all(), testing::Not(HasSubstr(" 200 ")));
  EXPECT_THAT(ask(head + "Content-Length: 2\r\n\r\n{}"), StartsWith("HTTP/1.1 403"))
      << "a small one is read";
  EXPECT_TRUE(answers());
}

TEST_F(WebTest, EndsRequestsThatTrickle) {
  WebSettings settings;
  settings.request_limit = std::chrono::milliseconds{150};
  start(settings);
  const Wire slow(port_);
  ASSERT_TRUE(slow.send("GET / HTTP/1.1\r\nHost: a\r\n"));
  const auto begun = std::chrono::steady_clock::now();
  // A byte every now and then never looks idle.
  while (!slow.is_readable_within(std::chrono::milliseconds{10}) && slow.send("X") &&
         std::chrono::steady_clock::now() - begun < kLongest) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLongest);
  EXPECT_TRUE(answers());
}

TEST_F(WebTest, KeepsAConnectionThatIsUsed) {
  WebSettings settings;
  settings.request_limit = std::chrono::seconds{60};
  start(settings);
  http::CurlExchange exchange({});
  http::Request request;
  request.url = "http://127.0.0.1:" + std::to_string(port_) + "/metrics";
  ASSERT_EQ(exchange.send(request, {})->status, 200);
  const auto again = exchange.send(request, {});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->connection, http::Connection::Reused);
}

TEST_F(WebTest, ServesOthersWhileHundredsOfConnectionsHang) {
  WebSettings settings;
  settings.most_connections = 64;
  settings.most_per_peer = 32;
  settings.request_limit = std::chrono::milliseconds{300};
  start(settings);
  std::vector<std::unique_ptr<Wire>> hanging;
  for (int i = 0; i < 400; ++i) {
    hanging.push_back(std::make_unique<Wire>(port_));
    if (!hanging.back()->connected()) break;
    hanging.back()->send("GET / HT");
  }
  EXPECT_GT(hanging.size(), 60U);
  const auto begun = std::chrono::steady_clock::now();
  bool served = false;
  while (!served && std::chrono::steady_clock::now() - begun < kLongest) served = answers();
  EXPECT_TRUE(served) << "the limit of time makes room again";
}

TEST_F(WebTest, HoldsBackLargeAnswersWhileOthersDoNotReadTheirs) {
  auto service = test::calm_service(0);
  // More than the sockets hold.
  service.differences = {std::string(std::size_t{8} * 1024 * 1024, 'a')};
  control_.known = test::fleet({service});
  const auto size = status_json(control_.known, {}, "0.1.0").size();
  WebSettings settings;
  settings.most_unsent = size * 3 / 2;
  start(settings);
  const std::string request = "GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  auto lazy = std::make_unique<Wire>(port_);
  lazy->send(request);
  ASSERT_TRUE(lazy->is_readable_within(kLongest)) << "the first bytes of its answer";
  const auto refused = ask(request);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(refused, HasSubstr("Retry-After"));
  EXPECT_TRUE(answers()) << "small ones go out";
  lazy.reset();
  const auto begun = std::chrono::steady_clock::now();
  bool served = false;
  while (!served && std::chrono::steady_clock::now() - begun < kLongest) {
    served = ask(request).starts_with("HTTP/1.1 200");
  }
  EXPECT_TRUE(served) << "room again";
}

TEST_F(WebTest, StopsWhileRequestsAreUnderWay) {
  start();
  const Wire half(port_);
  half.send("POST /-/reconcile HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
  const auto begun = std::chrono::steady_clock::now();
  web_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{5});
  EXPECT_NE(half.all(), "timeout");
  EXPECT_FALSE(Wire(port_).connected());
}

/// Files of an own CA and of a server certificate, made with openssl(1).
class WebTls : public WebTest {
 protected:
  WebTls() : folder_(dps::test::new_folder("web-tls")) {
    settings_.cert_file = path("server.pem");
    settings_.key_file = path("server.key");
    settings_.reload_pause = std::chrono::milliseconds{50};
    settings_.notice = [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(text);
      changed_.notify_all();
    };
  }
  ~WebTls() override {
    web_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  // Self-signed: its own CA.
  void make(const std::string& name, const std::string& subject) const {
    const auto ended = testing_support::run({"openssl",
                                             "req",
                                             "-x509",
                                             "-newkey",
                                             "ec",
                                             "-pkeyopt",
                                             "ec_paramgen_curve:P-256",
                                             "-nodes",
                                             "-days",
                                             "2",
                                             "-subj",
                                             "/CN=" + subject,
                                             "-addext",
                                             "subjectAltName=IP:127.0.0.1",
                                             "-keyout",
                                             path(name + ".key"),
                                             "-out",
                                             path(name + ".pem")});
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
  }
  http::Answer fetch(const std::string& ca) const {
    http::CurlSettings settings;
    settings.ca_file = ca;
    http::CurlExchange exchange(settings);
    http::Request request;
    request.url = "https://127.0.0.1:" + std::to_string(port_) + "/healthz";
    return exchange.send(request, {});
  }
  std::string next_notice() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kLongest, [&] { return told_ < notices_.size(); })) return "none";
    return notices_[told_++];
  }

  std::filesystem::path folder_;
  WebSettings settings_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notices_;
  std::size_t told_ = 0;
};

TEST_F(WebTls, FollowsItsFilesAndKeepsTheOldOnesWhenTheNewAreBad) {
  make("server", "first");
  start(settings_);
  std::filesystem::copy_file(path("server.pem"), path("first.pem"));
  const auto first = fetch(path("first.pem"));
  ASSERT_TRUE(first) << first.error().error.what;
  EXPECT_EQ(first->body, "ok\n");

  make("other", "second");
  std::ofstream(path("server.key")) << "no key";
  EXPECT_THAT(next_notice(), HasSubstr("refused"));
  EXPECT_TRUE(fetch(path("first.pem")));

  std::filesystem::rename(path("other.pem"), path("server.pem"));
  std::filesystem::rename(path("other.key"), path("server.key"));
  auto notice = next_notice();
  while (notice.find("refused") != std::string::npos) notice = next_notice();
  EXPECT_THAT(notice, HasSubstr("were taken"));
  const auto second = fetch(path("server.pem"));
  ASSERT_TRUE(second) << second.error().error.what;
  EXPECT_EQ(second->body, "ok\n");
  EXPECT_FALSE(fetch(path("first.pem")));
  const std::lock_guard lock(mutex_);
  for (const auto& text : notices_) EXPECT_THAT(text, testing::Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(WebTls, RefusesFilesThatCannotBeUsed) {
  make("server", "a");
  make("other", "b");
  const auto error_of = [&](const std::string& certificate, const std::string& key) {
    WebSettings settings;
    settings.listen = "127.0.0.1:0";
    settings.cert_file = certificate;
    settings.key_file = key;
    const auto web = Web::start(
        settings, control_, [] { return std::string(); }, clock_);
    return web ? "none" : web.error().id;
  };
  EXPECT_EQ(error_of(path("server.pem"), ""), "BadTlsFiles");
  EXPECT_EQ(error_of(path("server.pem"), path("missing.key")), "BadTlsFiles");
  EXPECT_EQ(error_of(path("server.key"), path("server.pem")), "BadTlsFiles");
  EXPECT_EQ(error_of(path("server.pem"), path("other.key")), "BadTlsFiles");
  EXPECT_EQ(error_of(path("server.pem"), path("server.key")), "none");
}

TEST(WebListen, ReadsAddressesAndTellsTheUrlOfThisMachine) {
  const struct {
    std::string text, host;
    std::uint16_t port;
    std::string url;
  } cases[] = {
      {"127.0.0.1:9464", "127.0.0.1", 9464, "http://127.0.0.1:9464"},
      {"0.0.0.0:9464", "0.0.0.0", 9464, "http://127.0.0.1:9464"},
      {"[::1]:80", "::1", 80, "http://[::1]:80"},
      {"[::]:80", "::", 80, "http://[::1]:80"},
      {"*:80", "", 80, "http://127.0.0.1:80"},
      {":80", "", 80, "http://127.0.0.1:80"},
      {"localhost:0", "localhost", 0, "http://localhost:0"},
  };
  for (const auto& [text, host, port, url] : cases) {
    const auto address = parse_listen(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(*address, (ListenAddress{host, port})) << text;
    EXPECT_EQ(local_url(*address, "http"), url) << text;
  }
}

TEST(WebListen, EveryAddressIsReachedByTheLoopback) {
  const auto socket = listen_on({"", 0});
  ASSERT_TRUE(socket) << socket.error().what;
  const Descriptor open(*socket);
  EXPECT_TRUE(Wire(port_of(*socket)).connected());
}

}  // namespace
}  // namespace dps::telemetry

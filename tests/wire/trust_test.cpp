// Whom the wire believes: certificates, TLS versions, proxies.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <cstdlib>
#include <mutex>

#include "reconciler/http/curl_exchange.hpp"
#include "tests/unit/http/tcp_server.hpp"
#include "tests/wire/servers.hpp"

namespace dps::wire {
namespace {

using http::Answer;
using http::CurlExchange;
using http::CurlSettings;
using http::Delivery;
using testing::HasSubstr;
using testing::Not;

Answer get(const std::string& url,
           const std::string& ca_file,
           http::Via via = http::Via::ProxyOfEnvironment) {
  CurlSettings settings;
  settings.ca_file = ca_file;
  CurlExchange exchange(settings);
  http::Request request;
  request.url = url;
  request.via = via;
  request.headers = {{"authorization", "Bearer canary-token"}};
  return exchange.send(request, {});
}

void expect_refused(const Answer& answer, const char* words, const char* remedy) {
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
  EXPECT_EQ(answer.error().error.id, "TlsError");
  EXPECT_EQ(answer.error().error.next, NextMove::GiveUp);
  EXPECT_THAT(answer.error().error.what, HasSubstr(words));
  EXPECT_THAT(answer.error().error.remedy, HasSubstr(remedy));
}

class Trust : public testing::Test {
 protected:
  Folder folder;
  Certificate good = make_certificate(folder, "good", Validity::Good);
};

TEST_F(Trust, IsGivenToACaOfOnesOwn) {
  const OpensslServer server(good, {});
  const auto answer = get(server.url("/"), good.file);
  ASSERT_TRUE(answer) << answer.error().error.what;
  EXPECT_EQ(answer->status, 200);
}

TEST_F(Trust, IsNotGivenToASelfSignedServer) {
  const OpensslServer server(good, {});
  expect_refused(get(server.url("/"), ""), "is self-signed", "--ca-file");
}

TEST_F(Trust, IsNotGivenToAnUnknownCa) {
  const auto leaf = make_signed_certificate(folder, "leaf");
  const OpensslServer server(leaf, {});
  expect_refused(get(server.url("/"), ""), "comes from a CA that is not known here", "--ca-file");
}

TEST_F(Trust, IsNotGivenToAnotherName) {
  const OpensslServer server(good, {"-accept", "0"});
  auto url = server.url("/");
  url.replace(url.find("127.0.0.1"), 9, "127.0.0.2");
  expect_refused(get(url, good.file), "was issued for another name", "host name");
}

TEST_F(Trust, EndsWithTheCertificate) {
  const auto expired = make_certificate(folder, "expired", Validity::Expired);
  const OpensslServer server(expired, {});
  expect_refused(get(server.url("/"), expired.file), "has expired", "clock");
}

TEST_F(Trust, NeedsAFileThatIsThere) {
  const OpensslServer server(good, {});
  expect_refused(get(server.url("/"), "/nonexistent/ca.pem"),
                 "/nonexistent/ca.pem cannot be read",
                 "--ca-file");
}

TEST_F(Trust, IsNotGivenToOldTls) {
  const OpensslServer server(good, {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"});
  expect_refused(get(server.url("/"), good.file), "offers no TLS 1.2 or later", "TLS 1.2");
}

TEST_F(Trust, IsGivenToTls12And13) {
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    const OpensslServer server(good, {version});
    const auto answer = get(server.url("/"), good.file);
    EXPECT_TRUE(answer) << version;
  }
}

// A proxy that connects whatever it is asked for to one place, or says no.
class Proxy {
 public:
  Proxy(std::string verdict, int target) : verdict_(std::move(verdict)), target_(target) {}
  std::string url() const { return server_.url(""); }
  std::vector<std::string> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void serve(test::Connection& connection) {
    const auto text = connection.read_request();
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(text);
    }
    connection.write("HTTP/1.1 " + verdict_ + "\r\n\r\n");
    if (!verdict_.starts_with("200")) return;
    test::tunnel(connection, target_);
  }

  std::string verdict_;
  int target_;
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  test::TcpServer server_{[this](test::Connection& connection, int) { serve(connection); }};
};

class Proxied : public Trust {
 protected:
  void TearDown() override {
    for (const char* name : {"HTTPS_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "ALL_PROXY"}) {
      ::unsetenv(name);
    }
  }
  static void set(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }
  static constexpr const char* kUrl = "https://arm.example.test/subscriptions";
};

TEST_F(Proxied, ConnectionsGoThroughTheProxyAndAreStillVerified) {
  const Nginx server({"", good, true, 1000});
  const Proxy proxy("200 Connected", server.port());
  for (const char* name : {"HTTPS_PROXY", "https_proxy", "ALL_PROXY"}) {
    set(name, proxy.url());
    const auto answer = get(kUrl, good.file);
    ::unsetenv(name);
    ASSERT_TRUE(answer) << answer.error().error.what;
    EXPECT_EQ(answer->protocol, http::Protocol::Http2);
  }
  set("HTTPS_PROXY", proxy.url());
  expect_refused(get(kUrl, ""), "is self-signed", "--ca-file");
  ASSERT_EQ(proxy.seen().size(), 4U);
  for (const auto& text : proxy.seen()) {
    EXPECT_THAT(text, HasSubstr("CONNECT arm.example.test:443 HTTP/1.1\r\n"));
    EXPECT_THAT(text, Not(HasSubstr("canary-token")));
  }
}

TEST_F(Proxied, LoopbackAndThoseWhoShunProxiesNeverAskOne) {
  const Nginx server({"", good, true, 1000});
  const Proxy proxy("200 Connected", server.port());
  set("HTTPS_PROXY", proxy.url());
  set("http_proxy", proxy.url());
  EXPECT_TRUE(get(server.url("/"), good.file));
  EXPECT_EQ(get(kUrl, good.file, http::Via::NoProxy).error().error.id, "NameNotResolved");
  set("NO_PROXY", "other.test,.example.test");
  EXPECT_EQ(get(kUrl, good.file).error().error.id, "NameNotResolved");
  EXPECT_TRUE(proxy.seen().empty());
}

TEST_F(Proxied, RefusalsSayWhoRefused) {
  struct Case {
    const char* verdict;
    NextMove next;
    const char* words;
    const char* remedy;
  };
  for (const auto& tested :
       {Case{"407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"",
             NextMove::GiveUp,
             "wants to know who asks",
             "HTTPS_PROXY"},
        Case{"403 Forbidden",
             NextMove::GiveUp,
             "does not connect to arm.example.test:443",
             "NO_PROXY"},
        Case{"502 Bad Gateway", NextMove::RetryLater, "it says 502", "NO_PROXY"}}) {
    const Proxy proxy(tested.verdict, 0);
    set("HTTPS_PROXY", proxy.url());
    const auto answer = get(kUrl, good.file);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().error.id, "ProxyError") << tested.verdict;
    EXPECT_EQ(answer.error().error.next, tested.next) << tested.verdict;
    EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
    EXPECT_THAT(answer.error().error.what, HasSubstr(tested.words));
    EXPECT_THAT(answer.error().error.remedy, HasSubstr(tested.remedy));
  }
}

TEST_F(Proxied, AProxyThatIsNotThereIsNamed) {
  set("HTTPS_PROXY", fmt::format("http://user:canary-password@127.0.0.1:{}", free_port()));
  const auto refused = get(kUrl, good.file);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error.id, "ConnectionRefused");
  EXPECT_THAT(refused.error().error.remedy, HasSubstr("HTTPS_PROXY"));
  EXPECT_THAT(refused.error().error.what, Not(HasSubstr("canary-password")));
  set("HTTPS_PROXY", "http://user:canary-password@no-such-proxy.invalid:3128");
  const auto unknown = get(kUrl, good.file);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().error.id, "ProxyError");
  EXPECT_THAT(unknown.error().error.what + unknown.error().error.remedy,
              Not(HasSubstr("canary-password")));
}

}  // namespace
}  // namespace dps::wire

// How many connections a pass costs, over each protocol; and what HTTP/2 must not do to a write.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "reconciler/http/curl_exchange.hpp"
#include "tests/unit/http/tcp_server.hpp"
#include "tests/wire/servers.hpp"

namespace dps::wire {
namespace {

using http::Answer;
using http::CurlExchange;
using http::CurlSettings;
using http::Method;
using http::Request;
using std::chrono::milliseconds;
using testing::HasSubstr;

// ARM as far as connections go: answers everything, counts what it was asked.
class Origin {
 public:
  std::string address() const {
    const auto url = server_.url("");
    return url.substr(url.find("//") + 2);
  }
  std::string url(const std::string& path) const { return server_.url(path); }
  int accepted() const { return server_.accepted(); }
  int count(const std::string& line) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(line);
    return found == asked_.end() ? 0 : found->second;
  }

 private:
  void serve(test::Connection& connection) {
    for (;;) {
      const auto text = connection.read_request();
      if (text.empty()) return;
      const auto line = text.substr(0, text.find(" HTTP/"));
      {
        const std::lock_guard lock(mutex_);
        ++asked_[line];
      }
      if (line.find("/never") != std::string::npos) {
        connection.read_request();
        return;
      }
      if (line.find("/cut") != std::string::npos) {
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        return;
      }
      if (!connection.ok(R"({"value":[]})")) return;
    }
  }

  mutable std::mutex mutex_;
  std::map<std::string, int> asked_;
  test::TcpServer server_{[this](test::Connection& connection, int) { serve(connection); }};
};

class Connections : public testing::Test {
 protected:
  CurlSettings trusting() const {
    CurlSettings settings;
    settings.ca_file = certificate.file;
    return settings;
  }
  Nginx nginx(bool http2, int requests_per_connection = 100'000) const {
    return Nginx({origin.address(), certificate, http2, requests_per_connection});
  }
  static Request request(Method method, std::string url) {
    Request out;
    out.method = method;
    out.url = std::move(url);
    if (method == Method::Put) out.body = "{}";
    return out;
  }
  // `count` requests of `threads` callers at once; what went wrong, in words.
  static std::vector<std::string> many(CurlExchange& exchange,
                                       const std::string& endpoint,
                                       int threads,
                                       int count) {
    std::atomic<int> next{0};
    std::mutex mutex;
    std::vector<std::string> wrong;
    std::vector<std::thread> callers;
    for (int i = 0; i < threads; ++i) {
      callers.emplace_back([&] {
        for (int number = next++; number < count; number = next++) {
          const auto answer =
              exchange.send(request(Method::Get, fmt::format("{}/s/{}", endpoint, number)), {});
          if (answer && answer->status == 200) continue;
          const std::lock_guard lock(mutex);
          wrong.push_back(answer ? std::to_string(answer->status) : answer.error().error.what);
        }
      });
    }
    for (auto& caller : callers) caller.join();
    return wrong;
  }

  Folder folder;
  Origin origin;
  Certificate certificate = make_certificate(folder, "server", Validity::Good);
};

TEST_F(Connections, OfAWholePassOverHttp2AreOne) {
  const auto server = nginx(true);
  CurlExchange exchange(trusting());
  EXPECT_THAT(many(exchange, server.endpoint(), 32, 600), testing::IsEmpty());
  EXPECT_EQ(server.served().size(), 600U);
  EXPECT_EQ(server.connections().size(), 1U);
  for (const auto& one : server.served()) ASSERT_EQ(one.protocol, "HTTP/2.0");
}

TEST_F(Connections, OfAWholePassOverTlsAreNoMoreThanTheCallers) {
  const auto server = nginx(false);
  CurlExchange exchange(trusting());
  EXPECT_THAT(many(exchange, server.endpoint(), 8, 600), testing::IsEmpty());
  EXPECT_EQ(server.served().size(), 600U);
  EXPECT_LE(server.connections().size(), 8U);
}

TEST_F(Connections, OfAWholePassOverPlainHttpAreNoMoreThanTheCallers) {
  CurlExchange exchange({});
  EXPECT_THAT(many(exchange, origin.url(""), 8, 600), testing::IsEmpty());
  EXPECT_LE(origin.accepted(), 8);
}

TEST_F(Connections, SayWhichProtocolTheySpeak) {
  CurlExchange exchange(trusting());
  for (const bool http2 : {true, false}) {
    const auto server = nginx(http2);
    const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
    ASSERT_TRUE(answer) << answer.error().error.what;
    EXPECT_EQ(answer->protocol, http2 ? http::Protocol::Http2 : http::Protocol::Http1);
    EXPECT_EQ(answer->connection, http::Connection::Fresh);
    EXPECT_EQ(exchange.send(request(Method::Get, server.url("/x")), {})->connection,
              http::Connection::Reused);
  }
}

// The server says GOAWAY (or closes) after every 10 requests, in the middle of the load.
TEST_F(Connections, ThatTheServerEndsUnderLoadNeverSendAWriteTwice) {
  for (const bool http2 : {true, false}) {
    const auto server = nginx(http2, 10);
    CurlExchange exchange(trusting());
    std::atomic<int> next{0};
    std::atomic<int> good{0}, doubtful{0}, unsent{0}, reads_lost{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 16; ++i) {
      callers.emplace_back([&] {
        for (int number = next++; number < 400; number = next++) {
          const bool write = number % 2 == 0;
          const auto url = server.url(fmt::format("/{}/{}", http2, number));
          const auto answer = exchange.send(request(write ? Method::Put : Method::Get, url), {});
          if (answer) {
            EXPECT_EQ(answer->status, 200);
            ++good;
          } else if (!write) {
            ++reads_lost;
          } else if (answer.error().delivery == http::Delivery::NotSent) {
            EXPECT_EQ(origin.count(fmt::format("PUT /{}/{}", http2, number)), 0);
            ++unsent;
          } else {
            EXPECT_EQ(answer.error().error.next, NextMove::RetryLater);
            ++doubtful;
          }
        }
      });
    }
    for (auto& caller : callers) caller.join();
    for (int number = 0; number < 400; number += 2) {
      EXPECT_LE(origin.count(fmt::format("PUT /{}/{}", http2, number)), 1) << http2 << number;
    }
    EXPECT_GE(server.connections().size(), 20U);
    EXPECT_EQ(reads_lost, 0);
    EXPECT_GE(good, 300);
    fmt::print("{}: {} answered, {} writes in doubt, {} not sent\n",
               http2 ? "HTTP/2" : "HTTP/1.1",
               good.load(),
               doubtful.load(),
               unsent.load());
  }
}

TEST_F(Connections, CarryOtherStreamsOnWhenOneGetsNoAnswer) {
  const auto server = nginx(true);
  auto settings = trusting();
  settings.first_byte_timeout = milliseconds{300};
  CurlExchange exchange(settings);
  ASSERT_TRUE(exchange.send(request(Method::Get, server.url("/x")), {}));
  std::thread silent([&] {
    const auto answer = exchange.send(request(Method::Put, server.url("/never")), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().error.id, "NoAnswer");
    EXPECT_EQ(answer.error().delivery, http::Delivery::MaybeSent);
  });
  EXPECT_THAT(many(exchange, server.endpoint(), 4, 100), testing::IsEmpty());
  silent.join();
  EXPECT_THAT(many(exchange, server.endpoint(), 4, 10), testing::IsEmpty());
  EXPECT_EQ(server.connections().size(), 1U);
}

// The upstream breaks off: over HTTP/2 nginx resets the stream.
TEST_F(Connections, WhoseStreamIsResetLeaveAWriteInDoubt) {
  const auto server = nginx(true);
  CurlExchange exchange(trusting());
  const auto answer = exchange.send(request(Method::Put, server.url("/cut")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, http::Delivery::MaybeSent);
  EXPECT_EQ(answer.error().error.next, NextMove::RetryLater);
  EXPECT_EQ(origin.count("PUT /cut"), 1);
}

TEST_F(Connections, AreReplacedWhenTheServerIsStartedAgain) {
  CurlExchange exchange(trusting());
  auto server = std::make_unique<Nginx>(NginxSettings{origin.address(), certificate});
  ASSERT_TRUE(exchange.send(request(Method::Get, server->url("/x")), {}));
  const auto old = server->url("/x");
  server.reset();
  const auto gone = exchange.send(request(Method::Put, old), {});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().delivery, http::Delivery::NotSent);
  EXPECT_EQ(gone.error().error.id, "ConnectionRefused");
}

TEST_F(Connections, BringNoBodyLargerThanAllowedHoweverSmallItIsPacked) {
  const Nginx server({"", certificate, true, 1000});
  server.folder().write("files/bomb.json", "");
  std::filesystem::resize_file(server.folder().path("files/bomb.json"), 300'000'000);
  auto settings = trusting();
  settings.most_body = std::size_t{2} * 1024 * 1024;
  CurlExchange exchange(settings);
  const auto answer = exchange.send(request(Method::Get, server.url("/bomb.json")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "TooLarge");
  EXPECT_THAT(answer.error().error.what, HasSubstr("larger than 2 MiB"));
}

}  // namespace
}  // namespace dps::wire

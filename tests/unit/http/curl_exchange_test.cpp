#include "reconciler/http/curl_exchange.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/unit/http/tcp_server.hpp"

namespace dps::http {
namespace {

using std::chrono::milliseconds;
using test::TcpServer;
using testing::HasSubstr;
using testing::MatchesRegex;

Request request(Method method, std::string url, std::string body = {}) {
  Request out;
  out.method = method;
  out.url = std::move(url);
  out.body = std::move(body);
  return out;
}

void answer_all(test::Connection& connection, int) {
  for (;;) {
    const auto text = connection.read_request();
    if (text.empty() || !connection.ok(text)) return;
  }
}

TEST(CurlExchange, SendsTheUrlByteForByte) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  const std::string target =
      "/a/../b//c/%2f%2F/operationResults/aWQ9b3M=?api-version=1&asyncinfo&t=1&s=a%2Bb+c==&h=%7e~";
  const auto answer = exchange.send(request(Method::Get, server.url(target)), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body.substr(0, answer->body.find(" HTTP/")), "GET " + target);
}

TEST(CurlExchange, TakesUrlsOf8Kilobytes) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  const auto target = "/x?s=" + std::string(8000, 'a');
  const auto answer = exchange.send(request(Method::Get, server.url(target)), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_NE(answer->body.find(target), std::string::npos);
}

TEST(CurlExchange, SendsMethodHeadersAndBody) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  for (const auto method : {Method::Put, Method::Patch, Method::Post}) {
    auto asked = request(method, server.url("/x"), R"({"a":1})");
    asked.headers = {{"content-type", "application/json"}, {"If-Match", "AAA="}};
    const auto answer = exchange.send(asked, {});
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->body.starts_with(std::string(word(method)) + " /x HTTP/1.1\r\n"));
    EXPECT_NE(answer->body.find("content-type: application/json\r\n"), std::string::npos);
    EXPECT_NE(answer->body.find("If-Match: AAA=\r\n"), std::string::npos);
    EXPECT_EQ(answer->body.find("Expect:"), std::string::npos);
    EXPECT_TRUE(answer->body.ends_with("\r\n\r\n{\"a\":1}"));
  }
}

TEST(CurlExchange, SendsAnEmptyPostWithItsLength) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Post, server.url("/listkeys")), {});
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->body.find("Content-Length: 0\r\n"), std::string::npos);
  EXPECT_EQ(answer->body.find("urlencoded"), std::string::npos);
}

TEST(CurlExchange, ReusesAConnection) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(exchange.send(request(Method::Get, server.url("/x")), {}));
    ASSERT_TRUE(exchange.send(request(Method::Put, server.url("/x"), "b"), {}));
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST(CurlExchange, DoesNotFollowRedirects) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.write(
        "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  });
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 307);
}

TEST(CurlExchange, JoinsHeadersThatComeTwiceAndDropsInterimOnes) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.write(
        "HTTP/1.1 103 Early\r\nx-early: 1\r\n\r\n"
        "HTTP/1.1 200 OK\r\nX-A:  one \r\nx-a: two\r\nContent-Length: 0\r\n\r\n");
  });
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header("x-A"), "one, two");
  EXPECT_EQ(answer->header("x-early"), "");
}

TEST(CurlExchange, SaysNotSentWhenNobodyListens) {
  std::string url;
  {
    TcpServer server(answer_all);
    url = server.url("/x");
  }
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Put, url, "b"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
  EXPECT_EQ(answer.error().error.id, "ConnectionRefused");
  EXPECT_EQ(answer.error().error.next, NextMove::RetryLater);
}

TEST(CurlExchange, SaysMaybeSentWhenTheConnectionBreaksAfterTheRequest) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.reset();
  });
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Put, server.url("/x"), "b"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::MaybeSent);
  EXPECT_EQ(answer.error().error.next, NextMove::RetryLater);
}

TEST(CurlExchange, SaysMaybeSentForAnAnswerThatBreaksOff) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  });
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::MaybeSent);
}

// A kept-alive connection that the server ends without an answer: curl would send once more.
TEST(CurlExchange, NeverSendsAWriteTwiceOnItsOwn) {
  std::atomic<int> puts{0};
  TcpServer server([&](test::Connection& connection, int) {
    connection.read_request();
    connection.ok("first");
    if (connection.read_request().starts_with("PUT")) ++puts;
  });
  CurlExchange exchange({});
  ASSERT_TRUE(exchange.send(request(Method::Get, server.url("/x")), {}));
  const auto answer = exchange.send(request(Method::Put, server.url("/x"), "b"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::MaybeSent);
  EXPECT_EQ(answer.error().error.next, NextMove::RetryLater);
  EXPECT_EQ(puts, 1);
}

TEST(CurlExchange, ReplacesAClosedConnectionForAGet) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.ok("one");
    connection.read_request();
  });
  CurlExchange exchange({});
  ASSERT_TRUE(exchange.send(request(Method::Get, server.url("/x")), {}));
  EXPECT_TRUE(exchange.send(request(Method::Get, server.url("/x")), {}));
}

TEST(CurlExchange, RefusesAnswersThatAreTooLarge) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.ok(std::string(3'000'000, 'x'));
  });
  CurlSettings settings;
  settings.most_body = 1024 * 1024;
  CurlExchange exchange(settings);
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "TooLarge");
  EXPECT_EQ(answer.error().error.next, NextMove::GiveUp);
}

TEST(CurlExchange, EndsATransferThatTakesTooLong) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.read_request();  // no answer
  });
  CurlSettings settings;
  settings.total_timeout = milliseconds{100};
  CurlExchange exchange(settings);
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "Timeout");
  EXPECT_EQ(answer.error().delivery, Delivery::MaybeSent);
}

TEST(CurlExchange, TakesTheBoundsOfTheRequestBeforeItsOwn) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.read_request();  // no answer
  });
  CurlExchange exchange({});
  auto asked = request(Method::Get, server.url("/x"));
  asked.total_limit = milliseconds{100};
  const auto answer = exchange.send(asked, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "Timeout");
}

TEST(CurlExchange, SaysWhenTheFirstByteDoesNotCome) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.read_request();
  });
  CurlSettings settings;
  settings.first_byte_timeout = milliseconds{80};
  CurlExchange exchange(settings);
  const auto answer = exchange.send(request(Method::Put, server.url("/x"), "b"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "NoAnswer");
  EXPECT_EQ(answer.error().delivery, Delivery::MaybeSent);
  EXPECT_THAT(answer.error().error.what, MatchesRegex("no answer of 127.0.0.1:[0-9]+ within 80ms"));
}

TEST(CurlExchange, SaysWhenTheAnswerStopsComing) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    connection.read_request();
  });
  CurlSettings settings;
  settings.stall_timeout = milliseconds{80};
  CurlExchange exchange(settings);
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "AnswerStalled");
  EXPECT_THAT(answer.error().error.what, HasSubstr("stopped coming: nothing for 80ms"));
}

TEST(CurlExchange, LetsASlowAnswerComeAsLongAsItComes) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(milliseconds{10});
      connection.write("x");
    }
  });
  CurlSettings settings;
  settings.first_byte_timeout = milliseconds{150};
  settings.stall_timeout = milliseconds{150};
  CurlExchange exchange(settings);
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_TRUE(answer) << answer.error().error.what;
  EXPECT_EQ(answer->body.size(), 20U);
}

// A listener whose queue is full drops what comes next: nothing answers, not even a refusal.
TEST(CurlExchange, CallsAnEndpointThatSwallowsPacketsDeadInBoundedTime) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  CurlSettings settings;
  settings.connect_timeout = milliseconds{150};
  CurlExchange exchange(settings);
  const auto answer = exchange.send(
      request(Method::Put, fmt::format("http://127.0.0.1:{}/x", ntohs(address.sin_port)), "b"), {});
  for (const int filler : fillers) ::close(filler);
  ::close(listener);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "ConnectTimeout");
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
  EXPECT_THAT(answer.error().error.what, HasSubstr("within 150ms: nothing answers there"));
}

TEST(CurlExchange, SaysWhenANameDoesNotResolve) {
  CurlExchange exchange({});
  auto asked = request(Method::Put, "https://no-such-host.invalid/x", "b");
  asked.via = Via::NoProxy;
  const auto answer = exchange.send(asked, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "NameNotResolved");
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
  EXPECT_THAT(answer.error().error.what, HasSubstr("no-such-host.invalid:443"));
}

TEST(CurlExchange, EndsAHeaderThatHasNoEnd) {
  TcpServer server([](test::Connection& connection, int) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\n");
    const auto line = "x-more: " + std::string(1000, 'y') + "\r\n";
    for (int i = 0; i < 2000 && connection.write(line); ++i) {
    }
  });
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "TooLarge");
}

TEST(CurlExchange, TellsAReusedConnectionFromAFreshOne) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  const auto first = exchange.send(request(Method::Get, server.url("/x")), {});
  const auto second = exchange.send(request(Method::Get, server.url("/x")), {});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->connection, http::Connection::Fresh);
  EXPECT_EQ(second->connection, http::Connection::Reused);
  EXPECT_EQ(second->protocol, Protocol::Http1);
}

TEST(CurlExchange, StopsWhenToldTo) {
  std::stop_source stop;
  TcpServer server([&](test::Connection& connection, int) {
    connection.read_request();
    stop.request_stop();
    connection.read_request();
  });
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Put, server.url("/x"), "b"), stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "Cancelled");
  EXPECT_EQ(answer.error().delivery, Delivery::MaybeSent);
}

TEST(CurlExchange, SendsNothingAfterAStop) {
  std::stop_source stop;
  stop.request_stop();
  TcpServer server(answer_all);
  CurlExchange exchange({});
  const auto answer = exchange.send(request(Method::Put, server.url("/x"), "b"), stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
}

TEST(CurlExchange, ServesManyCallersAtOnce) {
  TcpServer server(answer_all);
  CurlExchange exchange({});
  std::vector<std::future<int>> callers;
  for (int i = 0; i < 16; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      int good = 0;
      for (int round = 0; round < 20; ++round) {
        const auto answer = exchange.send(request(Method::Get, server.url("/x")), {});
        if (answer && answer->status == 200) ++good;
      }
      return good;
    }));
  }
  for (auto& caller : callers) EXPECT_EQ(caller.get(), 20);
}

TEST(CurlExchange, RefusesOtherSchemes) {
  CurlExchange exchange({});
  for (const auto* url : {"file:///etc/passwd", "ftp://127.0.0.1/", "http://a@127.0.0.1/", ""}) {
    const auto answer = exchange.send(request(Method::Get, url), {});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().error.id, "BadUrl");
  }
}

TEST(CurlExchange, SpeaksNoPlainTextWithATlsUrl) {
  TcpServer server(
      [](test::Connection& connection, int) { connection.write("HTTP/1.1 200 OK\r\n\r\n"); });
  CurlExchange exchange({});
  auto url = server.url("/x");
  url.replace(0, 4, "https");
  const auto answer = exchange.send(request(Method::Put, url, "b"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "TlsError");
  EXPECT_THAT(answer.error().error.what, HasSubstr("does not speak TLS"));
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
}

TEST(CaFile, ComesFromTheUsualVariables) {
  const auto with = [](std::map<std::string, std::string, std::less<>> variables) {
    return ca_file_from([variables](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
  };
  EXPECT_EQ(with({}), "");
  EXPECT_EQ(with({{"CURL_CA_BUNDLE", "/b"}}), "/b");
  EXPECT_EQ(with({{"CURL_CA_BUNDLE", "/b"}, {"SSL_CERT_FILE", "/a"}}), "/a");
}

}  // namespace
}  // namespace dps::http

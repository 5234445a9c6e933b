#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reconciler/http/curl_exchange.hpp"
#include "tests/arm_simulator/simulator.hpp"

namespace dps::http {
namespace {

class Tls : public testing::Test {
 protected:
  static sim::SimulatorOptions options() {
    sim::SimulatorOptions out;
    out.tls_listen = "127.0.0.1:0";
    return out;
  }
  // The simulator's side writes to a peer that hangs up in the middle of the handshake.
  static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }
  void SetUp() override {
    const int file = ::mkstemp(ca_file.data());
    ASSERT_GE(file, 0);
    ::close(file);
    std::ofstream(ca_file) << simulator.tls_ca_pem();
  }
  void TearDown() override { ::unlink(ca_file.c_str()); }
  Answer get(const CurlSettings& settings) {
    CurlExchange exchange(settings);
    Request request;
    request.url = simulator.arm_tls() + "/subscriptions?api-version=2020-01-01";
    return exchange.send(request, {});
  }

  sim::Simulator simulator{options()};
  std::string ca_file = "/tmp/dps-tls-test-XXXXXX";
};

TEST_F(Tls, IsSpokenWithACaOfOnesOwn) {
  CurlSettings settings;
  settings.ca_file = ca_file;
  const auto answer = get(settings);
  ASSERT_TRUE(answer) << answer.error().error.what;
  EXPECT_EQ(answer->status, 401);  // nobody sent a token
}

TEST_F(Tls, SendsNothingToAServerThatNobodyVouchesFor) {
  const auto answer = get({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error.id, "TlsError");
  EXPECT_EQ(answer.error().error.next, NextMove::GiveUp);
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
  EXPECT_EQ(simulator.world().requests().size(), 0U);
}

TEST_F(Tls, FailsPlainlyWithoutTheCaFile) {
  CurlSettings settings;
  settings.ca_file = "/nonexistent.pem";
  const auto answer = get(settings);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().delivery, Delivery::NotSent);
  EXPECT_EQ(answer.error().error.next, NextMove::GiveUp);
}

}  // namespace
}  // namespace dps::http

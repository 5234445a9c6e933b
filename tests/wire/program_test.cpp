// The whole program through nginx: a plan of a fleet costs one connection, and says how it went.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/wire/servers.hpp"

namespace dps::wire {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::Process;

// The value of a member of a line of JSON, as far as this test needs it.
std::string member(const std::string& line, const std::string& name) {
  const auto at = line.find("\"" + name + "\":\"");
  if (at == std::string::npos) return {};
  const auto start = at + name.size() + 4;
  return line.substr(start, line.find('"', start) - start);
}

TEST(Program, PlansAFleetOverOneConnectionOfHttp2) {
  Folder folder;
  const auto certificate = make_certificate(folder, "server", Validity::Good);
  Process simulator({ARM_SIMULATOR,
                     "--fleet",
                     "subs=3,services=60,certificates=1",
                     "--manifests-out",
                     folder.path("manifests")},
                    {});
  auto greeting = simulator.read_line();
  std::erase(greeting, ' ');
  const auto arm = member(greeting, "arm");
  ASSERT_THAT(arm, testing::StartsWith("http://")) << greeting;
  const Nginx server({arm.substr(7), certificate, true, 100'000});
  const auto plan =
      testing_support::run({DPS_RECONCILER,
                            "plan",
                            "--manifests",
                            folder.path("manifests"),
                            "--arm-endpoint",
                            server.endpoint(),
                            "--authority",
                            arm,
                            "--log-level",
                            "trace",
                            "--log-format",
                            "json",
                            "--quota-reserve",
                            "0"},
                           {{"AZURE_TENANT_ID", member(greeting, "tenant")},
                            {"AZURE_CLIENT_ID", member(greeting, "client_id")},
                            {"AZURE_CLIENT_SECRET", member(greeting, "client_secret")},
                            {"SSL_CERT_FILE", certificate.file}});
  EXPECT_EQ(plan.exit_code, 0) << plan.out << plan.err.substr(0, 3000);
  EXPECT_GE(server.served().size(), 183U);
  EXPECT_EQ(server.connections().size(), 1U);
  EXPECT_THAT(plan.err, HasSubstr("\"protocol\":\"HTTP/2\""));
  EXPECT_THAT(plan.err, HasSubstr("\"connection\":\"reused\""));
  EXPECT_THAT(plan.err, Not(HasSubstr("Bearer")));
  simulator.signal(SIGTERM);
  simulator.wait();
}

}  // namespace
}  // namespace dps::wire

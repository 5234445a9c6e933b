// An ARM that points elsewhere: nextLink, operation URLs, Location and redirects to another
// listener. That listener hears nothing, not even a connection; the pass ends in a clear error, and
// what is live is as it was.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/lab.hpp"
#include "tests/end_to_end/safety.hpp"
#include "tests/unit/http/tcp_server.hpp"

namespace dps::lab {
namespace {

using testing::HasSubstr;

class Hostile : public testing::Test {
 protected:
  Hostile() {
    lab.manifest("fleet.yaml", shared_fleet(1, "prod"));
    lab.apply();
    lab.manifest("fleet.yaml", shared_fleet(7, "test"));
  }

  // "127.0.0.1:PORT" of the trap.
  std::string place() const { return trap.url("").substr(7); }
  std::string arm_place() { return lab.simulator().arm().substr(7); }

  std::vector<std::string> lures() {
    const auto path = std::string("/subscriptions/x?api-version=2022-12-12");
    return {"http://" + place() + path,
            "https://" + place() + path,
            "HTTP://" + place() + path,
            "//" + place() + path,
            "\\\\" + place() + path,
            "http:\\\\" + place() + path,
            "http://" + arm_place() + "@" + place() + path,
            "http://" + arm_place() + "\\@" + place() + path,
            "http://localhost:" + place().substr(10) + path,
            "http://127.0.0.1.:" + place().substr(10) + path,
            "http://[::ffff:127.0.0.1]:" + place().substr(10) + path,
            "http://xn--80ak6aa92e.com" + path,
            "http://management.azure.com" + path,
            " http://" + place() + path,
            "http://" + place() + "#" + arm_place()};
  }

  void always(const SimJson& match, const SimJson& action) {
    const auto problem = lab.simulator().faults().set({{{"match", match}, {"do", action}}});
    ASSERT_FALSE(problem.has_value()) << *problem;
  }

  void expect_silence(const std::string& lure) {
    EXPECT_EQ(trap.accepted(), 0) << lure;
    EXPECT_EQ(lab.service("fleet"), before) << lure;
  }

  test::TcpServer trap{[](test::Connection& connection, int) { connection.read_request(); }};
  Lab lab;
  SimJson before;
};

TEST_F(Hostile, NextLinksAreNotFollowedElsewhere) {
  before = lab.service("fleet");
  for (const auto& lure : lures()) {
    always({{"method", "GET"}, {"path", "**/provisioningServices"}, {"times", 0U}},
           {{"kind", "status"},
            {"status", 200},
            {"headers", {{"Content-Type", "application/json"}}},
            {"body", SimJson{{"value", SimJson::array()}, {"nextLink", lure}}.dump()}});
    const auto plan = lab.plan();
    EXPECT_TRUE(plan.has_problems()) << lure;
    const auto text = plan::render_text(plan, {});
    EXPECT_THAT(text, HasSubstr("next page")) << lure;
    expect_silence(lure);
  }
}

TEST_F(Hostile, NextLinksThatLeadInACircleEnd) {
  before = lab.service("fleet");
  always({{"method", "GET"}, {"path", "**/provisioningServices"}, {"times", 0U}},
         {{"kind", "status"},
          {"status", 200},
          {"headers", {{"Content-Type", "application/json"}}},
          {"body",
           SimJson{{"value", SimJson::array()},
                   {"nextLink",
                    fmt::format("{}/subscriptions/{}/providers/Microsoft.Devices/"
                                "provisioningServices?api-version=2022-12-12&page=2",
                                lab.simulator().arm(),
                                kSubscription)}}
               .dump()}});
  const auto plan = lab.plan();
  EXPECT_TRUE(plan.has_problems());
  EXPECT_THAT(plan::render_text(plan, {}), HasSubstr("circle"));
}

TEST_F(Hostile, RedirectsAreNotFollowed) {
  before = lab.service("fleet");
  for (const int status : {301, 302, 303, 307, 308}) {
    for (const auto& lure : {"http://" + place() + "/x", "https://" + place() + "/x"}) {
      for (const char* method : {"GET", "POST", "PUT"}) {
        no_faults(lab);
        const auto look = lab.look();
        always({{"method", method}, {"path", "/subscriptions/**"}, {"times", 0U}},
               {{"kind", "status"}, {"status", status}, {"headers", {{"Location", lure}}}});
        const auto report = lab.apply(look);
        EXPECT_FALSE(error_ids(report).empty()) << status << method;
        EXPECT_THAT(told(report), HasSubstr(std::to_string(status)));
        expect_silence(lure);
      }
    }
  }
}

TEST_F(Hostile, OperationsAreNotPolledElsewhere) {
  before = lab.service("fleet");
  for (const auto& lure : lures()) {
    for (const char* header : {"Azure-AsyncOperation", "Location"}) {
      if (lure.find_first_of("\\ ") != std::string::npos) continue;  // no header can carry it
      no_faults(lab);
      const auto look = lab.look();
      // Nothing was written: the answer is a lie.
      always({{"method", "PUT"}, {"path", "**/provisioningServices/fleet"}, {"times", 0U}},
             {{"kind", "status"},
              {"status", 202},
              {"headers", {{header, lure}, {"Retry-After", "1"}}},
              {"body", "null"}});
      const auto report = lab.apply(look);
      EXPECT_FALSE(error_ids(report).empty() && report.services.at(0).moved.empty())
          << header << " " << lure << "\n"
          << told(report);
      expect_silence(lure);
    }
  }
  no_faults(lab);
  EXPECT_TRUE(converge(lab).has_value());
}

TEST_F(Hostile, PagesThatAreNoJsonAreNotTakenForAnAnswer) {
  before = lab.service("fleet");
  always({{"method", "GET"}, {"path", "/subscriptions/**"}, {"times", 0U}},
         {{"kind", "status"},
          {"status", 200},
          {"headers", {{"Content-Type", "text/html"}}},
          {"body", "<html><body>Please sign in to the guest network</body></html>"}});
  const auto plan = lab.plan();
  EXPECT_TRUE(plan.has_problems());
  EXPECT_THAT(plan::render_text(plan, {}), HasSubstr("no proxy stands before"));
  expect_silence("html");
}

}  // namespace
}  // namespace dps::lab

// page: what stands on it, and that nobody else's text becomes part of it. How it looks and feels
// is the business of tests/page.
#include "reconciler/telemetry/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "reconciler/base/crypto.hpp"
#include "reconciler/telemetry/page_parts.hpp"
#include "reconciler/telemetry/page_style.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

namespace dps::telemetry {
namespace {

using testing::HasSubstr;
using testing::Not;

const controller::Health kReady{true, true, {}};

std::string page_of(const controller::Status& status, const PageQuery& query = {}) {
  return render_page(status, kReady, "0.1.0", query).html;
}

std::size_t count_of(const std::string& text, const std::string& piece) {
  std::size_t count = 0;
  for (auto at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

std::string headline(const controller::Status& status) {
  std::smatch match;
  const auto html = page_of(status);
  return std::regex_search(html, match, std::regex("<h1[^>]*>([^<]*)</h1>")) ? match[1].str() : "";
}

TEST(Page, SaysFirstHowTheFleetIs) {
  auto suspended = test::fleet({test::suspended_service(0), test::calm_service(1)});
  auto moving = test::fleet({test::drifted_service(0), test::calm_service(1)});
  auto watching = moving;
  watching.mode = controller::Mode::Observe;
  controller::Status cold;
  EXPECT_EQ(headline(test::calm_fleet(12)), "All 12 services are as the manifests want");
  EXPECT_EQ(headline(test::calm_fleet(1)), "The service is as its manifest wants");
  EXPECT_EQ(headline(test::calm_fleet(0)), "The manifests name no service");
  EXPECT_EQ(headline(test::troubled_fleet()), "2 of 9 services need a person");
  EXPECT_EQ(headline(suspended), "1 service as the manifests want, 1 suspended");
  EXPECT_EQ(headline(moving), "1 of 2 services is on the way to what the manifests want");
  EXPECT_EQ(headline(watching), "1 of 2 services is not as the manifests want");
  EXPECT_EQ(headline(cold), "No revision of the manifests is in force yet");
}

TEST(Page, NamesWhatNeedsAPersonAndWhatHelps) {
  const auto html = page_of(test::troubled_fleet());
  for (const std::string text : {"Revision <code>c0ffee00c0ff</code> is faulty and was not taken",
                                 "manifests/iot-eu/fleet-eu-000.yaml:14:7: unknown key",
                                 "Removals are withheld by the guard max-removals",
                                 "dps-reconciler approve Xk3vT9q2mZ8w",
                                 "and 12 more",
                                 "cannot be listed",
                                 "give the identity the role",
                                 "lifecycle.adoptFrom: team-red takes it over",
                                 "tags.costCenter",
                                 "Ownership lost",
                                 "1 certificate has expired, 1 expires within 30 days",
                                 "SIGHUP: the new configuration was refused"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  EXPECT_THAT(page_of(test::calm_fleet(12)), Not(HasSubstr("Needs a person")));
}

TEST(Page, SaysOnceWhatManyServicesFailFor) {
  std::vector<controller::ServiceStatus> services;
  for (std::size_t i = 0; i < 200; ++i) services.push_back(test::failed_service(i));
  const auto html = page_of(test::fleet(services), {{}, controller::Standing::InSync, "", 1});
  EXPECT_EQ(count_of(html, "give the identity the role"), 1U);
  EXPECT_THAT(html, HasSubstr("188 more"));
}

TEST(Page, IsBoundedForAnyFleet) {
  auto status = test::large_fleet(10'000);
  status.source.faults.assign(5000, {"a.yaml:1:1: wrong", true});
  status.source.fault_count = 5000;
  status.notices.assign(5000, "a notice");
  const auto html = page_of(status);
  EXPECT_LT(html.size(), std::size_t{400} * 1024);
  EXPECT_THAT(html, HasSubstr("1 to 100 of 10000"));
  EXPECT_THAT(html, HasSubstr("and 4992 more"));
}

TEST(Page, TurnsPagesAndFilters) {
  const auto status = test::large_fleet(250);
  std::set<std::string> seen;
  for (const std::size_t page : {1, 2, 3}) {
    const auto html = page_of(status, {{}, std::nullopt, "", page});
    const auto table = html.substr(
        html.find("id=\"services\""),
        html.find("</section>", html.find("id=\"services\"")) - html.find("id=\"services\""));
    const std::regex link("service=([^\"]*)\"");
    for (std::sregex_iterator at(table.begin(), table.end(), link), end; at != end; ++at) {
      seen.insert((*at)[1]);
    }
  }
  EXPECT_EQ(seen.size(), 250U) << "every service is on one of the pages";
  EXPECT_THAT(page_of(status, {{}, std::nullopt, "", 99}), HasSubstr("201 to 250 of 250"));
  const auto found = page_of(status, {{}, std::nullopt, "IOT-EU/fleet-eu-00", 1});
  EXPECT_THAT(found, HasSubstr("fleet-eu-004</a></td><td class=\"diff\">"));
  EXPECT_THAT(found, HasSubstr("value=\"IOT-EU/fleet-eu-00\""));
  EXPECT_THAT(page_of(status, {{}, std::nullopt, "nothing like it", 1}),
              HasSubstr("None is like that"));
}

TEST(Page, TellsAllOfOneService) {
  const auto status = test::troubled_fleet();
  const auto page = render_page(status, kReady, "0.1.0", {"fleet-us-001", {}, {}, 1});
  EXPECT_EQ(page.status, 200);
  for (const std::string text : {"AuthorizationFailed",
                                 "allocationPolicy: Hashed → GeoLatency",
                                 "The last 4 tries failed; it is tried again.",
                                 "7f3a1c52-6d80-4a53-9a0e-2b1f0c9d8e77",
                                 "manifests/iot-us/fleet-us-001.yaml:1",
                                 "Stalled",
                                 "the service was created",
                                 "factory-ca-2",
                                 "dps-reconciler why iot-us/fleet-us-001"}) {
    EXPECT_THAT(page.html, HasSubstr(text));
  }
  EXPECT_EQ(render_page(status, kReady, "0.1.0", {"nobody", {}, {}, 1}).status, 404);
}

TEST(Page, LetsNobodyElsesTextBecomePartOfIt) {
  const auto status = test::hostile_fleet();
  const auto& id = status.services.front()->id;
  for (const auto& query : {PageQuery{},
                            PageQuery{id.path(), {}, {}, 1},
                            PageQuery{test::hostile("service"), {}, {}, 1},
                            PageQuery{{}, {}, test::hostile("text"), 1}}) {
    const auto html =
        render_page(
            status, {true, false, {test::hostile("reason")}}, test::hostile("version"), query)
            .html;
    EXPECT_EQ(count_of(html, "<script"), 1U);
    EXPECT_EQ(count_of(html, "<img"), 0U);
    EXPECT_EQ(count_of(html, "\"'>"), 0U) << "a quote that ends an attribute";
    EXPECT_EQ(count_of(html, "\x1b"), 0U);
    EXPECT_EQ(count_of(html, "\xff"), 0U);
    EXPECT_EQ(count_of(html, "\u202e"), 0U);
  }
}

TEST(Page, AsksNothingOfAnybodyElse) {
  for (const auto& status : {test::calm_fleet(3), test::troubled_fleet()}) {
    const auto html = page_of(status);
    EXPECT_FALSE(std::regex_search(html, std::regex("(src|href|action)=\"(https?:)?//")));
    EXPECT_THAT(html, Not(HasSubstr("@import")));
    EXPECT_THAT(html, Not(HasSubstr(" style=\"")));
    EXPECT_FALSE(std::regex_search(html, std::regex(" on[a-z]+=\"")))
        << "a handler in an attribute";
  }
}

TEST(Page, PolicyLetsExactlyItsOwnStyleAndScriptThrough) {
  const auto html = page_of(test::calm_fleet(1));
  const auto inside = [&](const std::string& tag) {
    const auto begin = html.find("<" + tag + ">") + tag.size() + 2;
    return html.substr(begin, html.find("</" + tag + ">") - begin);
  };
  const std::string policy(page_policy());
  EXPECT_THAT(policy, HasSubstr("style-src 'sha256-" + base64(sha256(inside("style"))) + "'"));
  EXPECT_THAT(policy, HasSubstr("script-src 'sha256-" + base64(sha256(inside("script"))) + "'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

TEST(PageParts, EscapesAndBounds) {
  const struct {
    std::string text, expected;
  } cases[] = {
      {"plain", "plain"},
      {"<&>\"'", "&lt;&amp;&gt;&quot;&#39;"},
      {"a\nb\tc", "a b c"},
      {"grüße → ✓ 🙂", "grüße → ✓ 🙂"},
      {"\x1b[31m", "\uFFFD[31m"},
      {"\xc2\x9b", "\uFFFD"},
      {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xc0\xaf", "\uFFFD\uFFFD"},
      {"\xf0\x9f", "\uFFFD\uFFFD"},
      {"a\u202eb\u2066c\u200fd", "a\uFFFDb\uFFFDc\uFFFDd"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(escaped(text), expected);
  EXPECT_EQ(escaped("éééé", 3), "ééé…");
}

TEST(PageParts, ShortensRevisionsToWhatPeopleCompare) {
  EXPECT_EQ(short_revision("4f1c2d9ab03e57c1d2e3f40516273849aabbccdd"), "4f1c2d9ab03e");
  EXPECT_EQ(short_revision("sha256:cc6861351040"), "cc6861351040");
  EXPECT_EQ(short_revision(""), "");
}

TEST(PageParts, SaysTimesAsPeopleDo) {
  const auto now = test::fleet_time();
  const struct {
    Duration from_now;
    std::string words;
  } cases[] = {
      {std::chrono::seconds{0}, "now"},
      {std::chrono::milliseconds{900}, "now"},
      {std::chrono::seconds{-1}, "1 second ago"},
      {std::chrono::seconds{119}, "in 119 seconds"},
      {std::chrono::minutes{-2}, "2 minutes ago"},
      {std::chrono::hours{47}, "in 47 hours"},
      {std::chrono::hours{-48}, "2 days ago"},
      {std::chrono::hours{24 * 729}, "in 729 days"},
      {std::chrono::hours{24 * 4786}, "in 13 years"},
  };
  for (const auto& [from_now, words] : cases) EXPECT_EQ(relative_words(now + from_now, now), words);
  EXPECT_THAT(relative_words(WallTime::max(), WallTime::min()), HasSubstr("years"));
}

}  // namespace
}  // namespace dps::telemetry

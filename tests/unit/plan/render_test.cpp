// Golden renders: UPDATE_GOLDEN=1 rewrites tests/golden/plan.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "fixtures.hpp"
#include "reconciler/base/json.hpp"
#include "reconciler/plan/render_json.hpp"
#include "reconciler/plan/render_text.hpp"

namespace dps::plan {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

void expect_golden(const std::string& name, const std::string& actual) {
  const auto path = std::string(DPS_GOLDEN_PLAN) + "/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << actual;
    return;
  }
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(actual, text.str()) << "golden file " << name;
}

DesiredService from_hub(DesiredService service) {
  for (auto& one : *service.linked_hubs) {
    one.credential = HubKeyReference{kSubscription,
                                     "iot-eu",
                                     one.host_name.substr(0, one.host_name.find('.')),
                                     "iothubowner",
                                     KeyKind::Primary};
  }
  return service;
}

CertificateFacts authority(const std::string& thumbprint) {
  CertificateFacts out;
  out.thumbprint = thumbprint;
  out.not_after = noon() + std::chrono::hours(24 * 365);
  return out;
}

/// One of everything that a plan can show.
Plan rich_plan() {
  DesiredState desired;
  LiveState live;
  const auto add = [&](DesiredService d, std::optional<LiveService> l) {
    if (l) {
      live.services[l->id] = std::move(*l);
    } else {
      live.missing[d.id] = {};
    }
    desired.services[d.id] = std::move(d);
  };
  desired.revision = "4f2c9d1";
  KeyFacts keys;

  auto created = from_hub(wanted("a-created"));
  (*created.linked_hubs)[0].host_name = "hub-new.azure-devices.net";
  (*created.tags)["team"] = "iot";
  add(created, std::nullopt);

  auto drifted = standing("b-drifted");
  drifted.linked_hubs[0].allocation_weight = 0;
  drifted.tags["env"] = "test";
  add(wanted("b-drifted"), drifted);

  auto changed = from_hub(wanted("c-changed"));
  changed.allocation_policy = "GeoLatency";
  changed.public_network_access = "Disabled";
  changed.ip_filter_rules = {{"office", "Accept", "10.0.0.0/8", "all"},
                             {"rest", "Reject", "0.0.0.0/0", "all"}};
  (*changed.linked_hubs)[0].allocation_weight = 0;
  (*changed.linked_hubs)[0].apply_allocation_policy = false;
  changed.linked_hubs->push_back(hub(kHub2));
  changed = from_hub(changed);
  (*changed.policies)[0].rights = rights({Right::EnrollmentRead, Right::DeviceConnect});
  changed.policies->push_back(policy("reader", {Right::EnrollmentRead}));
  auto before = standing("c-changed");
  before.ip_filter_rules = {{"office", "Accept", "10.0.0.0/8", "all"},
                            {"lab", "Accept", "192.168.1.0/24", "serviceApi"}};
  before.linked_hubs.push_back(live_hub("hub-old.azure-devices.net"));
  before.policies.entries->push_back(live_policy("old", {Right::ServiceConfig}));
  edit_bookkeeping(before, [](Bookkeeping& b) { b.fingerprints[host_digest(kHub1)] = "AAAAAAAA"; });
  keys.hubs[{changed.id, kHub1}] = {"BBBBBBBB", std::nullopt};
  add(changed, before);

  auto unowned = standing("d-not-adopted");
  edit_bookkeeping(unowned, [](Bookkeeping& b) { b = {}; });
  unowned.linked_hubs.push_back(live_hub("hub-extra.azure-devices.net"));
  add(wanted("d-not-adopted"), unowned);

  auto equal = standing("e-adopted");
  edit_bookkeeping(equal, [](Bookkeeping& b) { b = {}; });
  add(wanted("e-adopted"), equal);

  auto moving = standing("f-moving");
  moving.state = "Transitioning";
  add(wanted("f-moving"), moving);

  auto suspended = wanted("g-suspended");
  suspended.allocation_policy = "Static";
  suspended.lifecycle.suspend = Suspension{"audit", std::nullopt};
  add(suspended, standing("g-suspended"));

  auto rotating = wanted("h-rotating");
  DesiredCertificate ca;
  ca.name = "factory-ca";
  ca.thumbprint = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";
  ca.content = authority(ca.thumbprint);
  ca.verification = Verification::Trusted;
  rotating.certificates = {ca};
  auto with_ca = standing("h-rotating");
  with_ca.certificates.entries = {{"factory-ca",
                                   {"e"},
                                   std::string(40, 'A'),
                                   "Factory",
                                   noon() + std::chrono::hours(24 * 20),
                                   noon(),
                                   true},
                                  {"old-ca",
                                   {"e"},
                                   std::string(40, 'C'),
                                   "Old",
                                   noon() + std::chrono::hours(24 * 200),
                                   noon(),
                                   true}};
  add(rotating, with_ca);

  for (const auto* name : {"i-gone", "j-gone"}) {
    auto tombstone = wanted(name);
    tombstone.lifecycle.state = LifecycleState::Absent;
    tombstone.lifecycle.id_scope = standing(name).id_scope;
    auto old = standing(name);
    old.linked_hubs = {live_hub("hub-of-the-dead.azure-devices.net")};
    add(tombstone, old);
  }
  add(wanted("k-unchanged"), standing("k-unchanged"));

  auto blind = standing("l-blind");
  blind.policies.entries.reset();
  blind.policies.refused = Error{NextMove::WaitForOthers,
                                 "AuthorizationFailed",
                                 "the principal may not list keys",
                                 "the role action provisioningServices/listkeys/action",
                                 403,
                                 ""};
  live.unseen.push_back(
      {"listkeys in subscription " + std::string(kSubscription), *blind.policies.refused});
  add(wanted("l-blind"), blind);

  live.unreadable[service_id("m-failed")] =
      Error{NextMove::RetryLater, "InternalServerError", "ARM answered 500", "try again", 500, ""};
  desired.services[service_id("m-failed")] = wanted("m-failed");
  return make(desired, live, keys, {}, noon());
}

TEST(Render, APlanWithOneOfEverythingAsText) {
  expect_golden("everything.txt", render_text(rich_plan(), {}));
}

TEST(Render, APlanForANarrowTerminal) {
  expect_golden("narrow.txt", render_text(rich_plan(), {Color::Off, 60, Verbosity::Everything}));
}

TEST(Render, APlanForAWideTerminalInColour) {
  expect_golden("wide_colour.txt", render_text(rich_plan(), {Color::On, 240, Verbosity::Changes}));
}

TEST(Render, APlanWithOneOfEverythingAsJson) {
  expect_golden("everything.json", render_json(rich_plan()));
}

TEST(Render, NoChanges) {
  const auto plan = make(desired_of({wanted("a"), wanted("b")}),
                         live_of({standing("a"), standing("b")}),
                         {},
                         {},
                         noon());
  EXPECT_EQ(render_text(plan, {}), "No changes; 2 unchanged.\n");
}

TEST(Render, ColourAddsNothingButColour) {
  auto coloured = render_text(rich_plan(), {Color::On, 100, Verbosity::Changes});
  std::string plain;
  for (std::size_t i = 0; i < coloured.size(); ++i) {
    if (coloured[i] == '\x1b') {
      i = coloured.find('m', i);
      continue;
    }
    plain += coloured[i];
  }
  EXPECT_EQ(plain, render_text(rich_plan(), {}));
}

TEST(Render, NoLineOfANarrowPageIsLongerUnlessAWordIs) {
  std::istringstream text(render_text(rich_plan(), {Color::Off, 60, Verbosity::Everything}));
  for (std::string line; std::getline(text, line);) {
    const auto start = line.find_first_not_of(" !+-~?=→");
    const bool one_word = start == line.npos || line.find(' ', start) == line.npos;
    if (line.starts_with("Plan: ")) continue;  // one line, for those who search for it
    const bool headline = line.find(kSubscription) != line.npos;
    EXPECT_TRUE(columns(line) <= 60 || one_word || headline) << line;
    EXPECT_TRUE(line.empty() || line.back() != ' ') << "trailing space: " << line;
  }
}

TEST(Render, ForeignTextCannotCommandTheTerminal) {
  const std::string evil =
      "x\x1b[2J\n\r\x7f\xc2\x9b"
      "31m\xe2\x80\xae"
      "evil";
  auto desired = wanted();
  (*desired.tags)["evil"] = evil;
  (*desired.tags)["na" + evil] = "v";
  desired.mark.file = evil;
  auto live = standing();
  live.linked_hubs.push_back(live_hub(evil));
  live.policies.entries->push_back(live_policy(evil, {Right::DeviceConnect}));
  live.policies.refused = Error{NextMove::GiveUp, evil, evil, evil, 403, ""};
  live.ip_filter_rules = {{evil, evil, evil, evil}};
  desired.ip_filter_rules.emplace();
  desired.blocks = {{evil, evil, evil, {}}};
  auto state = live_of({live});
  state.unseen.push_back({evil, *live.policies.refused});
  Settings settings;
  settings.owner = evil;
  settings.approve = evil;
  settings.max_removals = 0;
  const auto plan = make(desired_of({desired}), state, {}, settings, noon());
  for (const auto& text : {render_text(plan, {}),
                           render_text(plan, {Color::Off, 300, Verbosity::Everything}),
                           render_json(plan)}) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      EXPECT_TRUE((byte >= 0x20 && byte != 0x7F) || c == '\n') << int(byte);
    }
    EXPECT_THAT(text, Not(HasSubstr("\xc2\x9b")));
  }
  EXPECT_THAT(render_text(plan, {}), Not(HasSubstr("\xe2\x80\xae")));
}

TEST(Render, NoKeyMaterialIsInAnyForm) {
  const std::string canary = "c2VjcmV0LWNhbmFyeQ==";
  auto desired = from_hub(wanted());
  (*desired.policies)[0].primary_key = SecretReference(EnvironmentReference{"KEY"});
  auto live = standing();
  (*live.policies.entries)[1].primary_digest = "digest-" + canary;
  live.document = R"({"properties":{"iotHubs":[{"connectionString":")" + canary + R"("}]}})";
  KeyFacts keys = hub_key(desired, kHub1, canary.substr(0, 8));
  keys.primary_keys[{desired.id, "writer"}] = {"wanted-" + canary, std::nullopt};
  const auto plan = make(desired_of({desired}), live_of({live}), keys, {}, noon());
  ASSERT_EQ(plan.services.at(0).changes.size(), 2U);
  for (const auto& text : {render_text(plan, {}), render_json(plan)}) {
    EXPECT_THAT(text, Not(HasSubstr(canary)));
    EXPECT_THAT(text, Not(HasSubstr(canary.substr(0, 8))));
    EXPECT_THAT(text, HasSubstr("(secret, changed)"));
  }
}

TEST(Render, TheJsonHasTheMembersThatAreSpoken) {
  const auto plan = OrderedJson::parse(render_json(rich_plan()));
  std::vector<std::string> names;
  for (const auto& [name, value] : plan.items()) names.push_back(name);
  EXPECT_THAT(names,
              ::testing::ElementsAre("schema",
                                     "digest",
                                     "created_at",
                                     "api_version",
                                     "owner",
                                     "source_revision",
                                     "summary",
                                     "services",
                                     "guards",
                                     "approve_digest",
                                     "unseen",
                                     "notices"));
  EXPECT_EQ(plan["created_at"], "2026-06-01T12:00:00Z");
  EXPECT_EQ(plan["services"].size(), 13U);
}

}  // namespace
}  // namespace dps::plan

#include "tests/end_to_end/rotation_scene.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "reconciler/base/text.hpp"
#include "reconciler/model/capabilities.hpp"
#include "tests/arm_simulator/x509.hpp"
#include "tests/end_to_end/safety.hpp"

namespace dps::lab {
namespace {

using Days = std::chrono::duration<int, std::ratio<86400>>;

sim::TimePoint days_from_now(int days) {
  return std::chrono::time_point_cast<sim::TimePoint::duration>(std::chrono::system_clock::now() +
                                                                Days{days});
}

TestCa make_ca(const std::string& name, int from, int until) {
  const sim::KeyPair key;
  sim::Issue wish;
  wish.common_name = "Rotation CA " + name;
  wish.not_before = days_from_now(from);
  wish.not_after = days_from_now(until);
  TestCa out;
  out.pem = sim::issue(wish, key, key);
  out.key = key.pem();
  out.thumbprint = sim::read_certificate(out.pem)->thumbprint;
  return out;
}

std::string indented(const std::string& text, const std::string& by) {
  std::string out;
  for (const auto& line : split(text, '\n')) {
    if (!line.empty()) out += by + std::string(line) + "\n";
  }
  return out;
}

std::string rfc1123_days_ago(int days) {
  return sim::rfc1123(days_from_now(-days));
}

std::string told(const SimJson& certificate) {
  const auto& properties = certificate.at("properties");
  auto out = letter_of(properties.at("thumbprint").get<std::string>());
  if (properties.at("isVerified").get<bool>()) out += " verified";
  return out;
}

}  // namespace

const TestCa& ca(Ca which) {
  static const TestCa a = make_ca("A", -400, 4000);
  static const TestCa b = make_ca("B", -300, 4000);
  static const TestCa c = make_ca("C", -200, 4000);
  static const TestCa expired = make_ca("Expired", -4000, -1000);
  switch (which) {
    case Ca::A:
      return a;
    case Ca::B:
      return b;
    case Ca::C:
      return c;
    case Ca::Expired:
      break;
  }
  return expired;
}

std::string letter_of(const std::string& thumbprint) {
  if (thumbprint == ca(Ca::A).thumbprint) return "A";
  if (thumbprint == ca(Ca::B).thumbprint) return "B";
  if (thumbprint == ca(Ca::C).thumbprint) return "C";
  if (thumbprint == ca(Ca::Expired).thumbprint) return "Expired";
  return "?";
}

RotationScene::RotationScene(const std::string& version) {
  lab.settings.capabilities = *capabilities_of(version);
  lab.set_switch("operation-time", "1ms");
  lab.variable("CA_KEY_A", ca(Ca::A).key);
  lab.variable("CA_KEY_B", ca(Ca::B).key);
  lab.variable("CA_KEY_C", ca(Ca::C).key);
  wants(std::nullopt);
  const auto report = lab.apply();
  EXPECT_EQ(report.count(Outcome::Created), 1U) << told(report);
  prototype_ = lab.state();
}

void RotationScene::stands(const std::map<std::string, Standing>& certificates) {
  auto state = prototype_;
  auto& entries = state["provisioning_services"][0]["certificates"];
  entries = SimJson::array();
  for (const auto& [name, standing] : certificates) {
    SimJson properties = {{"certificate", ca(standing.which).pem},
                          {"isVerified", standing.verified},
                          {"created", rfc1123_days_ago(standing.age_days)},
                          {"updated", rfc1123_days_ago(standing.age_days)}};
    if (standing.code_pending) properties["verificationCode"] = std::string(48, 'C');
    entries.push_back({{"name", name}, {"properties", properties}});
  }
  lab.plant(state);
  lab.forget_requests();
  at_first_ = standing();
  const auto history = lab.simulator().world().history();
  history_from_ = history.empty() ? 0 : history.back().at("seq").get<std::uint64_t>();
}

void RotationScene::wants(const std::optional<Wish>& wish) {
  auto text =
      std::string(kHead) + "spec:\n  location: westeurope\n  sku: {name: S1, capacity: 1}\n";
  if (!wish) {
    lab.manifest("fleet.yaml", text + "  certificates: []\n");
    return;
  }
  const auto which = letter_of(ca(wish->which).thumbprint);
  text += "  certificates:\n    - name: ca\n      certificate:\n        pem: |\n";
  text += indented(ca(wish->which).pem, "          ");
  if (wish->verification == "proofOfPossession") {
    text += fmt::format("      verification: {{proofOfPossession: {{key: {{env: CA_KEY_{}}}}}}}\n",
                        which);
  } else if (!wish->verification.empty()) {
    text += fmt::format("      verification: {{{}: true}}\n", wish->verification);
  }
  std::vector<std::string> rotation;
  if (!wish->strategy.empty()) rotation.push_back("strategy: " + wish->strategy);
  if (!wish->retire.empty()) rotation.push_back("retire: " + wish->retire);
  if (!wish->overlap.empty()) rotation.push_back("overlap: " + wish->overlap);
  if (!rotation.empty()) text += "      rotation: {" + join(rotation, ", ") + "}\n";
  std::vector<std::string> revoked;
  for (const auto one : wish->revoked) revoked.push_back(ca(one).thumbprint);
  if (!revoked.empty()) text += "      revoked: [\"" + join(revoked, "\", \"") + "\"]\n";
  lab.manifest("fleet.yaml", text);
}

std::map<std::string, std::string> RotationScene::standing() {
  std::map<std::string, std::string> out;
  const auto service = lab.service("fleet");
  for (const auto& certificate : service.at("certificates")) {
    out[certificate.at("name").get<std::string>()] = told(certificate);
  }
  return out;
}

std::vector<std::map<std::string, std::string>> RotationScene::moments() {
  std::vector<std::map<std::string, std::string>> out = {at_first_};
  auto now = at_first_;
  const auto history = lab.simulator().world().history(history_from_);
  for (const auto& event : history) {
    const auto id = event.at("id").get<std::string>();
    const auto at = lower(id).find("/certificates/");
    if (at == std::string::npos) continue;
    const auto name = id.substr(at + 14);
    if (event.at("document").is_null()) {
      now.erase(name);
    } else {
      now[name] = told(event.at("document"));
    }
    out.push_back(now);
  }
  return out;
}

std::size_t RotationScene::uploads() {
  std::size_t count = 0;
  const auto history = lab.simulator().world().history(history_from_);
  for (const auto& event : history) {
    if (event.at("event") == "uploaded") ++count;
  }
  return count;
}

std::string RotationScene::certificate_path(const std::string& name) {
  return service_path("fleet") + "/certificates/" + name;
}

}  // namespace dps::lab

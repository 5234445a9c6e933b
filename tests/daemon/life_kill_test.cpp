// kill -9 at random moments, while manifests and Azure keep changing: every next start converges,
// and no id scope, key, hub, policy or certificate is lost on the way. 200 times with
// DPS_WALK=full.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <iostream>
#include <random>

#include "reconciler/base/text.hpp"
#include "tests/daemon/daemon.hpp"
#include "tests/end_to_end/rotation_scene.hpp"
#include "tests/end_to_end/safety.hpp"
#include "tests/support/share.hpp"

namespace dps::lab {
namespace {

constexpr std::size_t kKills = 200;
constexpr std::size_t kUsual = 10;  // every so many-th of them

std::string indented(const std::string& text, const std::string& by) {
  std::string out;
  for (const auto& line : split(text, '\n')) {
    if (!line.empty()) out += by + line + "\n";
  }
  return out;
}

/// What is wanted of one service.
struct Wish {
  std::string name;
  int weight = 1;
  int revision = 0;
  bool second_hub = false;
  bool reader = false;
  int which_ca = 0;

  std::string text() const {
    auto out = fmt::format(R"(  allocationPolicy: {}
  tags: {{revision: r{}}}
  linkedHubs:
    - hostName: hub-1.azure-devices.net
      location: westeurope
      allocationWeight: {}
      credential: {{hub: {{resourceGroup: rg, policy: iothubowner, key: primary}}}}
)",
                           weight % 2 == 0 ? "Hashed" : "GeoLatency",
                           revision,
                           weight);
    if (second_hub) {
      out += R"(    - hostName: hub-2.azure-devices.net
      location: westeurope
      credential: {hub: {resourceGroup: rg, policy: iothubowner, key: primary}}
)";
    }
    out += "  sharedAccessPolicies:\n    - {name: writer, rights: [EnrollmentWrite]}\n";
    if (reader) out += "    - {name: reader, rights: [EnrollmentRead]}\n";
    const auto& wanted = ca(static_cast<Ca>(which_ca));
    out += fmt::format(R"(  certificates:
    - name: factory
      verification: {{proofOfPossession: {{key: {{env: CA_KEY_{}}}}}}}
      rotation: {{strategy: overlap, overlap: 1m}}
      certificate:
        pem: |
)",
                       letter_of(wanted.thumbprint)) +
           indented(wanted.pem, "          ");
    return fleet(name, out);
  }
};

class KilledFleet {
 public:
  KilledFleet() {
    for (const char* name : {"one", "two", "three"}) {
      wishes_.push_back({name});
      publish(wishes_.back());
    }
    converges();
    seen_ = history_now();  // from here on there is something to lose
  }

  Stage stage;

  std::unique_ptr<Daemon> start() {
    Variables keys;
    for (const auto which : {Ca::A, Ca::B, Ca::C}) {
      keys["CA_KEY_" + letter_of(ca(which).thumbprint)] = ca(which).key;
    }
    return stage.start({"--interval", "1s", "--max-removals", "1000"}, keys);
  }

  /// The next start, left alone.
  void converges() {
    stage.lab.set_switch("latency", "0s");
    stage.lab.set_switch("operation-time", "0s");
    const auto daemon = start();
    ASSERT_TRUE(daemon->wait_until_ready());
    ASSERT_TRUE(eventually("all as wanted", [&] { return all_have_arrived(); }));
    // A CA that came late waits for the overlap of the one before.
    stage.lab.simulator().world().advance(std::chrono::minutes{2});
    ASSERT_TRUE(daemon->wait_until_all("in_sync"));
    // The truth, by other eyes than the daemon's own.
    for (const auto which : {Ca::A, Ca::B, Ca::C}) {
      stage.lab.variable("CA_KEY_" + letter_of(ca(which).thumbprint), ca(which).key);
    }
    stage.lab.expect_nothing_to_do();
    expect_nothing_was_lost();
  }

  /// A service is in transit.
  bool is_at_work() {
    return std::any_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) {
      const auto service = stage.lab.service(wish.name);
      return !service.is_null() && service.at("properties").at("state") != "Active";
    });
  }

  /// The tag of every service is as its manifest has it.
  bool all_have_arrived() {
    return std::all_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) {
      const auto service = stage.lab.service(wish.name);
      return !service.is_null() && service.at("tags").value("revision", std::string()) ==
                                       fmt::format("r{}", wish.revision);
    });
  }

  /// One change of the manifests, and perhaps one behind the daemon's back.
  void change(std::mt19937& chance) {
    // An overlap ends: the next CA has a slot.
    stage.lab.simulator().world().advance(std::chrono::minutes{2});
    auto& wish = wishes_[chance() % wishes_.size()];
    ++wish.revision;
    switch (chance() % 5) {
      case 0:
        ++wish.weight;
        break;
      case 1:
        wish.second_hub = !wish.second_hub;
        break;
      case 2:
        wish.reader = !wish.reader;
        break;
      case 3:
        wish.which_ca = (wish.which_ca + 1) % 3;
        break;
      default:
        for (auto& every : wishes_) {
          ++every.revision;
          publish(every);
        }
    }
    publish(wish);
    const auto& other = wishes_[chance() % wishes_.size()];
    if (chance() % 3 == 0) {
      stage.lab.edit(service_path(other.name),
                     {{"tags", {{"revision", fmt::format("theirs{}", chance() % 100)}}}});
    }
  }

  std::uint64_t history_now() {
    const auto history = stage.lab.simulator().world().history();
    return history.empty() ? 0 : history.back().at("seq").get<std::uint64_t>();
  }

  /// Over all that has happened: what a manifest wanted all the time was there all the time.
  void expect_nothing_was_lost() {
    const auto history = stage.lab.simulator().world().history(seen_);
    for (const auto& event : history) {
      seen_ = event.at("seq").get<std::uint64_t>();
      const auto id = lower(event.at("id").get<std::string>());
      const auto at = id.find("/certificates/");
      if (at != std::string::npos) {
        see_certificate(id.substr(0, at), id.substr(at), event);
      } else if (id.find("/provisioningservices/") != std::string::npos) {
        see_service(id, event);
      }
    }
  }

 private:
  void publish(const Wish& wish) {
    stage.manifest(wish.name + ".yaml", wish.text());
    stage.lab.manifest(wish.name + ".yaml", wish.text());
  }

  void see_service(const std::string& id, const SimJson& event) {
    const auto& document = event.at("document");
    ASSERT_FALSE(document.is_null()) << id << " was deleted";
    const auto& properties = document.at("properties");
    remember(id + " id scope", properties.value("idScope", std::string()));
    bool owner = false, writer = false, hub = false;
    for (const auto& one : properties.value("authorizationPolicies", SimJson::array())) {
      const auto name = one.at("keyName").get<std::string>();
      owner = owner || name == "provisioningserviceowner";
      writer = writer || name == "writer";
      if (name == "reader") continue;  // it comes and goes
      remember(id + " key of " + name, one.at("primaryKey").get<std::string>());
    }
    for (const auto& one : properties.value("iotHubs", SimJson::array())) {
      hub = hub || one.value("connectionString", std::string())
                           .find(
                               "HostName=hub-1.azure-devices.net;SharedAccessKeyName=iothubowner"
                               ";SharedAccessKey=" +
                               stage.lab.hub_key("hub-1")) == 0;
    }
    EXPECT_TRUE(owner && writer && hub) << event.dump(2);
  }

  void see_certificate(const std::string& service, const std::string& name, const SimJson& event) {
    auto& standing = certificates_[service];
    const auto& document = event.at("document");
    standing[name] = !document.is_null() && document.at("properties").value("isVerified", false);
    const bool any =
        std::any_of(standing.begin(), standing.end(), [](const auto& one) { return one.second; });
    if (any) had_verified_.insert(service);
    EXPECT_TRUE(any || !had_verified_.contains(service))
        << "a moment without a verified CA: " << event.dump(2);
  }

  void remember(const std::string& what, const std::string& value) {
    if (value.empty()) return;
    const auto [known, fresh] = values_.emplace(what, value);
    EXPECT_EQ(known->second, value) << what;
  }

  std::vector<Wish> wishes_;
  std::uint64_t seen_ = 0;
  std::map<std::string, std::string> values_;
  std::map<std::string, std::map<std::string, bool>> certificates_;
  std::set<std::string> had_verified_;
};

TEST(Killed, AtRandomMomentsOfAFleetThatKeepsChangingNothingIsLost) {
  KilledFleet scene;
  auto& lab = scene.stage.lab;
  const auto stride = test::every(kUsual);
  const auto kills = (kKills + stride - 1) / stride;
  std::mt19937 chance(20261123);
  std::size_t in_flight = 0, with_writes = 0;
  for (std::size_t kill = 0; kill < kills && !testing::Test::HasFailure(); ++kill) {
    SCOPED_TRACE(fmt::format("kill {}", kill));
    // Slow enough that a moment between two requests is mostly one within a request.
    lab.set_switch("latency", chance() % 2 == 0 ? "0s" : "3ms");
    lab.set_switch("operation-time", chance() % 2 == 0 ? "0s" : "300ms");
    // The change is there at the start, or comes while it runs.
    const bool runs_before = kill % 2 == 1;
    if (!runs_before && kill > 0) scene.change(chance);
    lab.forget_requests();
    const auto daemon = scene.start();
    if (runs_before) {
      ASSERT_TRUE(eventually("all as wanted", [&] { return scene.all_have_arrived(); }));
      scene.change(chance);
      lab.forget_requests();
    }
    const auto requests = chance() % 40;
    ASSERT_TRUE(eventually("that many requests, or all is done", [&] {
      return lab.requests().size() >= requests || scene.all_have_arrived();
    }));
    // And anywhere between that one and the next.
    const auto moment =
        std::chrono::steady_clock::now() + std::chrono::microseconds(chance() % 4000);
    while (std::chrono::steady_clock::now() < moment) {
    }
    daemon->signal(SIGKILL);
    EXPECT_EQ(daemon->wait(), 137);
    with_writes += scene.stage.writes().empty() ? 0U : 1U;
    in_flight += scene.is_at_work() ? 1U : 0U;
    if (kill % 5 == 4) scene.converges();  // the others are killed again before they ever did
  }
  scene.converges();
  std::cout << fmt::format(
      "[ counts   ] {} kills, {} of them after a write, {} within a long operation\n",
      kills,
      with_writes,
      in_flight);
}

}  // namespace
}  // namespace dps::lab

#include "reconciler/telemetry/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "reconciler/base/text.hpp"
#include "reconciler/telemetry/metric_families.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

namespace dps::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// What a scrape says, by "name{label="…",…}".
struct Scrape {
  std::map<std::string, double> samples;
  std::map<std::string, std::string> help, type;
  std::vector<std::string> twice;

  explicit Scrape(const std::string& text) {
    for (const auto& line : split(text, '\n')) {
      if (line.empty()) continue;
      if (line.starts_with("# ")) {
        const auto end = line.find(' ', 7);
        (line.starts_with("# HELP") ? help : type)[line.substr(7, end - 7)] = line.substr(end + 1);
        continue;
      }
      const auto end = line.rfind(' ');
      const auto key = line.substr(0, end);
      if (samples.contains(key)) twice.push_back(key);
      samples[key] = std::stod(line.substr(end + 1));
    }
  }
  double at(const std::string& key) const {
    const auto found = samples.find(key);
    return found == samples.end() ? -1000 : found->second;
  }
  std::size_t series_of(const std::string& name) const {
    std::size_t count = 0;
    for (const auto& [key, value] : samples) {
      if (key == name || key.starts_with(name + "{")) ++count;
    }
    return count;
  }
};

class MetricsPage : public testing::Test {
 protected:
  dps::test::ManualClock clock;
  MetricsSettings settings{1000, "1.2.3", "abc1234", {}};
  std::unique_ptr<Metrics> metrics = std::make_unique<Metrics>(settings, clock);

  Scrape scrape(const controller::Status& status = {}) { return Scrape(metrics->text(status)); }
};

TEST_F(MetricsPage, HasEveryFamilyOfTheTableWithHelpAndTypeFromTheStart) {
  const auto page = scrape();
  for (const auto& info : metric_families()) {
    const std::string name(info.name);
    EXPECT_EQ(page.help.at(name), info.help) << name;
    EXPECT_EQ(page.type.at(name), word(info.type)) << name;
  }
  EXPECT_EQ(page.help.size(), metric_families().size());
}

TEST_F(MetricsPage, KnowsTheNamesThatDashboardsAreMadeOf) {
  const auto page = scrape();
  for (const char* name : {"reconcile_total",
                           "reconcile_duration_seconds",
                           "last_success_timestamp_seconds",
                           "resources",
                           "service_condition",
                           "service_info",
                           "service_last_success_timestamp_seconds",
                           "changes_total",
                           "drift_detected_total",
                           "conflicts_total",
                           "contested_fields",
                           "guard_blocked",
                           "hub_key_stale",
                           "certificate_expiry_timestamp_seconds",
                           "certificate_verified",
                           "arm_requests_total",
                           "arm_request_duration_seconds",
                           "arm_retries_total",
                           "arm_throttle_wait_seconds_total",
                           "arm_quota_remaining",
                           "long_operations_in_flight",
                           "long_operation_duration_seconds",
                           "queue_depth",
                           "queue_oldest_seconds",
                           "manifest_faults",
                           "manifest_reload_success",
                           "leader",
                           "source_last_success_timestamp_seconds",
                           "source_revision_info",
                           "token_expiry_timestamp_seconds",
                           "build_info"}) {
    EXPECT_TRUE(page.type.contains("dps_reconciler_" + std::string(name))) << name;
  }
}

TEST_F(MetricsPage, ObeysTheRulesThatLintersHave) {
  for (const auto& info : metric_families()) {
    const std::string name(info.name);
    SCOPED_TRACE(name);
    EXPECT_EQ(name.ends_with("_total"), info.type == MetricType::Counter);
    EXPECT_TRUE(name.starts_with("dps_reconciler_") || name.starts_with("process_"));
    EXPECT_FALSE(info.help.empty());
    EXPECT_TRUE(info.help.ends_with("."));
    EXPECT_EQ(info.help.find('\\'), std::string_view::npos);
    for (const char* bad : {"milliseconds", "minutes", "_ms", "_count", "_sum", "_bucket"}) {
      EXPECT_THAT(name, Not(HasSubstr(bad)));
    }
  }
}

TEST_F(MetricsPage, StartsEverySeriesThatIsKnownBeforehandAtZero) {
  const auto page = scrape();
  for (const char* key :
       {"dps_reconciler_reconcile_total{result=\"failed\"}",
        "dps_reconciler_reconcile_duration_seconds_count",
        "dps_reconciler_resources{kind=\"LinkedHub\",state=\"drifted\"}",
        "dps_reconciler_changes_total{action=\"rotate\",kind=\"Certificate\",result=\"failed\"}",
        "dps_reconciler_drift_detected_total{kind=\"Tag\"}",
        "dps_reconciler_conflicts_total",
        "dps_reconciler_guard_blocked{guard=\"max-deletes\"}",
        "dps_reconciler_guard_blocked{guard=\"revoked\"}",
        "dps_reconciler_arm_requests_total{code=\"429\",operation=\"put_service\"}",
        "dps_reconciler_arm_request_duration_seconds_count{operation=\"list_services\"}",
        "dps_reconciler_arm_retries_total{reason=\"503\"}",
        "dps_reconciler_arm_throttle_wait_seconds_total",
        "dps_reconciler_long_operations_in_flight",
        "dps_reconciler_manifest_reload_success",
        "dps_reconciler_last_success_timestamp_seconds",
        "dps_reconciler_source_last_success_timestamp_seconds",
        "dps_reconciler_webhook_events_total{result=\"dropped\"}",
        "dps_reconciler_metrics_services_capped"}) {
    EXPECT_EQ(page.at(key), 0) << key;
  }
  EXPECT_EQ(page.at("dps_reconciler_build_info{version=\"1.2.3\",commit=\"abc1234\"}"), 1);
}

TEST_F(MetricsPage, CountsWhatHappens) {
  metrics->run_ended(
      {controller::Work::Sweep, controller::RunResult::Failed, "", "", milliseconds{300}});
  metrics->change_ended({"LinkedHub", "update", true});
  metrics->change_ended({"LinkedHub", "update", false});
  metrics->drift_found("LinkedHub");
  metrics->conflict();
  http::Exchanged event;
  event.operation = "get_service";
  event.status = 503;
  event.duration = milliseconds{200};
  event.retry_in = seconds{1};
  metrics->exchanged(event);
  event.status = 0;
  event.failure = "ConnectTimeout";
  event.retry_in.reset();
  metrics->exchanged(event);
  metrics->throttled("s/reads", milliseconds{1500});
  metrics->operation_began();
  metrics->operation_began();
  metrics->operation_ended(seconds{15});
  metrics->webhook(WebhookResult::Failed);

  const auto page = scrape();
  const std::map<std::string, double> expected = {
      {"reconcile_total{result=\"failed\"}", 1},
      {"reconcile_duration_seconds_count", 1},
      {"reconcile_duration_seconds_bucket{le=\"0.25\"}", 0},
      {"reconcile_duration_seconds_bucket{le=\"0.5\"}", 1},
      {"changes_total{action=\"update\",kind=\"LinkedHub\",result=\"success\"}", 1},
      {"changes_total{action=\"update\",kind=\"LinkedHub\",result=\"failed\"}", 1},
      {"drift_detected_total{kind=\"LinkedHub\"}", 1},
      {"conflicts_total", 1},
      {"arm_requests_total{code=\"503\",operation=\"get_service\"}", 1},
      {"arm_requests_total{code=\"ConnectTimeout\",operation=\"get_service\"}", 1},
      {"arm_request_duration_seconds_count{operation=\"get_service\"}", 2},
      {"arm_retries_total{reason=\"503\"}", 1},
      {"arm_throttle_wait_seconds_total", 1.5},
      {"long_operations_in_flight", 1},
      {"long_operation_duration_seconds_sum", 15},
      {"webhook_events_total{result=\"failed\"}", 1}};
  for (const auto& [key, value] : expected) {
    EXPECT_EQ(page.at("dps_reconciler_" + key), value) << key;
  }
}

TEST_F(MetricsPage, ForgetsAQuotaOfWhichNothingWasHeardForAnHour) {
  const std::string key =
      "dps_reconciler_arm_quota_remaining{subscription=\"s-1\",quota=\"reads\"}";
  metrics->remaining("s-1/reads", 249);
  EXPECT_EQ(scrape().at(key), 249);
  clock.advance(std::chrono::hours{1});
  EXPECT_EQ(scrape().at(key), 249);
  clock.advance(milliseconds{1});
  EXPECT_EQ(scrape().series_of("dps_reconciler_arm_quota_remaining"), 0U);
}

TEST_F(MetricsPage, TellsWhenTokensExpire) {
  settings.tokens = [] {
    return TokenExpiries{{"default", parse_rfc3339("2026-11-22T13:00:00Z").value()},
                         {"other", std::nullopt}};
  };
  metrics = std::make_unique<Metrics>(settings, clock);
  const auto page = scrape();
  EXPECT_EQ(page.at("dps_reconciler_token_expiry_timestamp_seconds{credential=\"default\"}"),
            1795352400);
  EXPECT_EQ(page.at("dps_reconciler_token_expiry_timestamp_seconds{credential=\"other\"}"), 0);
}

TEST_F(MetricsPage, TellsOfServicesAsTheStatusDoes) {
  auto failed = test::failed_service(1);
  failed.stale_hubs = {"hub-1.azure-devices.net"};
  auto fresh = test::calm_service(2);
  fresh.last_success.reset();
  for (auto& one : fresh.conditions) one.status = controller::Truth::Unknown;
  auto status = test::fleet({test::calm_service(0), failed, fresh, test::contested_service(3)});
  status.leader = false;
  status.queue_depth = 7;
  status.queue_oldest = milliseconds{2500};
  status.guards = {{"max-deletes", "3 services", 3, 1, {}}};
  status.subscriptions["s"] = {};
  status.source.fault_count = 4;
  status.source.last_reload_was_good = false;

  const auto page = scrape(status);
  const auto service = [](std::size_t number) {
    const auto id = test::fleet_id(number);
    return "subscription=\"" + id.subscription + "\",resource_group=\"" + id.resource_group +
           "\",service=\"" + id.name + "\"";
  };
  const auto name = test::fleet_id(1).name;
  const std::map<std::string, double> expected = {
      {"resources{kind=\"ProvisioningService\",state=\"in_sync\"}", 2},
      {"resources{kind=\"ProvisioningService\",state=\"failed\"}", 1},
      {"resources{kind=\"ProvisioningService\",state=\"drifted\"}", 1},
      {"resources{kind=\"LinkedHub\",state=\"in_sync\"}", 8},
      {"service_condition{" + service(0) + ",condition=\"Ready\"}", 1},
      {"service_condition{" + service(1) + ",condition=\"Ready\"}", 0},
      {"service_condition{" + service(2) + ",condition=\"Ready\"}", -1},
      {"service_condition{" + service(3) + ",condition=\"Contested\"}", 1},
      {"service_info{" + service(0) + ",id_scope=\"0ne00010000\"}", 1},
      {"service_last_success_timestamp_seconds{" + service(2) + "}", 0},
      {"hub_key_stale{service=\"" + name + "\",hub=\"hub-1.azure-devices.net\"}", 1},
      {"certificate_verified{service=\"" + name + "\",certificate=\"factory-ca\",managed=\"true\"}",
       1},
      {"contested_fields", 1},
      {"guard_blocked{guard=\"max-deletes\"}", 3},
      {"leader", 0},
      {"queue_depth", 7},
      {"queue_oldest_seconds", 2.5},
      {"subscriptions_unreadable", 1},
      {"manifest_faults", 4},
      {"manifest_reload_success", 0},
      {"source_revision_info{revision=\"4f1c2d9ab03e57c1d2e3f40516273849aabbccdd\"}", 1}};
  for (const auto& [key, value] : expected) {
    EXPECT_EQ(page.at("dps_reconciler_" + key), value) << key;
  }
  EXPECT_EQ(page.at("dps_reconciler_certificate_expiry_timestamp_seconds{service=\"" + name +
                    "\",certificate=\"factory-ca\",managed=\"true\"}"),
            static_cast<double>(
                std::chrono::system_clock::to_time_t(failed.certificates[0].expires_at.value())));
}

TEST_F(MetricsPage, HasNothingLeftOfAServiceThatWent) {
  const auto gone = test::fleet_id(1).name;
  ASSERT_THAT(metrics->text(test::fleet({test::calm_service(0), test::calm_service(1)})),
              HasSubstr(gone));
  EXPECT_THAT(metrics->text(test::fleet({test::calm_service(0)})), Not(HasSubstr(gone)));
}

TEST_F(MetricsPage, CapsTheServicesAndSaysSo) {
  settings.max_services = 3;
  metrics = std::make_unique<Metrics>(settings, clock);
  std::vector<controller::ServiceStatus> all;
  for (std::size_t number = 0; number < 10; ++number) all.push_back(test::calm_service(number));
  const auto page = scrape(test::fleet(std::move(all)));
  EXPECT_EQ(page.series_of("dps_reconciler_service_info"), 3U);
  EXPECT_EQ(page.series_of("dps_reconciler_service_condition"),
            3U * controller::kConditions.size());
  EXPECT_EQ(page.series_of("dps_reconciler_certificate_verified"), 6U);
  EXPECT_EQ(page.at("dps_reconciler_metrics_services_capped"), 7);
  EXPECT_EQ(page.at("dps_reconciler_resources{kind=\"ProvisioningService\",state=\"in_sync\"}"),
            10);
}

TEST_F(MetricsPage, GivesNoSeriesTwiceWhenTwoManifestsNameOneService) {
  auto twin = test::calm_service(0);
  twin.id.resource_group = "elsewhere";
  auto first = test::calm_service(0);
  first.stale_hubs = twin.stale_hubs = {"hub", "hub"};
  first.certificates.push_back(first.certificates.front());
  EXPECT_THAT(scrape(test::fleet({first, twin})).twice, IsEmpty());
}

TEST_F(MetricsPage, BoundsWhatOthersName) {
  http::Exchanged event;
  event.operation = "get_service";
  for (int number = 0; number < 2000; ++number) {
    event.failure = "Failure" + std::to_string(number);
    metrics->exchanged(event);
    metrics->remaining("s-" + std::to_string(number) + "/reads", 1);
    metrics->remaining("s-" + std::to_string(number) + "/writes", 1);
  }
  const auto page = scrape();
  EXPECT_LE(page.series_of("dps_reconciler_arm_requests_total"), 501U);
  EXPECT_EQ(page.series_of("dps_reconciler_arm_quota_remaining"), 2000U);
  EXPECT_GT(page.at("dps_reconciler_arm_requests_total{code=\"other\",operation=\"other\"}"), 1000);
}

TEST_F(MetricsPage, EscapesWhatNamesMayHold) {
  auto service = test::calm_service(0);
  service.certificates[0].name = "a\"b\\c\nd";
  EXPECT_THAT(metrics->text(test::fleet({service})), HasSubstr("certificate=\"a\\\"b\\\\c\\nd\""));
}

TEST_F(MetricsPage, IsTheSameTextForTheSameState) {
  auto status = test::fleet({test::calm_service(0), test::failed_service(1)});
  const auto without_process = [&] {
    std::string out;
    for (const auto& line : split(metrics->text(status), '\n')) {
      if (line.find("process_") == std::string::npos && !line.empty()) out += line + "\n";
    }
    return out;
  };
  const auto text = without_process();
  EXPECT_EQ(text, without_process());
  const std::string path = DPS_SOURCE_DIR "/tests/golden/metrics/two_services.txt";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << "UPDATE_GOLDEN=1 writes it anew";
}

TEST_F(MetricsPage, CountsRightWhileManyCountAndSomebodyReads) {
  constexpr int kThreads = 4, kRounds = 200;
  const auto status = test::fleet({test::calm_service(0)});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      http::Exchanged event;
      event.operation = "poll";
      event.status = 418;
      for (int round = 0; round < kRounds; ++round) {
        metrics->run_ended({});
        metrics->exchanged(event);
        metrics->remaining("s/reads", round);
        metrics->drift_found("New");
        metrics->operation_began();
        metrics->operation_ended(seconds{1});
      }
    });
  }
  for (int round = 0; round < 20; ++round) EXPECT_THAT(scrape(status).twice, IsEmpty());
  for (auto& thread : threads) thread.join();
  const auto page = scrape(status);
  EXPECT_EQ(page.at("dps_reconciler_reconcile_total{result=\"success\"}"), kThreads * kRounds);
  EXPECT_EQ(page.at("dps_reconciler_arm_requests_total{code=\"418\",operation=\"poll\"}"),
            kThreads * kRounds);
  EXPECT_EQ(page.at("dps_reconciler_drift_detected_total{kind=\"New\"}"), kThreads * kRounds);
  EXPECT_EQ(page.at("dps_reconciler_long_operations_in_flight"), 0);
}

TEST_F(MetricsPage, TellsOfTheProcess) {
  const auto page = scrape();
  EXPECT_GT(page.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(page.at("process_open_fds"), 3);
  EXPECT_GT(page.at("process_start_time_seconds"), 1.6e9);
  EXPECT_GE(page.at("process_cpu_seconds_total"), 0);
}

TEST(MetricsDocument, ListsTheFamiliesOfTheCode) {
  std::string table = "| metric | type | labels | meaning | alert |\n|---|---|---|---|---|\n";
  const auto cell = [](std::string_view text) {
    std::string out;
    for (const char letter : text) {
      if (letter == '|') out += '\\';
      out += letter;
    }
    return out;
  };
  for (const auto& info : metric_families()) {
    table += "| `" + std::string(info.name) + "` | " + std::string(word(info.type)) + " | " +
             std::string(info.labels) + " | " + cell(info.help) + " | " + cell(info.alert) + " |\n";
  }
  const std::string path = DPS_SOURCE_DIR "/docs/metrics.md";
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  const auto page = content.str();
  const std::string begin_mark = "<!-- metrics: begin -->\n";
  const auto begin = page.find(begin_mark), end = page.find("<!-- metrics: end -->\n");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const auto from = begin + begin_mark.size();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << page.substr(0, from) << table << page.substr(end);
    return;
  }
  EXPECT_EQ(page.substr(from, end - from), table) << "UPDATE_GOLDEN=1 writes it anew";
}

}  // namespace
}  // namespace dps::telemetry

// status_json: held against the published schema by another implementation of JSON Schema.
#include "reconciler/telemetry/status_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "reconciler/base/json.hpp"
#include "tests/unit/telemetry/page_fleet.hpp"

namespace dps::telemetry {
namespace {

using testing::HasSubstr;

const controller::Health kReady{true, true, {}};

Json published_schema() {
  std::ifstream file(DPS_SOURCE_DIR "/docs/status-schema.json");
  return Json::parse(file);
}

// The published schema, in which a member that it does not describe is a fault.
Json closed(Json schema) {
  if (schema.is_object() && schema.contains("properties") &&
      !schema.contains("additionalProperties")) {
    schema["additionalProperties"] = false;
  }
  for (auto& part : schema) {
    if (part.is_structured()) part = closed(part);
  }
  return schema;
}

std::string faults(const Json& document) {
  const auto text = closed(published_schema());
  const valijson::adapters::NlohmannJsonAdapter schema_adapter(text);
  valijson::SchemaParser parser;
  valijson::Schema schema;
  parser.populateSchema(schema_adapter, schema);
  valijson::Validator validator;
  valijson::ValidationResults results;
  const valijson::adapters::NlohmannJsonAdapter adapter(document);
  if (validator.validate(schema, adapter, &results)) return {};
  std::string out = "refused";
  for (valijson::ValidationResults::Error error; results.popError(error);) {
    out += "\n";
    for (const auto& part : error.context) out += part;
    out += ": " + error.description;
  }
  return out;
}

TEST(StatusJson, FitsThePublishedSchema) {
  controller::Status cold;
  cold.source.kind = "folder";
  const controller::Health not_ready{true, false, {"no revision was loaded yet"}};
  const std::vector<std::pair<std::string, std::string>> documents = {
      {"a daemon that just started", status_json(cold, not_ready, "0.1.0")},
      {"all well", status_json(test::calm_fleet(12), kReady, "0.1.0")},
      {"everything wrong", status_json(test::troubled_fleet(), not_ready, "0.1.0")},
      {"one service",
       service_status_json(test::troubled_fleet(), kReady, "0.1.0", "fleet-us-001").value()},
  };
  for (const auto& [name, text] : documents) {
    const auto parsed = parse_json(text);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(faults(*parsed), "") << name;
  }
}

TEST(StatusJson, AMemberThatTheSchemaDoesNotKnowIsFound) {
  auto document = *parse_json(status_json(test::calm_fleet(1), kReady, "0.1.0"));
  document["services"][0]["surprise"] = 1;
  EXPECT_THAT(faults(document), HasSubstr("surprise"));
}

TEST(StatusJson, CountsAllServicesWhateverIsAskedFor) {
  const auto status = test::troubled_fleet();
  const auto all = *parse_json(status_json(status, kReady, "0.1.0"));
  const auto failed =
      *parse_json(status_json(status, kReady, "0.1.0", {controller::Standing::Failed, 0, 100}));
  ASSERT_EQ(failed["services"].size(), 1U);
  EXPECT_EQ(failed["services"][0]["name"], "fleet-us-001");
  EXPECT_EQ(failed["summary"], all["summary"]);
  EXPECT_EQ(all["summary"]["in_sync"], 2);
  EXPECT_EQ(all["summary"]["failed"], 1);
}

TEST(StatusJson, PagesThroughTheFleet) {
  const auto status = test::calm_fleet(10);
  std::vector<std::string> seen;
  for (std::size_t offset = 0; offset < 12; offset += 4) {
    const auto page = *parse_json(status_json(status, kReady, "0.1.0", {std::nullopt, offset, 4}));
    for (const auto& service : page["services"]) seen.push_back(service["name"]);
  }
  ASSERT_EQ(seen.size(), 10U);
  EXPECT_EQ(seen.front(), "fleet-eu-000");
  EXPECT_EQ(seen.back(), "fleet-us-009");
}

TEST(StatusJson, TellsTheHistoryOfOneServiceOnly) {
  const auto status = test::calm_fleet(3);
  const auto all = *parse_json(status_json(status, kReady, "0.1.0"));
  EXPECT_FALSE(all["services"][0].contains("history"));
  EXPECT_EQ(all["services"][0]["last_change"]["event"], "updated");
  const auto one =
      *parse_json(service_status_json(status, kReady, "0.1.0", "IOT-US/fleet-us-001").value());
  ASSERT_EQ(one["services"].size(), 1U);
  EXPECT_EQ(one["services"][0]["history"].size(), 2U);
  EXPECT_EQ(one["certificates"].size(), 2U);
}

TEST(StatusJson, NamesAServiceInFourWays) {
  auto twin = test::calm_service(1);
  twin.id.resource_group = "elsewhere";
  const auto status = test::fleet({test::calm_service(1), twin, test::calm_service(2)});
  const struct {
    std::string name;
    std::string error;
  } cases[] = {
      {"fleet-asia-002", ""},
      {"FLEET-ASIA-002", ""},
      {"elsewhere/fleet-us-001", ""},
      {twin.id.brief(), ""},
      {twin.id.path(), ""},
      {"fleet-us-001", "AmbiguousService"},
      {"fleet-asia-003", "UnknownService"},
      {"", "UnknownService"},
      {"a/b/c/d", "UnknownService"},
      {std::string("\xff\x00", 2), "UnknownService"},
  };
  for (const auto& [name, error] : cases) {
    const auto found = service_status_json(status, kReady, "0.1.0", name);
    EXPECT_EQ(found ? "" : found.error().id, error) << name;
  }
  const auto near = service_status_json(status, kReady, "0.1.0", "fleet-asia-003");
  EXPECT_THAT(near.error().remedy, HasSubstr("fleet-asia-002"));
}

TEST(StatusJson, OutlivesTextThatIsNoUtf8) {
  auto service = test::calm_service(0);
  service.differences = {"~ tags.a: \"\xff\xfe\""};
  EXPECT_TRUE(parse_json(status_json(test::fleet({service}), kReady, "0.1.0")));
}

}  // namespace
}  // namespace dps::telemetry

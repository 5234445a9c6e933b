// The JSON Schema against another implementation: it takes the samples and refuses what the loader
// refuses, as far as a schema can know.
#include "reconciler/manifest/schema.hpp"

#include <gtest/gtest.h>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "reconciler/base/json.hpp"
#include "tests/unit/manifest/corpus.hpp"

namespace dps::manifest {
namespace {

Json as_json(const Node& node) {
  switch (node.kind) {
    case NodeKind::Null:
      return nullptr;
    case NodeKind::List: {
      auto out = Json::array();
      for (const auto& item : node.items) out.push_back(as_json(item));
      return out;
    }
    case NodeKind::Map: {
      auto out = Json::object();
      for (const auto& member : node.members) out[member.key] = as_json(member.value);
      return out;
    }
    case NodeKind::Scalar:
      break;
  }
  if (const auto value = integer_value(node)) return *value;
  if (const auto value = boolean_value(node)) return *value;
  if (scalar_type(node) == ScalarType::Text) return node.text;
  return std::stod(node.text);
}

class Checker {
 public:
  Checker() {
    const auto text = Json::parse(json_schema());
    const valijson::adapters::NlohmannJsonAdapter adapter(text);
    valijson::SchemaParser parser;
    parser.populateSchema(adapter, schema_);
  }

  std::string faults(const Json& document) {
    valijson::Validator validator;
    valijson::ValidationResults results;
    const valijson::adapters::NlohmannJsonAdapter adapter(document);
    if (validator.validate(schema_, adapter, &results)) return {};
    std::string out;
    for (valijson::ValidationResults::Error error; results.popError(error);) {
      for (const auto& part : error.context) out += part;
      out += ": " + error.description + "\n";
    }
    return out.empty() ? "refused" : out;
  }

 private:
  valijson::Schema schema_;
};

std::vector<std::string> manifests_below(const std::string& root) {
  DiskFiles files;
  return files.list(root).value();
}

TEST(JsonSchema, TakesTheSamples) {
  Checker checker;
  for (const auto& path : manifests_below(project_folder() + "/manifests/samples")) {
    for (const auto& document : parse_yaml(content_of(path)).documents) {
      EXPECT_EQ(checker.faults(as_json(document)), "") << path;
    }
  }
}

TEST(JsonSchema, RefusesWhatTheLoaderRefusesWhereASchemaCan) {
  // Ids that come of the table alone. BadValue is one but for field paths and durations of a
  // hundred years.
  const std::vector<std::string> of_the_table = {
      "UnknownKey", "WrongType", "UnknownValue", "NullValue", "TooManyChoices"};
  Checker checker;
  std::size_t refused = 0, due = 0;
  for (const auto& name : folders_in(project_folder() + "/tests/golden/faults")) {
    const auto root = project_folder() + "/tests/golden/faults/" + name;
    bool any = false;
    for (const auto& path : manifests_below(root)) {
      for (const auto& document : parse_yaml(content_of(path)).documents) {
        any = any || !checker.faults(as_json(document)).empty();
      }
    }
    refused += any ? 1U : 0U;
    const auto expected = content_of(root + "/expected.txt");
    const bool must = std::any_of(of_the_table.begin(), of_the_table.end(), [&](const auto& id) {
      return expected.find("[" + id + "]") != std::string::npos;
    });
    // A variable's value is known to the loader only.
    if (!must || name.starts_with("variable-")) continue;
    ++due;
    EXPECT_TRUE(any) << name;
  }
  std::cout << "the schema refuses " << refused << " cases of the corpus; " << due
            << " of them it must\n";
  EXPECT_GE(due, 25U);
  EXPECT_GE(refused, 60U);
}

TEST(JsonSchema, TheCommittedFileIsTheGeneratedOne) {
  EXPECT_EQ(content_of(project_folder() + "/manifests/schema.json"), json_schema())
      << "write it anew with `dps-reconciler schema > manifests/schema.json`";
}

// Every field of the table stands in the reference, as a row of a table: | `name` | …
void collect(const Shape& shape, std::vector<std::string>& names) {
  for (const auto& field : shape.fields) {
    names.emplace_back(field.name);
    collect(field.shape, names);
  }
  for (const auto& element : shape.element) collect(element, names);
}

TEST(Reference, NamesEveryKindAndField) {
  const auto text = content_of(project_folder() + "/docs/manifests.md");
  ASSERT_FALSE(text.empty());
  for (const auto& row : kind_schemas()) {
    EXPECT_NE(text.find("`" + std::string(row.name) + "`"), std::string::npos) << row.name;
    std::vector<std::string> names;
    collect(row.shape, names);
    for (const auto& name : names) {
      const bool row_of_it = text.find("| `" + name + "`") != std::string::npos ||
                             text.find("." + name + "` |") != std::string::npos;
      EXPECT_TRUE(row_of_it) << row.name << ": " << name;
    }
  }
}

TEST(Reference, NamesEveryFaultOfTheCorpus) {
  const auto text = content_of(project_folder() + "/docs/manifests.md");
  for (const auto& name : folders_in(project_folder() + "/tests/golden/faults")) {
    const auto expected =
        content_of(project_folder() + "/tests/golden/faults/" + name + "/expected.txt");
    for (std::size_t at = expected.find('['); at != std::string::npos;
         at = expected.find("\n[", at + 1)) {
      const auto begin = expected.find('[', at) + 1;
      const auto id = expected.substr(begin, expected.find_first_of(",]", begin) - begin);
      EXPECT_NE(text.find("`" + id + "`"), std::string::npos) << id;
    }
  }
}

}  // namespace
}  // namespace dps::manifest

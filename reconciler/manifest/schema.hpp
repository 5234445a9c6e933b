// schema: the table of kinds and fields. The check of every manifest, the JSON Schema for editors
// and the test of the reference in docs/manifests.md read the same table.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/manifest/diagnostic.hpp"
#include "reconciler/manifest/yaml.hpp"

namespace dps::manifest {

enum class Form {
  Text,
  Integer,
  Boolean,
  True,          ///< only `true`: the choice is made by naming it
  List,          ///< of `element.front()`
  Object,        ///< of `fields`, no others
  TextMap,       ///< any keys, text values
  FlagOrObject,  ///< a boolean, or the object of `fields`
};

/// How many of an object's fields with `alternative` may stand side by side.
enum class Choice { Free, AtMostOne, ExactlyOne };

enum class Need { Optional, Required };
enum class Literal { Fine, Secret };  ///< Secret: a scalar in place of the object is a secret

struct Field;

struct Shape {
  Form form = Form::Text;
  // Text
  std::vector<std::string> values;            ///< an enumeration, case matters
  bool (*valid)(std::string_view) = nullptr;  ///< says the same as `pattern`
  std::string pattern;                        ///< ECMA 262, for the JSON Schema; may be empty
  std::string expected;                       ///< in words: "3 to 50 letters, digits or -"
  // Integer
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int32_t>::max();
  // List
  std::vector<Shape> element;
  std::size_t fewest_items = 0;
  std::size_t most_items = 10'000;
  // Object
  std::vector<Field> fields;
  Choice choice = Choice::Free;
  Literal literal = Literal::Fine;
};

struct Field {
  std::string_view name;
  Shape shape;
  std::string_view note;      ///< one sentence for editors
  std::string_view fallback;  ///< what holds when it is left out; empty: not managed
  Need need = Need::Optional;
  bool alternative = false;
};

enum class Kind { ProvisioningService, LinkedHub, Certificate, SharedAccessPolicy, Defaults };

struct KindSchema {
  Kind kind;
  std::string_view name;
  std::string_view note;
  Shape shape;  ///< of the whole document
};

inline constexpr std::string_view kApiVersion = "dps-reconciler/v1";

const std::vector<KindSchema>& kind_schemas();
const KindSchema& schema_of(Kind kind);

/// Everything that the table knows of a document: unknown keys, nulls, types, enumerations, names,
/// what is required, literal secrets. All faults, not just the first; values with a fault are
/// marked `reported`.
void check_shape(Node& document,
                 const Shape& shape,
                 const std::string& file,
                 Diagnostics& diagnostics);

/// Of all kinds, draft-07, pretty printed, ends in a newline. For editors and other checkers.
std::string json_schema();

}  // namespace dps::manifest

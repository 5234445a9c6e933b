// yaml: text -> tree with places. The only yaml-cpp, and of that only its event parser: the node
// API hides duplicate keys and resolves aliases without a bound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dps::manifest {

/// Counted from 1; columns are characters, not bytes.
struct Position {
  int line = 0;
  int column = 0;
  bool operator==(const Position&) const = default;
};

enum class NodeKind { Null, Scalar, List, Map };
enum class Style { Plain, Quoted };  ///< Quoted: quotes or a block scalar; then it is always text

struct Member;

/// One value. `text` is a scalar's; `items` a list's; `members` a map's, in the order written,
/// without the second and later of equal keys (those are faults).
struct Node {
  NodeKind kind = NodeKind::Null;
  Style style = Style::Plain;
  bool reported = false;  ///< a fault about this value stands already: say no more of it
  Position at;
  std::string text;
  std::vector<Node> items;
  std::vector<Member> members;

  /// The value of the key of a map; null for anything else.
  const Node* find(std::string_view key) const;
};

struct Member {
  std::string key;
  Position at;
  Node value;
};

/// What a scalar is by its looks. Only `true`, `false` and decimal numbers are not text; `yes`,
/// `0x10`, `1e3` and `010` are.
enum class ScalarType { Text, Boolean, Integer, Decimal };
ScalarType scalar_type(const Node& scalar);
/// Nothing when it is no integer or does not fit.
std::optional<std::int64_t> integer_value(const Node& node);
std::optional<bool> boolean_value(const Node& node);
std::optional<std::string> text_value(const Node* node);  ///< null pointer: nothing

struct YamlFault {
  Position at;
  std::string id;
  std::string message;
  std::string remedy;
};

struct YamlLimits {
  int depth = 64;
  std::size_t alias_nodes = 10'000;  ///< of all aliases of a file together, expanded
  std::size_t nodes = 100'000;       ///< of a file; a full one has some 30,000
};

struct Yaml {
  std::vector<Node> documents;    ///< empty documents (only comments) are left out
  std::vector<YamlFault> faults;  ///< at most 1,000
};

/// All documents of a file. UTF-8 (a byte order mark is skipped), no control characters, no tags,
/// no merge keys, no cycles. Faults of syntax end the file: the documents before them stay.
Yaml parse_yaml(std::string_view text, const YamlLimits& limits = {});

/// The byte at which the text stops being UTF-8 or holds a control character; npos: it is fine.
std::size_t first_bad_byte(std::string_view text);
/// Characters (code points) of valid UTF-8.
std::size_t character_count(std::string_view text);

}  // namespace dps::manifest

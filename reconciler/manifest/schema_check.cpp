#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/manifest/schema.hpp"

namespace dps::manifest {
namespace {

// Where a value stands, as a chain on the stack: text is made of it only for a fault.
struct Path {
  const Path* parent = nullptr;
  std::string_view name;
  std::size_t index = 0;

  std::string text() const {
    std::string front = parent == nullptr ? std::string() : parent->text();
    if (name.empty())
      return parent == nullptr ? "the document" : front + fmt::format("[{}]", index);
    if (parent == nullptr || parent->parent == nullptr) return std::string(name);
    return front + "." + std::string(name);
  }
};

std::string article(ScalarType type) {
  switch (type) {
    case ScalarType::Boolean:
      return "a boolean";
    case ScalarType::Integer:
    case ScalarType::Decimal:
      return "a number";
    case ScalarType::Text:
      break;
  }
  return "text";
}

std::string what_it_is(const Node& node) {
  switch (node.kind) {
    case NodeKind::Null:
      return "null";
    case NodeKind::List:
      return "a list";
    case NodeKind::Map:
      return "a map";
    case NodeKind::Scalar:
      break;
  }
  return article(scalar_type(node));
}

std::vector<std::string> field_names(const Shape& shape) {
  std::vector<std::string> names;
  for (const auto& field : shape.fields) names.emplace_back(field.name);
  return names;
}

std::string alternatives(const Shape& shape) {
  std::vector<std::string> names;
  for (const auto& field : shape.fields) {
    if (field.alternative) names.emplace_back(field.name);
  }
  return join(names, ", ");
}

class Checker {
 public:
  Checker(const std::string& file, Diagnostics& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  void check(Node& node, const Shape& shape, const Path& path) {
    if (node.reported) return;
    if (node.kind == NodeKind::Null) {
      fault(node, "NullValue", path.text() + " is null", null_remedy(shape));
      return;
    }
    switch (shape.form) {
      case Form::Text:
        return check_text(node, shape, path);
      case Form::Integer:
        return check_integer(node, shape, path);
      case Form::Boolean:
      case Form::True:
        return check_boolean(node, shape, path);
      case Form::List:
        return check_list(node, shape, path);
      case Form::Object:
        return check_object(node, shape, path);
      case Form::TextMap:
        return check_text_map(node, path);
      case Form::FlagOrObject:
        if (node.kind == NodeKind::Scalar) return check_boolean(node, shape, path);
        return check_object(node, shape, path);
    }
  }

 private:
  void fault(Node& node, std::string id, std::string message, std::string remedy) {
    node.reported = true;
    at(node.at, std::move(id), std::move(message), std::move(remedy));
  }
  void at(Position place, std::string id, std::string message, std::string remedy) {
    diagnostics_.text(
        {file_, place.line, place.column}, std::move(id), std::move(message), std::move(remedy));
  }
  void wrong_type(Node& node, const Path& path, std::string remedy) {
    fault(node,
          "WrongType",
          fmt::format("{} is {}", path.text(), what_it_is(node)),
          std::move(remedy));
  }

  static std::string null_remedy(const Shape& shape) {
    if (shape.form == Form::List) return "write [] for none, or leave the key out";
    if (shape.form == Form::TextMap) return "write {} for none, or leave the key out";
    return "write a value, or leave the key out";
  }

  void check_text(Node& node, const Shape& shape, const Path& path) {
    if (node.kind != NodeKind::Scalar) return wrong_type(node, path, expected_text(shape));
    const auto type = scalar_type(node);
    if (type != ScalarType::Text) {
      return wrong_type(
          node, path, fmt::format("put it in quotes to make it text: \"{}\"", node.text));
    }
    if (!shape.values.empty() &&
        std::find(shape.values.begin(), shape.values.end(), node.text) == shape.values.end()) {
      const auto meant = nearest(node.text, shape.values);
      fault(node,
            "UnknownValue",
            fmt::format("{} is {}", path.text(), quoted(node.text)),
            meant.empty() || shape.values.size() == 1
                ? expected_text(shape)
                : fmt::format("did you mean {}? {}", meant, expected_text(shape)));
    } else if (shape.valid != nullptr && !shape.valid(node.text)) {
      fault(node,
            "BadValue",
            fmt::format("{} is {}", path.text(), quoted(node.text)),
            expected_text(shape));
    }
  }

  static std::string expected_text(const Shape& shape) {
    if (shape.values.size() == 1) return shape.values.front();
    if (!shape.values.empty()) return "one of " + join(shape.values, ", ");
    return shape.expected.empty() ? "text" : shape.expected;
  }

  static std::string expected_of(const Shape& shape) {
    switch (shape.form) {
      case Form::Integer:
        return "a whole number";
      case Form::Boolean:
      case Form::FlagOrObject:
        return "true or false";
      case Form::True:
        return "true";
      case Form::List:
        return "a list";
      case Form::Object:
        return shape.choice == Choice::ExactlyOne ? "a map with one of " + alternatives(shape)
                                                  : "a map with " + join(field_names(shape), ", ");
      case Form::TextMap:
        return "a map of names to text";
      case Form::Text:
        break;
    }
    return expected_text(shape);
  }

  void check_integer(Node& node, const Shape& shape, const Path& path) {
    const auto value = integer_value(node);
    if (!value && node.kind == NodeKind::Scalar && scalar_type(node) == ScalarType::Integer) {
      return fault(node,
                   "OutOfRange",
                   fmt::format("{} is {}", path.text(), quoted(node.text)),
                   fmt::format("{} to {}", shape.least, shape.most));
    }
    if (!value) {
      const bool quoted_number = node.kind == NodeKind::Scalar && node.style == Style::Quoted;
      return wrong_type(
          node,
          path,
          quoted_number ? "a whole number without quotes" : "a whole decimal number such as 10");
    }
    if (*value < shape.least || *value > shape.most) {
      fault(node,
            "OutOfRange",
            fmt::format("{} is {}", path.text(), *value),
            fmt::format("{} to {}", shape.least, shape.most));
    }
  }

  void check_boolean(Node& node, const Shape& shape, const Path& path) {
    const auto value = boolean_value(node);
    if (!value) {
      return wrong_type(node,
                        path,
                        shape.form == Form::True           ? "true"
                        : shape.form == Form::FlagOrObject ? "true, false or a map"
                                                           : "true or false, without quotes");
    }
    if (shape.form == Form::True && !*value) {
      fault(node, "UnknownValue", path.text() + " is false", "true, or leave the key out");
    }
  }

  void check_list(Node& node, const Shape& shape, const Path& path) {
    if (node.kind != NodeKind::List) return wrong_type(node, path, "a list");
    if (node.items.size() < shape.fewest_items || node.items.size() > shape.most_items) {
      fault(node,
            "OutOfRange",
            fmt::format("{} has {} items", path.text(), node.items.size()),
            shape.fewest_items == shape.most_items
                ? fmt::format("exactly {}", shape.most_items)
                : fmt::format("{} to {}", shape.fewest_items, shape.most_items));
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      check(node.items[i], shape.element.front(), Path{&path, {}, i});
    }
  }

  void check_text_map(Node& node, const Path& path) {
    if (node.kind != NodeKind::Map) return wrong_type(node, path, "a map of names to text");
    static const Shape any_text;
    for (auto& member : node.members) check(member.value, any_text, Path{&path, member.key, 0});
  }

  void check_object(Node& node, const Shape& shape, const Path& path) {
    if (node.kind != NodeKind::Map) {
      if (shape.literal == Literal::Secret && node.kind == NodeKind::Scalar) {
        diagnostics_.hide({file_, node.at.line, node.at.column});
        wipe_literal(node);
        fault(
            node,
            "LiteralSecret",
            path.text() + " is a secret in plain text",
            "a reference: {env: NAME} or {file: PATH}; then replace the secret, it has been seen");
        return;
      }
      return wrong_type(node, path, "a map with " + join(field_names(shape), ", "));
    }
    for (auto& member : node.members) check_member(member, shape, path);
    for (const auto& field : shape.fields) {
      if (field.need == Need::Required && node.find(field.name) == nullptr) {
        at(node.at,
           "MissingKey",
           fmt::format("{} has no key {}", path.text(), field.name),
           fmt::format("{}: {}", field.name, expected_of(field.shape)));
      }
    }
    check_choice(node, shape, path);
  }

  static void wipe_literal(Node& node) { std::fill(node.text.begin(), node.text.end(), '*'); }

  void check_member(Member& member, const Shape& shape, const Path& path) {
    const auto known = std::find_if(shape.fields.begin(),
                                    shape.fields.end(),
                                    [&](const Field& field) { return field.name == member.key; });
    if (known != shape.fields.end()) {
      check(member.value, known->shape, Path{&path, known->name, 0});
      return;
    }
    const auto names = field_names(shape);
    const auto meant = nearest(member.key, names);
    at(member.at,
       "UnknownKey",
       fmt::format("{} has no key {}", path.text(), quoted(member.key)),
       meant.empty() ? "known here: " + join(names, ", ") : fmt::format("did you mean {}?", meant));
  }

  void check_choice(const Node& node, const Shape& shape, const Path& path) {
    if (shape.choice == Choice::Free) return;
    const Member* first = nullptr;
    for (const auto& member : node.members) {
      const bool one =
          std::any_of(shape.fields.begin(), shape.fields.end(), [&](const auto& field) {
            return field.alternative && field.name == member.key;
          });
      if (!one) continue;
      if (first == nullptr) {
        first = &member;
        continue;
      }
      at(member.at,
         "TooManyChoices",
         fmt::format("{} has both {} and {}", path.text(), first->key, member.key),
         "one of " + alternatives(shape));
      return;
    }
    if (first == nullptr && shape.choice == Choice::ExactlyOne) {
      at(node.at, "MissingKey", path.text() + " names no source", "one of " + alternatives(shape));
    }
  }

  const std::string& file_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_shape(Node& document,
                 const Shape& shape,
                 const std::string& file,
                 Diagnostics& diagnostics) {
  Checker(file, diagnostics).check(document, shape, Path{});
}

}  // namespace dps::manifest

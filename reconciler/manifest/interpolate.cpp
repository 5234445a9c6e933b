#include "reconciler/manifest/interpolate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reconciler/base/text.hpp"
#include "reconciler/manifest/literal_secret.hpp"
#include "reconciler/manifest/names.hpp"

namespace dps::manifest {
namespace {

constexpr std::size_t kMostCharacters =
    std::size_t{64} * 1024;  // of one value with its variables laid in

class Walk {
 public:
  Walk(const std::string& file, const Variables& variables, Diagnostics& diagnostics)
      : file_(file), variables_(variables), diagnostics_(diagnostics) {}

  void visit(Node& node) {
    if (node.kind == NodeKind::Scalar) return value(node);
    for (auto& item : node.items) visit(item);
    for (auto& member : node.members) {
      if (looks_secret(member.key)) {
        refuse(member.at);
        std::fill(member.key.begin(), member.key.end(), '*');
        member.value.reported = true;
      }
      visit(member.value);
    }
  }

 private:
  void value(Node& node) {
    if (node.text.find("${") != std::string::npos) lay_in(node);
    if (node.reported || !looks_secret(node.text)) return;
    refuse(node.at);
    std::fill(node.text.begin(), node.text.end(), '*');
    node.reported = true;
  }

  void refuse(Position at) {
    diagnostics_.hide({file_, at.line, at.column});
    diagnostics_.text(
        {file_, at.line, at.column},
        "LiteralSecret",
        "a secret stands here in plain text",
        "a reference: {env: NAME} or {file: PATH}; then replace the secret, it has been seen");
  }

  void fault(Node& node, std::string id, std::string message, std::string remedy) {
    diagnostics_.text({file_, node.at.line, node.at.column},
                      std::move(id),
                      std::move(message),
                      std::move(remedy));
    node.reported = true;
  }

  void lay_in(Node& node) {
    std::string out;
    std::string_view rest = node.text;
    for (;;) {
      const auto at = rest.find("${");
      if (at == std::string_view::npos) break;
      if (at > 0 && rest[at - 1] == '$') {
        out += rest.substr(0, at - 1);
        out += "${";
        rest.remove_prefix(at + 2);
        continue;
      }
      out += rest.substr(0, at);
      rest.remove_prefix(at);
      const auto end = rest.find('}');
      if (!rest.starts_with("${env:") || end == std::string_view::npos ||
          !is_variable(rest.substr(6, end - 6))) {
        return fault(node,
                     "BadVariable",
                     fmt::format("{} is no variable", quoted(rest.substr(0, 40))),
                     "${env:NAME}; $${ stands for ${ itself");
      }
      const std::string name(rest.substr(6, end - 6));
      rest.remove_prefix(end + 1);
      const auto found = look_up(node, name);
      if (!found) return;
      out += *found;
      if (out.size() > kMostCharacters) {
        return fault(node, "BadVariable", "the value is too long with its variables", "64 KiB");
      }
    }
    out += rest;
    node.text = std::move(out);
    node.style = Style::Quoted;
  }

  std::optional<std::string> look_up(Node& node, const std::string& name) {
    const bool allowed = std::any_of(variables_.allowed.begin(),
                                     variables_.allowed.end(),
                                     [&](const auto& glob) { return glob_match(glob, name); });
    if (is_reserved_variable(name) || !allowed) {
      fault(node,
            "VariableNotAllowed",
            fmt::format("the variable {} may not be used in manifests", name),
            is_reserved_variable(name) ? "AZURE_* are credentials; use another name"
                                       : fmt::format("a name that matches --allow-env ({})",
                                                     join(variables_.allowed, ", ")));
      return std::nullopt;
    }
    auto found = variables_.environment(name);
    if (!found) {
      fault(node,
            "VariableNotSet",
            fmt::format("the variable {} is not set", name),
            "set it where the tool runs");
      return std::nullopt;
    }
    if (first_bad_byte(*found) != std::string::npos) {
      fault(node,
            "BadVariable",
            fmt::format("the variable {} holds control characters or is not UTF-8", name),
            "plain text in UTF-8");
      return std::nullopt;
    }
    return found;
  }

  const std::string& file_;
  const Variables& variables_;
  Diagnostics& diagnostics_;
};

}  // namespace

bool is_reserved_variable(const std::string& name) {
  return glob_match("AZURE_*", name);
}

void lay_in_variables(Node& document,
                      const std::string& file,
                      const Variables& variables,
                      Diagnostics& diagnostics) {
  Walk(file, variables, diagnostics).visit(document);
}

}  // namespace dps::manifest
